"""What an API server refuses, in words with a fix; decided by status and reason.

Where Kubernetes tells several things by the same status and reason, its English is read: here, and only here.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kvx.errors import ExitCode, KvxError

EXPIRED = 410
TOO_MANY = 429
TRANSIENT = frozenset({TOO_MANY, 500, 502, 503, 504})

_MAY_NOT = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) (?:resource|path) "(?P<resource>[^"]*)"'
    r'(?: in API group "(?P<group>[^"]*)")?(?:.* in the namespace "(?P<namespace>[^"]*)")?'
)
_QUOTA = re.compile(r"exceeded quota: (?P<quota>[^,]+), (?P<amounts>.*)$", re.DOTALL)
_UNKNOWN_QUOTA = "failed quota: "
_POD_SECURITY = "violates PodSecurity"
_TERMINATING = "because it is being terminated"
_WEBHOOK_DOWN = re.compile(r'failed calling webhook "(?P<name>[^"]+)": (?P<why>.*)$', re.DOTALL)
_WEBHOOK_REFUSED = re.compile(
    r'admission webhook "(?P<name>[^"]+)" denied the request(?:: (?P<why>.*)| without explanation)$',
    re.DOTALL,
)
_POLICY_REFUSED = re.compile(
    r"ValidatingAdmissionPolicy '(?P<name>[^']+)' with binding '[^']+' denied request: (?P<why>.*)$",
    re.DOTALL,
)
_NOT_IN_SCHEMA = re.compile(r"failed to create typed patch object \([^)]*\): (?P<why>.*)$", re.DOTALL)
_IMMUTABLE = "field is immutable"
_LIST_WEBHOOKS = "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations"
_MANAGER = re.compile(r'conflict with "(?P<manager>[^"]+)"(?: with subresource "(?P<subresource>[^"]+)")?')


class ApiError(KvxError):
    """A refusal: `status` is HTTP's (0 where no answer came), `reason` Kubernetes' own word for it."""

    def __init__(
        self, message: str, fix: str, exit_code: ExitCode, status: int = 0, reason: str = ""
    ) -> None:
        super().__init__(message, fix, exit_code)
        self.status = status
        self.reason = reason
        self.transient = False
        """Whether the same request may succeed a little later."""
        self.said = ""
        """The server's own words, in which alone it tells why it lets no pod be made."""
        self.held_by_others = False
        """Whether fields belong to other managers, which only a person may take from them."""
        self.over_quota = False
        """Whether a quota has no room for it, which another quota may have."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server at `where` said about `what`: HTTP's status and Kubernetes' own document."""

    where: str
    what: str
    status: int
    document: Mapping[str, Any]

    @property
    def reason(self) -> str:
        return str(self.document.get("reason") or "")

    @property
    def said(self) -> str:
        return str(self.document.get("message") or "no reason given")

    @property
    def causes(self) -> tuple[Mapping[str, Any], ...]:
        match self.document.get("details"):
            case {"causes": list() as causes}:
                return tuple(each for each in causes if isinstance(each, Mapping))
        return ()


# In words, with a fix; and the exit code, where it is not that of reading or writing.
Told = tuple[str, str, ExitCode | None]


def refusal(answer: Answer, *, reading: bool) -> ApiError:
    """The error behind an answer. Exit codes: 3 for rights that are missing; else 4 for what could not be
    read, and 1 for what failed."""
    words, fix, code = _BY_STATUS.get(answer.status, _other)(answer)
    failed = ExitCode.INCOMPLETE if reading else ExitCode.FAILED
    error = ApiError(words, fix, failed if code is None else code, answer.status, answer.reason)
    error.said = answer.said
    error.held_by_others = bool(_held_fields(answer))
    error.over_quota = bool(_QUOTA.search(answer.said))
    error.transient = answer.status in TRANSIENT and not _NOT_IN_SCHEMA.search(answer.said)
    return error


def _unknown_user(answer: Answer) -> Told:
    message = f"{answer.where} does not know the user of the kubeconfig (HTTP 401)"
    return message, "kubectl auth whoami; then get a kubeconfig that is still valid", ExitCode.MISSING


def _missing(answer: Answer) -> Told:
    return f"{answer.what} is not there: {answer.said}", "kubectl api-resources tells what there can be", None


def _too_large(answer: Answer) -> Told:
    return f"{answer.what} is too large for {answer.where}", "make it smaller: Kubernetes takes 1.5 MB", None


def _too_busy(answer: Answer) -> Told:
    fix = "try again later; kubectl get --raw /metrics tells what keeps it busy"
    return f"{answer.where} is too busy and asks to come back later (HTTP 429)", fix, None


def _forbidden(answer: Answer) -> Told:
    for asked in (_quota, _pod_security, _terminating, _admission, _rights):
        if told := asked(answer):
            return told
    return f"{answer.where} forbids it: {answer.said}", "kubectl auth can-i --list", ExitCode.MISSING


def _quota(answer: Answer) -> Told | None:
    if found := _QUOTA.search(answer.said):
        fix = "raise kubernetes.cpu_quota or kubernetes.memory_quota, or choose a smaller kubernetes.size"
        return f"{answer.what} is over the quota {found['quota']}: {found['amounts']}", fix, None
    if _UNKNOWN_QUOTA in answer.said:
        message = f"{answer.what} says too little for the quota: {_after(answer.said)}"
        return message, "set its requests and limits", None
    return None


def _pod_security(answer: Answer) -> Told | None:
    if _POD_SECURITY not in answer.said:
        return None
    message = f"{answer.what} is refused by pod security: {_after(answer.said)}"
    return message, "kvx lint names what to write", None


def _terminating(answer: Answer) -> Told | None:
    if _TERMINATING not in answer.said:
        return None
    fix = "wait until it is gone (kubectl get namespaces), then run the command again"
    return f"{answer.what} cannot be made: its namespace is being deleted", fix, None


def _rights(answer: Answer) -> Told | None:
    found = _MAY_NOT.search(answer.said)
    if not found:
        return None
    resource = found["resource"] + (f".{found['group']}" if found["group"] else "")
    inside = f" in the namespace {found['namespace']}" if found["namespace"] else ""
    flag = f" --namespace {found['namespace']}" if found["namespace"] else ""
    message = f"the user {found['user']} may not {found['verb']} {resource}{inside} (HTTP 403)"
    fix = f"ask for that right: kubectl auth can-i {found['verb']} {resource}{flag}; docs/cluster.md"
    return message, fix, ExitCode.MISSING


def _admission(answer: Answer) -> Told | None:
    if found := _WEBHOOK_REFUSED.search(answer.said):
        message = f"the webhook {found['name']} refuses {answer.what}: {found['why'] or 'it says no more'}"
        return message, f"do what it says, or ask whoever set it up: {_LIST_WEBHOOKS}", None
    if found := _POLICY_REFUSED.search(answer.said):
        message = f"the policy {found['name']} refuses {answer.what}: {found['why']}"
        fix = f"do what it says: kubectl get validatingadmissionpolicies {found['name']} -o yaml"
        return message, fix, None
    return None


def _conflict(answer: Answer) -> Told:
    if answer.reason == "AlreadyExists":
        return f"{answer.what} is there already", "run the command again", None
    fields = _held_fields(answer)
    if not fields:
        message = f"{answer.what} was changed by somebody else meanwhile: {answer.said}"
        return message, "run the command again", None
    told = "; ".join(f"{manager} has set {' and '.join(paths)}" for manager, paths in _by_manager(fields))
    fix = "take those fields out of what kvx applies, by kubernetes.overlay, an overlay of your own"
    return f"{answer.what} has other managers, and kvx takes no field from anybody: {told}", fix, None


def _held_fields(answer: Answer) -> list[tuple[str, str]]:
    """Managers and their fields, in the server's order."""
    return [_managed(each) for each in answer.causes if each.get("reason") == "FieldManagerConflict"]


def _managed(cause: Mapping[str, Any]) -> tuple[str, str]:
    found = _MANAGER.search(str(cause.get("message")))
    return found["manager"] if found else "somebody", str(cause.get("field") or "a field")


def _by_manager(fields: list[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    for name in dict.fromkeys(manager for manager, _ in fields):
        yield name, [path for manager, path in fields if manager == name]


def _invalid(answer: Answer) -> Told:
    if refused := _admission(answer):  # policies refuse by this status
        return refused
    told = "; ".join(f"{each.get('field', 'it')}: {each.get('message')}" for each in answer.causes)
    if any(_IMMUTABLE in str(each.get("message")) for each in answer.causes):
        fix = "undo that change; or delete the object, which ends what it runs, and deploy again"
        return f"{answer.what} cannot be changed there: {told}", fix, None
    return f"{answer.what} is not valid: {told or answer.said}", "correct that field", None


def _misunderstood(answer: Answer) -> Told:
    if told := _admission(answer):
        return told
    return f"{answer.what} is not understood: {answer.said}", "kvx lint; correct what it names", None


def _other(answer: Answer) -> Told:
    if found := _NOT_IN_SCHEMA.search(answer.said):  # which Kubernetes tells as an error of its own, 500
        return f"{answer.what} is not valid: {found['why']}", "correct that field; kubectl explain", None
    if found := _WEBHOOK_DOWN.search(answer.said):
        message = f"the webhook {found['name']}, asked about {answer.what}, does not work: {found['why']}"
        return message, f"mend or remove it: {_LIST_WEBHOOKS}", None
    if told := _admission(answer):
        return told
    fix = "kubectl get --raw '/readyz?verbose' tells what ails it"
    return f"{answer.where} answers HTTP {answer.status} for {answer.what}: {answer.said}", fix, None


def _after(said: str) -> str:
    """What follows the server's own `... is forbidden: `."""
    return said.partition("is forbidden: ")[2] or said


_BY_STATUS: Mapping[int, Callable[[Answer], Told]] = {
    400: _misunderstood,
    401: _unknown_user,
    403: _forbidden,
    404: _missing,
    409: _conflict,
    413: _too_large,
    422: _invalid,
    429: _too_busy,
}
