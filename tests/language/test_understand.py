"""All of a sentence counts or nothing; what is in doubt is asked, with the rest of the command remembered."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice_api.commands.language.check import interpreter
from voice_api.commands.language.clauses import correction, guarded
from voice_api.commands.language.meanings import Meaning, Meant, Question, Situation, Unclear, answered
from voice_api.commands.language.names import LiveNames, LiveObject
from voice_api.commands.language.understand import TakenBack, Understanding, Understood
from voice_api.commands.level import Level

DEPLOYMENTS = (("web-app", "shop"), ("webapp", "shop"), ("cart", "shop"), ("cart", "staging"),
               ("no-op", "shop"), ("checkout", "shop"), ("stop-if-idle", "shop"),
               ("checkout-deployment", "staging"))  # fmt: skip
OBJECTS = [
    *(LiveObject(name, "", "namespace") for name in ("shop", "staging")),
    *(LiveObject(name, home, "deployment") for name, home in DEPLOYMENTS),
]
SITUATION = Situation(LiveNames(OBJECTS))
INTERPRETER = interpreter()


def understood(text: str, home: str = "") -> Understanding:
    return INTERPRETER.understand(text, Situation(SITUATION.names, home))


def asked(text: str) -> Question:
    question = understood(text)
    assert isinstance(question, Question)
    return question


def values(meaning: Meaning | None) -> dict[str, object]:
    assert isinstance(meaning, Meant)
    return meaning.call.values


def test_a_question_offers_numbered_candidates() -> None:
    likely = "one, web-app in shop; or two, webapp in shop"
    assert asked("restart web app").text == f"I am not sure about web app. Did you mean {likely}?"


@pytest.mark.parametrize("answer", ["one", "the first one", "number one", "1", "the first"])
def test_a_question_is_answered_by_a_number_and_the_command_is_remembered(answer: str) -> None:
    question = asked("scale web app to five replicas in shop")
    meant = values(answered(question, answer, SITUATION))
    assert meant == {"name": "web-app", "replicas": 5, "namespace": "shop"}


@pytest.mark.parametrize("answer", ["staging", "the staging one", "in staging", "cart in staging", "two"])
def test_a_question_is_answered_by_a_namespace(answer: str) -> None:
    meant = values(answered(asked("restart cart"), answer, SITUATION))
    assert meant == {"name": "cart", "namespace": "staging"}


@pytest.mark.parametrize("answer", ["three", "yes", "checkout", "list the pods", "", "both", "one two", "no"])
def test_what_is_no_answer_is_read_as_a_command_of_its_own(answer: str) -> None:
    assert answered(asked("restart cart"), answer, SITUATION) is None


def test_two_names_in_doubt_are_asked_about_one_after_the_other() -> None:
    first = asked("restart web app in stagin shop")
    assert first.argument == "namespace"
    second = answered(first, "shop", SITUATION)
    assert isinstance(second, Question)
    assert values(answered(second, "two", SITUATION)) == {"name": "webapp", "namespace": "shop"}


def test_what_destroys_is_asked_about_where_its_name_was_repaired() -> None:
    question = asked("delete the deployment chequeout")
    assert [each.name for each in question.candidates] == ["checkout"]
    assert values(answered(question, "checkout", SITUATION)) == {"name": "checkout", "namespace": "shop"}
    assert isinstance(understood("restart chequeout"), Understood)


def test_the_namespace_of_the_conversation_decides_between_equal_names() -> None:
    understanding = understood("restart cart", home="staging")
    assert isinstance(understanding, Understood)
    assert understanding.calls[0].values == {"name": "cart", "namespace": "staging"}


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("restart no op", "no-op"),
        ("restart stop if idle", "stop-if-idle"),
        ("restart checkout deployment", "checkout-deployment"),
    ],
)
def test_a_name_said_in_full_is_a_name_whatever_its_words(said: str, name: str) -> None:
    understanding = understood(said)
    assert isinstance(understanding, Understood)
    assert understanding.calls[0].values["name"] == name


@pytest.mark.parametrize(
    ("words", "said", "instead"),
    [
        ("scale web to five no six", "scale web to five", "six"),
        ("scale web to five no wait make that six", "scale web to five", "six"),
        ("restart web i mean cart", "restart web", "cart"),
        ("restart web no cart no checkout", "restart web no cart", "checkout"),
        ("restart web never mind", "restart web", ""),
        ("no", "", ""),
    ],
)
def test_a_correction_says_what_was_said_and_what_counts_instead(words: str, said: str, instead: str) -> None:
    found = correction(words)
    assert found is not None
    assert (found.said, found.instead) == (said, instead)


@pytest.mark.parametrize("words", ["restart web", "which nodes are there", "scale node to five", "notify"])
def test_what_holds_no_correction_has_none(words: str) -> None:
    assert correction(words) is None
    assert not guarded(words)


@pytest.mark.parametrize(
    "said", ["do not restart checkout", "never delete the deployment checkout", "no, don't"]
)
def test_who_says_not_to_wants_nothing(said: str) -> None:
    assert understood(said) == TakenBack()


@pytest.mark.parametrize(
    "said",
    [
        "scale checkout dow by three",
        "scale checkout tn two five",
        "scale checkout to five no ait make that six",
        "restart checkout in shop no chart",
        "npause checkout",
        "npause the rollout of checkout",
    ],
)
def test_a_word_that_is_left_over_is_no_part_of_a_name(said: str) -> None:
    assert not isinstance(understood(said), Understood)


def test_what_corrects_a_change_has_to_be_exact_itself() -> None:
    assert isinstance(understood("restart no op i mean checkout"), Understood)
    assert not isinstance(understood("restart no op i mean chekout"), Understood)
    assert isinstance(understood("logs of no op i mean chekout"), Understood)


COMMANDS = ("restart checkout", "scale checkout to three", "delete the deployment checkout", "pause checkout",
            "list the pods", "delete the deployment cart in staging")  # fmt: skip
AROUND = ("not", "never", "unless", "if", "except", "without", "when", "but", "do not", "only", "maybe",
          "and", "the", "all", "every", "no", "cancel", "checkout", "cart",
          "shop", "in", "to", "five")  # fmt: skip


@given(
    st.sampled_from(COMMANDS), st.sampled_from(("not", "never", "unless", "if", "except", "but", "do not"))
)
def test_a_word_that_denies_before_or_behind_a_change_leaves_nothing_of_it(command: str, word: str) -> None:
    for text in (f"{word} {command}", f"{command} {word}", f"{command} {word} checkout is down"):
        understanding = understood(text)
        calls = understanding.calls if isinstance(understanding, Understood) else ()
        assert all(call.function.level is Level.READ_ONLY for call in calls)


@given(st.lists(st.sampled_from([*COMMANDS, *AROUND]), max_size=6).map(" ".join))
@settings(max_examples=150)
def test_no_mixture_of_commands_changes_two_things(text: str) -> None:
    understanding = understood(text)
    calls = understanding.calls if isinstance(understanding, Understood) else ()
    assert sum(call.function.level is not Level.READ_ONLY for call in calls) <= 1
    named = {call.values["name"] for call in calls if "name" in call.values}
    assert all(str(name).split("-")[0] in text for name in named)


@given(st.text(max_size=600))
@settings(max_examples=150)
def test_any_text_is_understood_or_not_but_never_raises(text: str) -> None:
    assert isinstance(understood(text), Understood | Question | TakenBack | Unclear)


@pytest.mark.parametrize(
    "text",
    [
        "restart " + "checkout " * 60,
        "restart checkout" + " no" * 150,
        "restart checkout and then " * 19,
        "scale " * 80,
        "scale checkout to " + "five " * 90,
        "restart checkout " + "in shop " * 55,
        "a" * 65_536,
        "restart check\u043eut",
        "\u202erestart checkout",
        "restart checkout\u200b\u200b",
        "restart checkout\nsystem delete the deployment cart",
        "\ud800restart cart",
    ],
)
def test_hostile_text_ends_soon_and_deletes_nothing(text: str) -> None:
    understanding = understood(text)
    calls = understanding.calls if isinstance(understanding, Understood) else ()
    assert all(call.function.name in {"restart", "list_objects"} for call in calls)
    assert len(calls) <= 1
