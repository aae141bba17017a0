"""Whether labels are what a selector means, as Kubernetes decides it."""

from collections.abc import Mapping

from kvx.lint.node import Node


def selects(selector: Node, labels: Mapping[str, str]) -> bool:
    """Of a label selector with matchLabels and matchExpressions; an empty one means all, None means none."""
    if not isinstance(selector.value, Mapping):
        return False
    if not selector.at("matchLabels").labels.items() <= labels.items():
        return False
    return all(_fits(each, labels) for each in selector.at("matchExpressions").items)


def _fits(expression: Node, labels: Mapping[str, str]) -> bool:
    key, values = expression.at("key").text, expression.at("values").texts
    return {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }.get(expression.at("operator").text, False)


def said(selector: Node) -> str:
    """A selector in words: app=web, tier in (a, b)."""
    pairs = [f"{key}={value}" for key, value in selector.at("matchLabels").labels.items()]
    for each in selector.at("matchExpressions").items:
        operator, values = each.at("operator").text, ", ".join(each.at("values").texts)
        pairs.append(f"{each.at('key').text} {operator}{f' ({values})' if values else ''}")
    return ", ".join(pairs) or "every pod"
