"""Who may do what where: each cell of user, verb and namespace, by kvx's own check and by the cluster's."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from operated import Operated, call, cluster_role, eventually, session

from voice_api.cluster.access import Access, UserAccess
from voice_api.cluster.connection import Connection
from voice_api.cluster.identity import Identity
from voice_api.cluster.reviews import Attempt
from voice_api.commands.policy import User
from voice_api.commands.registry.declaring import Call
from voice_api.errors import VoiceApiError

pytestmark = pytest.mark.needs("kube-apiserver", "etcd", "openssl")
APPS = "/apis/apps/v1/namespaces"
SPACES = ("matrix-one", "matrix-two")
LOOKS = {"apiGroups": ["", "apps", "batch"], "resources": ["*"], "verbs": ["get", "list"]}
# What each user may do beside looking, in which namespace; everything else is a forbidden cell.
RIGHTS: dict[str, dict[str, list[dict[str, Any]]]] = {
    "ann": {"matrix-one": [{"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["patch"]}]},
    "bob": {
        "matrix-one": [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]}],
        "matrix-two": [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["delete"]}],
    },
    "eve": {},
}
WRITES = {
    "scale": ("deployments/scale", "patch"),
    "restart": ("deployments", "patch"),
    "set_version": ("deployments", "patch"),
    "pause_rollout": ("deployments", "patch"),
    "delete_deployment": ("deployments", "delete"),
}
CELLS = list(product(RIGHTS, WRITES, SPACES))


def wish(function: str, space: str) -> Call:
    values: dict[str, Any] = {"scale": {"replicas": 5}, "set_version": {"version": "2.0"}}.get(function, {})
    return call(function, name="web", namespace=space, **values)


def allowed(user: str, function: str, space: str) -> bool:
    resource, verb = WRITES[function]
    rules = RIGHTS[user].get(space, [])
    return any(resource in rule["resources"] and verb in rule["verbs"] for rule in rules)


@dataclass(frozen=True, slots=True)
class Unchecked:
    """A way whose own check says yes to everything: what is left is the cluster."""

    connection: Connection
    as_user: bool = True

    def may(self, _: Attempt) -> bool:
        return True


class UncheckedAccess(Access):
    """kvx's own check switched off."""

    def of(self, identity: Identity) -> UserAccess:
        return Unchecked(super().of(identity).connection)


@pytest.fixture(scope="module")
def matrix(operated: Operated) -> Iterator[Operated]:
    for space in SPACES:
        operated.apply("/api/v1/namespaces", {"metadata": {"name": space}})
        operated.deployment(space, "web", 1)
    cluster_role(operated.server, "matrix-looks", [LOOKS])
    for user, space in product(RIGHTS, SPACES):
        root = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{space}"
        operated.apply(f"{root}/roles", {"metadata": {"name": user}, "rules": RIGHTS[user].get(space, [])})
        for kind, role in (("Role", user), ("ClusterRole", "matrix-looks")):
            reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role}
            subject = {"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}
            body = {"metadata": {"name": f"{user}-{role}"}, "roleRef": reference, "subjects": [subject]}
            operated.apply(f"{root}/rolebindings", body)
    for user, function, space in CELLS:
        eventually(lambda at=(user, function, space): reached(operated, *at) is allowed(*at))  # type: ignore[misc]
    yield operated
    for space in SPACES:
        with suppress(AssertionError):
            operated.server.request("DELETE", f"{APPS}/{space}/deployments/web")


def reached(operated: Operated, user: str, function: str, space: str) -> bool:
    resource, _, subresource = WRITES[function][0].partition("/")
    attempt = Attempt(WRITES[function][1], "apps", resource, "web", space, subresource)
    way = operated.access().of(Identity(user))
    return way.as_user and way.may(attempt)


def spec(operated: Operated, space: str) -> object:
    return operated.found(f"{APPS}/{space}/deployments/web")["spec"]


def test_the_matrix_has_allowed_and_forbidden_cells() -> None:
    counted = [allowed(*cell) for cell in CELLS]
    assert (len(counted), sum(counted)) == (30, 5)


@pytest.mark.parametrize(("user", "function", "space"), CELLS)
def test_a_cell_is_allowed_by_the_check_exactly_where_the_rights_say_so(
    matrix: Operated, tmp_path: Path, user: str, function: str, space: str
) -> None:
    before = spec(matrix, space)
    with session(matrix.access(), tmp_path, User(user)) as opened:
        preview = opened.executor.preview(
            opened.user, wish(function, space), opened.executor.met(opened.user, wish(function, space))
        )
    assert preview.status == (200 if allowed(user, function, space) else 403), preview
    assert spec(matrix, space) == before


@pytest.mark.parametrize(("user", "function", "space"), [cell for cell in CELLS if not allowed(*cell)])
def test_a_forbidden_cell_is_refused_by_the_cluster_too_with_our_check_switched_off(
    matrix: Operated, tmp_path: Path, user: str, function: str, space: str
) -> None:
    before = spec(matrix, space)
    unchecked = UncheckedAccess(matrix.access().service)
    with session(unchecked, tmp_path, User(user)) as opened:
        asked = wish(function, space)
        met = opened.executor.met(opened.user, asked)
        assert opened.executor.preview(opened.user, asked, met).status == 403
        carried = opened.executor.carry_out(opened.user, asked, opened.ordered(asked, met))
    assert carried.status == 403
    assert spec(matrix, space) == before


@pytest.mark.parametrize(
    "groups", [("system:masters",), ("shop", "system:nodes"), ("a,b",), ("a\r\nImpersonate-User: root",)]
)
def test_groups_that_kubernetes_gives_rights_to_are_never_taken_on(groups: tuple[str, ...]) -> None:
    with pytest.raises(VoiceApiError) as caught:
        Identity("ann", groups)
    assert caught.value.code == "identity_invalid"


def test_two_users_at_once_are_never_mixed_up(matrix: Operated) -> None:
    access = matrix.access()
    ways = {user: access.of(Identity(user)) for user in RIGHTS}
    attempt = Attempt("patch", "apps", "deployments", "web", "matrix-one", "scale")
    for _ in range(20):
        assert {user: way.may(attempt) for user, way in ways.items()} == {
            "ann": True,
            "bob": False,
            "eve": False,
        }
