"""Autoscalers, advice and quotas: what they are at, and what of it wants a person."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from kvx.cluster.overview_amounts import amount
from kvx.cluster.pods import condition, name_of
from kvx.cluster.refused_pods import shortened
from kvx.cluster.trouble import Object

_TIGHT = 0.9


@dataclass(frozen=True, slots=True)
class Metric:
    """What an autoscaler looks at; `current` is None where nobody tells it."""

    name: str
    current: str | None
    target: str


@dataclass(frozen=True, slots=True)
class Scaler:
    """A HorizontalPodAutoscaler; `wrong` says why it does not scale, None where it does."""

    name: str
    current: int
    desired: int
    least: int
    most: int
    metrics: tuple[Metric, ...]
    wrong: str | None

    @property
    def at_maximum(self) -> bool:
        return self.current >= self.most


@dataclass(frozen=True, slots=True)
class Advice:
    """What the Vertical Pod Autoscaler would request for a container, beside what is requested."""

    workload: str
    container: str
    resource: str
    requested: str | None
    target: str
    lower: str | None
    upper: str | None

    @property
    def fits(self) -> bool | None:
        """Whether the request lies between what it calls too little and too much; None: not known."""
        bounds = [amount(each) for each in (self.lower, self.requested, self.upper)]
        if any(each is None for each in bounds):
            return None
        return sorted(bounds, key=lambda each: each or Decimal(0)) == bounds


@dataclass(frozen=True, slots=True)
class Use:
    """One line of a ResourceQuota, amounts as Kubernetes writes them."""

    quota: str
    resource: str
    used: str
    hard: str

    @property
    def share(self) -> float | None:
        used, hard = amount(self.used), amount(self.hard)
        return None if used is None or not hard else round(float(used / hard), 3)

    @property
    def is_tight(self) -> bool:
        return self.share is not None and self.share >= _TIGHT


def scalers(items: Iterable[Object]) -> tuple[Scaler, ...]:
    return tuple(_scaler(item) for item in sorted(items, key=name_of))


def advices(autoscalers: Iterable[Object], deployments: Sequence[Object]) -> tuple[Advice, ...]:
    """Of every container and resource; nothing while the recommender has not said anything."""
    by_name = {name_of(each): each for each in deployments}
    return tuple(
        advice
        for item in sorted(autoscalers, key=name_of)
        for advice in _advices(item, by_name.get(_target(item)))
    )


def uses(quotas: Iterable[Object]) -> tuple[Use, ...]:
    """Of every quota, line by line; what may be had of not at all (a limit of 0) is left out."""
    return tuple(use for item in sorted(quotas, key=name_of) for use in _uses(item))


def _scaler(item: Object) -> Scaler:
    spec, status = item.get("spec") or {}, item.get("status") or {}
    current = [_reading(each) for each in status.get("currentMetrics") or ()]
    return Scaler(
        name=name_of(item),
        current=int(status.get("currentReplicas") or 0),
        desired=int(status.get("desiredReplicas") or 0),
        least=int(spec.get("minReplicas") or 1),
        most=int(spec.get("maxReplicas") or 0),
        metrics=tuple(_metric(each, current) for each in spec.get("metrics") or ()),
        wrong=_wrong(item),
    )


def _wrong(item: Object) -> str | None:
    """In the controller's own words, which name what could not be had."""
    for kind in ("AbleToScale", "ScalingActive"):
        found = condition(item, kind)
        if found.get("status") == "False" and found.get("reason") != "ScalingDisabled":
            return shortened(str(found.get("message") or found.get("reason")))
    if not (item.get("status") or {}).get("conditions"):
        return "no controller has looked at it yet"
    return None


def _metric(wish: Mapping[str, Any], current: Sequence[tuple[str, str | None]]) -> Metric:
    name, target = _named(wish), _value(_body(wish).get("target") or {})
    told = next((value for known, value in current if known == name and value), None)
    return Metric(name, told, target or "?")


def _reading(metric: Mapping[str, Any]) -> tuple[str, str | None]:
    return _named(metric), _value(_body(metric).get("current") or {})


def _body(metric: Mapping[str, Any]) -> Mapping[str, Any]:
    """What stands under the key that its type names: resource, pods, containerResource ..."""
    kind = str(metric.get("type", ""))
    body: Mapping[str, Any] = metric.get(kind[:1].lower() + kind[1:]) or {}
    return body


def _named(metric: Mapping[str, Any]) -> str:
    body = _body(metric)
    name = str(body.get("name") or (body.get("metric") or {}).get("name") or metric.get("type", ""))
    return {"cpu": "processor"}.get(name, name)


def _value(found: Mapping[str, Any]) -> str | None:
    if found.get("averageUtilization") is not None:
        return f"{found['averageUtilization']} %"
    value = found.get("averageValue") or found.get("value")
    return None if value is None else str(value)


def _target(item: Object) -> str:
    return str(((item.get("spec") or {}).get("targetRef") or {}).get("name", ""))


def _advices(item: Object, deployment: Object | None) -> Iterator[Advice]:
    recommendation = (item.get("status") or {}).get("recommendation") or {}
    requested = dict(_requests(deployment or {}))
    for each in recommendation.get("containerRecommendations") or ():
        container = str(each.get("containerName", ""))
        lower, upper = each.get("lowerBound") or {}, each.get("upperBound") or {}
        for resource, target in sorted((each.get("target") or {}).items()):
            now = requested.get(container, {}).get(resource)
            bounds = lower.get(resource), upper.get(resource)
            yield Advice(_target(item), container, resource, now, str(target), *bounds)


def _requests(deployment: Object) -> Iterator[tuple[str, Mapping[str, str]]]:
    template = ((deployment.get("spec") or {}).get("template") or {}).get("spec") or {}
    for container in template.get("containers") or ():
        yield str(container.get("name")), (container.get("resources") or {}).get("requests") or {}


def _uses(item: Object) -> Iterator[Use]:
    status = item.get("status") or {}
    hard = status.get("hard") or (item.get("spec") or {}).get("hard") or {}
    used = status.get("used") or {}
    for resource, most in sorted(hard.items()):
        if amount(most):
            yield Use(name_of(item), resource, str(used.get(resource, "?")), str(most))
