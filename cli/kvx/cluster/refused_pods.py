"""Why the API server makes no pod: it says so in English alone, which is read here and nowhere else."""

import re
from collections.abc import Callable, Iterator

from kvx.cluster.trouble import Trouble

QUOTA_SECONDS = 30.0
ADMISSION_SECONDS = 15.0
MOST_CHARACTERS = 400

_PREFIX = re.compile(r'^(?:pods "[^"]*" is forbidden: |Error creating: )+')
_QUOTA = re.compile(
    r"exceeded quota: (?P<name>[^,]+), requested: (?P<wanted>.+), used: (?P<used>.+), limited: (?P<most>.+)$"
)
_UNSAID = re.compile(r"failed quota: (?P<name>[^:]+): must specify (?P<what>.+)$")
_LIMIT = re.compile(r"(?:maximum|minimum) \S+ usage per (?:Container|Pod) is ")
_SECURITY = re.compile(r'violates PodSecurity "(?P<level>[^"]+)": (?P<why>.+)$', re.DOTALL)
_WEBHOOK = re.compile(r'admission webhook "(?P<name>[^"]+)" denied the request:? ?(?P<why>.*)$', re.DOTALL)
_SILENT = re.compile(r'failed calling webhook "(?P<name>[^"]+)": (?P<why>.*)$', re.DOTALL)


def refusal(message: str) -> Trouble:
    """Why no pod is made, from the message of a ReplicaSet's condition or event."""
    said = _PREFIX.sub("", message.strip())
    for pattern, trouble in _READ:
        if found := pattern.search(said):
            return trouble(found)
    fix = "kubectl --namespace NAMESPACE describe replicaset"
    return Trouble("no_pod", f"no pod is made: {shortened(said)}", fix, ADMISSION_SECONDS)


def shortened(words: str) -> str:
    """On one line, and not without end."""
    line = " ".join(words.split())
    return line if len(line) <= MOST_CHARACTERS else f"{line[: MOST_CHARACTERS - 3]}..."


def _no_room(found: re.Match[str]) -> Trouble:
    """A quota says three lists: name=amount, name=amount."""
    wanted, used, most = (dict(_amounts(found[part])) for part in ("wanted", "used", "most"))
    rows = [
        f"{name} {amount} more, with {used.get(name, '?')} of {most.get(name, '?')} used"
        for name, amount in wanted.items()
    ]
    words = f"the quota {found['name']} has no room for another pod: {'; '.join(rows)}"
    fix = f"kubectl describe quota {found['name']}; kvx's own is kubernetes.cpu_quota and memory_quota"
    return Trouble("quota", words, fix, QUOTA_SECONDS)


def _unsaid(found: re.Match[str]) -> Trouble:
    words = f"the quota {found['name']} refuses pods that do not say their {found['what']}"
    return Trouble("quota", words, "kvx lint, which finds what is not said", QUOTA_SECONDS)


def _beyond_limit(found: re.Match[str]) -> Trouble:
    fix = "another kubernetes.size in kvx.toml, or the LimitRange"
    return Trouble("limit_range", f"no pod is made: {shortened(found.string)}", fix, ADMISSION_SECONDS)


def _insecure(found: re.Match[str]) -> Trouble:
    words = f"pod security ({found['level']}) lets no such pod in: {shortened(found['why'])}"
    return Trouble(
        "pod_security", words, "kvx lint, which names the field; then kvx deploy", ADMISSION_SECONDS
    )


def _refused_by_webhook(found: re.Match[str]) -> Trouble:
    words = f"the admission webhook {found['name']} refuses the pod: {shortened(found['why'])}"
    return Trouble("admission", words, "ask whoever keeps that webhook", ADMISSION_SECONDS)


def _silent_webhook(found: re.Match[str]) -> Trouble:
    words = f"the admission webhook {found['name']} does not answer: {shortened(found['why'])}"
    fix = "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations"
    return Trouble("admission", words, fix, QUOTA_SECONDS)


def _amounts(text: str) -> Iterator[tuple[str, str]]:
    for pair in text.split(","):
        name, _, amount = pair.strip().partition("=")
        yield name, amount


_READ: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Trouble]], ...] = (
    (_QUOTA, _no_room),
    (_UNSAID, _unsaid),
    (_LIMIT, _beyond_limit),
    (_SECURITY, _insecure),
    (_WEBHOOK, _refused_by_webhook),
    (_SILENT, _silent_webhook),
)
