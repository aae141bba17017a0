"""What is wrong with a pod: read from its statuses, its conditions and what happened to it."""

import re
from collections.abc import Iterator, Sequence

from kvx.cluster.refused_pods import shortened
from kvx.cluster.trouble import AT_ONCE, Log, Object, Trouble

IMAGE_SECONDS = 30.0
START_SECONDS = 15.0
MOUNT_SECONDS = 60.0
SCHEDULE_SECONDS = 60.0
HOPELESS_RESTARTS = 2

_NO_IMAGE = {"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "SignatureValidationFailed"}
_WRONG_IMAGE = {"InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
_NO_START = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
_MOUNTING = {"FailedMount", "FailedAttachVolume", "FailedMapVolume"}
# What the kubelet says when it ends a container by its probes: it has no reason of its own for it.
_KILLED_BY_PROBE = " probe, will be restarted"
_LAYERS = re.compile(
    r"[Ff]ailed to (?:pull image|pull and unpack image|resolve reference|resolve image|copy|do request)"
    r'(?: "[^"]*")?: ?'
)
_PROBES = ("Startup", "Liveness", "Readiness")


def name_of(thing: Object) -> str:
    return str((thing.get("metadata") or {}).get("name", ""))


def condition(thing: Object, kind: str) -> Object:
    """The condition of that type, with nothing in it where there is none."""
    found = (thing.get("status") or {}).get("conditions") or ()
    return next((each for each in found if each.get("type") == kind), {})


def is_ready(pod: Object) -> bool:
    """Ready, and not on its way out."""
    leaving = (pod.get("metadata") or {}).get("deletionTimestamp")
    return not leaving and condition(pod, "Ready").get("status") == "True"


def troubles_of(pod: Object, events: Sequence[Object], lost_nodes: frozenset[str]) -> tuple[Trouble, ...]:
    """What keeps a pod from being ready, worst first; `events` are its own, the latest last."""
    if is_ready(pod) or (pod.get("metadata") or {}).get("deletionTimestamp"):
        return ()
    found = (
        *_without_node(pod, events),
        *_on_lost_node(pod, lost_nodes),
        *(each for status in statuses(pod) for each in _container(pod, status, events)),
        *_not_set_up(pod, events),
        *_ended(pod),
    )
    return found or tuple(_unready(pod, events))


def statuses(pod: Object) -> tuple[Object, ...]:
    """Of all its containers, in the order in which they start."""
    status = pod.get("status") or {}
    return (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ()))


def _without_node(pod: Object, events: Sequence[Object]) -> Iterator[Trouble]:
    placed = condition(pod, "PodScheduled")
    if placed.get("status") != "False" or placed.get("reason") != "Unschedulable":
        return
    why = str(placed.get("message", "")).partition(". ")[0].rstrip(".")
    growing = any(event.get("reason") == "TriggeredScaleUp" for event in events)
    fix = "kubectl describe nodes shows what is taken; kvx nodes list, for those of kvx"
    words = f"finds no node: {shortened(why)}"
    yield Trouble("unschedulable", words, fix, None if growing else SCHEDULE_SECONDS, name_of(pod))


def _on_lost_node(pod: Object, lost_nodes: frozenset[str]) -> Iterator[Trouble]:
    node = (pod.get("spec") or {}).get("nodeName")
    if node in lost_nodes:
        words = (
            f"is on the node {node}, which does not answer; another one is made when Kubernetes gives it up"
        )
        yield Trouble("node", words, f"kubectl describe node {node}", None, name_of(pod))


def _container(pod: Object, status: Object, events: Sequence[Object]) -> Iterator[Trouble]:
    waiting = (status.get("state") or {}).get("waiting") or {}
    reason, said = str(waiting.get("reason", "")), str(waiting.get("message", ""))
    if reason in _NO_IMAGE | _WRONG_IMAGE:
        patience = AT_ONCE if reason in _WRONG_IMAGE else IMAGE_SECONDS
        words = f"cannot get its image {status.get('image', '')}: {_registry_words(said, events) or reason}"
        there = f"kvx images verify {status.get('image', 'REFERENCE')}"
        fix = "kvx images push, which brings it onto every node" if reason == "ErrImageNeverPull" else there
        yield Trouble("image", words, fix, patience, name_of(pod))
    elif reason in _NO_START:
        words = f"cannot start: {shortened(said) or reason}"
        fix = "add what is missing, then kvx deploy"
        yield Trouble("configuration", words, fix, START_SECONDS, name_of(pod))
    else:
        yield from _crashed(pod, status, events)


def _crashed(pod: Object, status: Object, events: Sequence[Object]) -> Iterator[Trouble]:
    now, before = status.get("state") or {}, status.get("lastState") or {}
    ended = now.get("terminated") or before.get("terminated")
    if not ended or ended.get("reason") == "Completed" or status.get("ready"):
        return
    restarts = int(status.get("restartCount", 0))
    patience = AT_ONCE if restarts >= HOPELESS_RESTARTS else None
    often = f", started {restarts + 1} times" if restarts else ""
    log = Log(name_of(pod), str(status.get("name", "")), previous="terminated" not in now)
    killing = any(e.get("reason") == "Killing" and _KILLED_BY_PROBE in str(e.get("message")) for e in events)
    probe = _probe_words(events, ("Startup", "Liveness")) if killing else ""
    if ended.get("reason") == "OOMKilled":
        words, fix = "used more memory than its limit, and was killed", "another kubernetes.size in kvx.toml"
        yield Trouble("memory", f"{words}{often}", fix, patience, name_of(pod), log)
    elif probe:
        fix = "make it answer its probe in time, then kvx deploy"
        yield Trouble("probe", f"was killed{often}: {probe}", fix, patience, name_of(pod), log)
    else:
        words = f"ended with exit code {ended.get('exitCode', '?')}{often}{_with(ended.get('message'))}"
        fix = "mend what the last lines of its log say, then kvx deploy"
        yield Trouble("crash", words, fix, patience, name_of(pod), log)


def _not_set_up(pod: Object, events: Sequence[Object]) -> Iterator[Trouble]:
    """Volumes and network, which are there before any container is."""
    reasons = [(status.get("state") or {}).get("waiting", {}).get("reason") for status in statuses(pod)]
    if not reasons or not {"ContainerCreating", "PodInitializing"} & set(reasons):
        return
    for event in reversed(events):
        if event.get("reason") in _MOUNTING:
            words = f"waits for a volume: {shortened(str(event.get('message', '')))}"
            yield Trouble(
                "volume", words, f"kubectl describe pod {name_of(pod)}", MOUNT_SECONDS, name_of(pod)
            )
            return
        if event.get("reason") == "FailedCreatePodSandBox":
            words = f"gets no network: {shortened(str(event.get('message', '')))}"
            fix = "kubectl --namespace kube-system get pods"
            yield Trouble("network", words, fix, MOUNT_SECONDS, name_of(pod))
            return


def _ended(pod: Object) -> Iterator[Trouble]:
    """Evicted, refused by its node, or come to an end."""
    status = pod.get("status") or {}
    if status.get("phase") == "Failed":
        words = f"failed: {shortened(str(status.get('message') or status.get('reason') or 'no reason'))}"
        yield Trouble("evicted", words, f"kubectl describe pod {name_of(pod)}", MOUNT_SECONDS, name_of(pod))


def _unready(pod: Object, events: Sequence[Object]) -> Iterator[Trouble]:
    """It runs, and a probe says no: that may pass."""
    running = [each for each in statuses(pod) if "running" in (each.get("state") or {})]
    said = _probe_words(events, _PROBES)
    if running and said:
        log = Log(name_of(pod), str(running[-1].get("name", "")), previous=False)
        fix = "make it answer its probe, or raise kubernetes.deadline_seconds; then kvx deploy"
        yield Trouble("probe", f"is not ready: {said}", fix, None, name_of(pod), log)


def _probe_words(events: Sequence[Object], probes: Sequence[str]) -> str:
    """The kubelet's own words about the last probe that failed."""
    for event in reversed(events):
        said = str(event.get("message", ""))
        if event.get("reason") == "Unhealthy" and said.startswith(tuple(probes)):
            return shortened(said[0].lower() + said[1:])
    return ""


def _registry_words(said: str, events: Sequence[Object]) -> str:
    """Without the layers of errors in which containerd wraps the registry's answer."""
    told = said if "rpc error" in said or "desc = " in said else ""
    failed = (str(event.get("message", "")) for event in reversed(events) if event.get("reason") == "Failed")
    told = told or next((words for words in failed if "image" in words), said)
    told = _LAYERS.sub("", told)
    return shortened(told.rpartition("desc = ")[2])


def _with(message: object) -> str:
    return f": {shortened(str(message))}" if message else ""
