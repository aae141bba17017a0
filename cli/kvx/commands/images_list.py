"""kvx images list: the tags of all images or of one repository, and what each node has."""

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from kvx.commands.flags import Folder, Json, Target
from kvx.commands.images_deployment import images_deployment, repositories_of

if TYPE_CHECKING:
    from kvx.images.retention import Tagged

SCHEMA = "kvx/images/v1"
MEGABYTE = 1_000_000

Repository = Annotated[
    str | None,
    typer.Argument(metavar="[REPOSITORY]", help="REGISTRY/REPOSITORY; without it, those of the settings."),
]


def list_tags(
    repository: Repository = None,
    nodes: Annotated[bool, typer.Option("--nodes", help="What each node has, asked by SSH.")] = False,
    target: Target = None,
    folder: Folder = None,
    *,
    as_json: Json = False,
) -> None:
    """Print the tags of every image, with digest, platforms and compressed sizes; or what nodes have.

    Without a repository and without one in the settings: what lies in .kvx/TARGET/images.
    """
    from kvx.drivers.image_list import tagged_in
    from kvx.images.record import name_of
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
    places = tagged_in(repositories_of(deployment, repository), world, deployment.folder)
    tags = [(name_of(place), each) for place, found in places.items() for each in found]
    if as_json:
        print(json.dumps({"schema": SCHEMA, "tags": [_row(name, each) for name, each in tags]}))
        return
    for name, each in tags:
        print(f"{f'{name}:{each.tag}':<40} {each.digest}  {sizes_of(each)}")


def _row(name: str, tagged: "Tagged") -> dict[str, object]:
    return {
        "image": name,
        "tag": tagged.tag,
        "digest": tagged.digest,
        "created": tagged.created,
        "size_bytes": dict(tagged.sizes),
    }


def sizes_of(tagged: "Tagged") -> str:
    return ", ".join(f"{platform} {size / MEGABYTE:.1f} MB" for platform, size in tagged.sizes.items())
