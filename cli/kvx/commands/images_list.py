"""kvx images list: the tags of a repository or of the folder here, and what each node has."""

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from kvx.commands.flags import Folder, Json, Target
from kvx.commands.images_deployment import images_deployment, repository_of

if TYPE_CHECKING:
    from kvx.images.retention import Tagged

SCHEMA = "kvx/images/v1"
MEGABYTE = 1_000_000

Repository = Annotated[
    str | None,
    typer.Argument(metavar="[REPOSITORY]", help="REGISTRY/REPOSITORY; without it, that of the settings."),
]


def list_tags(
    repository: Repository = None,
    nodes: Annotated[bool, typer.Option("--nodes", help="What each node has, asked by SSH.")] = False,
    target: Target = None,
    folder: Folder = None,
    *,
    as_json: Json = False,
) -> None:
    """Print the tags of a repository, with digest, platforms and compressed sizes; or what nodes have.

    Without a repository and without one in the settings: what lies in .kvx/TARGET/images.
    """
    from kvx.drivers.image_list import tagged
    from kvx.world import real_world

    deployment = images_deployment(folder, target)
    world = real_world(lambda words: print(words, file=sys.stderr))
    if nodes:
        from kvx.drivers.node_images import images_on_nodes
        from kvx.phases.images import loading

        found = images_on_nodes(loading(deployment), world)
        if as_json:
            print(json.dumps({"schema": SCHEMA, "nodes": found}))
            return
        for node, images in found.items():
            for name, digest in sorted(images.items()):
                print(f"{node:<24} {name}  {digest}")
        return
    tags = list(tagged(repository_of(deployment, repository), world, deployment.folder))
    if as_json:
        rows = [
            {"tag": each.tag, "digest": each.digest, "created": each.created, "size_bytes": dict(each.sizes)}
            for each in tags
        ]
        print(json.dumps({"schema": SCHEMA, "tags": rows}))
        return
    for each in tags:
        print(f"{each.tag:<24} {each.digest}  {sizes_of(each)}")


def sizes_of(tagged: "Tagged") -> str:
    return ", ".join(f"{platform} {size / MEGABYTE:.1f} MB" for platform, size in tagged.sizes.items())
