"""kvx images: proves images where they lie, lists them, and runs the phase of the images."""

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from kvx.commands.flags import Folder, Json, Target, WaitForLock, deployment_from
from kvx.commands.phase import images as phase
from kvx.errors import ExitCode

if TYPE_CHECKING:
    from kvx.drivers.image_list import Tagged
    from kvx.images.proof import Examined, Wanted
    from kvx.images.reference import Reference

SCHEMA = "kvx/images/v1"
MEGABYTE = 1_000_000
PLATFORMS = ("linux/arm64", "linux/amd64")

Name = Annotated[
    str | None,
    typer.Argument(metavar="[IMAGE]", help="REGISTRY/REPOSITORY:TAG; without it, those that were kept."),
]
Repository = Annotated[str, typer.Argument(metavar="REPOSITORY", help="REGISTRY/REPOSITORY.")]
Platforms = Annotated[
    list[str] | None,
    typer.Option("--platform", metavar="PLATFORM", help="Held to these; linux/arm64 and amd64."),
]
Largest = Annotated[
    float, typer.Option(metavar="MB", min=1, help="Most it may be for a platform, compressed.")
]
Revision = Annotated[str | None, typer.Option(metavar="COMMIT", help="Built from this revision of git.")]
Keep = Annotated[bool, typer.Option("--keep", help="Where it is right, write its digest to images.json.")]

app = typer.Typer(help="Prove and list images.", add_completion=False, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def images(
    context: typer.Context,
    target: Target = None,
    folder: Folder = None,
    wait_for_lock: WaitForLock = 0,
    *,
    as_json: Json = False,
) -> None:
    """Build the images alone; verify and list look at what is in a registry."""
    if context.invoked_subcommand is None:
        phase(target, folder, wait_for_lock, as_json=as_json)


@app.command()
def verify(
    image: Name = None,
    *,
    platform: Platforms = None,
    largest: Largest = 150,
    revision: Revision = None,
    keep: Keep = False,
    target: Target = None,
    folder: Folder = None,
    as_json: Json = False,
) -> None:
    """Prove an image in its registry, without pulling it. Exit code 0: it may roll out; 1: it must not.

    The index has the platforms, every program inside is of its platform's processor, it runs as no root,
    checks its health, is small, says where it is from, and holds no secret. Its tag still means its digest.
    """
    from kvx.drivers import image_proof, image_records
    from kvx.images import record
    from kvx.images.proof import Wanted
    from kvx.images.reference import parse_reference
    from kvx.world import real_world

    file = deployment_from(folder, target).images
    wanted = Wanted(
        tuple(record.platform_of(each) for each in platform or PLATFORMS), int(largest * MEGABYTE), revision
    )
    names = (
        [parse_reference(image)] if image else [each.reference for each in image_records.kept(file).values()]
    )
    world = real_world(lambda words: print(words, file=sys.stderr))
    found = [(name, image_proof.examined(name, wanted, world)) for name in names]
    for name, examined in found:
        if keep and not examined.findings:
            image_records.keep(file, record.proven(name, examined))
    _tell(found, wanted, as_json=as_json)


@app.command("list")
def list_tags(repository: Repository, *, as_json: Json = False) -> None:
    """Print the tags of a repository, with digest, platforms and compressed sizes."""
    from kvx.drivers.image_list import tagged
    from kvx.images.reference import parse_reference
    from kvx.world import real_world

    found = list(tagged(parse_reference(repository), real_world(lambda words: print(words, file=sys.stderr))))
    if as_json:
        rows = [{"tag": each.tag, "digest": each.digest, "size_bytes": each.sizes} for each in found]
        print(json.dumps({"schema": SCHEMA, "tags": rows}))
        return
    for each in found:
        print(f"{each.tag:<24} {each.digest}  {_sizes(each)}")


def _sizes(tagged: "Tagged") -> str:
    return ", ".join(f"{platform} {size / MEGABYTE:.1f} MB" for platform, size in tagged.sizes.items())


def _tell(found: "list[tuple[Reference, Examined]]", wanted: "Wanted", *, as_json: bool) -> None:
    failed = any(examined.findings for _, examined in found)
    code = ExitCode.FAILED if failed else ExitCode.DONE
    if as_json:
        rows = [_row(name, examined) for name, examined in found]
        print(json.dumps({"schema": SCHEMA, "images": rows, "exit_code": int(code)}))
    else:
        for name, examined in found:
            print("\n".join(_lines(name, examined)))
        for finding in (each for _, examined in found for each in examined.findings):
            print(f"{finding.words}\nfix: {finding.fix}", file=sys.stderr)
        if not failed:
            print(f"It may roll out on {' and '.join(map(str, wanted.platforms))}.", file=sys.stderr)
    if failed:
        raise typer.Exit(int(code))


def _lines(name: "Reference", examined: "Examined") -> list[str]:
    lines = [f"{name}  {examined.digest}"]
    for platform, image in sorted(examined.images.items()):
        programs = f"{len(image.contents.programs)} programs"
        size = f"{image.manifest.size_bytes / MEGABYTE:.1f} MB"
        lines.append(
            f"  {platform!s:<12} {size:>9}  {programs}  user {image.configuration.user}  {image.digest}"
        )
    return lines


def _row(name: "Reference", examined: "Examined") -> dict[str, object]:
    platforms = {
        str(platform): {
            "digest": image.digest,
            "size_bytes": image.manifest.size_bytes,
            "programs": len(image.contents.programs),
            "user": image.configuration.user,
            "labels": dict(image.configuration.labels),
        }
        for platform, image in sorted(examined.images.items())
    }
    findings = [
        {
            "kind": each.kind,
            "platform": str(each.platform) if each.platform else None,
            "words": each.words,
            "fix": each.fix,
        }
        for each in examined.findings
    ]
    return {"reference": str(name), "digest": examined.digest, "platforms": platforms, "findings": findings}
