"""What nodes have of images that are in no registry, and what they are rid of."""

import shlex

from kvx.drivers.image_loading import looked, not_loaded, way_of
from kvx.drivers.ssh_probe import Way
from kvx.drivers.ssh_work import Remote, Work, work_on
from kvx.errors import KvxError
from kvx.nodes.inventory import Host
from kvx.steps.images import LoadImages
from kvx.world import World

_SECONDS = 120.0
# What a container was made from stays, or it could not start again.
_REMOVE = """
used=$(k3s ctr containers ls | awk '{{print $2}}') || exit 1
for name in {names}; do
    echo "$used" | grep -qxF "$name" || k3s ctr images rm --sync "$name"
done
"""


def images_on_nodes(step: LoadImages, world: World) -> dict[str, dict[str, str]]:
    """Names and digests for each node; KvxError that names those that did not tell."""
    way, hosts = way_of(step)
    found = work_on({host: looked(way, host) for host in hosts}, way, _SECONDS, world)
    if errors := [each.error for each in found.values() if each.error]:
        raise not_loaded(errors, len(hosts))
    return {host.name: dict(each.value.images) for host, each in found.items() if each.value}


def remove_from_nodes(step: LoadImages, stays: frozenset[str], world: World) -> None:
    """Every image of ours there whose digest is none of these, unless a container uses it."""
    way, hosts = way_of(step)
    found = work_on({host: _removed(way, host, stays, world) for host in hosts}, way, _SECONDS, world)
    if errors := [each.error for each in found.values() if each.error]:
        raise not_loaded(errors, len(hosts))


def _removed(way: Way, host: Host, stays: frozenset[str], world: World) -> Work[None]:
    seen = yield from looked(way, host)
    names = [name for name, digest in seen.images.items() if digest not in stays]
    if not names:
        return
    said = yield Remote(_REMOVE.format(names=shlex.join(names)))
    if said.code != 0:
        raise KvxError(f"{host.name} keeps images that may go: {said.words}", "the same command once more")
    world.progress(f"{host.name}: {len(names)} images that nothing uses are gone")
