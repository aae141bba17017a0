"""What components need beside the voice API: the namespace's quota is its size's and the sum of these."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kvx.cluster.sizes import SIZES


@dataclass(frozen=True, slots=True)
class Room:
    """Limits of all its pods at once, in thousandths of a processor and MiB; its claims, and GiB of them."""

    cpu: int
    memory: int
    pods: int = 1
    claims: int = 0
    storage: int = 0


# As their manifests say in k8s/components, which tests hold to it.
ROOMS: Mapping[str, Room] = {
    "voice-processor": Room(500, 512, claims=1, storage=2),
    "persistence": Room(250, 256, storage=8),
    "postgres": Room(500, 512, claims=1, storage=4),
    "language-model": Room(2000, 3072),
    "cost-report": Room(250, 256, claims=1, storage=1),
    "cost-figures": Room(100, 96),
}
# Beside the voice API, clients and what verifies: as in k8s/base.
PODS = 10


def quota_with(components: Iterable[str], size: str) -> tuple[tuple[str, str], ...]:
    """The hard bounds of the quota, as Kubernetes writes them; none where no component needs more."""
    rooms = [ROOMS[name] for name in components if name in ROOMS]
    if not rooms:
        return ()
    cpu = _milli(SIZES[size].cpu_quota) + sum(each.cpu for each in rooms)
    memory = _mebi(SIZES[size].memory_quota) + sum(each.memory for each in rooms)
    both = (("cpu", f"{cpu}m"), ("memory", f"{memory}Mi"))
    return (
        *((f"{place}.{name}", amount) for name, amount in both for place in ("requests", "limits")),
        ("pods", str(PODS + sum(each.pods for each in rooms))),
        ("persistentvolumeclaims", str(sum(each.claims for each in rooms))),
        ("requests.storage", f"{sum(each.storage for each in rooms)}Gi"),
    )


def _milli(amount: str) -> int:
    return int(amount.removesuffix("m"))


def _mebi(amount: str) -> int:
    """Of Mi or Gi."""
    return int(amount.removesuffix("Gi")) * 1024 if amount.endswith("Gi") else int(amount.removesuffix("Mi"))
