"""The phase that applies the manifests, until the voice API answers from the cluster."""

from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

from kvx.cluster.kustomization import ENGINES, SENTENCES, OwnFile, Wanted, components_of
from kvx.cluster.room import quota_with
from kvx.deployment import Deployment
from kvx.errors import ExitCode, KvxError
from kvx.images.reference import DIGEST, parse_reference
from kvx.plan import Phase
from kvx.settings import KubernetesSettings, VoiceSettings
from kvx.steps.manifests import ApplyManifests, RemoveManifests, RenderManifests, Where
from kvx.steps.service import RemoveFolder

# What the overlays have: k8s/overlays.
ARM64 = {"cluster": "preferred", "hetzner": "required"}
COST, SENTENCES_COMPONENT = "cost-report", "sentences"
# A pod listens where its Service looks, has the embedded model, and asks the cluster it runs in.
_NOT_IN_PODS = frozenset(
    {
        "host",
        "port",
        "metrics_host",
        "metrics_port",
        "grammar_file",
        "extensions_folder",
        "engines_file",
        "engine_keys_folder",
        "ledger_file",
        "ledger_address_file",
        "kubeconfig",
        "context",
        "model",
        "models_folder",
        "users_file",
        "journal_folder",
        "checkpoint_file",
        "language_model_key_file",
        "processor_url",
        "jobs_folder",
    }
)
_REPLACED = (
    *("components", "arm64", "least_replicas", "most_replicas", "cpu_quota", "memory_quota"),
    *("postgres_image", "language_model_image", "speech_model_image"),
)


def manifests(*, made: bool) -> Callable[[Deployment], Phase]:
    """The phase function; a cluster that kvx has `made` is taken away with its machines."""

    def phase(deployment: Deployment) -> Phase:
        settings, folder = deployment.settings.kubernetes, deployment.folder
        where = Where(made=True) if made else Where(settings.kubeconfig, settings.context)
        return Phase(
            name="manifests",
            summary="apply the manifests, and wait until the voice API answers from the cluster",
            steps=(
                RenderManifests(
                    folder, deployment.kubernetes_source, deployment.images, wanted_of(deployment)
                ),
                ApplyManifests(
                    folder,
                    deployment.kubernetes_source,
                    where,
                    settings.revisions_kept,
                    settings.lease_wait_seconds,
                    settings.deadline_seconds,
                ),
            ),
            undo=()
            if made
            else (RemoveManifests(folder, where, settings.lease_wait_seconds), RemoveFolder(folder)),
        )

    return phase


def wanted_of(deployment: Deployment) -> Wanted:
    """What the settings want of k8s/; KvxError with exit code 2 names the setting that is wrong."""
    settings, voice = deployment.settings.kubernetes, deployment.settings.voice
    if settings.overlay is not None:
        _refuse_beside_overlay(settings)
        return Wanted(deployment.target, overlay=settings.overlay)
    _refuse_unknown(deployment)
    _refuse_model(voice)
    _refuse_bounds(settings)
    own = ARM64.get(deployment.target)
    components = components_of(_chosen(settings, voice), settings.size)
    _refuse_closed(voice, components)
    return Wanted(
        target=deployment.target,
        components=components,
        arm64=None if settings.arm64 == own else settings.arm64,
        least_replicas=settings.least_replicas,
        most_replicas=settings.most_replicas,
        cpu_quota=settings.cpu_quota,
        memory_quota=settings.memory_quota,
        quota=quota_with(components, settings.size),
        images=tuple(_images_of_others(settings)),
        own=tuple(_own_files(voice)),
        settings=tuple(_pod_settings(voice)),
        cost_settings=tuple(_cost_settings(deployment)) if COST in components else (),
        drain_seconds=voice.drain_seconds,
    )


def _images_of_others(settings: KubernetesSettings) -> Iterator[tuple[str, str]]:
    """By their names in k8s/; KvxError with exit code 2 for one that can be another one tomorrow."""
    for name in ("postgres", "language-model", "speech-model"):
        setting = f"{name.replace('-', '_')}_image"
        image = getattr(settings, setting)
        if image is None:
            continue
        if not DIGEST.fullmatch(parse_reference(image).digest or ""):
            message = f"kubernetes.{setting} is {image}, which can be another one tomorrow"
            fix = f"name it by its digest: docker buildx imagetools inspect {image}"
            raise KvxError(message, fix, ExitCode.USAGE)
        yield name, image


def _chosen(settings: KubernetesSettings, voice: VoiceSettings) -> tuple[str, ...]:
    """Own sentences go along: they let nothing in or out."""
    return (*settings.components, *((SENTENCES_COMPONENT,) if voice.grammar_file else ()))


def _own_files(voice: VoiceSettings) -> Iterator[tuple[OwnFile, Path]]:
    if voice.engines_file is not None:
        yield ENGINES, voice.engines_file
    if voice.grammar_file is not None:
        yield SENTENCES, voice.grammar_file


def _refuse_closed(voice: VoiceSettings, components: tuple[str, ...]) -> None:
    """What is to be reached elsewhere needs a way out of the pods, which nothing opens by itself."""
    ways = (
        ("voice.engines_file", voice.engines_file, "names engines elsewhere", "cloud-engine"),
        ("voice.oidc_issuer", voice.oidc_issuer, "names an identity provider", "identity-provider"),
    )
    for setting, value, words, component in ways:
        if value is not None and component not in components:
            message = f"{setting} {words}, and nothing lets the pods reach it"
            fix = f'add "{component}" to kubernetes.components, or leave {setting} out; docs/cluster.md'
            raise KvxError(message, fix, ExitCode.USAGE)


def _pod_settings(voice: VoiceSettings) -> Iterator[tuple[str, str]]:
    """What is set, as variables of the voice API."""
    for item in fields(voice):
        value = getattr(voice, item.name)
        if item.name not in _NOT_IN_PODS and value not in {None, item.default}:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            yield f"KVX_VOICE_{item.name.upper()}", text


def _cost_settings(deployment: Deployment) -> Iterator[tuple[str, str]]:
    """What of [cost] holds in a cluster too: no file and no mail of this machine."""
    cost = deployment.settings.cost
    for name, value in (("MONTHLY_BUDGET", cost.monthly_budget), ("WEBHOOK", cost.webhook)):
        if value is not None:
            yield f"KVX_COST_{name}", str(value)


def _refuse_beside_overlay(settings: KubernetesSettings) -> None:
    """An overlay of one's own says all of this itself."""
    defaults = KubernetesSettings()
    beside = [name for name in (*_REPLACED, "size") if getattr(settings, name) != getattr(defaults, name)]
    if beside:
        message = f"kubernetes.overlay stands in the place of kubernetes.{beside[0]}, and both are set"
        raise KvxError(message, f"write it into {settings.overlay}, or leave out one", ExitCode.USAGE)


def _refuse_unknown(deployment: Deployment) -> None:
    folder = deployment.kubernetes_source / "components"
    known = sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []
    choosable = [name for name in known if not name.startswith(("size-", "arm64-"))]
    for name in deployment.settings.kubernetes.components:
        if name not in choosable:
            message = f"kubernetes.components has {name}, which cannot be chosen there"
            fix = f"choose of {', '.join(choosable)}; kubernetes.size and kubernetes.arm64 have their own"
            raise KvxError(message, fix, ExitCode.USAGE)


def _refuse_model(voice: VoiceSettings) -> None:
    if voice.model != "embedded":
        message = f"voice.model is {voice.model}, and the image has only the embedded one"
        fix = "leave voice.model out; the component speech-model brings another one: docs/cluster.md"
        raise KvxError(message, fix, ExitCode.USAGE)


def _refuse_bounds(settings: KubernetesSettings) -> None:
    least, most = settings.least_replicas, settings.most_replicas
    if least is not None and most is not None and least > most:
        message = f"kubernetes.least_replicas is {least}, more than kubernetes.most_replicas, which is {most}"
        raise KvxError(message, "set the one below the other", ExitCode.USAGE)
