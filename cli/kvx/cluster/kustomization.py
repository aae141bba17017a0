"""The kustomization that kvx writes for a target: the overlay and what the settings say beside it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

NAMESPACE = "kvx"
NAME = "voice-api"


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A file of the user's that goes into the cluster, in the place of the one that a component brings.

    `folder` is beside the kustomization; `setting` of kvx.toml names the file.
    """

    folder: str
    config_map: str
    name: str
    setting: str

    @property
    def component(self) -> str:
        """What lies beside the file. A component, as only these see what other components make."""
        return f"""\
# Written by kvx: {self.setting} of kvx.toml.
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
configMapGenerator:
  - name: {self.config_map}
    namespace: {NAMESPACE}
    behavior: replace
    files:
      - {self.name}
    options:
      immutable: true
"""


ENGINES = OwnFile("engines", "voice-api-engines", "engines.toml", "voice.engines_file")
SENTENCES = OwnFile("sentences", "voice-api-sentences", "sentences.yaml", "voice.grammar_file")
# Who runs an image of ours, and where what it runs is written down.
IMAGE_LABEL = "kvx/image"
TEMPLATES = {
    "Deployment": "/spec/template",
    "StatefulSet": "/spec/template",
    "DaemonSet": "/spec/template",
    "CronJob": "/spec/jobTemplate/spec/template",
}
ARCHITECTURE = "kubernetes.io/arch"
# A pod ends after it left the Service (preStop), drained, and had some to spare: k8s/base/voice-api.
LEAVING_SECONDS, SPARE_SECONDS = 3, 17
# A component that changes what another one brings, and that one.
NEEDS = {
    "autoscaling-queue": "autoscaling",
    "cloud-engine": "postgres",
    "cost-figures": "cost-report",
    "identity-provider": "users",
    "persistence": "voice-processor",
    "users": "postgres",
    "vpa-memory": "vpa",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to run; None leaves a value to the overlay. `size` is None where the base has it already.

    `settings` are variables of the voice API, `cost_settings` those of kvx in the cluster, `quota` what is
    added up for the components, `images` those of others by their names in k8s/, `own` the files that go
    along. `overlay` stands in the place of everything but the images.
    """

    target: str
    components: tuple[str, ...] = ()
    arm64: str | None = None
    least_replicas: int | None = None
    most_replicas: int | None = None
    cpu_quota: str | None = None
    memory_quota: str | None = None
    quota: tuple[tuple[str, str], ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    cost_settings: tuple[tuple[str, str], ...] = ()
    drain_seconds: float | None = None
    overlay: Path | None = None
    images: tuple[tuple[str, str], ...] = ()
    own: tuple[tuple[OwnFile, Path], ...] = ()


@dataclass(frozen=True, slots=True)
class Image:
    """Where what k8s/ calls `unfilled` is; `pull_policy` Never where nodes have it and no registry does."""

    unfilled: str
    name: str
    digest: str
    pull_policy: str = "IfNotPresent"


def components_of(chosen: tuple[str, ...], size: str) -> tuple[str, ...]:
    """The components that are switched on, what they need before them, and the one of the size."""
    needed = (each for name in chosen for each in _with_needs(name))
    own = () if size == "s" else (f"size-{size}",)
    return tuple(dict.fromkeys((*needed, *own)))


def _with_needs(component: str) -> Iterator[str]:
    if component in NEEDS:
        yield from _with_needs(NEEDS[component])
    yield component


def kustomization(wanted: Wanted, images: Sequence[Image], overlay: str, components: str) -> str:
    """The file; `overlay` and `components` are the folders as they are reached from its own."""
    return "\n".join(_lines(wanted, images, overlay, components)) + "\n"


def _lines(wanted: Wanted, images: Sequence[Image], overlay: str, components: str) -> Iterator[str]:
    yield f"# Written by kvx for the target {wanted.target}; change kvx.toml instead. kvx kubernetes render"
    yield "# shows what comes of it, and so does kubectl kustomize with this folder."
    yield "apiVersion: kustomize.config.k8s.io/v1beta1"
    yield "kind: Kustomization"
    yield "resources:"
    yield f"  - {_text(overlay)}"
    if wanted.components:
        yield "components:"
        yield from (f"  - {_text(f'{components}/{name}')}" for name in wanted.components)
        yield from (f"  - {file.folder}" for file, _ in wanted.own)
    yield from _images(images) if images else ()
    yield from _settings(wanted) if wanted.settings else ()
    patches = [line for patch in _patches(wanted, images) for line in patch]
    if patches:
        yield "patches:"
        yield from patches


def _images(images: Sequence[Image]) -> Iterator[str]:
    yield "images:"
    for image in images:
        yield f"  - name: {image.unfilled}"
        if image.name != image.unfilled:
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


def _patches(wanted: Wanted, images: Sequence[Image]) -> Iterator[tuple[str, ...]]:
    for image in images:
        if image.pull_policy != "IfNotPresent":
            yield from _pull_policies(image)
    if wanted.cost_settings:  # a component's own: they cannot be merged from here
        said: list[Operation] = [("add", f"/data/{name}", value) for name, value in wanted.cost_settings]
        which = "name: cost-report-settings"
        yield _json_patch("ConfigMap", "What [cost] says in kvx.toml.", *said, which=which)
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
    own = [*_quota("cpu", wanted.cpu_quota), *_quota("memory", wanted.memory_quota)]
    paths = {path for _, path, _ in own}
    added: list[Operation] = [("add", f"/spec/hard/{name}", amount) for name, amount in wanted.quota]
    quotas = [*(each for each in added if each[1] not in paths), *own]
    if quotas:
        yield _json_patch("ResourceQuota", "The most that the namespace may use.", *quotas)


def _pull_policies(image: Image) -> Iterator[tuple[str, ...]]:
    """For all that run it, which have a label that says so."""
    selector = f"labelSelector: {IMAGE_LABEL}={image.unfilled.rpartition('/')[2]}"
    for kind, template in TEMPLATES.items():
        path = f"{template}/spec/containers/0/imagePullPolicy"
        why = "Nodes have the image; no registry does."
        yield _json_patch(kind, why, ("replace", path, image.pull_policy), which=selector)


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


def _json_patch(kind: str, why: str, *operations: Operation, which: str = f"name: {NAME}") -> tuple[str, ...]:
    """A patch of the object of that kind, with its reason; values are JSON, which is YAML."""
    lines = [
        f"  # {why}",
        "  - target:",
        f"      kind: {kind}",
        f"      {which}",
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
