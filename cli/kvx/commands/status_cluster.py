"""kvx status for a cluster: one look at it, as lines or as JSON, and what it ends with."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from urllib.parse import urlsplit

from kvx.cluster.overview import Overview, overview, release_data
from kvx.commands.cluster_target import ClusterTarget
from kvx.commands.status_cluster_lines import lines_of, rows_of
from kvx.commands.status_nodes import NodeLine, cost_of, node_lines
from kvx.commands.usage_lines import least_left
from kvx.commands.version import installed
from kvx.cost.of_nodes import MonthSoFar, month_of_histories
from kvx.cost.prices import snapshot
from kvx.cost.times import month_of
from kvx.errors import ExitCode, KvxError
from kvx.world import World


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a cluster."""

    cluster: ClusterTarget
    address: str
    found: Overview
    nodes: tuple[NodeLine, ...] | None
    cost: MonthSoFar | None
    now: float

    @property
    def wrong(self) -> KvxError | None:
        """Exit code 4 where a part is missing, 3 where nothing serves; None where neither is so."""
        flag = f"--target {self.cluster.deployment.target}"
        if self.found.missing:
            first = self.found.missing[0]
            message = f"{len(self.found.missing)} things could not be asked: {first.reason}"
            return KvxError(message, first.fix, ExitCode.INCOMPLETE)
        if self.found.health == "not-deployed":
            return KvxError("no voice API is deployed there", f"kvx deploy {flag}", ExitCode.MISSING)
        if self.found.health == "not-ready":
            words = f"the voice API does not serve: {self.found.reason or 'its pods are starting'}"
            return KvxError(words, f"kvx deploy {flag}; or kvx rollback {flag}", ExitCode.MISSING)
        return None

    def lines(self, width: int | None) -> list[str]:
        """For a person."""
        target = self.cluster.deployment.target
        where = f"{target}, namespace {self.cluster.namespace} at {urlsplit(self.address).netloc}"
        kubernetes = f"Kubernetes {self.found.kubernetes}" if self.found.kubernetes else "Kubernetes unknown"
        head = [("target", where), ("versions", f"kvx {installed('kvx')}, {kubernetes}")]
        return lines_of([*head, *rows_of(self.found, self.nodes, self.cost, self.now)], width)

    @property
    def data(self) -> dict[str, object]:
        """For programs; null is what could not be asked, `missing` says why."""
        found = self.found
        return {
            "target": self.cluster.deployment.target,
            "state": found.health or "unknown",
            "reason": found.reason,
            "address": self.address,
            "namespace": self.cluster.namespace,
            "versions": {"kvx": installed("kvx"), "kubernetes": found.kubernetes},
            "deployed": release_data(found.last),
            "workloads": _rows(found.workloads),
            "jobs": _rows(found.jobs),
            "pods": _rows(found.pods),
            "nodes": _rows(self.nodes),
            "scaling": _rows(found.scaling, "at_maximum"),
            "advice": _rows(found.advice, "fits"),
            "quota": _rows(found.quota, "share"),
            "budget": {**least_left(found.usage), "note": _no_budget(self.cluster), "usage": found.usage},
            "alerts": _plain(found.alerts),
            "cost": _plain(self.cost),
            "drift": _plain(found.drift),
            "missing": _rows(found.missing),
        }


def _no_budget(cluster: ClusterTarget) -> str | None:
    return None if cluster.engines else "the component cloud-engine is not switched on"


def look(cluster: ClusterTarget, world: World) -> Look:
    """Ask everything at once; raises a KvxError where there is no way to ask at all."""
    from kvx.drivers.looking_at_cluster import look_at_cluster

    api = cluster.api(world, attempts=2)
    answers = look_at_cluster(
        api, cluster.namespace, world, monitoring=cluster.monitoring, engines=cluster.engines
    )
    found, prices, now = overview(answers), snapshot(), world.now()
    return Look(
        cluster,
        api.address,
        found,
        node_lines(found.nodes, cluster.inventory, prices),
        _billed(cluster, now) or cost_of(found.nodes, cluster.inventory, prices, now),
        now,
    )


def _billed(cluster: ClusterTarget, now: float) -> MonthSoFar | None:
    """By the ledger of kvx cost, which a status reads and does not bring up to date; None without one."""
    from kvx.drivers import cost_ledger
    from kvx.drivers.costing import ledger_of

    if cluster.inventory is None:
        return None
    ledger = cost_ledger.read(ledger_of(cluster.deployment.folder), month_of(int(now)).begin)
    if ledger.looked_at is None:
        return None
    own = [each for each in ledger.histories if each.cluster == cluster.inventory.cluster]
    return month_of_histories(own, ledger.prices or snapshot(), now, ledger.looked_at)


def _rows(found: "tuple[object, ...] | None", *computed: str) -> list[dict[str, object]] | None:
    """Each with its fields and what it computes of them."""
    if found is None:
        return None
    return [{**_table(each), **{key: _scalar(getattr(each, key)) for key in computed}} for each in found]


def _plain(found: object) -> Mapping[str, object] | None:
    return None if found is None else _table(found)


def _table(found: object) -> dict[str, object]:
    known: dict[str, object] = asdict(found)  # type: ignore[call-overload]  # every part is a dataclass
    return {key: _scalar(value) for key, value in known.items()}


def _scalar(value: object) -> object:
    """Amounts of money as strings, shares as numbers with three decimals' worth of digits."""
    return str(value) if isinstance(value, Decimal) else value
