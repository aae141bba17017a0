"""Kubernetes quantities of processor and memory, read and said."""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from voice_api.cluster.protocol import Item

FACTORS = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1), "k": Decimal(1000),
    "M": Decimal(10**6), "G": Decimal(10**9), "T": Decimal(10**12), "Ki": Decimal(2**10),
    "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40),
}  # fmt: skip
MILLICORES, MEGABYTES = 1000, 1_000_000


def amount(quantity: str) -> Decimal:
    """ "250m" is 0.25, "64Mi" is 67108864; what is no quantity is nothing."""
    number = quantity.rstrip("KMGTinumk")
    try:
        return Decimal(number) * FACTORS.get(quantity[len(number) :], Decimal(0))
    except InvalidOperation:
        return Decimal(0)


def millicores(measured: Item) -> int:
    return round(
        sum((amount(str(each.get("cpu", "0"))) for each in _used(measured)), Decimal(0)) * MILLICORES
    )


def megabytes(measured: Item) -> int:
    return round(
        sum((amount(str(each.get("memory", "0"))) for each in _used(measured)), Decimal(0)) / MEGABYTES
    )


def cores(value: int) -> str:
    return f"{value / MILLICORES:.1f} cores" if value >= MILLICORES else f"{value} millicores"


def memory(value: int) -> str:
    return f"{value / 1000:.1f} gigabytes" if value >= 1000 else f"{value} megabytes"


def _used(measured: Item) -> Iterator[Item]:
    """Of a node, or of each container of a pod."""
    yield from (each.get("usage") or {} for each in measured.get("containers") or (measured,))
