"""Takes from a cluster what kvx has applied to it: the members of its set, and its namespace last."""

from collections.abc import Iterator

from kvx.cluster.applyset import PARENT_NAME
from kvx.cluster.kustomization import NAMESPACE
from kvx.cluster.order import Object
from kvx.cluster.releases import LABEL
from kvx.drivers import members
from kvx.drivers.api_server import Api
from kvx.drivers.cluster_lease import Held, held_lease, path_of
from kvx.drivers.clusters import api_of
from kvx.drivers.waiting import wait_until
from kvx.errors import KvxError
from kvx.steps.manifests import RemoveManifests
from kvx.world import Outcome, World

SPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
# Kinds that a person would miss: with one of them in it that is not kvx's, the namespace stays.
PRECIOUS = (
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("batch/v1", "Job"),
    ("batch/v1", "CronJob"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Service"),
    ("v1", "Secret"),
)


def is_done(step: RemoveManifests, world: World) -> bool:
    """Whether nothing of kvx is there."""
    api = api_of(step.where, step.folder, world)
    return not members.reach(api, NAMESPACE).group_kinds


def perform(step: RemoveManifests, world: World) -> Outcome:
    """Members first; the namespace last, only where nobody else has anything in it, and until it is gone."""
    api = api_of(step.where, step.folder, world)
    with held_lease(api, NAMESPACE, step.lease_wait_seconds, world) as held:
        found = members.all_members(api, NAMESPACE)
        for each in reversed(found):
            if each["kind"] != "Namespace":
                _delete(api, each, held, world)
        foreign = tuple(_foreign(api))
        lines = [f"{len(found)} objects of kvx were deleted"]
        if foreign:
            _delete_own(api)
            lines.append(f"the namespace {NAMESPACE} stays, as others have {', '.join(foreign)} in it")
    spaces = [each for each in found if each["kind"] == "Namespace"]
    if not foreign:
        _delete_spaces(api, spaces, step, world)
    return Outcome(changed=True, lines=tuple(lines))


def _delete(api: Api, item: Object, held: Held, world: World) -> None:
    held.check()
    if world.stop_requested():
        raise members.stopped()
    world.progress(f"delete {item['kind']} {item['metadata']['name']}")
    api.delete(api.path_of(item), uid=item["metadata"]["uid"])


def _foreign(api: Api) -> Iterator[str]:
    """What is in the namespace and not of kvx, in words."""
    for api_version, kind in PRECIOUS:
        items = api.list(api.resource(api_version, kind).path(NAMESPACE, None))
        for each in items:
            if not _is_own(each):
                yield f"{kind} {each['metadata']['name']}"


def _is_own(item: Object) -> bool:
    """Of kvx, or on its way out, or made by something that is."""
    metadata = item["metadata"]
    labels = metadata.get("labels") or {}
    made = bool(metadata.get("ownerReferences")) or "deletionTimestamp" in metadata
    token = item.get("type") == "kubernetes.io/service-account-token"
    return made or token or labels.get("app.kubernetes.io/part-of") == "kvx"


def _delete_own(api: Api) -> None:
    """What kvx keeps for itself; the parent last, for with it goes the knowledge of what is left."""
    space = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
    for each in api.list(space, labelSelector=LABEL):
        api.delete(f"{space}/{each['metadata']['name']}")
    api.delete(path_of(NAMESPACE))
    api.delete(f"{space}/{PARENT_NAME}")


def _delete_spaces(api: Api, spaces: list[Object], step: RemoveManifests, world: World) -> None:
    for each in spaces:
        name = each["metadata"]["name"]
        world.progress(f"delete Namespace {name}, and wait until it is gone")
        api.delete(api.path_of(each), uid=each["metadata"]["uid"])
        if not wait_until(lambda each=each: api.find(each) is None, step.gone_seconds, world):  # type: ignore[misc]
            why = "; ".join(held_up(api.find(each) or {}))
            message = f"the namespace {name} was not gone after {step.gone_seconds:g} s"
            fix = f"kubectl describe namespace {name}; mend what it names, then run the command again"
            raise KvxError(f"{message}: {why}" if why else message, fix)


def held_up(namespace: Object) -> Iterator[str]:
    """What its controller says is in the way, as an API of somebody else's that does not answer."""
    for each in (namespace.get("status") or {}).get("conditions") or ():
        if each.get("status") == "True":
            yield str(each.get("message"))
