"""Whether pods fit onto nodes: the largest first, each where it has room; a yes is sure, a no is not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from kvx.cost.sharing import PlacedPod


@dataclass(frozen=True, slots=True)
class Room:
    """What a node can give to pods: cores and bytes."""

    name: str
    cores: Decimal
    memory: Decimal


def all_fit(pods: Iterable[PlacedPod], rooms: Sequence[Room]) -> bool:
    """Whether each pod finds a place; taints, spreading and volumes are not looked at."""
    cores = [room.cores for room in rooms]
    memory = [room.memory for room in rooms]
    whole_cores, whole_memory = sum(cores) or Decimal(1), sum(memory) or Decimal(1)
    size = lambda pod: max(pod.cores / whole_cores, pod.memory / whole_memory)  # noqa: E731  said once
    for pod in sorted(pods, key=size, reverse=True):
        for number in range(len(cores)):
            if pod.cores <= cores[number] and pod.memory <= memory[number]:
                cores[number] -= pod.cores
                memory[number] -= pod.memory
                break
        else:
            return False
    return True


def fit_with_one_down(pods: Sequence[PlacedPod], rooms: Sequence[Room]) -> bool:
    """Whether they still fit while any one of the nodes is gone; daemons are not among `pods`."""
    return len(rooms) > 1 and all(
        all_fit(pods, [room for room in rooms if room is not down]) for down in rooms
    )
