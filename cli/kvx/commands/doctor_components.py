"""What the components that are switched on stand on: APIs, Secrets and volumes of the cluster."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from kvx.commands.check import Check
from kvx.errors import KvxError
from kvx.steps.manifests import ApplyManifests, RenderManifests

if TYPE_CHECKING:
    from kvx.drivers.api_server import Api

DEADLINE_SECONDS = 5.0
# What a component needs the cluster to know: an API, and what brings it.
NEEDED = {
    "autoscaling": ("metrics.k8s.io/v1beta1", "metrics-server"),
    "autoscaling-queue": ("custom.metrics.k8s.io/v1beta1", "an adapter for custom metrics"),
    "vpa": ("autoscaling.k8s.io/v1", "the Vertical Pod Autoscaler"),
    "monitoring": ("monitoring.coreos.com/v1", "the Prometheus operator"),
    "cost-figures": ("monitoring.coreos.com/v1", "the Prometheus operator"),
}
CHARTS = "helm.cattle.io/v1"
# Components that only k3s can take, with what they bring to others where they are switched on.
OF_K3S: Mapping[str, tuple[str, ...]] = {
    "cert-manager": (),
    "kube-prometheus-stack": ("monitoring", "cost-figures"),
    "prometheus-adapter": ("autoscaling-queue",),
    "traefik-timeouts": (),
    "vertical-pod-autoscaler": ("vpa", "vpa-memory"),
}
# Secrets that whoever owns them puts into the cluster, with the keys that pods read.
SECRETS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "cloud-engine": ("voice-api-engines", ()),
    "cost-report": ("cost-report", ("HCLOUD_TOKEN",)),
    "ingress": ("voice-api-tls", ("tls.crt", "tls.key")),
    "postgres": ("postgres", ("password", "url")),
    "users": ("voice-api-users", ("users.json",)),
}
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


def of_components(rendering: RenderManifests, step: ApplyManifests) -> Iterator[Check]:
    """Whether the cluster knows what the components that are switched on stand on.

    Without figures nothing scales, but it runs; an object that is not defined is refused, and a pod whose
    Secret or volume is not there waits for it.
    """
    components = () if rendering.wanted.overlay else ("autoscaling", *rendering.wanted.components)
    from kvx.drivers.clusters import api_of
    from kvx.world import real_world

    try:
        api = api_of(step.where, step.folder, real_world(), attempts=1)
        coming = dict(_brought(components)) if _serves(api, CHARTS) else {}
        for name in components:
            if name in OF_K3S:
                yield _of_k3s(api, name)
            if name in coming:
                yield Check(name, "ok", f"the component {coming[name]} brings what it needs")
            elif name in NEEDED:
                yield _needed(api, name)
            elif name == "vpa-memory":
                yield _vertical(api)
            if name in SECRETS:
                yield _secret(api, name)
        yield from _volumes(api, components)
    except KvxError:
        return  # told above


def _brought(components: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Components that get what they need from another one that is switched on, and that one."""
    for chart, others in OF_K3S.items():
        if chart in components:
            yield from ((each, chart) for each in others)


def _of_k3s(api: "Api", component: str) -> Check:
    if _serves(api, CHARTS):
        return Check(component, "ok", "k3s is there, and installs it")
    words = f"the component {component} is left out: the cluster is no k3s"
    return Check(component, "note", words, "install it by yourself, or leave the component out")


def _needed(api: "Api", component: str) -> Check:
    version, brought_by = NEEDED[component]
    if _serves(api, version):
        return Check(component, "ok", f"{brought_by} is there")
    words = f"the component {component} needs {brought_by}: the cluster does not serve {version}"
    fix = f"install {brought_by}, or leave the component out"
    return Check(component, "note" if "metrics.k8s.io" in version else "missing", words, fix)


def _serves(api: "Api", version: str) -> bool:
    from kvx.cluster.refusals import ApiError

    try:
        api.get(f"/apis/{version}", deadline_seconds=DEADLINE_SECONDS)
    except ApiError as error:
        if error.status not in {404, 503}:
            raise
        return False
    return True


def _vertical(api: "Api") -> Check:
    """Whether anything would come of requests that are to follow the use."""
    from kvx.cluster.vertical import missing_part
    from kvx.drivers.vertical import parts

    autoscaler = {"metadata": {"name": "voice-api"}, "spec": {"updatePolicy": {"updateMode": "Recreate"}}}
    there = parts(api, DEADLINE_SECONDS)
    if there is None:
        words = "whether the cluster changes requests by itself this user may not see"
        return Check("vpa-memory", "note", words, "kubectl get deployments --all-namespaces")
    if reason := missing_part(autoscaler, *there):
        return Check("vpa-memory", "missing", reason.message, reason.fix)
    return Check("vpa-memory", "ok", "updater and admission controller are there")


def _secret(api: "Api", component: str) -> Check:
    """Looked at by the names of its keys; what they hold is not shown."""
    from kvx.cluster.refusals import ApiError

    name, keys = SECRETS[component]
    fix = f"kubectl --namespace kvx create secret generic {name} --from-...; k8s/README.md"
    try:
        found = api.get(f"/api/v1/namespaces/kvx/secrets/{name}", deadline_seconds=DEADLINE_SECONDS)
    except ApiError as error:
        if error.status == 403:
            words = f"whether the Secret {name} is there this user may not see"
            return Check(component, "note", words, "kubectl --namespace kvx get secrets")
        if error.status != 404:
            raise
        return Check(component, "missing", f"the component {component} reads the Secret {name}", fix)
    lacking = [key for key in keys if key not in (found.get("data") or {})]
    if lacking:
        return Check(component, "missing", f"the Secret {name} has no {' and no '.join(lacking)}", fix)
    return Check(component, "ok", f"the Secret {name} is there")


def _volumes(api: "Api", components: tuple[str, ...]) -> Iterator[Check]:
    """A claim says no storage class, so that the cluster's default one serves it."""
    from kvx.cluster.room import ROOMS

    claiming = [name for name in components if name in ROOMS and ROOMS[name].claims]
    if not claiming:
        return
    classes = api.list("/apis/storage.k8s.io/v1/storageclasses", deadline_seconds=DEADLINE_SECONDS)
    usual = [
        str(each["metadata"]["name"])
        for each in classes
        if (each["metadata"].get("annotations") or {}).get(DEFAULT_CLASS) == "true"
    ]
    if usual:
        yield Check("volumes", "ok", f"the storage class {usual[0]} serves {', '.join(claiming)}")
        return
    words = f"no storage class is the default one, of which {', '.join(claiming)} want volumes"
    yield Check("volumes", "note", words, "kubectl get storageclasses; or make the volumes by hand")
