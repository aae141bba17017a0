"""What kvx cleanup deletes at Hetzner: listed with its price, and only for who gives the cluster's name."""

import sys
from dataclasses import dataclass
from decimal import Decimal

from kvx.commands.machines_letter import WIDTH, cents
from kvx.commands.screen import typed_in
from kvx.errors import ExitCode, KvxError
from kvx.machines.catalogue import Resource
from kvx.plan import Plan
from kvx.steps.machines import DestroyMachines


@dataclass(frozen=True, slots=True)
class Doomed:
    """What belongs to the cluster and is going to be deleted, and what is left alone, with the reason."""

    cluster: str
    resources: tuple[Resource, ...]
    in_doubt: tuple[Resource, ...] = ()
    strangers: tuple[Resource, ...] = ()
    in_the_way: tuple[Resource, ...] = ()

    @property
    def monthly_net(self) -> Decimal | None:
        """None where the price of one is not known."""
        prices = [each.monthly_net for each in self.resources]
        return None if None in prices else sum((price for price in prices if price), Decimal(0))

    @property
    def data(self) -> dict[str, object]:
        return {
            "cluster": self.cluster,
            "resources": [_data(each) for each in self.resources],
            "refused": [_data(each) for each in (*self.in_doubt, *self.strangers, *self.in_the_way)],
            "monthly_net": None if self.monthly_net is None else cents(self.monthly_net),
            "currency": "EUR",
        }


def doomed_by(plan: Plan) -> Doomed | None:
    """What the undo of a plan would delete at Hetzner; None for a plan without machines. Only reads."""
    step = next((step for step in plan.undo if isinstance(step, DestroyMachines)), None)
    if step is None:
        return None
    from kvx.drivers import account_record, hetzner_sweep
    from kvx.world import real_world

    account_record.check(step.folder, step.account)
    found = hetzner_sweep.found(step.account, step.fleet.cluster, real_world())
    ours = hetzner_sweep.in_order(found.all_ours)
    return Doomed(step.fleet.cluster, ours, found.in_doubt, found.strangers, found.in_the_way)


def lines_of(doomed: Doomed) -> list[str]:
    """Each thing with its price a month, then the sum; then what is left alone."""
    if not doomed.resources:
        return [f"Nothing at Hetzner belongs to the cluster {doomed.cluster}.", *_left_alone(doomed)]
    return [
        f"This belongs to the cluster {doomed.cluster} and will be deleted (EUR a month, net):",
        *(_row(each) for each in doomed.resources),
        f"{'-' * 10:>{WIDTH}}",
        f"{'  together':<{WIDTH - 12}}{cents(doomed.monthly_net):>12}",
        *_left_alone(doomed),
    ]


def agree_to_destroy(doomed: Doomed, *, name: str | None, yes: bool) -> None:
    """Only the cluster's name will do: given with --yes-destroy, or typed. Raises a KvxError otherwise."""
    fix = f"kvx cleanup --target hetzner --yes-destroy {doomed.cluster}"
    if name is not None:
        if name != doomed.cluster:
            message = f"nothing was deleted: the cluster is called {doomed.cluster}, not {name}"
            raise KvxError(message, fix, ExitCode.USAGE)
        return
    if yes:
        message = "nothing was deleted: --yes does not do for machines, the cluster's name is wanted"
        raise KvxError(message, fix, ExitCode.USAGE)
    if not sys.stdin.isatty():
        message = "kvx cleanup asks before it deletes machines, and there is no terminal to ask on"
        raise KvxError(message, fix, ExitCode.MISSING)
    if typed_in(f"Type the name of the cluster, {doomed.cluster}, to delete all of this:") != doomed.cluster:
        raise KvxError("nothing was deleted", "kvx cleanup --target hetzner, and type the name")


def _row(resource: Resource) -> str:
    protected = "protected" if resource.protected else ""
    detail = " ".join(filter(None, (resource.type or _size(resource), resource.location, protected)))
    price = "-" if resource.monthly_net == 0 else cents(resource.monthly_net)
    return f"  {_kind(resource):<16}{resource.name:<30}{detail:<22}{price:>10}"


def _size(resource: Resource) -> str:
    return f"{resource.size_gb} GB" if resource.size_gb else ""


def _left_alone(doomed: Doomed) -> list[str]:
    doubtful = "Left alone: controllers of some cluster made it, and nothing shows of which."
    strange = "Left alone: it does not carry the label, whatever its name."
    holding = "In the way: it is not the cluster's, and while it is in the network, nothing is deleted."
    parts = ((doubtful, doomed.in_doubt), (strange, doomed.strangers), (holding, doomed.in_the_way))
    return [
        line
        for head, resources in parts
        if resources
        for line in (head, *(f"  {_kind(each):<16}{each.name}" for each in resources))
    ]


def _kind(resource: Resource) -> str:
    return resource.kind.replace("_", " ")


def _data(resource: Resource) -> dict[str, object]:
    price = resource.monthly_net
    return {
        "kind": resource.kind,
        "id": resource.id,
        "name": resource.name,
        "monthly_net": None if price is None else str(price),
    }
