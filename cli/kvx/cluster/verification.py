"""What a voice API in a cluster is verified by: each thing with what it came to, pass, fail or not shown."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR
from enum import StrEnum
from typing import Any

from kvx.cluster.client_pods import pod_of, restricted
from kvx.cluster.overview_amounts import amount
from kvx.cluster.pods import name_of, statuses
from kvx.cluster.serving import Server
from kvx.cluster.trouble import Object
from kvx.errors import ExitCode, KvxError

MOST_CONTAINERS = 60
MACHINES = {"aarch64": "arm64", "x86_64": "amd64"}
_DIGEST = re.compile(r"@(sha256:[0-9a-f]{64})")


class Result(StrEnum):
    """NOT_SHOWN: it could not be looked at, and why is said."""

    PASS = "pass"  # noqa: S105  not a password
    FAIL = "fail"
    NOT_SHOWN = "not shown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a verification. `serving`: without it nobody is served, so a deploy has failed."""

    name: str
    result: Result
    words: str
    fix: str = ""
    serving: bool = False


def passed(name: str, words: str, *, serving: bool = False) -> Finding:
    return Finding(name, Result.PASS, words, serving=serving)


def failed(name: str, words: str, fix: str, *, serving: bool = False) -> Finding:
    return Finding(name, Result.FAIL, words, fix, serving)


def not_shown(name: str, why: str, fix: str = "") -> Finding:
    return Finding(name, Result.NOT_SHOWN, why, fix)


def verdict(findings: Sequence[Finding], *, serving_only: bool = False) -> KvxError | None:
    """What is wrong altogether: exit code 1 where something failed; None where nothing did."""
    wrong = [each for each in findings if each.result is Result.FAIL and (each.serving or not serving_only)]
    if not wrong:
        return None
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    return KvxError(f"{wrong[0].name}: {wrong[0].words}{more}", wrong[0].fix, ExitCode.FAILED)


def line_of(finding: Finding) -> str:
    """A finding on one line, with its fix where it has one."""
    fix = f"; fix: {finding.fix}" if finding.fix else ""
    return f"{finding.result:<10}{finding.name:<14}{finding.words}{fix}"


def images(pods: Sequence[Object], wanted: Mapping[str, str]) -> Finding:
    """Whether every pod runs the image of the release, by digest: a name cannot change its meaning then."""
    wrong = [words for pod in pods for words in _wrong_images(pod, wanted)]
    if wrong:
        return failed("images", "; ".join(wrong), "kvx deploy")
    digests = sorted({_short(image) for image in wanted.values()})
    return passed("images", f"{_counted(pods)} run {', '.join(digests)}, as released")


def architectures(pods: Sequence[Object], nodes: Sequence[Object] | None, said: Mapping[str, str]) -> Finding:
    """Whether what runs was built for the node's processor; `said` is what each pod says it runs on."""
    if nodes is None:
        return not_shown("architecture", "this user may not look at nodes", "kubectl auth can-i list nodes")
    of_node = {name_of(node): node["status"]["nodeInfo"]["architecture"] for node in nodes}
    seen = {name_of(pod): str(of_node.get(pod["spec"].get("nodeName"), "unknown")) for pod in pods}
    ran = {pod: MACHINES.get(machine, machine) for pod, machine in said.items()}
    wrong = [f"{pod} runs as {ran[pod]} on a node of {seen[pod]}" for pod in ran if ran[pod] != seen.get(pod)]
    if wrong:
        fix = "kvx images verify, then kvx deploy: an emulated image is slow"
        return failed("architecture", "; ".join(wrong), fix)
    if not ran:
        return not_shown("architecture", "no pod could be asked what it runs on")
    kinds = sorted(set(ran.values()))
    return passed("architecture", f"built for the processors that it runs on: {', '.join(kinds)}")


def answer_is_true(counted: object, pods_before: int, pods_after: int) -> bool:
    """Whether the number of pods that was answered is one that the cluster had meanwhile."""
    low, high = sorted((pods_before, pods_after))
    return isinstance(counted, int) and low <= counted <= high


def over_quota(
    server: Server, template: Object, quota: Object, limits: Sequence[Object]
) -> dict[str, Any] | None:
    """A pod that asks for more than the whole quota, each of its containers within what one may have.

    None where the quota bounds neither processors nor memory.
    """
    hard = (quota.get("spec") or {}).get("hard") or {}
    for resource in ("cpu", "memory"):
        bound = amount(hard.get(f"limits.{resource}") or hard.get(f"requests.{resource}"))
        if bound is None:
            continue
        most = min(filter(None, (_largest(limit, resource) for limit in limits)), default=bound + 1)
        count = int((bound / most).to_integral_value(ROUND_FLOOR)) + 1
        if count <= MOST_CONTAINERS:
            containers = [_asking_for(server, template, n, resource, f"{most:f}") for n in range(count)]
            return pod_of(server, template, "over-quota", containers)
    return None


def unrestricted(server: Server, template: Object) -> dict[str, Any]:
    """A pod that restricted pod security must not let in, and that nothing else is wrong with."""
    container = restricted(server, template)
    del container["securityContext"]
    pod = pod_of(server, template, "unrestricted", [container])
    del pod["spec"]["securityContext"]
    return pod


def _asking_for(server: Server, template: Object, number: int, resource: str, size: str) -> dict[str, Any]:
    container = restricted(server, template)
    little = container["resources"]["limits"]
    wish = {**little, resource: size}
    return {**container, "name": f"c{number}", "resources": {"requests": wish, "limits": wish}}


def _largest(limit_range: Object, resource: str) -> Any:
    """The most of a resource that one container may have."""
    rows = (limit_range.get("spec") or {}).get("limits") or ()
    most = [amount((row.get("max") or {}).get(resource)) for row in rows if row.get("type") == "Container"]
    return min((each for each in most if each), default=None)


def _wrong_images(pod: Object, wanted: Mapping[str, str]) -> Iterator[str]:
    told = {str(each["name"]): str(each.get("image")) for each in pod["spec"]["containers"]}
    for name, image in wanted.items():
        if name in told and told[name] != image:
            yield f"pod {name_of(pod)} runs {_short(told[name])}, and {_short(image)} was released"
    for status in statuses(pod):
        image = wanted.get(str(status.get("name")), "")
        if image and not _DIGEST.search(image):
            yield f"the image {image} was released by a tag, which can come to mean another image"


def _short(image: str) -> str:
    """The image as a person can compare it."""
    found = _DIGEST.search(image)
    return f"{image.partition('@')[0].rpartition('/')[2]}@{found[1][:19]}" if found else image


def _counted(pods: Sequence[Object]) -> str:
    return f"{len(pods)} pod{'' if len(pods) == 1 else 's'}"
