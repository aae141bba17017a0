"""The embedded model hears a live name right that it spells otherwise by itself, and invents none."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from voice_api.speech.protocol import TranscribeOptions
from voice_api.speech.whisper.engine import Whisper, load_whisper

EMBEDDED = Path(__file__).parents[2] / "voice_api" / "voice_api" / "models" / "embedded"
LIVE = (
    "production",
    "kube-system",
    "coredns",
    "metrics-server",
    "prometheus",
    "gopher",
    "kestrel",
    "titanium",
)


@pytest.fixture(scope="module")
def embedded() -> Whisper:
    return load_whisper(EMBEDDED, 2)


@pytest.mark.parametrize(
    "sentence", ["restart gopher", "how many pods of titanium are ready", "restart kestrel"]
)
def test_a_live_name_is_heard_as_it_is_spelt(
    sentence: str, embedded: Whisper, speak: Callable[..., NDArray[np.float32]]
) -> None:
    without = embedded.transcribe(speak(sentence), TranscribeOptions())
    told = embedded.transcribe(speak(sentence), TranscribeOptions(keywords=LIVE))
    assert without.text != sentence, "heard right without names shows nothing"
    assert told.text == sentence


@pytest.mark.parametrize(
    "sentence",
    ["how many pods are not ready in the production namespace", "list the deployments", "create a namespace"],
)
def test_names_that_nobody_says_change_nothing(
    sentence: str, embedded: Whisper, speak: Callable[..., NDArray[np.float32]]
) -> None:
    without, told = (
        embedded.transcribe(speak(sentence), TranscribeOptions(keywords=names)) for names in ((), LIVE)
    )
    assert told.text == without.text
    assert told.confidence == without.confidence
