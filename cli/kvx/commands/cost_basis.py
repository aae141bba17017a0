"""What every command of `kvx cost` begins with: the account, the ledger, and what is billed now."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from kvx import journal
from kvx.commands.cost_engines import engine_use, with_engines
from kvx.commands.flags import deployment_from
from kvx.commands.machines import place_machines
from kvx.cost.report import Basis, Report, report
from kvx.cost.times import Month, month_of, parse_month
from kvx.deployment import Deployment
from kvx.errors import KvxError
from kvx.plan import Plan
from kvx.targets import plan_for

if TYPE_CHECKING:
    from kvx.cost.advice import Standing
    from kvx.cost.audio import Audio
    from kvx.drivers.api_server import Api
    from kvx.drivers.cost_cluster import Found
    from kvx.world import World


@dataclass(frozen=True, slots=True)
class Costs:
    """A deployment at Hetzner and what is known of its costs; `wrong`: what the cluster did not say."""

    deployment: Deployment
    plan: Plan
    basis: Basis
    report: Report
    wrong: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where the ledger and the last report lie."""
        return _ledger(self.deployment)


def costs(
    folder: Path | None,
    month: str | None,
    world: "World",
    *,
    budget: float | None = None,
    cluster: bool = True,
) -> Costs:
    """Ask Hetzner, and with `cluster` the cluster, where there is one. Raises where nothing is known yet."""
    deployment = deployment_from(folder, "hetzner")
    plan = plan_for(deployment)
    basis = _basis(deployment, plan, month, budget, world)
    api, found = _cluster(deployment, basis, world) if cluster and month is None else (None, None)
    wrong = () if found is None else found.wrong
    engines = engine_use(deployment.settings.cost, api, () if found is None else found.voice_pods)
    basis, silent = with_engines(basis, engines, _ledger(deployment))
    if found is None:
        return Costs(deployment, plan, basis, report(basis), (*wrong, *silent))
    audio = _audio(deployment, basis, found)
    return Costs(deployment, plan, basis, report(basis, found.shares, audio), (*wrong, *silent))


def _basis(
    deployment: Deployment, plan: Plan, wanted: str | None, budget: float | None, world: "World"
) -> Basis:
    from kvx.drivers import account_record, costing

    step = place_machines(plan)
    account_record.check(step.folder, step.account)
    month = parse_month(wanted) if wanted else month_of(int(world.now()))
    known = costing.known(step.account, deployment.folder, month, world)
    most = deployment.settings.cost.monthly_budget if budget is None else budget
    return Basis(
        histories=known.histories,
        prices=known.prices,
        month=month,
        until=min(known.until, month.end),
        now=known.now,
        looked_at=known.looked_at,
        budget=None if most is None else Decimal(str(most)),
        stale=known.stale.message if known.stale is not None else "",
        deploys=tuple(_deploys(deployment.journal, month)),
    )


def _deploys(path: Path, month: Month) -> Iterator[tuple[str, int]]:
    """When each run that is in the journal began."""
    runs: dict[str, int] = {}
    for record in journal.read(path):
        time = record.get("time")
        if isinstance(time, int | float):
            runs.setdefault(str(record.get("run")), int(time))
    yield from ((name, begin) for name, begin in runs.items() if month.begin <= begin < month.end)


def standing_of(deployment: Deployment, basis: Basis, world: "World") -> "Standing | None":
    """Nodes and pods of the cluster, None where no cluster is known; raises where it does not answer."""
    api = api_of(deployment, world)
    if api is None:
        return None
    from kvx.drivers import cost_cluster

    return cost_cluster.standing(api, basis.histories)


def _cluster(deployment: Deployment, basis: Basis, world: "World") -> "tuple[Api | None, Found | None]":
    """None where no cluster is known."""
    from kvx.drivers import cost_cluster

    try:
        api = api_of(deployment, world)
    except KvxError as error:
        return None, cost_cluster.Found(None, (), (error.message,))
    inside = deployment.settings.cost.inside
    return api, None if api is None else cost_cluster.ask(api, basis.histories, inside=inside)


def api_of(deployment: Deployment, world: "World") -> "Api | None":
    """By the kubeconfig that was handed over, or that kvx.toml names."""
    own, named = deployment.folder / "kubeconfig", deployment.settings.kubernetes.kubeconfig
    if not own.is_file() and named is None:
        return None
    from kvx.drivers.api_server import connect

    context = None if own.is_file() else deployment.settings.kubernetes.context
    return connect(own if own.is_file() else named, context, world, attempts=2)


def _audio(deployment: Deployment, basis: Basis, found: "Found") -> "Audio | None":
    from kvx.drivers import cost_ledger

    return cost_ledger.add_sound(_ledger(deployment), basis.month, found.counters)


def _ledger(deployment: Deployment) -> Path:
    from kvx.drivers.costing import ledger_of

    return ledger_of(deployment.folder)
