"""The peers write the same words from the same weights: that is what makes the comparison a fair one.

Not part of ./deploy.sh test, as nothing of kvx needs the peers. To run it:
tests/components/environment peers && .venv/bin/pytest tests/bench/peers_on_demand.py
"""

import sys
from pathlib import Path

import numpy as np
import pytest

from voice_api.bench.own import hear
from voice_api.bench.peers import variants
from voice_api.bench.sounds import kept, spoken
from voice_api.bench.subjects import Subject
from voice_api.bench.worker import Worker
from voice_api.speech.whisper.engine import load_whisper

sys.path.insert(0, str(Path(__file__).parents[1] / "components" / "peers"))

from fixtures import python

TOKENS = 12
pytestmark = pytest.mark.needs("peers")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kept(spoken(2), tmp_path_factory.mktemp("sound"))


@pytest.fixture(scope="module")
def our_words(small: Subject, sound: Path) -> str:
    reply = hear(load_whisper(small.folder, 1), {"sound": str(sound), "tokens": TOKENS})
    assert reply["tokens"] == TOKENS
    return str(reply["text"])


def test_every_peer_at_every_setting_writes_our_words(
    small: Subject, sound: Path, our_words: str, tmp_path: Path
) -> None:
    found = list(variants(str(python()), small.checkpoint or Path(), tmp_path, 1))
    assert len(found) == 10
    for variant in found:
        with Worker(variant.command) as worker:
            positions = variant.positions(2)
            answer = worker.ask(sound=str(sound), tokens=TOKENS, audio_positions=positions)
        assert (variant.name, answer["tokens"]) == (variant.name, TOKENS)
        assert " ".join(answer["text"].split()) == our_words
        assert answer["milliseconds"] > 0


def test_other_weights_make_other_words(small: Subject, sound: Path, our_words: str, tmp_path: Path) -> None:
    from voice_api.bench.checkpoint import read_weights, write_weights

    checkpoint = tmp_path / "other"
    checkpoint.mkdir()
    for file in (small.checkpoint or Path()).glob("*.json"):
        (checkpoint / file.name).write_text(file.read_text())
    weights = read_weights(small.checkpoint or Path())
    name = "model.decoder.embed_positions.weight"
    write_weights(checkpoint, weights | {name: np.ascontiguousarray(weights[name][::-1])})
    for variant in list(variants(str(python()), checkpoint, tmp_path, 1))[::9]:
        with Worker(variant.command) as worker:
            answer = worker.ask(sound=str(sound), tokens=TOKENS, audio_positions=0)
        assert " ".join(answer["text"].split()) != our_words
