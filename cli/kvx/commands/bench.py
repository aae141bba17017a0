"""kvx bench: measures the voice API, on this machine or as a job in a cluster."""

import json
import sys
from typing import Annotated

import typer

from kvx.commands.bench_job import Room, job
from kvx.commands.flags import Folder, Json, Target, deployment_from
from kvx.commands.typed import typed
from kvx.errors import ExitCode, KvxError

AS_TYPED = {"allow_extra_args": True, "ignore_unknown_options": True}
DEADLINE_SECONDS = 1_800.0
SMALL = ("--model", "embedded")
"""What a pod of half a GiB can measure: random models are made from weights in full precision."""

Manifest = Annotated[bool, typer.Option("--manifest", help="Print a Kubernetes Job that measures there.")]
Image = Annotated[str, typer.Option("--image", metavar="IMAGE", help="With --manifest: holds voice-api.")]
Memory = Annotated[str, typer.Option(metavar="QUANTITY", help="With --manifest: memory of the pod.")]
Cpu = Annotated[str, typer.Option(metavar="QUANTITY", help="With --manifest: processor of the pod.")]
Arm64 = Annotated[bool, typer.Option("--arm64", help="With --manifest: only on ARM64 nodes.")]
Deadline = Annotated[float, typer.Option(metavar="SECONDS", min=1, help="Give up after this long.")]

app = typer.Typer(
    help="Measure the voice API, here or in a cluster.", add_completion=False, rich_markup_mode=None
)


@app.callback()
def bench() -> None:
    """Measure how fast the voice API is and how much memory it takes."""


@app.command(context_settings=AS_TYPED)
def voice(
    context: typer.Context,
    *,
    manifest: Manifest = False,
    image: Image = "",
    memory: Memory = "512Mi",
    cpu: Cpu = "500m",
    arm64: Arm64 = False,
    deadline: Deadline = DEADLINE_SECONDS,
    target: Target = None,
    folder: Folder = None,
    as_json: Json = False,
) -> None:
    """Print tables of stages, memory and real-time factor; run it on an idle machine.

    All other flags go to voice-api bench: --model NAME_OR_FOLDER, --seconds 5, --tokens 15/80, --rounds 7,
    --threads 2, --peers [PYTHON].

    In a cluster, kvx bench voice --manifest --image IMAGE | kubectl apply -f - starts a job, and
    kubectl logs -f job/kvx-bench-voice shows its report. The version that brings kvx images builds such an
    image; until then name one of your own that holds voice-api.
    """
    arguments = [*context.args, *(["--json"] if as_json else [])]
    if manifest:
        _print_job(image, arguments, Room(memory, cpu, arm64))
        return
    if image:
        raise KvxError("--image is for a cluster", "kvx bench voice --manifest --image IMAGE", ExitCode.USAGE)
    program = _program(folder, target)
    from kvx.drivers.benching import run_shown

    code = run_shown((program, "bench", *arguments), deadline)
    sys.exit(code)  # what it had to say, it has said


def _print_job(image: str, arguments: list[str], room: Room) -> None:
    if not image:
        fix = "kvx bench voice --manifest --image IMAGE; kvx builds images in a later version"
        raise KvxError("a job needs an image that holds voice-api", fix, ExitCode.USAGE)
    models = [] if any(word.partition("=")[0] == "--model" for word in arguments) else SMALL
    print(json.dumps(job(image, [*models, *arguments], room), indent=2))
    print(typed("next: pipe this into `kubectl apply -f -`"), file=sys.stderr)


def _program(folder: Folder, target: Target) -> str:
    """The voice-api that a deploy of these settings starts."""
    from kvx.steps.service import StartService
    from kvx.targets import plan_for

    plan = plan_for(deployment_from(folder, target))
    starts = [step for step in plan.steps if isinstance(step, StartService)]
    if not starts:
        message = f"the target {plan.target} runs no voice API on this machine"
        raise KvxError(message, "kvx bench voice --target local, or --manifest", ExitCode.MISSING)
    return starts[0].argv[0]
