"""Runs a pod for one question, reads what it said, and takes it away again, whatever happens."""

from collections.abc import Mapping
from contextlib import suppress

from kvx.cluster.client_pods import LABEL, SECONDS, Said, answer_in
from kvx.cluster.pods import name_of, troubles_of
from kvx.cluster.refusals import ApiError
from kvx.cluster.serving import namespace_of
from kvx.cluster.trouble import Object, hopeless, standing
from kvx.drivers.api_server import Api
from kvx.errors import KvxError
from kvx.world import World

POLL_SECONDS = 0.5
START_SECONDS = 60.0
ENDED = {"Succeeded", "Failed"}


def ask(api: Api, pod: Object, world: World) -> Said:
    """What the pod was answered. KvxError where it could not run itself."""
    collection = f"/api/v1/namespaces/{namespace_of(pod)}/pods"
    made = api.create(collection, pod)
    path = f"{collection}/{name_of(made)}"
    try:
        _await_end(api, path, world)
        return answer_in(api.text(f"{path}/log"))
    finally:
        with suppress(KvxError):  # it ends by itself, and the next verification takes it away
            api.delete(path, uid=made["metadata"]["uid"])


def sweep(api: Api, namespace: str) -> None:
    """Take away what verifications that were killed have left; those of others that run are let run."""
    for pod in api.list(f"/api/v1/namespaces/{namespace}/pods", labelSelector=LABEL):
        if (pod.get("status") or {}).get("phase") in ENDED:
            api.delete(f"/api/v1/namespaces/{namespace}/pods/{name_of(pod)}", uid=pod["metadata"]["uid"])


def _await_end(api: Api, path: str, world: World) -> None:
    """Until it has run; raises a KvxError where it cannot, or does not end in time."""
    end = world.monotonic() + START_SECONDS + SECONDS
    since: Mapping[str, float] = {}
    while True:
        pod = api.get(path)
        if (pod.get("status") or {}).get("phase") in ENDED:
            return
        troubles, now = troubles_of(pod, (), frozenset()), world.monotonic()
        since = standing(since, troubles, now)
        if trouble := hopeless(troubles, since, now):
            raise KvxError(trouble.whole, trouble.fix)
        if now >= end:
            why = troubles[0].whole if troubles else f"pod {name_of(pod)} did not end"
            raise KvxError(why, f"kubectl describe pods --selector {LABEL}")
        world.sleep(POLL_SECONDS)


def refusal_of(api: Api, pod: Object) -> ApiError | None:
    """Why the API server would not let such a pod be made; None where it would. Nothing is made."""
    try:
        api.create(f"/api/v1/namespaces/{namespace_of(pod)}/pods", pod, dry_run=True)
    except ApiError as error:
        return error
    return None
