"""What a quota is worth: the most of the machines' price that a namespace can take."""

from collections.abc import Iterable
from decimal import Decimal

from kvx.cluster.overview_amounts import amount
from kvx.machines.catalogue import ServerType

_HALF = Decimal("0.5")


def ceiling(
    cpu_quota: str, memory_quota: str, types: Iterable[ServerType], monthly: Decimal | None
) -> Decimal | None:
    """Of `monthly`, the net price of machines of these types: half for cores, half for memory.

    None where the price or a quota is unknown.
    """
    kinds = list(types)
    cores, memory = amount(cpu_quota), amount(memory_quota)
    if monthly is None or cores is None or memory is None or not kinds:
        return None
    all_cores = sum((Decimal(kind.cores) for kind in kinds), Decimal(0))
    all_memory = sum((Decimal(str(kind.memory_gb)) * 2**30 for kind in kinds), Decimal(0))
    share = _HALF * min(cores / all_cores, Decimal(1)) + _HALF * min(memory / all_memory, Decimal(1))
    return monthly * share
