"""How a cluster is, in lines for a person: each thing worth knowing once, what is wrong first."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from textwrap import wrap

from kvx.cluster.overview import Alerts, Missing, Overview
from kvx.cluster.overview_amounts import name_of_resource, told
from kvx.cluster.overview_drift import Drift
from kvx.cluster.overview_jobs import JobLine
from kvx.cluster.overview_pods import PodLine, Workload
from kvx.cluster.overview_scaling import Advice, Scaler, Use
from kvx.cluster.releases import Release
from kvx.commands.nodes_table import age, listed
from kvx.commands.status_nodes import NodeLine
from kvx.commands.usage_lines import in_a_line
from kvx.cost.estimate import in_cents
from kvx.cost.of_nodes import MonthSoFar

HEAD = 10
_NARROWEST = 30
_MOST_ROWS = 6
_DIGEST = 12
_LONG_DIGEST = re.compile(rf"(sha256:[0-9a-f]{{{_DIGEST}}})[0-9a-f]{{{64 - _DIGEST}}}")
_QUOTAS = ("requests.cpu", "limits.cpu", "requests.memory", "limits.memory", "pods")

Row = tuple[str, str | None]


def lines_of(rows: Sequence[Row], width: int | None) -> list[str]:
    """Each row below its name; too long ones go on below themselves where a person reads."""
    return [line for name, words in rows if words for line in _line(name, words, width)]


def rows_of(
    found: Overview, nodes: Sequence[NodeLine] | None, cost: "MonthSoFar | None", now: float
) -> list[Row]:
    """All but the head, which names target and versions."""
    return [
        ("state", state(found)),
        ("reason", _reason(found)),
        ("deployed", _deployed(found, now)),
        ("left out", _left_out(found.last)),
        ("image", _images(found.workloads or ())),
        *_nodes(nodes),
        *_pods(found.pods),
        *_jobs(found.jobs),
        *(("scaling", _scaling(each)) for each in found.scaling or ()),
        ("advice", _advice(found)),
        ("quota", _quota(found.quota)),
        ("budget", _budget(found)),
        *_alerts(found.alerts, now),
        ("cost", _cost(cost)),
        *_drift(found),
        *_unknown(found.missing),
    ]


def state(found: Overview) -> str:
    """In a word, then how many replicas of what."""
    if found.health is None:
        return "unknown"
    counts = [f"{each.name} {each.available} of {each.wanted}" for each in found.workloads or ()]
    words = {"not-ready": "not ready", "not-deployed": "not deployed"}.get(found.health, found.health)
    return f"{words}: {', '.join(counts)}" if counts else words


def _budget(found: Overview) -> str:
    if found.usage is not None:
        return in_a_line(found.usage)
    unknown = any(each.part == "usage" for each in found.missing)
    return "unknown, as told below" if unknown else "none: the component cloud-engine is not switched on"


def _reason(found: Overview) -> str | None:
    """What keeps pods from being made; what is wrong with those there are stands beside them."""
    return next((each.why for each in found.workloads or () if each.why), None)


def _line(name: str, words: str, width: int | None) -> Iterator[str]:
    """With no more of a digest than tells it from others."""
    words = _LONG_DIGEST.sub(r"\1", words)
    if width is None:
        yield f"{name:<{HEAD}}{words}"
        return
    room = max(width - HEAD, _NARROWEST)
    parts = wrap(words, room, break_on_hyphens=False) or [""]
    yield f"{name:<{HEAD}}{parts[0]}"
    yield from (f"{'':<{HEAD}}{part}" for part in parts[1:])


def _deployed(found: Overview, now: float) -> str | None:
    if found.releases is None:
        return None
    last = found.last
    if last is None:
        return "no release is kept: it was not kvx that applied it" if found.workloads else None
    return _release(last, now)


def _release(release: Release, now: float) -> str:
    made = release.made
    when = datetime.fromtimestamp(made.when, UTC)
    back = f", a way back to release {made.rollback_of}" if made.rollback_of is not None else ""
    of = f"release {release.revision}, git {made.git_revision[:_DIGEST]}"
    return f"{of}, {age(now - made.when)} ago ({when:%Y-%m-%d %H:%M} UTC) by {made.who}{back}"


def _left_out(last: Release | None) -> str | None:
    """Add-ons that were wanted, and that this cluster cannot install."""
    if last is None or not last.left_out:
        return None
    return f"{', '.join(last.left_out)}: the cluster is no k3s"


def _images(found: Sequence[Workload]) -> str | None:
    return ", ".join(dict.fromkeys(_short(image) for each in found for image in each.images)) or None


def _short(image: str) -> str:
    """Without the registry."""
    name, _, digest = image.partition("@")
    own = name.rpartition("/")[2]
    return f"{own}@{digest}" if digest else own


def _nodes(nodes: Sequence[NodeLine] | None) -> Iterator[Row]:
    if nodes is None:
        return
    ready = sum(node.ready for node in nodes)
    yield "nodes", f"{len(nodes)}, {_share(ready, len(nodes))}"
    bad_first = sorted(nodes, key=lambda node: (node.ready and not node.reasons, node.name))
    for node in bad_first[:_MOST_ROWS]:
        yield "", " ".join(filter(None, (node.name, *_about(node))))
    yield from _more(len(nodes), "nodes")


def _about(node: NodeLine) -> Iterator[str]:
    yield f"{'ready' if node.ready else 'not ready'}, {node.architecture}{',' if node.place else ''}"
    if node.place:
        price = "price unknown" if node.monthly_net is None else f"{in_cents(node.monthly_net)} EUR a month"
        yield f"{node.place}, {price}"
    remarks = (*node.reasons, *(() if node.schedulable else ("takes no new pods: it is cordoned",)))
    if remarks:
        yield f"({'; '.join(remarks)})"


def _pods(pods: Sequence[PodLine] | None) -> Iterator[Row]:
    if pods is None:
        return
    living = [pod for pod in pods if not pod.leaving]
    ready, restarts = sum(pod.ready for pod in living), sum(pod.restarts for pod in living)
    leaving = len(pods) - len(living)
    ending = f"; {leaving} more ending" if leaving else ""
    yield "pods", f"{len(living)}, {_share(ready, len(living))}, {_restarts(restarts)}{ending}"
    wanting = [pod for pod in living if pod.why or pod.restarts]
    for pod in wanting[:_MOST_ROWS]:
        often = f" ({_restarts(pod.restarts)})" if pod.restarts else ""
        yield "", f"{pod.name} {pod.why or 'ready'}{often}"
    yield from _more(len(wanting), "pods")


def _jobs(jobs: Sequence[JobLine] | None) -> Iterator[Row]:
    if not jobs:
        return
    bad = [job for job in jobs if job.why]
    yield "jobs", f"{len(jobs)}, {f'{len(bad)} not well' if bad else 'all well'}"
    for job in bad[:_MOST_ROWS]:
        yield "", f"{job.name} {job.why}"


def _share(ready: int, count: int) -> str:
    if not count:
        return "none ready"
    return "all ready" if ready == count else f"{ready or 'none'} ready"


def _more(count: int, things: str) -> Iterator[Row]:
    if count > _MOST_ROWS:
        yield "", f"and {count - _MOST_ROWS} more {things}"


def _restarts(count: int) -> str:
    return {0: "never restarted", 1: "restarted once"}.get(count, f"restarted {count} times")


def _scaling(scaler: Scaler) -> str:
    bounds = f"{scaler.current} of {scaler.least} to {scaler.most} replicas"
    if scaler.wrong:
        return f"{bounds}; it does not scale: {scaler.wrong}"
    top = ", at its maximum" if scaler.at_maximum else ""
    going = f", going to {scaler.desired}" if scaler.desired != scaler.current else ""
    metrics = [f"{each.name} {each.current or 'unknown'} of {each.target}" for each in scaler.metrics]
    return f"{bounds}{top}{going}; {', '.join(metrics)}"


def _advice(found: Overview) -> str | None:
    """Requests that lie between what is too little and too much need no change."""
    if found.advice is None:
        gone = any(each.part == "advisers" for each in found.missing)
        return None if gone else "none: the cluster has no Vertical Pod Autoscaler"
    if not found.advice:
        return "none yet"
    wanting = [each for each in found.advice if each.fits is not True]
    if not wanting:
        return f"keep the requests: {', '.join(map(_requested, found.advice))}"
    return ", ".join(f"{_name(each)} {_target(each)} ({_requested_only(each)})" for each in wanting)


def _name(advice: Advice) -> str:
    return f"{advice.container} {name_of_resource(advice.resource)}"


def _target(advice: Advice) -> str:
    return told(advice.target, advice.resource)


def _requested(advice: Advice) -> str:
    return f"{_name(advice)} {told(advice.requested, advice.resource)}"


def _requested_only(advice: Advice) -> str:
    return f"{told(advice.requested, advice.resource)} requested" if advice.requested else "nothing requested"


def _quota(found: Sequence[Use] | None) -> str | None:
    if found is None:
        return None
    first = [each for name in _QUOTAS for each in found if each.resource == name]
    shown = [*first, *(each for each in found if each.is_tight and each not in first)]
    return ", ".join(map(_use, shown)) or "none"


def _use(use: Use) -> str:
    if use.share is None:
        return f"{name_of_resource(use.resource)} not counted yet"
    amounts = f"{told(use.used, use.resource)} of {told(use.hard, use.resource)}"
    return f"{name_of_resource(use.resource)} {amounts}{' (nearly all)' if use.is_tight else ''}"


def _alerts(found: Alerts | None, now: float) -> Iterator[Row]:
    if found is None:
        return
    if not found.watched:
        yield "alerts", f"not watched: {found.reason}"
        return
    waiting = f"; {found.pending} pending" if found.pending else ""
    yield "alerts", f"{len(found.firing) or 'none'} firing{waiting}"
    for each in found.firing[:_MOST_ROWS]:
        since = f" for {age(now - datetime.fromisoformat(each.since).timestamp())}" if each.since else ""
        yield "", f"{each.severity} {each.name}{since}: {each.summary}"
    yield from _more(len(found.firing), "alerts")


def _cost(cost: MonthSoFar | None) -> str:
    if cost is None:
        return "not known: kvx knows the prices of machines that it has made at Hetzner"
    if cost.so_far_net is None or cost.month_net is None:
        return f"unknown: the price list of {cost.price_date} has no price for {listed(cost.missing)}"
    so_far, month = _money(cost.so_far_net, cost), _money(cost.month_net, cost)
    what = f"servers and IPv4 at list prices of {cost.price_date}"
    if cost.looked_at is not None:
        what = f"all that kvx cost saw on {datetime.fromtimestamp(cost.looked_at, UTC):%Y-%m-%d %H:%M} UTC"
    return f"{so_far} net in {cost.month} so far, {month} by its end ({what})"


def _money(amount: Decimal, cost: MonthSoFar) -> str:
    return f"{in_cents(amount)} {cost.currency}"


def _drift(found: Overview) -> Iterator[Row]:
    if found.drift is None:
        if found.releases == () and found.workloads:
            yield "drift", "not known: there is no release to compare with"
        return
    yield "drift", _drift_words(found.drift)
    for each in found.drift.differences[:_MOST_ROWS]:
        yield "", f"{each.what} {each.words}"
    yield from _more(len(found.drift.differences), "objects")


def _drift_words(drift: Drift) -> str:
    beside = f"; {drift.not_looked_at} of other kinds were not looked at" if drift.not_looked_at else ""
    count = len(drift.differences)
    head = "none" if not count else f"{count} of {drift.looked_at} objects"
    tail = f" in {drift.looked_at} objects" if not count else " not as released"
    return f"{head}{tail}{beside}"


def _unknown(missing: Sequence[Missing]) -> Iterator[Row]:
    """What has the same reason is told together: a cluster that does not answer says so once."""
    reasons = dict.fromkeys(each.reason for each in missing)
    for reason in reasons:
        parts = [each.words for each in missing if each.reason == reason]
        yield "unknown", f"{listed(parts)}: {reason}"
