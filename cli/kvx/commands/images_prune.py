"""kvx images prune: says which images may go, and deletes them when asked to."""

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from kvx.commands.flags import Folder, Json, Target, Yes
from kvx.commands.images_deployment import images_deployment, repositories_of
from kvx.commands.images_list import Repository
from kvx.commands.screen import asked
from kvx.deployment import Deployment
from kvx.errors import ExitCode, KvxError

if TYPE_CHECKING:
    from kvx.images.reference import Reference
    from kvx.images.retention import Retention, Tagged
    from kvx.world import World

    Found = Mapping[Reference, Retention]

SCHEMA = "kvx/images/v1"


def prune(
    repository: Repository = None,
    *,
    keep_last: Annotated[int, typer.Option(metavar="N", min=1, help="The newest N stay.")] = 5,
    cluster: Annotated[
        bool, typer.Option("--cluster", help="What the releases kept in the cluster use stays, too.")
    ] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Delete, after a question.")] = False,
    target: Target = None,
    folder: Folder = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Print which images may go; with --delete, delete them.

    The newest stay, what images.json of any target here names, and every tag that kvx has not given itself.
    Without a registry it is about .kvx/TARGET/images and about the nodes, where what a container uses stays.
    """
    from kvx.drivers import image_pruning
    from kvx.drivers.image_list import tagged_in
    from kvx.images.retention import retention
    from kvx.lock import acquire
    from kvx.world import real_world

    deployment = images_deployment(folder, target)
    world = real_world(lambda words: print(words, file=sys.stderr))
    used = image_pruning.kept_digests(deployment.folder.parent)
    if cluster:
        used |= _released(deployment, world)
    places = tagged_in(repositories_of(deployment, repository), world, deployment.folder)
    found = {place: retention(tags, used, keep_last) for place, tags in places.items()}
    if delete:
        _ask(found, yes=yes)
        lock = acquire(deployment.lock, "kvx images prune")  # a build may be writing there
        try:
            _delete(deployment, found, used, world)
        finally:
            lock.release()
    _tell(found, deleted=delete, as_json=as_json)


def _released(deployment: Deployment, world: "World") -> frozenset[str]:
    from kvx.commands.cluster_target import of_deployment
    from kvx.drivers.image_pruning import released_digests
    from kvx.drivers.releases import history

    about = of_deployment(deployment, "kvx images prune")
    releases = history(about.api(world), about.namespace)
    return frozenset(digest for each in releases for digest in released_digests(each.images))


def _ask(found: "Found", *, yes: bool) -> None:
    """Raises a KvxError with exit code 3 where nobody can be asked, and with 1 for anything but yes."""
    going = [(place, each) for place, retention in found.items() for each in retention.goes]
    if not going or yes:
        return
    if not sys.stdin.isatty():
        message = "kvx images prune asks before it deletes anything, and there is no terminal to ask on"
        raise KvxError(message, "kvx images prune --delete --yes", ExitCode.MISSING)
    for place, each in going:
        print(f"  {place}:{each.tag}  {each.digest}", file=sys.stderr)
    if not asked(f"Delete {len(going)}? They cannot be had back."):
        raise KvxError("nothing was deleted", "kvx images prune --delete, and answer yes")


def _delete(deployment: Deployment, found: "Found", used: frozenset[str], world: "World") -> None:
    from kvx.drivers import image_pruning, inventory, node_images
    from kvx.phases.images import loading

    freed = sum(
        image_pruning.delete(place, going, world, deployment.folder) for place, going in found.items()
    )
    if freed:
        world.progress(f"{freed / 1e6:.1f} MB are free in {deployment.folder}")
    are_local = any(place.is_local for place in found)
    if are_local and (deployment.folder / inventory.NAME).exists():
        stays = used | {each.digest for retention in found.values() for each, _ in retention.kept}
        node_images.remove_from_nodes(loading(deployment), frozenset(stays), world)


def _tell(found: "Found", *, deleted: bool, as_json: bool) -> None:
    from kvx.images.record import name_of

    kept = [(name_of(place), each, why) for place, its in found.items() for each, why in its.kept]
    goes = [(name_of(place), each) for place, its in found.items() for each in its.goes]
    if as_json:
        document = {
            "schema": SCHEMA,
            "repositories": list(map(str, found)),
            "kept": [{**_row(name, each), "why": why} for name, each, why in kept],
            "goes": [_row(name, each) for name, each in goes],
            "deleted": deleted,
        }
        print(json.dumps(document))
        return
    for name, each, why in kept:
        print(f"stays   {f'{name}:{each.tag}':<40} {each.digest}  {why}")
    for name, each in goes:
        print(f"{'deleted' if deleted else 'goes':<7} {f'{name}:{each.tag}':<40} {each.digest}")
    if goes and not deleted:
        print("Nothing was deleted. Next: kvx images prune --delete", file=sys.stderr)
    elif goes and not all(place.is_local for place in found):
        print("The registry gives their room back when it collects its garbage next.", file=sys.stderr)


def _row(name: str, tagged: "Tagged") -> dict[str, str]:
    return {"image": name, "tag": tagged.tag, "digest": tagged.digest}
