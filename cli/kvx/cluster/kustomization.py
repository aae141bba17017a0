"""The kustomization that kvx writes for a target: the overlay and what the settings say beside it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NAMESPACE = "kvx"
NAME = "voice-api"
UNFILLED = "kvx.invalid/voice-api"
# All that run this image; kustomize reads names as patterns.
OF_ITS_IMAGE = "voice-(api|processor)"
ARCHITECTURE = "kubernetes.io/arch"
# A pod ends after it left the Service (preStop), drained, and had some to spare: k8s/base/voice-api.
LEAVING_SECONDS, SPARE_SECONDS = 3, 17
# A component that changes what another one brings, and that one.
NEEDS = {"autoscaling-queue": "autoscaling", "vpa-memory": "vpa"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to run; None leaves a value to the overlay. `size` is None where the base has it already.

    `settings` are variables of the voice API; `overlay` stands in the place of everything but the image.
    """

    target: str
    components: tuple[str, ...] = ()
    arm64: str | None = None
    least_replicas: int | None = None
    most_replicas: int | None = None
    cpu_quota: str | None = None
    memory_quota: str | None = None
    settings: tuple[tuple[str, str], ...] = ()
    drain_seconds: float | None = None
    overlay: Path | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """Where the image of the voice API is; `pull_policy` Never where nodes have it and no registry does."""

    name: str
    digest: str
    pull_policy: str = "IfNotPresent"


def components_of(chosen: tuple[str, ...], size: str) -> tuple[str, ...]:
    """The components that are switched on, what they need before them, and the one of the size."""
    needed = (each for name in chosen for each in (NEEDS.get(name), name) if each)
    own = () if size == "s" else (f"size-{size}",)
    return tuple(dict.fromkeys((*needed, *own)))


def kustomization(wanted: Wanted, image: Image | None, overlay: str, components: str) -> str:
    """The file; `overlay` and `components` are the folders as they are reached from its own."""
    return "\n".join(_lines(wanted, image, overlay, components)) + "\n"


def _lines(wanted: Wanted, image: Image | None, overlay: str, components: str) -> Iterator[str]:
    yield f"# Written by kvx for the target {wanted.target}; change kvx.toml instead. kvx kubernetes render"
    yield "# shows what comes of it, and so does kubectl kustomize with this folder."
    yield "apiVersion: kustomize.config.k8s.io/v1beta1"
    yield "kind: Kustomization"
    yield "resources:"
    yield f"  - {_text(overlay)}"
    if wanted.components:
        yield "components:"
        yield from (f"  - {_text(f'{components}/{name}')}" for name in wanted.components)
    yield from _image(image) if image else ()
    yield from _settings(wanted) if wanted.settings else ()
    patches = [line for patch in _patches(wanted, image) for line in patch]
    if patches:
        yield "patches:"
        yield from patches


def _image(image: Image) -> Iterator[str]:
    yield "images:"
    yield f"  - name: {UNFILLED}"
    if image.name != UNFILLED:
        yield f"    newName: {_text(image.name)}"
    yield f"    digest: {image.digest}"


def _settings(wanted: Wanted) -> Iterator[str]:
    yield "configMapGenerator:"
    yield "  - name: voice-api-settings"
    yield f"    namespace: {NAMESPACE}"
    yield "    behavior: merge"
    yield "    literals:"
    yield from (f"      - {_text(f'{name}={value}')}" for name, value in wanted.settings)
    yield "    options:"
    yield "      immutable: true  # which a merge would lose"


def _patches(wanted: Wanted, image: Image | None) -> Iterator[tuple[str, ...]]:
    if image is not None and image.pull_policy != "IfNotPresent":
        why = "Nodes have the image; no registry does."
        path = "/spec/template/spec/containers/0/imagePullPolicy"
        yield _json_patch("Deployment", why, ("replace", path, image.pull_policy), name=OF_ITS_IMAGE)
    if wanted.arm64 is not None:
        yield _json_patch("Deployment", f"arm64: {wanted.arm64}", _affinity(wanted.arm64))
    if wanted.drain_seconds is not None:
        seconds = int(LEAVING_SECONDS + wanted.drain_seconds + SPARE_SECONDS)
        path = "/spec/template/spec/terminationGracePeriodSeconds"
        yield _json_patch("Deployment", "As long as it drains, and some.", ("replace", path, seconds))
    bounds = (("minReplicas", wanted.least_replicas), ("maxReplicas", wanted.most_replicas))
    set_bounds = [("replace", f"/spec/{name}", value) for name, value in bounds if value is not None]
    if set_bounds:
        yield _json_patch("HorizontalPodAutoscaler", "Replicas at least and at most.", *set_bounds)
    quotas = [*_quota("cpu", wanted.cpu_quota), *_quota("memory", wanted.memory_quota)]
    if quotas:
        yield _json_patch("ResourceQuota", "The most that the namespace may use.", *quotas)


Operation = tuple[str, str, object]


def _quota(name: str, amount: str | None) -> Iterator[Operation]:
    if amount is not None:
        yield from (("replace", f"/spec/hard/{kind}.{name}", amount) for kind in ("requests", "limits"))


def _affinity(arm64: str) -> Operation:
    path = "/spec/template/spec/affinity"
    term = {"matchExpressions": [{"key": ARCHITECTURE, "operator": "In", "values": ["arm64"]}]}
    match arm64:
        case "required":
            kind: dict[str, object] = {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}
            }
        case "preferred":
            preferred = [{"weight": 100, "preference": term}]
            kind = {"preferredDuringSchedulingIgnoredDuringExecution": preferred}
        case _:
            return ("remove", path, None)
    return ("add", path, {"nodeAffinity": kind})


def _json_patch(kind: str, why: str, *operations: Operation, name: str = NAME) -> tuple[str, ...]:
    """A patch of the object of that kind, with its reason; values are JSON, which is YAML."""
    lines = [
        f"  # {why}",
        "  - target:",
        f"      kind: {kind}",
        f"      name: {name}",
        "    patch: |-",
    ]
    for operation, path, value in operations:
        lines += [f"      - op: {operation}", f"        path: {path}"]
        if operation != "remove":
            lines.append(f"        value: {json.dumps(value)}")
    return tuple(lines)


def _text(value: str) -> str:
    """A text as YAML, in quotes where it could be read as something else."""
    plain = all(letter.isalnum() or letter in "/._-=" for letter in value) and value[:1] not in "-="
    return value if plain else json.dumps(value, ensure_ascii=False)
