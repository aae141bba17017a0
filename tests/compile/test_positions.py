"""What the graph of scores tells of a position is what numpy makes of all its logits."""

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compile_cases import Values, some_features, some_tokens

from voice_api.speech.whisper.beam import decode_beams
from voice_api.speech.whisper.compiled import CompiledDecoder, CompiledDecoding, CompiledEncoder
from voice_api.speech.whisper.decode import Decoded, Search, decode
from voice_api.speech.whisper.layout import read_folder
from voice_api.speech.whisper.prompts import Prompt
from voice_api.speech.whisper.rules import TokenRules
from voice_api.speech.whisper.scores import Forbidden, Scores

Load = Callable[[Path], tuple[CompiledEncoder, CompiledDecoder]]
KINDS = [("fp32", None), ("int8", None), ("int4", None), ("int8", "en")]
EVERY_SECOND = "every second token"
COUNT = 10


class OnlyLogits:
    """A decoding whose graph tells nothing beside the logits."""

    def __init__(self, decoding: CompiledDecoding) -> None:
        self._decoding = decoding

    def __getattr__(self, name: str) -> Any:
        return getattr(self._decoding, name)

    def position(self, row: int) -> None:
        return None


@pytest.fixture(scope="module", params=[*KINDS, ("int8", EVERY_SECOND)], ids=str)
def folder(
    request: pytest.FixtureRequest,
    compiled: Callable[..., Path],
    published: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    precision, language = request.param
    if language != EVERY_SECOND:
        return compiled(precision, language)
    return of_every_second_token(published(), compiled(precision), tmp_path_factory.mktemp("pruned"))


def of_every_second_token(source: Path, whole: Path, place: Path) -> Path:
    """As `whole`, with half of the tokens: a language leaves out few of so small a vocabulary."""
    from voice_api.speech.whisper.compile.build import Build, are_tied
    from voice_api.speech.whisper.compile.published import find_published
    from voice_api.speech.whisper.compile.sizes import read_sizes

    for file in whole.glob("*.json"):
        (place / file.name).write_bytes(file.read_bytes())
    sizes = read_sizes(source)
    weights = find_published(source).weights(sizes)
    generation = read_folder(source).generation
    kept = np.union1d(
        np.arange(0, sizes.architecture.vocab_size, 2), [generation.start_token, generation.end_token]
    )
    about = json.loads((whole / "compiled.json").read_text())
    build = Build(weights, sizes, place, "int8", are_tied(weights), kept)
    build.put(build.write()["plain"], about | {"files": {}, "attention": {"chosen": "plain"}})
    return place


@lru_cache
def forbidden(seed: int, vocabulary: int, count: int) -> Forbidden:
    tokens = np.sort(np.random.default_rng(seed).choice(vocabulary, count, replace=False))
    return Forbidden(frozenset(tokens.tolist()), tokens)


def told(folder: Path, load: Load) -> CompiledDecoding:
    encoder, decoder = load(folder)
    decoding = decoder.begin(encoder.run(some_features(folder, 400)))
    decoding.take(some_tokens(folder, count=COUNT), range(COUNT))
    return decoding


def exact_sums(logits: Values) -> tuple[float, float]:
    """log_sum and entropy, by the formulas and in twice the precision."""
    wide = logits.astype(np.float64)
    log_sum = wide.max() + np.log(np.exp(wide - wide.max()).sum())
    possible = wide[np.isfinite(wide)] - log_sum
    return float(log_sum), float(-(np.exp(possible) * possible).sum())


def test_sums_are_those_of_the_logits_with_those_that_were_scored_again(folder: Path, load: Load) -> None:
    decoding = told(folder, load)
    for row, logits in enumerate(decoding.logits()[0]):
        position = decoding.position(row)
        assert position is not None
        left, expected = position.summed.without(np.array([], dtype=np.intp))
        log_sum, entropy = exact_sums(logits)
        assert position.summed.log_sum + np.log(left) == pytest.approx(log_sum, abs=1e-5)
        assert np.log(left) - expected / left == pytest.approx(entropy, abs=2e-5)
        for token in (0, 7, int(logits.argmax())):
            assert position.summed.probability(token) == pytest.approx(
                np.exp(logits[token] - log_sum), abs=1e-6
            )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.0, 0.05, 0.5])
def test_the_likeliest_token_is_that_of_all_logits(seed: int, share: float, folder: Path, load: Load) -> None:
    decoding = told(folder, load)
    every = decoding.logits()[0].copy()
    never = forbidden(seed, every.shape[1], round(share * every.shape[1]))
    known = 0
    for row, logits in enumerate(every):
        position = decoding.position(row)
        assert position is not None
        found = position.likeliest(never)
        logits[never.ids] = -np.inf
        scores = Scores()
        scores.read(logits)
        wanted = scores.trace(logits, scores.best)
        scores.read(logits, position.summed, never)
        assert scores.log_sum - scores.entropy == pytest.approx(
            exact_sums(logits)[0] - exact_sums(logits)[1], abs=5e-5
        )
        if found is not None:
            known += 1
            assert found.token == wanted.token
            assert found.log_probability == pytest.approx(wanted.log_probability, abs=1e-5)
            assert found.margin == pytest.approx(wanted.margin, abs=1e-6)
            assert found.entropy == pytest.approx(wanted.entropy, abs=5e-5)
    assert known or share > 0.1, "that no row is ever known shows nothing"


def test_where_nearly_all_is_forbidden_all_logits_are_looked_at(folder: Path, load: Load) -> None:
    decoding = told(folder, load)
    logits, position = decoding.logits()[0, 0].copy(), decoding.position(0)
    assert position is not None
    rare = np.sort(np.argsort(logits)[-logits.size // 2 :][::-1][: logits.size // 2])
    never = Forbidden(frozenset(rare.tolist()), rare)
    assert position.likeliest(never) is None
    logits[rare] = -np.inf
    scores = Scores()
    scores.read(logits, position.summed, never)
    log_sum, entropy = exact_sums(logits)
    assert (scores.log_sum, scores.entropy) == pytest.approx((log_sum, entropy), abs=1e-4)


def decoded(folder: Path, load: Load, *, plainly: bool, timed: bool, search: Search) -> list[Decoded]:
    """Texts of several sounds; `plainly` from logits alone."""
    encoder, decoder = load(folder)
    generation = read_folder(folder).generation
    start = generation.start_token
    found = []
    for frames in (100, 300, 700):
        decoding: Any = decoder.begin(encoder.run(some_features(folder, frames)))
        prompt = Prompt((start, *range(20, 23)), 0, no_speech_token=start - 1)
        run = decode if search.beams == 1 else decode_beams
        rules = TokenRules(generation, timed)
        found.append(run(OnlyLogits(decoding) if plainly else decoding, prompt, rules, search))
    return found


@pytest.mark.parametrize("timed", [False, True], ids=["text only", "timestamps"])
@pytest.mark.parametrize("beams", [1, 4])
@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_a_text_is_the_same_whatever_of_it_the_graph_tells(
    folder: Path, load: Load, timed: bool, beams: int, temperature: float
) -> None:
    texts = [
        decoded(
            folder,
            load,
            plainly=plainly,
            timed=timed,
            search=Search(temperature, beams if temperature == 0 else 1),
        )
        for plainly in (True, False)
    ]
    for plain, quick in zip(*texts, strict=True):
        assert len(plain.trace) > 3
        assert quick.tokens == plain.tokens
        assert quick.no_speech_probability == pytest.approx(plain.no_speech_probability, rel=1e-4, abs=1e-9)
        for name in ("log_probability", "margin", "entropy"):
            one, two = (figures(text, name) for text in (quick, plain))
            assert one == pytest.approx(two, abs=5e-5)


def figures(text: Decoded, name: str) -> Sequence[float]:
    return [getattr(entry, name) for entry in text.trace]
