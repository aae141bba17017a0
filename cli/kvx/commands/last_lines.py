"""What a run ends with: what came of it, then the next command."""

from collections.abc import Mapping
from dataclasses import dataclass

from kvx.commands.typed import typed
from kvx.images.reference import LOCAL
from kvx.plan import Plan, Step
from kvx.steps.images import CheckImages, LoadImages, ProveImages
from kvx.steps.machines import HandOver
from kvx.steps.manifests import ApplyManifests
from kvx.steps.nodes import ConfigureNodes
from kvx.steps.releases import VerifyCluster


@dataclass(frozen=True, slots=True)
class Ending:
    """Which findings are shown, by their names and what they are called, and what to type next."""

    shown: Mapping[str, str]
    following: tuple[str, ...]


SPOKEN = Ending(
    {"heard": "heard", "intent": "intent", "reply": "answer", "notice": "note", "address": "address"},
    ('next      kvx say "how many pods are not ready"',),
)
ROLLED_OUT = Ending(
    {
        "heard": "heard",
        "reply": "answer",
        "notice": "note",
        "release": "release",
        "left_out": "left out",
        "address": "address",
    },
    (
        "next      kvx status shows how it is; kvx verify looks at all that holds it",
        "          kvx releases; kvx rollback goes back to an earlier one",
    ),
)
MACHINES = Ending(
    {"machines": "machines", "monthly_net": "EUR/month"},
    (
        "next      kvx drift shows whether they are still as planned",
        "          kvx cleanup --target hetzner deletes them, and ends the bill",
    ),
)
NODES = Ending(
    {"machines": "machines", "monthly_net": "EUR/month", "nodes": "nodes", "kubeconfig": "access"},
    (
        "next      kvx nodes list shows how they are",
        "          kvx cleanup --target hetzner deletes the machines, and ends the bill",
    ),
)

BUILT = Ending({}, ("next      kvx images push brings them to where the nodes get them from",))


def ending_of(plan: Plan) -> Ending:
    """By the last step, whose findings a person has waited for."""
    last: Step | None = plan.steps[-1] if plan.steps else None
    match last:
        case HandOver():
            return MACHINES
        case ConfigureNodes():
            return NODES
        case VerifyCluster() | ApplyManifests():
            return ROLLED_OUT
        case ProveImages(wanted=wanted) if wanted.repository == LOCAL:
            return BUILT
        case ProveImages() | LoadImages() | CheckImages():
            return Ending({}, (f"next      kvx deploy --target {plan.target} rolls them out",))
        case _:
            return SPOKEN


def last_lines(changed: bool, data: Mapping[str, object], ending: Ending) -> tuple[str, ...]:
    """What was heard, meant and answered, or made; then the next command."""
    known = [(name, data[key]) for key, name in ending.shown.items() if data.get(key) is not None]
    head = () if changed else ("Nothing had to be changed.",)
    return (*head, *(f"{name:<9} {_shown(value)}" for name, value in known), *map(typed, ending.following))


def _shown(value: object) -> str:
    """Of the machines their number and architectures, of the nodes how many were changed."""
    match value:
        case {"nodes": count, "architectures": architectures}:
            return f"{count}, {' and '.join(architectures)}"
        case {"hosts": count, "changed": changed}:
            return f"{count}, {len(changed) or 'none'} changed"
        case [*names]:
            return ", ".join(map(str, names))
        case _:
            return str(value)
