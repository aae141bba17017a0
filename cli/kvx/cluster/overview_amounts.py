"""Amounts of processor and memory: read as Kubernetes writes them, told as people do."""

import re
from decimal import Decimal

_FORM = re.compile(r"([+-]?\d{1,30}(?:\.\d{1,30})?)(?:([eE][+-]?\d{1,2})|([numkMGTPE]|[KMGTPE]i))?")
_THOUSANDS = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_UNITS = {unit: Decimal(10) ** power for unit, power in _THOUSANDS.items()}
_UNITS |= {f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)}
_BYTES = ("memory", "storage")


def amount(text: object) -> Decimal | None:
    """As a number of processors, bytes or things; None for what is no amount."""
    found = _FORM.fullmatch(str(text)) if len(str(text)) < 70 else None
    if found is None or isinstance(text, bool):
        return None
    number, exponent, unit = found.groups()
    return Decimal(number + (exponent or "")) * _UNITS.get(unit or "", Decimal(1))


def same(one: object, other: object) -> bool:
    """Whether two texts mean the same amount: 2000m and 2, 1024Mi and 1Gi."""
    first, second = amount(one), amount(other)
    return first is not None and first == second


def told(text: object, resource: str) -> str:
    """100m or 2 of processors, 128 MiB or 4 GiB of bytes; what is no amount as it stands."""
    found = amount(text)
    if found is None:
        return str(text)
    if resource.endswith("cpu"):
        return f"{found.normalize():f}" if found == found.to_integral() else f"{found * 1000:.0f}m"
    if resource.endswith(_BYTES):
        return _bytes(found)
    return f"{found.normalize():f}"


def name_of_resource(resource: str) -> str:
    """requests.cpu is what a person calls processor; of limits it is said that they are."""
    kind, _, name = resource.rpartition(".")
    words = {"cpu": "processor"}.get(name, name.replace("-", " "))
    return f"{words} limits" if kind == "limits" else words


def _bytes(found: Decimal) -> str:
    for power, unit in ((3, "GiB"), (2, "MiB"), (1, "KiB")):
        size = Decimal(1024) ** power
        if found >= size:
            shown = found / size
            return (
                f"{shown:.0f} {unit}"
                if shown == shown.to_integral() or shown >= 10
                else f"{shown:.1f} {unit}"
            )
    return f"{found:.0f} B"
