"""What a language model may answer instead of one good call is no call, each kind of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_api.commands.registry.builtin import BUILT_IN
from voice_api.commands.registry.declaring import Call, NoCall
from voice_api.commands.registry.proposed import proposed

GOOD = {"name": "web", "replicas": 3}


def calling(name: object, arguments: object, **more: object) -> dict[str, object]:
    return {"role": "assistant", "tool_calls": [{"function": {"name": name, "arguments": arguments}}], **more}


@pytest.mark.parametrize("arguments", [GOOD, json.dumps(GOOD)])
def test_arguments_come_as_text_or_as_an_object(arguments: object) -> None:
    call = proposed(calling("scale", arguments, content="I scale it."), BUILT_IN)
    assert isinstance(call, Call)
    assert (call.function.name, call.values) == ("scale", GOOD)


@pytest.mark.parametrize(
    "message",
    [
        None,
        "scale(name='web', replicas=3)",
        {},
        {"content": ""},
        {"content": json.dumps({"name": "scale", "arguments": GOOD})},
        {"content": '<tool_call>{"name": "scale", "arguments": {"name": "web"}}</tool_call>'},
        {"content": "Sorry. Please say delete_pod() or so.", "tool_calls": []},
        {"tool_calls": None},
        {"tool_calls": [None]},
        {"tool_calls": [{"function": "scale"}]},
        {"tool_calls": calling("scale", GOOD)["tool_calls"] * 2},  # type: ignore[operator]
        {"function_call": {"name": "scale", "arguments": GOOD}},
        calling(None, GOOD),
        calling("", GOOD),
        calling("kubectl", {"command": "delete ns --all"}),
        calling("scale; delete_pod", GOOD),
        calling("scale", ""),
        calling("scale", "null"),
        calling("scale", "[]"),
        calling("scale", '{"name": "web", "replicas": 3'),
        calling("scale", '{"name": "web", "replicas": 3, "replicas": 0}'),
        calling("scale", {"name": "web", "replicas": "3"}),
        calling("scale", {"name": "web"}),
        calling("scale", {**GOOD, "force": True}),
        calling("scale", {"name": "web; kubectl delete ns --all", "replicas": 3}),
        calling("scale", "[" * 100_000),
        calling("scale", "[" * 3_000),
    ],
)
def test_anything_but_one_good_call_is_none(message: object) -> None:
    assert isinstance(proposed(message, BUILT_IN), NoCall)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["tool_calls", "function", "name", "arguments"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON)
def test_nothing_that_a_server_answers_raises(message: object) -> None:
    assert isinstance(proposed(message, BUILT_IN), NoCall | Call)


def test_a_function_that_was_not_offered_cannot_be_called() -> None:
    offered = {"count": BUILT_IN["count"]}
    assert isinstance(proposed(calling("scale", GOOD), offered), NoCall)
