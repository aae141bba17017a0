"""kvx cost plan and whatif: what a change would cost, before it is made."""

import json
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kvx.cluster.overview_amounts import amount
from kvx.cluster.sizes import SIZES
from kvx.commands.cost_basis import costs
from kvx.commands.cost_change import change_data, change_lines, change_markdown
from kvx.commands.flags import Folder, Json, MaxIncrease, MaxMonthly, deployment_of
from kvx.commands.machines import place_machines
from kvx.cost.bill import total
from kvx.cost.ceiling import ceiling
from kvx.cost.report import Basis
from kvx.cost.verdict import shown
from kvx.deployment import Deployment
from kvx.errors import ExitCode, KvxError
from kvx.settings.load import load
from kvx.targets import plan_for

if TYPE_CHECKING:
    from kvx.cost.change import Change
    from kvx.drivers.hetzner_placing import PreFlight
    from kvx.machines.catalogue import ServerType
    from kvx.world import World

SCHEMA = "kvx/cost/v1"
REPLICAS = 3
"""Of k8s/components/autoscaling, where kvx.toml says nothing."""

PlanFile = Annotated[
    Path | None,
    typer.Option("--terraform", metavar="FILE", help="A plan of Terraform's as JSON; kvx's own without it."),
]
Markdown = Annotated[bool, typer.Option("--markdown", help="As a comment for a pull request.")]


def plan(
    *,
    terraform: PlanFile = None,
    max_monthly: MaxMonthly = None,
    max_increase: MaxIncrease = None,
    markdown: Markdown = False,
    folder: Folder = None,
    as_json: Json = False,
) -> None:
    """Price what a deploy would make, change and delete, before it does.

    What stands keeps the price it was ordered at; what is made anew or rescaled takes the list's. Exit
    code 3: more than --max-monthly or --max-increase allow; 4: a price is unknown.
    """
    from kvx.world import real_world

    limits = {"hetzner.max_monthly": max_monthly, "hetzner.max_increase": max_increase}
    loaded = load({"folder": folder, "target": "hetzner", **limits})
    deployment, world = deployment_of(loaded), real_world()
    wanted = deployment.settings.hetzner
    changed, most = (_of_file(terraform, folder, world), {}) if terraform else _of_fleet(deployment, world)
    refusal = _refusal(changed, wanted.max_monthly, wanted.max_increase)
    if as_json:
        code = _code(changed, refusal)
        print(
            json.dumps(
                {
                    "schema": SCHEMA,
                    "plan": change_data(changed) | {"ceilings_net": _texts(most)},
                    "exit_code": int(code),
                },
                indent=2,
            )
        )
    else:
        print("\n".join(change_markdown(changed, refusal) if markdown else change_lines(changed)))
        for words, net in most.items():
            print(f"{words}: {shown(net)} a month of the machines at most.")
    code = _code(changed, refusal)
    if refusal is not None:
        print(f"{refusal.message}\nfix: {refusal.fix}", file=sys.stderr)
    if code is not ExitCode.DONE:
        raise typer.Exit(int(code))


def whatif(
    *,
    type_name: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Nodes of this type.")
    ] = None,
    nodes: Annotated[int | None, typer.Option(metavar="COUNT", min=0, help="So many of them.")] = None,
    pool: Annotated[str, typer.Option(metavar="POOL", help="In this pool.")] = "workers",
    folder: Folder = None,
    as_json: Json = False,
) -> None:
    """Say what other machines would cost and hold: euros, cores, memory, and whether all pods still fit."""
    from kvx.commands.cost_whatif import asked
    from kvx.world import real_world

    found = asked(type_name, nodes, pool, folder, real_world())
    if as_json:
        print(json.dumps({"schema": SCHEMA, "whatif": found.data}, indent=2))
    else:
        print("\n".join(found.lines))
    if found.change.increase is None:
        raise typer.Exit(int(ExitCode.INCOMPLETE))


def _of_fleet(deployment: Deployment, world: "World") -> "tuple[Change, dict[str, Decimal | None]]":
    """The change, and what the namespace and its replicas are worth at most."""
    from kvx.drivers.cost_gate import change_of
    from kvx.drivers.hetzner_placing import look

    step = place_machines(plan_for(deployment))
    found = look(step.account, step.fleet, replace(step.limits, max_monthly=None, max_increase=None), world)
    if found.placement is None or found.prices is None or found.catalogue is None:
        raise found.refusal or AssertionError("a look without a placement has a refusal")
    if found.source == "snapshot":
        _say_what_is_not_known(found, deployment.settings.hetzner.max_increase)
    changed = change_of(step.fleet, found.placement, found.live, found.prices, step.folder)
    types = [found.catalogue.server_types[each.place.type] for each in found.placement.nodes.values()]
    return changed, _ceilings(deployment, changed, types)


def _say_what_is_not_known(found: "PreFlight", max_increase: float | None) -> None:
    """Raises a KvxError (exit code 4) where a bound needs to know what stands."""
    words = [each.words for each in found.checks if each.name in {"hetzner", "catalogue"}]
    print("\n".join((*words, "What stands is not known: all is taken for new.")), file=sys.stderr)
    if max_increase is not None:
        message = "what would be added is not known, because what stands is not"
        raise KvxError(message, "kvx doctor --target hetzner", ExitCode.INCOMPLETE)


def _ceilings(
    deployment: Deployment, changed: "Change", types: "list[ServerType]"
) -> dict[str, Decimal | None]:
    """By the quotas of the namespace, and by the limits of as many replicas as the autoscaler may start."""
    wanted = deployment.settings.kubernetes
    size, most = SIZES[wanted.size], wanted.most_replicas or REPLICAS
    machines = total(row.after for row in changed.rows if row.words.startswith("server ") and row.after)
    quota = wanted.cpu_quota or size.cpu_quota, wanted.memory_quota or size.memory_quota
    cores, memory = amount(size.cpu_limit), amount(size.memory_limit)
    assert cores is not None  # noqa: S101  the sizes are kvx's own
    assert memory is not None  # noqa: S101
    return {
        f"The quotas {quota[0]} and {quota[1]} of the namespace": ceiling(*quota, types, machines),
        f"{most} replicas at their limits": ceiling(f"{cores * most}", f"{memory * most}", types, machines),
    }


def _texts(amounts: dict[str, Decimal | None]) -> dict[str, str | None]:
    return {words: None if net is None else f"{net:.4f}" for words, net in amounts.items()}


def _of_file(path: Path, folder: Path | None, world: "World") -> "Change":
    from kvx.cost.terraform_plan import priced_plan

    basis = _known(folder, world)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise KvxError(f"{path} cannot be read: {error.strerror}", f"ls -l {path}", ExitCode.USAGE) from None
    except ValueError:
        fix = f"terraform show -json PLAN > {path}"
        raise KvxError(f"{path} is not JSON", fix, ExitCode.USAGE) from None
    return priced_plan(document, basis.histories, basis.prices)


def _known(folder: Path | None, world: "World") -> Basis:
    """What Hetzner says; without an answer the list that kvx brings, and nothing that stands."""
    try:
        return costs(folder, None, world, cluster=False).basis
    except KvxError as error:
        if error.exit_code is ExitCode.INTERRUPTED:
            raise
        from kvx.cost.prices import snapshot
        from kvx.cost.times import month_of

        prices, now = snapshot(), int(world.now())
        words = f"{error.message}; prices are of {prices.date}, which come with kvx"
        print(words, file=sys.stderr)
        return Basis((), prices, month_of(now), now, now)


def _refusal(changed: "Change", max_monthly: float | None, max_increase: float | None) -> KvxError | None:
    try:
        changed.check(_decimal(max_monthly), _decimal(max_increase))
    except KvxError as error:
        return error
    return None


def _decimal(amount: float | None) -> Decimal | None:
    return None if amount is None else Decimal(str(amount))


def _code(changed: "Change", refusal: KvxError | None) -> ExitCode:
    if refusal is not None:
        return refusal.exit_code
    return ExitCode.INCOMPLETE if changed.missing else ExitCode.DONE
