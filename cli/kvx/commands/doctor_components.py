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
    "traefik-timeouts": ("helm.cattle.io/v1", "k3s"),
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
        for name in components:
            if name in NEEDED:
                yield _needed(api, name)
            if name == "vpa-memory":
                yield _vertical(api)
            if name in SECRETS:
                yield _secret(api, name)
        yield from _volumes(api, components)
    except KvxError:
        return  # told above


def _needed(api: "Api", component: str) -> Check:
    from kvx.cluster.refusals import ApiError

    version, brought_by = NEEDED[component]
    try:
        api.get(f"/apis/{version}", deadline_seconds=DEADLINE_SECONDS)
    except ApiError as error:
        if error.status not in {404, 503}:
            raise
        words = f"the component {component} needs {brought_by}: the cluster does not serve {version}"
        fix = f"install {brought_by}, or leave the component out"
        return Check(component, "note" if "metrics.k8s.io" in version else "missing", words, fix)
    return Check(component, "ok", f"{brought_by} is there")


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
