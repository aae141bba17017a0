"""Asks a cluster whether it installs charts, as k3s does, and waits for kinds that come with one."""

from collections.abc import Collection, Sequence

from kvx.cluster.charts import (
    GROUP,
    INSTALL_SECONDS,
    Fitting,
    GroupKind,
    awaited,
    brought_by,
    fitted,
    kind_of,
    why_it_failed,
)
from kvx.cluster.order import Object
from kvx.cluster.refusals import ApiError
from kvx.drivers.api_server import Api
from kvx.drivers.cluster_lease import Held
from kvx.drivers.members import stopped
from kvx.errors import KvxError
from kvx.world import World

MISSING = 404
POLL_SECONDS = 1.0


def fitting(api: Api, objects: Sequence[Object]) -> Fitting:
    """The objects but for charts, where the cluster does not know what a chart is."""
    versions = {kind_of(each): str(each["apiVersion"]) for each in objects if kind_of(each)[0] == GROUP}
    return fitted(objects, [kind for kind, version in versions.items() if _knows(api, version, kind)])


def pending(api: Api, objects: Collection[Object]) -> tuple[Object, ...]:
    """Charts that bring kinds which others of the objects are of, and the cluster does not know yet."""
    lacking = _unknown(api, objects)
    return tuple(each for each in objects if brought_by(each) & lacking)


def await_brought(
    api: Api, charts: Sequence[Object], objects: Collection[Object], held: Held, world: World
) -> None:
    """Until the cluster knows what these charts bring; KvxError where one fails, or takes too long."""
    end = world.monotonic() + INSTALL_SECONDS
    names = ", ".join(str(each["metadata"]["name"]) for each in charts)
    world.progress(f"wait until k3s has installed {names}")
    while lacking := _unknown(api, objects):
        held.check()
        if world.stop_requested():
            raise stopped()
        for each in charts:
            if brought_by(each) & lacking and (why := why_it_failed(api.find(each))):
                raise _failed(each, f"k3s cannot install it: {why}")
            if brought_by(each) & lacking and world.monotonic() >= end:
                kinds = " and ".join(sorted(kind for _, kind in brought_by(each) & lacking))
                raise _failed(each, f"it has brought no {kinds} within {INSTALL_SECONDS:.0f} s")
        world.sleep(POLL_SECONDS)


def _failed(chart: Object, why: str) -> KvxError:
    metadata = chart["metadata"]
    job = f"kubectl --namespace {metadata['namespace']} logs job/helm-install-{metadata['name']}"
    return KvxError(f"the chart {metadata['name']}: {why}", f"{job}; then run the same command again")


def _unknown(api: Api, objects: Collection[Object]) -> frozenset[GroupKind]:
    versions = awaited(objects)
    return frozenset(kind for kind, version in versions.items() if not _knows(api, version, kind))


def _knows(api: Api, version: str, kind: GroupKind) -> bool:
    try:
        api.resource(version, kind[1])
    except ApiError as error:
        if error.status != MISSING:
            raise
        return False
    return True
