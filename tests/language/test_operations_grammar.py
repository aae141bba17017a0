"""The grammar of operations is sound, knows every function, and can be added to."""

from pathlib import Path

import pytest

from voice_api.__main__ import main
from voice_api.commands.check import Checked, grammar_check
from voice_api.commands.grammar import ENGLISH, OPERATIONS, load_grammar
from voice_api.commands.language.check import interpreter, operations_check
from voice_api.commands.language.meanings import Situation
from voice_api.commands.language.names import LiveNames, LiveObject
from voice_api.commands.language.understand import Understood
from voice_api.errors import VoiceApiError

SITUATION = Situation(LiveNames([LiveObject("web", "shop", "deployment")]))


def test_the_shipped_grammar_of_operations_has_no_problem() -> None:
    assert operations_check() == ()


def own(folder: Path, intent: str, sentence: str) -> Path:
    file = folder / "own.yaml"
    file.write_text(f"intents:\n  {intent}:\n    data:\n      - sentences: [{sentence!r}]\n")
    return file


@pytest.mark.parametrize(
    ("intent", "sentence", "kind"),
    [
        ("restart", "kick {nobody}", "broken_template"),
        ("restart", "kick {name} {replicas}", "unknown_slot"),
        ("restart", "kick everything", "missing_argument"),
        ("make_coffee", "make coffee", "unknown_intent"),
        ("restart", "please kick {name}", "unheard_words"),
    ],
)
def test_what_is_wrong_with_an_operators_sentence_is_found(
    tmp_path: Path, intent: str, sentence: str, kind: str
) -> None:
    found = {problem.kind for problem in operations_check([own(tmp_path, intent, sentence)])}
    assert kind in found


def test_an_operators_sentence_is_understood(tmp_path: Path) -> None:
    understanding = interpreter([own(tmp_path, "restart", "kick {name}")]).understand("kick web", SITUATION)
    assert isinstance(understanding, Understood)
    assert understanding.calls[0].function.name == "restart"


def test_a_grammar_that_leads_nowhere_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(VoiceApiError, match="no function make_coffee"):
        interpreter([own(tmp_path, "make_coffee", "make coffee")])


def test_a_name_ends_with_a_word() -> None:
    grammar = load_grammar((ENGLISH, *OPERATIONS))
    for reading in grammar.every_reading("restart maintenance in ingest in input"):
        assert all(f" {words} " in " maintenance in ingest in input " for words in reading.unheard.values())


def test_checking_plainly_is_not_enough_for_wildcards() -> None:
    assert grammar_check(load_grammar((ENGLISH, *OPERATIONS)), how=Checked()) != ()


def test_the_program_finds_a_sentence_that_means_two_things(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clash = str(own(tmp_path, "restart", "pause {name}"))
    assert main(["grammar-check", "--operations", clash]) == 1
    assert "means restart, pause_rollout" in capsys.readouterr().out
