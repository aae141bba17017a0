"""What is wrong with a pod, a workload, a node or a job, in words; nothing where nothing is. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator

from voice_api.cluster.protocol import Item
from voice_api.commands.answers.reading import condition, containers, ready, spec, status, wanted
from voice_api.commands.wording import number, trouble

PRESSURES = {
    "MemoryPressure": "it is short of memory",
    "DiskPressure": "its disk is nearly full",
    "PIDPressure": "it runs too many processes",
    "NetworkUnavailable": "its network is not set up",
}
JOB_FAILURES = {"BackoffLimitExceeded": "it failed too often", "DeadlineExceeded": "it took too long"}


def pod_trouble(pod: Item) -> str | None:
    """Why a pod is not ready, None where it is, or has ended well."""
    phase = str(status(pod).get("phase", "Unknown"))
    if phase == "Succeeded" or condition(pod, "Ready").get("status") == "True":
        return None
    return trouble(next(_reasons(pod), None), phase)


def _reasons(pod: Item) -> Iterator[str]:
    """The API's words, the most telling first."""
    if pod["metadata"].get("deletionTimestamp"):
        yield "Terminating"
    for state in ("waiting", "terminated"):
        for each in containers(pod):
            if reason := (each.get("state") or {}).get(state, {}).get("reason"):
                yield str(reason)
    for reason in (status(pod).get("reason"), condition(pod, "PodScheduled").get("reason")):
        if reason:
            yield str(reason)


def ended_before(pod: Item) -> str | None:
    """How a container that was started again had ended."""
    for each in containers(pod):
        last = (each.get("lastState") or {}).get("terminated") or {}
        if last:
            return f"{trouble(last.get('reason'), 'Failed')}, exit code {last.get('exitCode', 'unknown')}"
    return None


def workload_troubles(workload: Item, pods: Iterable[Item]) -> list[str]:
    """What is wrong with a workload and its pods, said once for each reason."""
    found = Counter(why for pod in pods if (why := pod_trouble(pod)))
    said = [why if times == 1 else f"{number(times)} pods, {why}" for why, times in found.most_common(3)]
    if condition(workload, "ReplicaFailure").get("status") == "True":
        said.append("the cluster does not let it make its pods")
    if condition(workload, "Progressing").get("reason") == "ProgressDeadlineExceeded":
        said.append("its rollout is stuck")
    if not said and ready(workload) < wanted(workload):
        said.append(f"only {number(ready(workload))} of {number(wanted(workload))} pods are ready")
    return said


def node_troubles(node: Item) -> list[str]:
    said = [] if condition(node, "Ready").get("status") == "True" else ["it is not ready"]
    said += [why for kind, why in PRESSURES.items() if condition(node, kind).get("status") == "True"]
    return [*said, "it takes no new pods"] if spec(node).get("unschedulable") else said


def job_troubles(job: Item) -> list[str]:
    failed = condition(job, "Failed")
    if failed.get("status") != "True":
        return []
    return [JOB_FAILURES.get(str(failed.get("reason")), "it failed")]
