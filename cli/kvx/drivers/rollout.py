"""Waits until a new version serves and answers a spoken sentence, and ends early where it never will."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from kvx.cluster.last_words import LastWords, last_words
from kvx.cluster.pods import name_of
from kvx.cluster.refusals import ApiError
from kvx.cluster.releases import Release
from kvx.cluster.rollout import (
    Found,
    Least,
    State,
    complete,
    in_the_way,
    least_of,
    serves_something,
    state_of,
    wanted_replicas,
)
from kvx.cluster.serving import Serving, namespace_of, servers_in, spoken_to, workloads_in
from kvx.cluster.sets import SETS
from kvx.cluster.trouble import Log, Object, Trouble, hopeless, standing
from kvx.drivers import releases, voice_api
from kvx.drivers.api_server import Api
from kvx.drivers.cluster_speaking import ask_each
from kvx.drivers.port_forward import forwarded
from kvx.errors import ExitCode, KvxError
from kvx.world import World

POLL_SECONDS = 1.0
TOLD_SECONDS = 5.0
ASK_SECONDS = 5.0
LOG_LINES = 5
LOG_BYTES = 8000
MOST_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Before:
    """How it was before the first write: the last release, and whether anything served."""

    release: Release | None
    served: bool


@dataclass(slots=True)
class _Watch:
    """What is remembered from one look to the next."""

    deployment: Object
    end: float
    objects: Sequence[Object]
    least: Least | None = None
    since: Mapping[str, float] = field(default_factory=dict)
    told: str = ""
    state: State | None = None


def before(api: Api, objects: Sequence[Object]) -> Before:
    """Asked before anything is applied; what serves may be of whatever version.

    Only what answers people counts: a workload that is new, or ails beside it, is no reason to leave them
    without an answer.
    """
    wanted = spoken_to(objects)
    release = releases.latest(api, namespace_of(wanted[0])) if wanted else None
    found = [api.find(each) for each in wanted]
    return Before(release, bool(found) and all(each and serves_something(each) for each in found))


def serves(api: Api, objects: Sequence[Object]) -> bool:
    """Whether every workload serves its newest version now; one look."""
    found = [api.find(each) for each in workloads_in(objects)]
    return all(each is not None and complete(each, least_of(each, objects)) for each in found)


def await_serving(
    api: Api, objects: Sequence[Object], deadline_seconds: float, world: World
) -> Mapping[str, object]:
    """Wait for every workload, then let each pod that a Service leads to hear a sentence and answer it.

    Gives what was heard and answered, and by which pods. Raises a KvxError with the reason in words: as
    soon as it is hopeless, or at the deadline.
    """
    end = world.monotonic() + deadline_seconds
    serving = [await_rollout(api, each, objects, end, world) for each in workloads_in(objects)]
    turns = ask_each(api, objects, serving, world)
    first = next(iter(turns.values()), {})
    return {**first, "pods": {each.deployment: list(each.pods) for each in serving}, "answered": list(turns)}


def await_rollout(
    api: Api, deployment: Object, objects: Sequence[Object], end: float, world: World
) -> Serving:
    """The pods of one workload's newest version, once they alone serve."""
    watch = _Watch(deployment, end, objects)
    while True:
        state = _looked(api, watch, world)
        late = world.monotonic() >= end
        if state is not None and (state.served or (late and state.enough)):
            return Serving(namespace_of(deployment), name_of(deployment), state.ready_pods)
        _give_up(api, watch, state, world)
        if world.stop_requested():
            message = "stopped on request, while the new version was not serving yet; nothing was undone"
            raise KvxError(message, "the same command goes on from here", ExitCode.INTERRUPTED)
        world.sleep(POLL_SECONDS)


def look(api: Api, deployment: Object) -> Found:
    """Everything that is needed to tell how a workload is doing, by five requests."""
    namespace, now = namespace_of(deployment), api.find(deployment)
    if now is None:
        message = f"the {deployment['kind']} {name_of(deployment)} is gone: somebody deleted it meanwhile"
        raise KvxError(message, "kvx deploy")
    versions = "controllerrevisions" if now.get("kind") in SETS else "replicasets"
    labels = ",".join(f"{key}={value}" for key, value in now["spec"]["selector"]["matchLabels"].items())
    return Found(
        now,
        api.list(f"/apis/apps/v1/namespaces/{namespace}/{versions}", labelSelector=labels),
        api.list(f"/api/v1/namespaces/{namespace}/pods", labelSelector=labels),
        api.list(f"/api/v1/namespaces/{namespace}/events"),
        _nodes(api),
    )


def _looked(api: Api, watch: _Watch, world: World) -> State | None:
    """One look, told where it brings something new; None where the API server did not answer."""
    try:
        found = look(api, watch.deployment)
    except ApiError as error:
        if not error.transient and error.status != 0:
            raise
        state, words = None, f"{error.message}; asking again"
    else:
        begun = wanted_replicas(found.deployment)
        watch.least = watch.least or least_of(found.deployment, watch.objects, begun)
        watch.state = state = state_of(found, watch.least)
        words = _told(watch, state, world.monotonic())
        _clear(api, found, world)
    if words != watch.told:
        watch.told = words
        world.progress(words)
    return state


def _clear(api: Api, found: Found, world: World) -> None:
    """Take away pods of an older version that the newest one would wait for in vain."""
    for pod in in_the_way(found):
        world.progress(f"delete pod {name_of(pod)}, which is of an older version and cannot start")
        path = f"/api/v1/namespaces/{namespace_of(found.deployment)}/pods/{name_of(pod)}"
        api.delete(path, uid=pod["metadata"]["uid"])


def _told(watch: _Watch, state: State, now: float) -> str:
    """How far it is, and what is in the way for longer than a pod takes to start."""
    watch.since = standing(watch.since, state.troubles, now)
    lasting = [each for each in state.troubles if now - watch.since[each.kind] >= TOLD_SECONDS]
    return "; ".join((state.words, *(trouble.whole for trouble in lasting)))


def _give_up(api: Api, watch: _Watch, state: State | None, world: World) -> None:
    """Raises where waiting longer would not help, and at the deadline."""
    now = world.monotonic()
    if state is not None and (trouble := hopeless(state.troubles, watch.since, now)):
        raise _failed(api, watch, trouble, "cannot serve", world)
    if now < watch.end:
        return
    troubles = watch.state.troubles if watch.state else ()
    late = "did not serve within its deadline"
    if troubles:
        raise _failed(api, watch, troubles[0], late, world)
    message = f"the new version of {name_of(watch.deployment)} {late}: {watch.told}"
    raise KvxError(message, "raise kubernetes.deadline_seconds in kvx.toml, or look: kubectl describe pods")


def _failed(api: Api, watch: _Watch, trouble: Trouble, how: str, world: World) -> KvxError:
    """The whole reason; what Kubernetes gave up has its own among the other troubles."""
    others = [each for each in (watch.state.troubles if watch.state else ()) if each.kind != "gave_up"]
    told = others[0] if trouble.kind == "gave_up" and others else trouble
    lines = _last_lines(api, namespace_of(watch.deployment), told.log)
    for line in lines:
        world.progress(f"log: {line}")
    said = last_words(lines)
    return KvxError(
        f"the new version of {name_of(watch.deployment)} {how}: {told.whole}{_said(api, watch, told, said)}",
        f"{said.fix}; {told.fix}" if said.fix else told.fix,
    )


def _said(api: Api, watch: _Watch, told: Trouble, said: LastWords) -> str:
    """What the pod says itself: of what is not ready why, of what has ended its last words."""
    if told.kind != "probe":
        return f'; its log ends with "{said.message}"' if said.message else ""
    namespace = namespace_of(watch.deployment)
    for server in servers_in(watch.objects):
        if told.pod and (server.namespace, server.deployment) == (namespace, name_of(watch.deployment)):
            with forwarded(api, namespace, told.pod, server.port) as tunnel:
                why = voice_api.why_not_ready(tunnel.address, ASK_SECONDS)
            return f"; it says: {why}" if why and not tunnel.wrong else ""
    return ""


def _last_lines(api: Api, namespace: str, log: Log | None) -> list[str]:
    """What a container said last, if it may be read; printable, and no line without end."""
    if log is None:
        return []
    path = f"/api/v1/namespaces/{namespace}/pods/{log.pod}/log"
    bounds = {"tailLines": LOG_LINES, "limitBytes": LOG_BYTES}
    text = ""
    for previous in (log.previous, False):
        with suppress(ApiError):  # gone with its container, or not for this user: told without it
            text = text or api.text(path, container=log.container, previous=previous, **bounds)
    lines = ("".join(letter for letter in line if letter.isprintable()) for line in text.splitlines())
    return [line[:MOST_CHARACTERS] for line in lines if line.strip()]


def _nodes(api: Api) -> tuple[Object, ...] | None:
    """None for a user who may not see nodes: then nothing is said of them."""
    try:
        return api.list("/api/v1/nodes")
    except ApiError as error:
        if error.status in {401, 403}:
            return None
        raise
