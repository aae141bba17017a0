"""A call as a program makes it: the names in it are exact and live, or it is none."""

from collections.abc import Mapping
from dataclasses import replace

from voice_api.commands.language.names import Doubt, Finder, Found, LiveObject
from voice_api.commands.language.proposals import kinds_of
from voice_api.commands.registry.declaring import Call, Function, NoCall, validated
from voice_api.commands.wording import choice


def named(
    functions: Mapping[str, Function],
    name: str,
    arguments: Mapping[str, object],
    names: Finder,
    home: str = "",
) -> Call | NoCall:
    """The call, with the kind of each object and its namespace; nothing is repaired or guessed."""
    call = validated(functions, name, arguments)
    if isinstance(call, NoCall):
        return call
    found: dict[str, LiveObject] = {}
    for argument in sorted(call.values, key=lambda each: each != "namespace"):
        kinds = kinds_of(call.function, argument)
        if kinds:
            within = str(call.values.get("namespace", "")) if argument != "namespace" else ""
            one = _one(str(call.values[argument]), kinds, within, names, home)
            if isinstance(one, NoCall):
                return one
            found[argument] = one
    return _placed(functions, call, found)


def _one(name: str, kinds: tuple[str, ...], namespace: str, names: Finder, home: str) -> LiveObject | NoCall:
    resolution = names.find(name, kinds, namespace, home)
    match resolution:
        case Found(found):
            near: tuple[LiveObject, ...] = (found,)
        case Doubt(candidates=near, why=why):
            if why:
                return NoCall(why)
    same = [each for each in near if each.name == name and namespace in {"", each.namespace}]
    if len(same) == 1:
        return same[0]
    likely = choice([" ".join((each.kind, each.name, "in", each.namespace)) for each in (same or near)])
    if same:
        return NoCall(f"{name} is several: {likely}")
    return NoCall(f"there is no {' or '.join(kinds)} {name}" + (f"; there is {likely}" if likely else ""))


def _placed(functions: Mapping[str, Function], call: Call, found: Mapping[str, LiveObject]) -> Call | NoCall:
    homes = {each.namespace for argument, each in found.items() if argument != "namespace"} - {""}
    kinds = {argument: each.kind for argument, each in found.items()}
    if "namespace" not in call.function.arguments.model_fields or len(homes) != 1:
        return replace(call, kinds=kinds)
    placed = validated(functions, call.function.name, {**call.values, "namespace": homes.pop()})
    return placed if isinstance(placed, NoCall) else replace(placed, kinds=kinds)
