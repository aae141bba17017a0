"""kvx doctor: whether this machine has what the plan needs, each lack with its fix."""

import json
import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated

import typer

from kvx.commands import doctor_cluster, doctor_components, doctor_images, doctor_machines, doctor_nodes
from kvx.commands.check import Check
from kvx.commands.doctor_privacy import of_privacy
from kvx.commands.flags import Folder, Json, Target, deployment_from
from kvx.commands.typed import typed
from kvx.deployment import Deployment
from kvx.errors import ExitCode, KvxError
from kvx.plan import Plan, Step
from kvx.steps.images import BuildImages, CheckImages
from kvx.steps.machines import PlaceMachines, WriteWorkspace
from kvx.steps.manifests import ApplyManifests, RenderManifests
from kvx.steps.nodes import AwaitNodes, ConfigureNodes
from kvx.steps.service import CheckModel, RemoveFolder, StartService
from kvx.targets import plan_for

SCHEMA = "kvx/doctor/v1"
SPACE_NEEDED_BYTES = 200_000_000
# Without the first one the speech model runs, but slowly: dot products of 8-bit numbers.
FAST_FEATURES = {
    "aarch64": ("asimddp", "i8mm"),
    "arm64": ("asimddp", "i8mm"),
    "x86_64": ("avx2", "avx512_vnni"),
}


Privacy = Annotated[
    bool, typer.Option("--privacy", help="Prove what leaves the machine, and tell what is kept on it.")
]


def doctor(
    target: Target = None, folder: Folder = None, *, privacy: Privacy = False, as_json: Json = False
) -> None:
    """Check what a deploy needs of this machine.

    Each lack comes with its fix; exit code 3 where something needed is missing.
    With --privacy the voice API is asked a spoken question in a process without a network.
    """
    deployment = deployment_from(folder, target)
    looked = of_privacy(deployment) if privacy else _checks(deployment)
    checks = tuple(dict.fromkeys(looked))  # two steps may need the same
    missing = [check for check in checks if check.state == "missing"]
    if as_json:
        rows = [
            {"name": each.name, "state": each.state, "words": each.words, "fix": each.fix} for each in checks
        ]
        document = {"schema": SCHEMA, "target": deployment.target, "checks": rows, "missing": len(missing)}
        print(json.dumps(document, indent=2))
        sys.stdout.flush()
        raise typer.Exit(ExitCode.MISSING if missing else ExitCode.DONE)
    print("\n".join(_lines(checks)))
    if missing:
        message = f"{len(missing)} of {len(checks)} checks failed: {', '.join(each.name for each in missing)}"
        raise KvxError(message, missing[0].fix, ExitCode.MISSING)
    if privacy:
        return
    print(typed(f"Everything that the target {deployment.target} needs is here. Next: {_next(deployment)}"))


def _next(deployment: Deployment) -> str:
    flag = "" if deployment.target == "local" else f" --target {deployment.target}"
    return f"kvx deploy{flag}"


def _lines(checks: Sequence[Check]) -> Iterator[str]:
    names = max(len(check.name) for check in checks)
    for check in checks:
        yield f"{check.state:<8}{check.name:<{names}}  {check.words}"
        if check.fix:
            yield f"{'':<8}{'':<{names}}  fix: {typed(check.fix)}"


def _checks(deployment: Deployment) -> Iterator[Check]:
    yield Check("python", "ok", f"{platform.python_version()} at {sys.executable}")
    yield _processor()
    try:
        plan = plan_for(deployment)
    except KvxError as error:
        if error.exit_code is ExitCode.USAGE:
            raise
        yield Check("plan", "missing", error.message, error.fix)
        return
    # Two steps may need the same thing: it is told once.
    yield from dict.fromkeys(need for step in (*plan.steps, *plan.undo) for need in _needs(step))
    yield from _components(plan)


def _components(plan: Plan) -> Iterator[Check]:
    """What a cluster needs for them is known from both steps of its manifests."""
    rendering = next((step for step in plan.steps if isinstance(step, RenderManifests)), None)
    applying = next((step for step in plan.steps if isinstance(step, ApplyManifests)), None)
    if rendering is not None and applying is not None:
        yield from doctor_components.of_components(rendering, applying)


def _needs(step: Step) -> Iterator[Check]:
    """What one step needs of this machine."""
    match step:
        case CheckModel():
            yield _program(step.program[0])
            yield _model(step)
        case StartService():
            yield _program(step.argv[0])
            yield _port(step)
        case PlaceMachines():
            yield from doctor_machines.of_placing(step)
        case WriteWorkspace():
            yield from doctor_machines.of_workspace(step)
        case AwaitNodes():
            yield from doctor_nodes.of_awaiting(step)
        case ConfigureNodes():
            yield from doctor_nodes.of_configuring(step)
        case RemoveFolder():
            yield from _folder(step)
        case _:
            yield from _needs_of_cluster(step)


def _needs_of_cluster(step: Step) -> Iterator[Check]:
    match step:
        case BuildImages():
            yield from doctor_images.of_building(step)
        case CheckImages():
            yield from doctor_images.of_checking(step)
        case RenderManifests():
            yield from doctor_cluster.of_rendering(step)
        case ApplyManifests():
            yield from doctor_cluster.of_applying(step)


def _program(name: str) -> Check:
    from kvx.drivers import machine

    path = machine.program(name)
    if path:
        return Check("program", "ok", path)
    return Check(
        "program", "missing", f"{name} is not there, or may not be run", "./deploy.sh doctor installs it"
    )


def _model(step: CheckModel) -> Check:
    from kvx import drivers
    from kvx.world import real_world

    looking = replace(step, folder=step.folder / "nowhere")  # a record is kept only in a folder that is there
    try:
        drivers.perform(looking, real_world())
    except KvxError as error:
        return Check("model", "missing", error.message, error.fix)
    return Check("model", "ok", f"the speech model {step.model} is whole")


def _port(step: StartService) -> Check:
    from kvx import drivers
    from kvx.drivers import machine
    from kvx.world import real_world

    if step.port is None:
        return Check("port", "ok", f"a free one is taken on {step.host}")
    if drivers.is_done(step, real_world()):
        return Check("port", "ok", f"{step.host}:{step.port} is in use by this deployment")
    if machine.port_is_free(step.host, step.port):
        return Check("port", "ok", f"{step.host}:{step.port} is free")
    fix = f"choose another one: kvx deploy --port {min(step.port + 1, 65535)}; or leave it out"
    return Check("port", "missing", f"{step.host}:{step.port} is taken by another program", fix)


def _folder(step: RemoveFolder) -> Iterator[Check]:
    from kvx.drivers import machine

    near = machine.nearest_folder(step.folder)
    if machine.is_writable(near):
        yield Check("folder", "ok", f"{near} is writable")
    else:
        yield Check(
            "folder", "missing", f"{near} is not writable", "choose a folder of your own with --folder"
        )
    free = machine.free_bytes(near)
    words = f"{free / 1e9:.1f} GB are free in {near}"
    if free >= SPACE_NEEDED_BYTES:
        yield Check("space", "ok", words)
    else:
        fix = f"free {SPACE_NEEDED_BYTES / 1e6:.0f} MB there, or choose another --folder"
        yield Check("space", "missing", words, fix)


def _processor() -> Check:
    from kvx.drivers import machine

    kind = platform.machine()
    known = FAST_FEATURES.get(kind, ())
    have = [name for name in known if name in machine.processor_features()]
    words = f"{kind}, {machine.core_count()} cores, {', '.join(have) or 'no fast integer arithmetic known'}"
    if known and known[0] not in have:
        return Check("processor", "slow", words, "the voice API works here; a newer processor answers sooner")
    return Check("processor", "ok", words)
