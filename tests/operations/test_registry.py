"""Functions are declared with types, levels and who may; what is not declared cannot be called."""

from collections.abc import Mapping
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from voice_api.commands.level import Level
from voice_api.commands.registry.builtin import BUILT_IN
from voice_api.commands.registry.changing import CHANGING
from voice_api.commands.registry.declaring import Arguments, Call, Confirmation, NoCall, Registry, validated
from voice_api.commands.registry.looking import LOOKING
from voice_api.commands.registry.schema import lint, tool
from voice_api.errors import VoiceApiError


def test_more_than_twenty_five_functions_are_there_and_each_says_what_it_is_for() -> None:
    assert len(BUILT_IN) >= 25
    assert all(function.purpose.endswith(".") for function in BUILT_IN.values())


def test_every_built_in_function_has_a_schema_that_no_server_breaks_on() -> None:
    assert [finding for each in BUILT_IN.values() for finding in lint(tool(each))] == []


def test_a_schema_is_flat_and_its_required_arguments_come_first() -> None:
    parameters = tool(BUILT_IN["set_version"])["function"]["parameters"]
    assert list(parameters["properties"]) == ["name", "version", "namespace"]
    assert parameters["properties"]["namespace"] == {"type": "string"}
    assert parameters["required"] == ["name", "version"]
    kind = tool(BUILT_IN["top"])["function"]["parameters"]["properties"]["kind"]
    assert kind == {"type": "string", "enum": ["pods", "nodes"]}


GOOD: Mapping[str, Any] = tool(BUILT_IN["scale"])["function"]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"description": "x" * 121}, "plain words"),
        ({"description": 'say "{name}"'}, "plain words"),
        ({"name": "scale-it"}, "no plain name"),
        ({"parameters": {**GOOD["parameters"], "additionalProperties": True}}, "additionalProperties"),
        ({"parameters": {**GOOD["parameters"], "required": ["namespace"]}}, "come first"),
        ({"parameters": {**GOOD["parameters"], "properties": {"name": {"anyOf": []}}}}, "anyOf"),
        ({"parameters": {**GOOD["parameters"], "properties": {"name": {"pattern": "a"}}}}, "pattern"),
        ({"parameters": {**GOOD["parameters"], "properties": {"name": {"$ref": "a"}}}}, "ref"),
        ({"parameters": {**GOOD["parameters"], "properties": {"name": {"type": "object"}}}}, "neither text"),
    ],
)
def test_what_breaks_servers_is_found(change: dict[str, Any], found: str) -> None:
    assert any(found in finding for finding in lint({"function": {**GOOD, **change}}))


class Inner(BaseModel):
    """Something with parts."""

    part: str


def test_an_argument_with_parts_is_found() -> None:
    registry = Registry()

    @registry.function(Level.READ_ONLY, "{outcome}")
    class Nested(Arguments):
        """Ask for something with parts."""

        inner: Inner

    assert any("inner" in finding for finding in lint(tool(registry.functions["nested"])))


def test_a_call_has_the_arguments_it_was_given_and_no_others() -> None:
    call = validated(BUILT_IN, "scale", {"name": "web", "replicas": 3})
    assert isinstance(call, Call)
    assert call.values == {"name": "web", "replicas": 3}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("delete_everything", {}),
        ("", {}),
        ("scale", {"name": "web"}),
        ("scale", {"name": "web", "replicas": "3"}),
        ("scale", {"name": "web", "replicas": 3.0}),
        ("scale", {"name": "web", "replicas": True}),
        ("scale", {"name": "web", "replicas": -1}),
        ("scale", {"name": "web", "replicas": 100_000}),
        ("scale", {"name": ["web"], "replicas": 3}),
        ("scale", {"name": "web", "replicas": 3, "force": True}),
        ("scale", {"name": "web", "replicas": 3, "replicas ": 0}),
        ("count", {"kind": "secrets"}),
        ("set_version", {"name": "web", "version": "1.2; rm -rf /"}),
        ("set_version", {"name": "web", "version": "1.2\n"}),
        ("set_version", {"name": "web", "version": "--kubeconfig=/x"}),
        ("restart", {"name": "--all"}),
        ("restart", {"name": "web\n"}),
        ("restart", {"name": "../../secrets/x"}),
        ("restart", {"name": "web", "namespace": "$(id)"}),
        ("switch_context", {"context": "prod; kubectl delete ns --all"}),
    ],
)
def test_anything_else_is_no_call(name: str, arguments: dict[str, object]) -> None:
    assert isinstance(validated(BUILT_IN, name, arguments), NoCall)


def test_a_call_does_not_change_after_it_was_made() -> None:
    call = validated(BUILT_IN, "restart", {"name": "web"})
    assert isinstance(call, Call)
    with pytest.raises(ValueError, match="frozen"):
        call.arguments.name = "other"  # type: ignore[attr-defined]


def test_nothing_that_changes_a_cluster_has_anything_to_do_it_with() -> None:
    changing = [each for each in BUILT_IN.values() if each.level is not Level.READ_ONLY]
    assert len(changing) >= 12
    for function in changing:
        assert LOOKING.answer(function.name) is None
        assert CHANGING.answer(function.name) is None
        with pytest.raises(VoiceApiError, match="only a registered READ_ONLY function"):
            CHANGING.answers(function.name)
    assert LOOKING.answer("count") is not None


def test_what_loses_something_asks_for_more_than_a_yes() -> None:
    losing = {"drain", "delete_pod", "delete_deployment", "delete_job"}
    assert {each.name for each in BUILT_IN.values() if each.level is Level.DESTRUCTIVE} == losing
    assert all(BUILT_IN[name].confirmation is Confirmation.NAME_OR_CODE for name in losing)


def declare(
    level: Level = Level.READ_ONLY, reply: str = "{outcome}", text: str | None = "Ask.", **more: Any
) -> None:
    registry = Registry()
    fields = {"kind": Literal["pods"]}
    made = type("Ask", (Arguments,), {"__doc__": text, "__annotations__": fields, "__module__": __name__})
    registry.function(level, reply, **more)(made)
    registry.function(level, reply, **more)(made)


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ({}, "registered twice"),
        ({"text": ""}, "no docstring"),
        ({"level": Level.DENIED}, "do not exist"),
        ({"roles": frozenset({"root"})}, "do not exist"),
        ({"reply": "{kind} of {nothing}"}, "names nothing"),
    ],
)
def test_a_faulty_declaration_is_refused_at_start(faults: dict[str, Any], said: str) -> None:
    with pytest.raises(VoiceApiError, match=said):
        declare(**faults)
