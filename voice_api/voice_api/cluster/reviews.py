"""Asks the API server whether somebody may do something, before it is done; the server decides again then."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from voice_api.cluster.connection import Connection
from voice_api.cluster.identity import Identity
from voice_api.cluster.requests import Sent
from voice_api.errors import VoiceApiError

REVIEWS = "/apis/authorization.k8s.io/v1"
VERBS = {"GET": "get", "POST": "create", "PATCH": "patch", "PUT": "update", "DELETE": "delete"}
EVERYBODY = "system:authenticated"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One verb on one object; on all of a kind without a name, and in all namespaces without one."""

    verb: str
    group: str
    resource: str
    name: str
    namespace: str = ""
    subresource: str = ""


def attempt_of(request: Sent) -> Attempt | None:
    """What a request attempts, read from its method and path; None for one that no review can be made of."""
    parts = [unquote(part) for part in urlsplit(request.path).path.split("/")[1:]]
    match parts:
        case ["api", _, *rest]:
            group = ""
        case ["apis", group, _, *rest]:
            pass
        case _:
            return None
    namespace = ""
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        _, namespace, *rest = rest
    if not 1 <= len(rest) <= 3 or not all(rest):
        return None
    resource, name, subresource = (*rest, "", "")[:3]
    verb = "list" if request.method == "GET" and not name else VERBS.get(request.method)
    return Attempt(verb, group, resource, name, namespace, subresource) if verb else None


def may(connection: Connection, attempt: Attempt) -> bool:
    """Whether the user of this connection may: a SelfSubjectAccessReview."""
    return _reviewed(connection, "SelfSubjectAccessReview", {"resourceAttributes": asdict(attempt)})


def may_of(connection: Connection, identity: Identity, attempt: Attempt) -> bool:
    """Whether somebody else may: a SubjectAccessReview, which this connection's user has to be let make."""
    groups = [*identity.groups, EVERYBODY]
    who = {"user": identity.name, "groups": groups}
    return _reviewed(connection, "SubjectAccessReview", {**who, "resourceAttributes": asdict(attempt)})


def may_impersonate(connection: Connection, identity: Identity) -> bool:
    """Whether the service may act as this user and as each of the groups."""
    wanted = [("users", identity.name), *(("groups", group) for group in identity.groups)]
    return all(may(connection, Attempt("impersonate", "", kind, name)) for kind, name in wanted)


def _reviewed(connection: Connection, kind: str, spec: Mapping[str, Any]) -> bool:
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
    answer = connection.send(Sent("POST", f"{REVIEWS}/{kind.lower()}s", body))
    if answer.status == 403:
        return False
    if answer.status != 201:
        message = f"The cluster {connection.name} did not say who may do what (status {answer.status})."
        raise VoiceApiError("cluster_failed", message, "Check the API server; trying again may help.", 502)
    # Denied is more than not allowed, and either is a no.
    status: Mapping[str, Any] = answer.content.get("status") or {}
    return status.get("allowed") is True and status.get("denied") is not True
