"""kvx images: the phase of the images, its halves alone, and the proof of any image where it lies."""

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from kvx.commands.carry_out import print_plan, run
from kvx.commands.flags import DryRun, Folder, Json, Target, WaitForLock
from kvx.commands.images_deployment import images_deployment
from kvx.commands.images_list import list_tags
from kvx.commands.images_prune import prune
from kvx.deployment import Deployment
from kvx.errors import ExitCode
from kvx.phases.images import build_alone, push_alone
from kvx.plan import Phase, Plan
from kvx.targets import plan_for

if TYPE_CHECKING:
    from kvx.images.layers import Contents
    from kvx.images.proof import Examined, Wanted
    from kvx.images.reference import Reference

SCHEMA = "kvx/images/v1"
MEGABYTE = 1_000_000
PLATFORMS = ("linux/arm64", "linux/amd64")

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[IMAGE]...", help="REGISTRY/REPOSITORY:TAG; without any, those that were kept."),
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
Attested = Annotated[
    bool, typer.Option("--attested", help="It must have provenance and a bill of materials.")
]
Builder = Annotated[
    str | None,
    typer.Option(
        "--builder", metavar="NAME", help="One of docker buildx ls, ssh://USER@HOST, or kubernetes."
    ),
]
Keep = Annotated[bool, typer.Option("--keep", help="Where it is right, write its digest to images.json.")]

app = typer.Typer(
    help="Build the images, and push or load them; or one of these alone.",
    add_completion=False,
    rich_markup_mode=None,
)
app.command("list")(list_tags)
app.command()(prune)


@app.callback(invoke_without_command=True)
def images(
    context: typer.Context,
    target: Target = None,
    builder: Builder = None,
    folder: Folder = None,
    wait_for_lock: WaitForLock = 0,
    *,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Build, push and prove the images, or load them onto the nodes where there is no registry."""
    if context.invoked_subcommand is None:
        deployment = images_deployment(folder, target, builder)
        (phase,) = (each for each in plan_for(deployment).phases if each.name == "images")
        _show_or_run(phase, deployment, "", None if dry_run else wait_for_lock, as_json=as_json)


@app.command()
def build(
    target: Target = None,
    builder: Builder = None,
    folder: Folder = None,
    wait_for_lock: WaitForLock = 0,
    *,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Build the images into .kvx/TARGET/images, and prove them there; nothing is pushed."""
    deployment = images_deployment(folder, target, builder)
    _show_or_run(
        build_alone(deployment), deployment, "build", None if dry_run else wait_for_lock, as_json=as_json
    )


@app.command()
def push(
    target: Target = None,
    folder: Folder = None,
    wait_for_lock: WaitForLock = 0,
    *,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Push what kvx images build has made, and prove it there.

    Without images.repository the target hetzner gets it onto its nodes by SSH, only what each of them lacks.
    """
    deployment = images_deployment(folder, target)
    _show_or_run(
        push_alone(deployment), deployment, "push", None if dry_run else wait_for_lock, as_json=as_json
    )


def _show_or_run(
    phase: Phase, deployment: Deployment, command: str, wait_for_lock: float | None, *, as_json: bool
) -> None:
    """The plan of one phase; where there is no time to wait for a lock it is only shown."""
    plan, schema = Plan(deployment.target, (phase,)), SCHEMA if as_json else None
    if wait_for_lock is None:
        print_plan(plan, schema)
    else:
        run(plan, deployment, f"kvx images {command}".strip(), wait_for_lock, schema)


@app.command()
def verify(
    images: Names = None,
    *,
    platform: Platforms = None,
    largest: Largest = 150,
    revision: Revision = None,
    attested: Attested = False,
    keep: Keep = False,
    target: Target = None,
    folder: Folder = None,
    as_json: Json = False,
) -> None:
    """Prove images in their registry, without pulling them. Exit code 0: they may roll out; 1: one must not.

    The index has the platforms, every program inside is of its platform's processor, it runs as no root,
    checks its health, is small, says where it is from, and holds no secret. Its tag still means its digest.
    Provenance and bill of materials belong to it, name where it is from, and list what is in its layers.
    """
    from kvx.drivers import image_proof, image_records
    from kvx.images import record
    from kvx.images.attested import KINDS
    from kvx.images.proof import Wanted
    from kvx.images.reference import parse_reference
    from kvx.world import real_world

    deployment = images_deployment(folder, target)
    file = deployment.images
    wanted = Wanted(
        tuple(record.platform_of(each) for each in platform or PLATFORMS),
        int(largest * MEGABYTE),
        revision,
        attested=KINDS if attested else (),
    )
    names = [(parse_reference(each), wanted) for each in images or ()] or [
        (each.reference, replace(wanted, attested=tuple({*wanted.attested, *each.attested})))
        for each in image_records.kept(file).values()
    ]
    world = real_world(lambda words: print(words, file=sys.stderr))
    seen: dict[str, Contents] = {}
    found = [
        (name, image_proof.examined(name, _held(name, to), world, deployment.folder, seen))
        for name, to in names
    ]
    for name, examined in found:
        if keep and not examined.findings:
            image_records.keep(file, record.proven(name, examined))
    _tell(found, wanted, as_json=as_json)


def _held(name: "Reference", wanted: "Wanted") -> "Wanted":
    """What an image of that name is held to."""
    from kvx.images.recipes import recipe_of
    from kvx.images.record import name_of

    return replace(wanted, serves=recipe_of(name_of(name)).serves)


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
            what = "They" if found[1:] else "It"
            print(f"{what} may roll out on {' and '.join(map(str, wanted.platforms))}.", file=sys.stderr)
    if failed:
        raise typer.Exit(int(code))


def _lines(name: "Reference", examined: "Examined") -> list[str]:
    lines = [f"{name}  {examined.digest}"]
    for platform, image in sorted(examined.images.items()):
        counts = f"{len(image.contents.programs)} programs, {len(image.contents.packages)} packages"
        size = f"{image.manifest.size_bytes / MEGABYTE:.1f} MB"
        lines.append(
            f"  {platform!s:<12} {size:>9}  {counts}  user {image.configuration.user}  {image.digest}"
        )
    return lines


def _row(name: "Reference", examined: "Examined") -> dict[str, object]:
    platforms = {
        str(platform): {
            "digest": image.digest,
            "size_bytes": image.manifest.size_bytes,
            "programs": len(image.contents.programs),
            "packages": len(image.contents.packages),
            "attested": list(image.attested.kinds),
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
