"""Makes a builder in the cluster: buildx starts BuildKit as a rootless pod, in a namespace of its own."""

import shlex

from kvx.drivers.builders import builders
from kvx.drivers.buildx import program
from kvx.drivers.clusters import api_of
from kvx.drivers.kubernetes import NAME as KUBECONFIG
from kvx.drivers.programs import run_program
from kvx.drivers.ssh_failures import last_words
from kvx.errors import ExitCode, KvxError
from kvx.images.cluster_builder import NAME, OBJECTS, options
from kvx.steps.images import BuildImages
from kvx.world import World

_SECONDS = 60.0


def made(step: BuildImages, world: World) -> str:
    """Its name for --builder; what is missing of it is made, but its pod, which begins with the build."""
    if step.where.context is not None:
        message = (
            f"buildx takes a kubeconfig's current context, and kubernetes.context is {step.where.context}"
        )
        fix = f"kubectl config use-context {step.where.context}, and leave kubernetes.context out"
        raise KvxError(message, fix, ExitCode.USAGE)
    api = api_of(step.where, step.folder, world)
    for each in OBJECTS:
        api.apply(each)
    if any(each.name == NAME for each in builders(world)):
        return NAME
    world.progress(f"makes {NAME}, a builder in the cluster")
    create = ("create", f"--name={NAME}", "--driver=kubernetes", *options(step.wanted.builder_pod_image))
    ended = run_program((*_with_kubeconfig(step), *program(world), *create), _SECONDS, world)
    if ended.code != 0:
        message = f"the cluster does not become a builder: {last_words(ended.talk)}"
        raise KvxError(message, shlex.join(("docker", "buildx", *create)), ExitCode.MISSING)
    return NAME


def _with_kubeconfig(step: BuildImages) -> tuple[str, ...]:
    """buildx reads where it is from the environment, once: it remembers it."""
    path = step.folder / KUBECONFIG if step.where.made else step.where.kubeconfig
    return ("env", f"KUBECONFIG={path.expanduser().resolve()}") if path else ()
