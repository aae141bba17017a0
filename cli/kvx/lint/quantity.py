"""Amounts as Kubernetes writes them: 100m, 1.5Gi, 2e3."""

import re
from decimal import Decimal

from kvx.lint.node import Node

_FORM = re.compile(
    r"([+-]?(?:\d{1,30}\.?\d{0,30}|\.\d{1,30}))(?:([eE][+-]?\d{1,2})|([numkMGTPE]|[KMGTPE]i))?"
)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_FACTORS = {unit: Decimal(10) ** power for unit, power in _DECIMAL.items()}
_FACTORS |= {f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)}


def quantity(node: Node) -> Decimal | None:
    """The amount at a place, None where none is or it is not one."""
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    found = _FORM.fullmatch(str(value).strip()) if len(str(value)) < 70 else None
    if found is None:
        return None
    number, exponent, unit = found.groups()
    return Decimal(number + (exponent or "")) * _FACTORS.get(unit or "", Decimal(1))


def said(amount: Decimal, resource: str) -> str:
    """An amount as a person would write it: millicores of a processor, mebibytes of memory."""
    if resource.endswith("cpu"):
        return f"{(amount * 1000).normalize():f}m"
    if resource.endswith(("memory", "storage")):
        return f"{(amount / 1024**2).quantize(Decimal(1)):f}Mi"
    return f"{amount.normalize():f}"
