"""When a spoken question counts as understood."""

from pathlib import Path

import pytest

from kvx.drivers.speaking import difference
from kvx.steps.service import SpeakAndCompare

STEP = SpeakAndCompare(Path("local"), "how many pods are not ready", "unready_pods", "en-us+paul")
UNDERSTOOD = {"heard": "how many pods are not ready", "doubtful": False, "intent": "unready_pods"}


def test_the_same_words_and_the_same_intent_are_understood() -> None:
    assert difference(STEP, UNDERSTOOD) is None
    assert difference(STEP, UNDERSTOOD | {"heard": "How many pods are not ready?"}) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"heard": "how many pods are running"}, 'it heard "how many pods are running"'),
        ({"heard": ""}, "it heard nothing"),
        ({"doubtful": True, "intent": None}, "too little confidence"),
        ({"intent": "count"}, "was understood as count, not as unready_pods"),
    ],
)
def test_anything_else_is_told_with_a_fix(change: dict[str, object], words: str) -> None:
    wrong = difference(STEP, UNDERSTOOD | change)
    assert wrong is not None
    assert words in wrong.message
    assert "kvx" in wrong.fix
