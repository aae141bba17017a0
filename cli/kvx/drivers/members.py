"""The members of the apply set in a cluster: found by the parent's word, told from what is still wanted."""

from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from kvx.cluster.applyset import MEMBER, PARENT_KIND, PARENT_NAME, Reach, id_of, reach_in
from kvx.cluster.difference import Change, change_of
from kvx.cluster.order import Key, Object, key_of, ordered
from kvx.cluster.refusals import ApiError
from kvx.drivers import releases
from kvx.drivers.api_server import Api
from kvx.errors import ExitCode, KvxError

MISSING = 404
CORE = "v1"


def _tool() -> str:
    try:
        return f"kvx/v{version('kvx')}"
    except PackageNotFoundError:
        return "kvx/unknown"


TOOL = _tool()


def reach(api: Api, namespace: str) -> Reach:
    """Where members may be, as the parent says; nowhere where there is no parent."""
    about = {"name": PARENT_NAME, "namespace": namespace}
    found = api.find({"apiVersion": CORE, "kind": PARENT_KIND, "metadata": about})
    return Reach(frozenset(), frozenset()) if found is None else reach_in(found)


def all_members(api: Api, namespace: str) -> tuple[Object, ...]:
    """Every member there is, in the order in which they are applied."""
    where = reach(api, namespace)
    spaces = (namespace, *sorted(where.namespaces))
    return ordered(
        each for kind in sorted(where.group_kinds) for each in _of_kind(api, kind, spaces, namespace)
    )


def beyond(
    api: Api, namespace: str, objects: Sequence[Object], kept: frozenset[Key] | None
) -> tuple[Object, ...]:
    """Members that are not among the objects, last ones first; of settings those of no kept release."""
    wanted = {key_of(each) for each in objects}
    found = (each for each in all_members(api, namespace) if key_of(each) not in wanted)
    return tuple(reversed([each for each in found if not _is_kept(each, kept)]))


def removal(item: Object) -> Change:
    """A member that goes, as it is shown."""
    change = change_of(item, None)
    assert change is not None  # noqa: S101  something is there
    return change


def kept(api: Api, namespace: str) -> frozenset[Key] | None:
    """Settings and Secrets of the releases that are kept; None where one of them cannot be read: all stay."""
    try:
        found = releases.history(api, namespace)
        inside = {key_of(each) for release in found for each in release.objects if _is_settings(each)}
    except KvxError as error:
        if isinstance(error, ApiError):
            raise
        return None
    named = (path.partition("/") for release in found for path in release.secrets)
    return frozenset(inside | {("", "Secret", space, name) for space, _, name in named})


def stopped() -> KvxError:
    return KvxError("stopped on request", "the same command goes on from here", ExitCode.INTERRUPTED)


def _is_settings(item: Object) -> bool:
    """What a release needs to be gone back to: nobody can change it, so each has its own."""
    return item.get("kind") in {"ConfigMap", "Secret"} and bool(item.get("immutable"))


def _is_kept(item: Object, kept: frozenset[Key] | None) -> bool:
    if item.get("kind") == "Secret":
        return kept is None or key_of(item) in kept
    return _is_settings(item) and (kept is None or key_of(item) in kept)


def _of_kind(api: Api, group_kind: str, spaces: Sequence[str], namespace: str) -> Iterator[dict[str, Any]]:
    kind, _, group = group_kind.partition(".")
    api_version = _version_of(api, group)
    if api_version is None:
        return  # its definition is gone, and all of its kind with it
    try:
        resource = api.resource(api_version, kind)
    except ApiError as error:
        if error.status == MISSING:
            return
        raise
    for space in spaces if resource.namespaced else ("",):
        yield from api.list(resource.path(space, None), labelSelector=f"{MEMBER}={id_of(namespace)}")


def _version_of(api: Api, group: str) -> str | None:
    """The version of a group that the server prefers."""
    if not group:
        return CORE
    try:
        return str(api.get(f"/apis/{group}")["preferredVersion"]["groupVersion"])
    except ApiError as error:
        if error.status == MISSING:
            return None
        raise
