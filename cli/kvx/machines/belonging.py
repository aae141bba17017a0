"""Decides what at Hetzner belongs to a cluster: by label, or made by the cluster's own controllers."""

from collections.abc import Iterator
from dataclasses import dataclass

from kvx.machines.catalogue import Live, Resource
from kvx.machines.fleet import CLUSTER_LABEL

# Sources: hcloud-cloud-controller-manager (internal/annotation), csi-driver (volumes/), cluster-autoscaler.
CONTROLLER_LABEL = "hcloud-ccm/service-uid"
VOLUME_LABEL, VOLUME_MAKER, VOLUME_NAME = "managed-by", "csi-driver", "pvc-"
AUTOSCALED_LABEL = "hcloud/node-group"


@dataclass(frozen=True, slots=True)
class Belonging:
    """What cleanup may touch (`ours`, `made_by_controllers`) and what it only names.

    `in_doubt`: made by controllers of some cluster, and nothing shows of which. `strangers`: called as
    ours are, and labelled as no cluster's. `in_the_way`: somebody else's, and tied to our network, which
    cannot go while it is there.
    """

    ours: tuple[Resource, ...]
    made_by_controllers: tuple[Resource, ...]
    in_doubt: tuple[Resource, ...]
    strangers: tuple[Resource, ...]
    in_the_way: tuple[Resource, ...]

    @property
    def all_ours(self) -> tuple[Resource, ...]:
        return (*self.made_by_controllers, *self.ours)


def belonging(live: Live) -> Belonging:
    """Sort everything in the project; what is in none of the parts is nobody's business here."""
    made = tuple(_made_by_controllers(live))
    doubtful = tuple(_in_doubt(live, made))
    strangers = tuple(each for each in _strangers(live) if each not in (*made, *doubtful))
    networks = {("network", each.id) for each in live.our("network")}
    tied = (each for each in live.resources if each.attached_to & networks)
    in_the_way = tuple(each for each in tied if each not in (*made, *live.ours))
    return Belonging(live.ours, made, doubtful, strangers, in_the_way)


def _made_by_controllers(live: Live) -> Iterator[Resource]:
    """In the order in which they go: balancers, volumes while a server still tells whose, servers."""
    networks = {("network", each.id) for each in live.our("network")}
    autoscaled = [
        each
        for each in live.of("server")
        if AUTOSCALED_LABEL in each.labels and each.attached_to & networks and not each.is_of(live.cluster)
    ]
    servers = {("server", each.id) for each in (*live.our("server"), *autoscaled)}
    for balancer in live.of("load_balancer"):
        if CONTROLLER_LABEL in balancer.labels and balancer.attached_to & (networks | servers):
            yield from () if balancer.is_of(live.cluster) else (balancer,)
    for volume in live.of("volume"):
        if _is_of_the_driver(volume) and volume.attached_to & servers and not volume.is_of(live.cluster):
            yield volume
    yield from autoscaled


def _in_doubt(live: Live, made: tuple[Resource, ...]) -> Iterator[Resource]:
    """What a controller made, and what hangs on nothing: another cluster's perhaps."""
    for each in live.resources:
        from_controller = CONTROLLER_LABEL in each.labels or (
            each.kind == "volume" and _is_of_the_driver(each)
        )
        if from_controller and not each.attached_to and not each.is_of(live.cluster) and each not in made:
            yield each


def _is_of_the_driver(volume: Resource) -> bool:
    return volume.labels.get(VOLUME_LABEL) == VOLUME_MAKER or volume.name.startswith(VOLUME_NAME)


def _strangers(live: Live) -> Iterator[Resource]:
    for each in live.resources:
        named = each.name == live.cluster or each.name.startswith(f"{live.cluster}-")
        if named and CLUSTER_LABEL not in each.labels:
            yield each
