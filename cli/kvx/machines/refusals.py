"""What Hetzner's refusals mean, as a table: whether to try again, elsewhere, or not at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from kvx.errors import ExitCode, KvxError
from kvx.machines.refusal_words import code_of_words, parts_of

Kind = Literal["transient", "already", "capacity", "quota", "taken", "permanent"]
"""transient: the same again, later. already: what was asked for is so. capacity: another place or time.
quota: only Hetzner can help. taken: a name or key is somebody's. permanent: the same fails again."""

CONSOLE = "https://console.hetzner.com"
_EXIT_CODES: Mapping[Kind, ExitCode] = {
    "capacity": ExitCode.NO_CAPACITY,
    "quota": ExitCode.NO_CAPACITY,
}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: what a code means, and what a person can do."""

    kind: Kind
    words: str
    fix: str
    exit_code: ExitCode = ExitCode.FAILED


_LATER = "run the same command again in some minutes; it goes on from here"
_STATUS = "look at https://status.hetzner.com, then run the same command again"
_DOCTOR = "kvx doctor --target hetzner"
_ELSEWHERE = "kvx deploy --target hetzner --wait-for-capacity 30m, or name fallbacks in kvx.toml"
_QUOTA = f"ask for a higher limit at {CONSOLE} (Limits, at the account's name), or make the cluster smaller"
_TOKEN = f"make a token that may read and write at {CONSOLE} (Security, API tokens); export HCLOUD_TOKEN=..."
_TAKEN = "give the cluster another name (hetzner.cluster in kvx.toml), or rename the other one"
_PROTECTION = "lift its protection in the console, or let cleanup do it: kvx cleanup --yes-destroy NAME"
_VERSION = "take a newer kvx, or tell its makers this message"


def _row(kind: Kind, words: str, fix: str, exit_code: ExitCode | None = None) -> Row:
    return Row(kind, words, fix, exit_code or _EXIT_CODES.get(kind, ExitCode.FAILED))


# reference/hetzner.md 5.5, and the codes of hcloud-go 2.47 (hcloud/error.go) that a cluster can meet.
TABLE: Mapping[str, Row] = MappingProxyType(
    {
        "rate_limit_exceeded": _row("transient", "too many requests in this hour", _LATER),
        "conflict": _row("transient", "it was changed by somebody else at the same moment", _LATER),
        "locked": _row("transient", "another action is running on it", _LATER),
        "timeout": _row("transient", "Hetzner did not answer in time", _STATUS),
        "bad_gateway": _row("transient", "a part of Hetzner does not answer", _STATUS),
        "service_error": _row("transient", "a service of Hetzner failed", _STATUS),
        "server_error": _row("transient", "Hetzner failed", _STATUS),
        "unknown_error": _row("transient", "Hetzner failed and does not say why", _STATUS),
        "robot_unavailable": _row("transient", "a part of Hetzner does not answer", _STATUS),
        "no_subnet_available": _row("transient", "the network has no subnet yet", _LATER),
        "ip_not_available": _row("transient", "the private address is not free yet", _LATER),
        "resource_in_use": _row("transient", "something still uses it", _LATER),
        "server_not_stopped": _row("transient", "the server still runs", _LATER),
        "primary_ip_assigned": _row("transient", "the address is still assigned", _LATER),
        "server_already_attached": _row("already", "the server is in the network already", _LATER),
        "load_balancer_already_attached": _row("already", "the load balancer is in the network", _LATER),
        "target_already_defined": _row("already", "the load balancer has that target", _LATER),
        "firewall_already_applied": _row("already", "the firewall is applied there already", _LATER),
        "firewall_already_removed": _row("already", "the firewall is not applied there any more", _LATER),
        "resource_unavailable": _row("capacity", "Hetzner has none of these left there", _ELSEWHERE),
        "placement_error": _row("capacity", "Hetzner has no host left for it there", _ELSEWHERE),
        "no_space_left_in_location": _row("capacity", "the location has no space for volumes", _ELSEWHERE),
        "resource_limit_exceeded": _row("quota", "a limit of your Hetzner account is reached", _QUOTA),
        "uniqueness_error": _row("taken", "the name or the key is taken in this project", _TAKEN),
        "invalid_input": _row("permanent", "Hetzner does not accept a value", _DOCTOR),
        "json_error": _row("permanent", "Hetzner could not read the request", _VERSION),
        "unauthorized": _row("permanent", "Hetzner does not know the token", _TOKEN, ExitCode.MISSING),
        "forbidden": _row("permanent", "the token may not do this", _TOKEN, ExitCode.MISSING),
        "token_readonly": _row("permanent", "the token may only read", _TOKEN, ExitCode.MISSING),
        "not_found": _row("permanent", "it does not exist (any more)", _DOCTOR),
        "protected": _row("permanent", "it is protected against that", _PROTECTION, ExitCode.MISSING),
        "unsupported_error": _row("permanent", "Hetzner cannot do this with it", _DOCTOR),
        "deprecated_api_endpoint": _row("permanent", "Hetzner has removed this part of its API", _VERSION),
        "maintenance": _row("permanent", "Hetzner is at work there", _STATUS),
        "unavailable": _row("permanent", "Hetzner has closed this for now", _STATUS),
        "resource_locked": _row("permanent", "Hetzner has locked it", f"ask Hetzner's support at {CONSOLE}"),
        "networks_overlap": _row("permanent", "two networks share addresses", _DOCTOR),
        "private_net_only_server": _row("permanent", "it has no public side for a firewall", _DOCTOR),
        "invalid_server_type": _row("permanent", "the server cannot become this type", _DOCTOR),
    }
)
_GROUP_FIX = "give kvx a free group: delete unused placement groups, or make the pool smaller"
GROUP_FULL = _row("permanent", "the placement group holds ten servers already", _GROUP_FIX)
_UNKNOWN_TRANSIENT = _row("transient", "Hetzner failed", _STATUS)
_UNKNOWN = _row("permanent", "Hetzner refused", _DOCTOR)
_CODES_OF_STATUS = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    412: "resource_unavailable",
    429: "rate_limit_exceeded",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refusal of Hetzner, understood."""

    kind: Kind
    code: str
    message: str
    words: str
    fix: str
    exit_code: ExitCode
    correlation_id: str = ""

    @property
    def may_be_repeated(self) -> bool:
        """Whether the same request can succeed later, or has in effect."""
        return self.kind in {"transient", "already"}

    def as_error(self, doing: str = "") -> KvxError:
        """For people; `doing` says what was tried, such as `delete server kvx-workers-1`."""
        traced = f", correlation id {self.correlation_id}" if self.correlation_id else ""
        tried = f"could not {doing}: " if doing else ""
        message = f"{tried}{self.words} (Hetzner: {self.message or 'no words'}; {self.code}{traced})"
        return KvxError(message, self.fix, self.exit_code)


def refusal_of(
    code: str,
    message: str,
    http_status: int | None = None,
    correlation_id: str = "",
    details: Mapping[str, object] | None = None,
) -> Refusal:
    """What a refusal means, by its code; by its words only where Hetzner gives no code of its own."""
    known = code_of_words(code, message)
    row = GROUP_FULL if known == "placement_group_full" else TABLE.get(known) or _by_status(http_status)
    more = _told(details)
    said = f"{message}: {more}" if more else message
    return Refusal(row.kind, code, said, row.words, row.fix, row.exit_code, correlation_id)


def refusal_in(text: str) -> Refusal | None:
    """The refusal of Hetzner in an error of the Terraform provider; None where it is another's error."""
    parts = parts_of(text)
    if parts is None:
        return None
    code, message, http_status, correlation_id = parts
    return refusal_of(code, message, http_status, correlation_id)


def _by_status(http_status: int | None) -> Row:
    """A code that is not in the table: Hetzner gives 412 for stock, 5xx for its own failures."""
    code = _CODES_OF_STATUS.get(http_status or 0)
    if code is not None:
        return TABLE[code]
    return _UNKNOWN_TRANSIENT if http_status is not None and http_status >= 500 else _UNKNOWN


def _told(details: Mapping[str, object] | None) -> str:
    """The limits or fields that Hetzner names: details.limits[].name, details.fields[]."""
    named = (details or {}).get("limits") or (details or {}).get("fields")
    if not isinstance(named, list):
        return ""
    names = [str(each.get("name", "")) if isinstance(each, Mapping) else str(each) for each in named]
    return ", ".join(name for name in names if name)
