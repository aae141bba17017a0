"""Stand-ins for what an API server alone has not: pods that serve, and what ends namespaces."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from threading import Event, Thread
from typing import Any, NoReturn

from kvx import drivers
from kvx.cluster.refusals import ApiError
from kvx.drivers import manifest_applying
from kvx.drivers.api_server import Api
from kvx.drivers.rollout import Before
from kvx.errors import KvxError
from kvx.plan import Step
from kvx.steps.manifests import ApplyManifests
from kvx.world import Outcome, World

Object = Mapping[str, Any]
POLL_SECONDS = 0.1


class Standing:
    """Says of every version that it serves, or `refusal`; what is put back it remembers."""

    def __init__(self, refusal: KvxError | None = None) -> None:
        self.refusal = refusal
        self.awaited: list[str] = []

    def before(self, api: Api, objects: Sequence[Object]) -> Before:
        return Before(None, served=False)

    def serves(self, api: Api, objects: Sequence[Object]) -> bool:
        return self.refusal is None

    def await_serving(
        self, api: Api, objects: Sequence[Object], deadline_seconds: float, world: World
    ) -> Mapping[str, object]:
        self.awaited += [str(each["metadata"]["name"]) for each in objects if each["kind"] == "Deployment"]
        if self.refusal is not None:
            raise self.refusal
        return {"heard": "how many pods are not ready"}

    def undo_once(
        self,
        api: Api,
        before: Before,
        put: Callable[[Sequence[Object]], object],
        reason: KvxError,
        *,
        deadline_seconds: float,
        world: World,
    ) -> NoReturn:
        raise reason


class StandingDrivers:
    """The drivers of kvx, but for what serves."""

    def __init__(self, serving: Standing) -> None:
        self.serving = serving

    def is_done(self, step: Step, world: World) -> bool:
        if isinstance(step, ApplyManifests):
            return manifest_applying.is_done(step, world, self.serving)
        return drivers.is_done(step, world)

    def perform(self, step: Step, world: World) -> Outcome:
        if isinstance(step, ApplyManifests):
            return manifest_applying.perform(step, world, self.serving)
        return drivers.perform(step, world)


class NamespaceController:
    """Ends namespaces that were deleted: what is in them first, then their finalizer."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self._stop = Event()
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> "NamespaceController":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            with suppress(ApiError):
                for each in self.api.list("/api/v1/namespaces"):
                    if "deletionTimestamp" in each["metadata"]:
                        end_namespace(self.api, each)


class QuotaController:
    """Lets quotas count as they are wanted, a moment after; nothing is used."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self._stop = Event()
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> "QuotaController":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            with suppress(ApiError):
                for each in self.api.list("/api/v1/namespaces/kvx/resourcequotas"):
                    self.see(each)

    def see(self, quota: Object) -> None:
        hard = quota["spec"]["hard"]
        if (quota.get("status") or {}).get("hard") != hard:
            path = f"/api/v1/namespaces/kvx/resourcequotas/{quota['metadata']['name']}/status"
            self.api.replace(path, {**quota, "status": {"hard": hard, "used": dict.fromkeys(hard, "0")}})


INSIDE = (
    (
        "/api/v1",
        (
            "configmaps",
            "secrets",
            "services",
            "serviceaccounts",
            "resourcequotas",
            "limitranges",
            "persistentvolumeclaims",
        ),
    ),
    ("/apis/apps/v1", ("deployments",)),
    ("/apis/autoscaling/v2", ("horizontalpodautoscalers",)),
    ("/apis/policy/v1", ("poddisruptionbudgets",)),
    ("/apis/networking.k8s.io/v1", ("networkpolicies",)),
    ("/apis/coordination.k8s.io/v1", ("leases",)),
)


def end_namespace(api: Api, namespace: Object) -> None:
    name = namespace["metadata"]["name"]
    for prefix, plurals in INSIDE:
        for plural in plurals:
            for each in api.list(f"{prefix}/namespaces/{name}/{plural}"):
                path = f"{prefix}/namespaces/{name}/{plural}/{each['metadata']['name']}"
                if each["metadata"].get("finalizers"):
                    api.patch(path, {"metadata": {"finalizers": None}})
                api.delete(path)
    ended = {**namespace, "spec": {"finalizers": []}, "apiVersion": "v1", "kind": "Namespace"}
    api.replace(f"/api/v1/namespaces/{name}/finalize", ended)
