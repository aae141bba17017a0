"""kvx images prune: says which images may go, and deletes them when asked to."""

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from kvx.commands.flags import Folder, Json, Target, Yes
from kvx.commands.images_deployment import images_deployment, repository_of
from kvx.commands.images_list import Repository
from kvx.commands.screen import asked
from kvx.deployment import Deployment
from kvx.errors import ExitCode, KvxError

if TYPE_CHECKING:
    from kvx.images.reference import Reference
    from kvx.images.retention import Retention
    from kvx.world import World

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
    from kvx.drivers.image_list import tagged
    from kvx.images.retention import retention
    from kvx.lock import acquire
    from kvx.world import real_world

    deployment = images_deployment(folder, target)
    world = real_world(lambda words: print(words, file=sys.stderr))
    where = repository_of(deployment, repository)
    used = image_pruning.kept_digests(deployment.folder.parent)
    if cluster:
        used |= _released(deployment, world)
    found = retention(list(tagged(where, world, deployment.folder)), used, keep_last)
    if delete:
        _ask(where, found, yes=yes)
        lock = acquire(deployment.lock, "kvx images prune")  # a build may be writing there
        try:
            _delete(deployment, where, found, used, world)
        finally:
            lock.release()
    _tell(where, found, deleted=delete, as_json=as_json)


def _released(deployment: Deployment, world: "World") -> frozenset[str]:
    from kvx.commands.cluster_target import of_deployment
    from kvx.drivers.image_pruning import released_digests
    from kvx.drivers.releases import history

    about = of_deployment(deployment, "kvx images prune")
    releases = history(about.api(world), about.namespace)
    return frozenset(digest for each in releases for digest in released_digests(each.images))


def _ask(where: "Reference", found: "Retention", *, yes: bool) -> None:
    """Raises a KvxError with exit code 3 where nobody can be asked, and with 1 for anything but yes."""
    if not found.goes or yes:
        return
    if not sys.stdin.isatty():
        message = "kvx images prune asks before it deletes anything, and there is no terminal to ask on"
        raise KvxError(message, "kvx images prune --delete --yes", ExitCode.MISSING)
    for each in found.goes:
        print(f"  {each.tag}  {each.digest}", file=sys.stderr)
    if not asked(f"Delete {len(found.goes)} from {where}? They cannot be had back."):
        raise KvxError("nothing was deleted", "kvx images prune --delete, and answer yes")


def _delete(
    deployment: Deployment,
    where: "Reference",
    found: "Retention",
    used: frozenset[str],
    world: "World",
) -> None:
    from kvx.drivers import image_pruning, inventory, node_images
    from kvx.phases.images import loading

    freed = image_pruning.delete(where, found, world, deployment.folder)
    if freed:
        world.progress(f"{freed / 1e6:.1f} MB are free in {deployment.folder}")
    if where.is_local and (deployment.folder / inventory.NAME).exists():
        stays = used | {each.digest for each, _ in found.kept}
        node_images.remove_from_nodes(loading(deployment), frozenset(stays), world)


def _tell(where: "Reference", found: "Retention", *, deleted: bool, as_json: bool) -> None:
    if as_json:
        kept = [{"tag": each.tag, "digest": each.digest, "why": why} for each, why in found.kept]
        goes = [{"tag": each.tag, "digest": each.digest} for each in found.goes]
        print(
            json.dumps(
                {"schema": SCHEMA, "repository": str(where), "kept": kept, "goes": goes, "deleted": deleted}
            )
        )
        return
    for each, why in found.kept:
        print(f"stays   {each.tag:<24} {each.digest}  {why}")
    for each in found.goes:
        print(f"{'deleted' if deleted else 'goes':<7} {each.tag:<24} {each.digest}")
    if not deleted and found.goes:
        print("Nothing was deleted. Next: kvx images prune --delete", file=sys.stderr)
    elif deleted and found.goes and not where.is_local:
        print("The registry gives their room back when it collects its garbage next.", file=sys.stderr)
