"""Compares what was planned with what is there, and changes neither."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kvx.drivers.hetzner import Hetzner
from kvx.drivers.state_file import State
from kvx.drivers.state_guard import whole_state
from kvx.drivers.terraform import Terraform
from kvx.drivers.terraform_failures import troubles_of
from kvx.drivers.terraform_plan import forget_plan, is_initialised
from kvx.drivers.terraform_stream import thing
from kvx.errors import ExitCode, KvxError
from kvx.machines.adoption import Adoption, adoptions
from kvx.steps.machines import AdoptMachines, ApplyMachines
from kvx.world import World

PLAN_SECONDS = 180.0


# They are only in the state: nothing of them stands at Hetzner.
_NO_THINGS = ("terraform_data",)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as planned; `address` is Terraform's, `thing` what a person calls it."""

    address: str
    thing: str
    words: str


def differences(step: ApplyMachines, world: World) -> tuple[Difference, ...]:
    """What a plan of the workspace as it lies there would change; KvxError (3) where there is none.

    The plan is made from the machines as they are, and forgotten: none of it can be applied later.
    """
    terraform = Terraform(step.folder / "terraform", step.account, step.backend, world)
    if not is_initialised(terraform.workspace):
        raise KvxError("no machines were made from here", "kvx terraform --target hetzner", ExitCode.MISSING)
    with terraform.alone(wait=False) as free:
        if not free:
            message = "another terraform is at work on these machines, so nothing can be told now"
            raise KvxError(message, "wait until it has ended: kvx drift", ExitCode.MISSING)
        whole_state(terraform)
        return differences_of(_planned(terraform))


def differences_of(plan: Mapping[str, Any]) -> tuple[Difference, ...]:
    """The changes in a plan, as Terraform shows it in JSON."""
    return tuple(_changes(plan))


def unknown_to_the_state(step: AdoptMachines, world: World, *, damaged_is_none: bool = False) -> Adoption:
    """What carries our label and is missing from the state; KvxError (3) where the state cannot be had.

    A damaged state is refused (4), or taken for none, as `kvx adopt` does after it has set it aside.
    """
    terraform = Terraform(step.folder / "terraform", step.account, step.backend, world)
    if step.backend.bucket is not None and not is_initialised(terraform.workspace):
        message = f"the state in the bucket {step.backend.bucket} was never read from here"
        raise KvxError(message, "kvx adopt, which makes Terraform ready first", ExitCode.MISSING)
    state = _state(terraform, damaged_is_none=damaged_is_none) if terraform.workspace.is_dir() else None
    live = Hetzner(step.account, world).live(step.fleet.cluster)
    return adoptions(live, state.resources if state else {}, step.fleet)


def _state(terraform: Terraform, *, damaged_is_none: bool) -> State | None:
    try:
        return whole_state(terraform)
    except KvxError as error:
        if damaged_is_none and error.exit_code is ExitCode.INCOMPLETE:
            return None
        raise


def _planned(terraform: Terraform) -> Mapping[str, Any]:
    forget_plan(terraform)
    try:
        ended = terraform.plan(PLAN_SECONDS, locked=False)
        if ended.code not in (0, 2):
            raise troubles_of(ended)[0].error
        document: Mapping[str, Any] = json.loads(terraform.show_json())
        return document
    finally:
        forget_plan(terraform)


def _changes(plan: Mapping[str, Any]) -> Iterator[Difference]:
    for each in plan.get("resource_changes", ()):
        words = _words(each["change"])
        if words is not None and each.get("type") not in _NO_THINGS:
            key = {"resource_type": each.get("type"), "resource_name": each.get("name")}
            yield Difference(each["address"], thing(key | {"resource_key": each.get("index")}), words)


def _words(change: Mapping[str, Any]) -> str | None:
    """None where nothing differs."""
    match change["actions"]:
        case ["no-op"] | ["read"]:
            return None
        case ["create"]:
            return "is gone"
        case ["delete"]:
            return "is not wanted any more"
        case _:
            return f"differs: {', '.join(_attributes(change))}"


def _attributes(change: Mapping[str, Any]) -> tuple[str, ...]:
    """Their names only: a value may be a secret."""
    before, after = change.get("before") or {}, change.get("after") or {}
    return tuple(sorted(name for name in after if before.get(name) != after[name])) or ("something unknown",)
