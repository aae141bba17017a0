"""Turns "double it" and "two more" into a number, so that what is confirmed cannot mean more later."""

from dataclasses import dataclass, replace

from voice_api.commands.level import Replicas
from voice_api.commands.registry.changing import ScaleBy, ScaleTimes
from voice_api.commands.registry.declaring import Call, Function, NoCall, validated


@dataclass(frozen=True, slots=True)
class Absolute:
    """A call with the number itself; `base` says in words what it was computed from."""

    call: Call
    replicas: Replicas
    base: str


def absolute(call: Call, scale: Function, replicas: int) -> Absolute | NoCall:
    """The call of `scale` that a relative wish comes to where there are `replicas` now."""
    match call.arguments:
        case ScaleBy(change=change):
            after, base = replicas + change, f"{replicas} and {change}"
        case ScaleTimes(percent=percent):
            if replicas * percent % 100:
                return NoCall(f"{percent} percent of {replicas} is no whole number")
            after, base = replicas * percent // 100, f"{percent} percent of {replicas}"
        case _:
            return NoCall(f"{call.function.name} is not relative")
    names = {name: value for name, value in call.values.items() if name in {"name", "namespace"}}
    made = validated({scale.name: scale}, scale.name, {**names, "replicas": after})
    if isinstance(made, NoCall):
        return made
    return Absolute(replace(made, kinds=call.kinds), Replicas(replicas, after), base)
