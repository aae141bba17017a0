"""Summaries: no tool is in reach, what comes back is text that others wrote, and it is said to be so."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from voice_api.cluster.demo import DemoCluster
from voice_api.cluster.redact import HIDDEN
from voice_api.commands.core import CommandCore
from voice_api.commands.language.check import interpreter
from voice_api.commands.suggesting.summary import MOST_CHARACTERS, condensed
from voice_api.settings import Settings
from voice_api.thinking import thinks

LANGUAGE = interpreter()
PLAIN = "I see two errors in the last four lines of checkout in shop."


@pytest.fixture
def core(settings_of: Callable[..., Settings]) -> Iterator[CommandCore]:
    thinking = thinks(settings_of(language_model_summary_seconds=60.0), 60)
    yield CommandCore(DemoCluster(), LANGUAGE, thinking.with_model(None))
    thinking.close()


def saying(text: object, **more: object) -> dict[str, object]:
    return {"role": "assistant", "content": text, **more}


@pytest.mark.parametrize(
    ("said", "whose"),
    [
        ("summarise the logs of checkout", "the log of checkout in shop"),
        ("sum up the log of checkout in shop", "the log of checkout in shop"),
        ("summarize the events in shop", "events in shop"),
        ("sum up what happened to checkout", "events of checkout in shop"),
    ],
)
def test_what_others_wrote_is_summed_up_and_marked(
    core: CommandCore, small: Any, said: str, whose: str
) -> None:
    small.messages = [saying("Payments do not answer.")]
    reply = core.answer(said)
    assert reply.status == "SUCCESS"
    assert reply.reply == f"A language model read {whose}, and says: Payments do not answer."
    assert (reply.data["untrusted"], reply.data["summary_by"]) == (True, "llama.cpp")
    assert reply.data["summary"] == "Payments do not answer."


def test_the_lines_are_there_and_no_tool_is(core: CommandCore, small: Any) -> None:
    small.messages = [saying("Payments do not answer.")]
    core.answer("summarise the logs of checkout")
    (asked,) = small.asked
    assert "tools" not in asked
    assert "no payments after 5 attempts" in asked["messages"][1]["content"]
    assert "no payments" not in asked["messages"][0]["content"]


def test_a_call_in_a_summary_is_nothing_at_all(core: CommandCore, small: Any) -> None:
    call = {"function": {"name": "delete_deployment", "arguments": '{"name": "checkout"}'}}
    small.messages = [saying(None, tool_calls=[call])]
    reply = core.answer("summarise the logs of checkout")
    assert reply.reply.startswith(f"The language model said nothing. {PLAIN}")
    assert reply.intent is not None
    assert reply.intent.name == "summarise_logs"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<think>Let me see.</think>It is slow.", "It is slow."),
        ("<think>It never ends", None),
        ("It says\x1b[31m so.\n\n* twice", "It says [31m so. * twice"),
        ("The password is hunter2hunter2, they say.", f"The password is {HIDDEN}, they say."),
        ("", None),
        (7, None),
        (["It is slow."], None),
    ],
)
def test_of_a_message_its_text_is_told_and_no_secret(
    core: CommandCore, small: Any, text: object, told: str | None
) -> None:
    small.messages = [saying(text)]
    assert core.answer("summarise the logs of checkout").data.get("summary") == told


def test_a_long_summary_is_cut(core: CommandCore, small: Any) -> None:
    small.messages = [saying("word " * 10_000)]
    assert len(core.answer("summarise the logs of checkout").reply) < 300


@pytest.mark.parametrize("fault", ["500", "no json", "cut off", "401"])
def test_without_the_model_the_plain_answer_is_given_and_the_reason(
    core: CommandCore, small: Any, fault: str
) -> None:
    small.fault = fault
    reply = core.answer("summarise the logs of checkout")
    assert reply.status == "SUCCESS"
    assert reply.reply.startswith("The language model")
    assert PLAIN in reply.reply


def test_a_service_without_a_model_answers_plainly() -> None:
    assert (
        CommandCore(DemoCluster(), LANGUAGE).answer("summarise the logs of checkout").reply.startswith(PLAIN)
    )


def test_lines_are_told_once_with_how_often_and_the_last_ones_where_there_is_no_room() -> None:
    told = condensed([f"12:00:{at:02} connection {at} refused" for at in range(40)] + ["gone"])
    assert told == "40 times: 12:00:39 connection 39 refused\ngone"
    words = [f"{chr(97 + at % 26) * (20 + at // 26)} came" for at in range(400)]
    assert len(condensed(words)) <= MOST_CHARACTERS
    assert condensed(words).endswith(words[-1])
