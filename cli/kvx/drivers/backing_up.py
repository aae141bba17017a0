"""Takes together what kvx owns in a cluster; nothing is written there."""

from collections.abc import Iterator, Mapping
from typing import Any

from kvx.cluster.kustomization import NAMESPACE
from kvx.cluster.order import key_of
from kvx.cluster.refusals import ApiError
from kvx.drivers.api_server import Api
from kvx.drivers.asking import ask
from kvx.drivers.members import all_members
from kvx.errors import ExitCode, KvxError
from kvx.world import World

SELECTOR = "app.kubernetes.io/part-of=kvx"
SECONDS = 30.0
# They hold measurements, and are often away: nobody owns anything in them.
_MEASUREMENTS = ("metrics.k8s.io", "custom.metrics.k8s.io", "external.metrics.k8s.io")
_NOT_LISTABLE = (404, 405)

Object = Mapping[str, Any]


def owned(api: Api, world: World) -> tuple[Object, ...]:
    """Every object with kvx's label, wherever it lies, and every member of its apply set.

    Raises a KvxError where a kind cannot be listed: a backup that lacks something unsaid is none.
    """
    versions = _versions(api)
    collections = [path for version in _all(_asked(versions, api, world)) for path in version]
    labelled = ask({path: _listing(api, path) for path in collections}, SECONDS, world)
    everything = [each for items in _all(labelled) for each in items]
    everything += all_members(api, NAMESPACE)
    return tuple({key_of(each): each for each in everything}.values())


def cluster_id(api: Api) -> str:
    """What tells this cluster from others."""
    return str(api.get("/api/v1/namespaces/kube-system")["metadata"]["uid"])


def _versions(api: Api) -> list[str]:
    """The path of each version that a group prefers."""
    groups = api.get("/apis").get("groups") or ()
    wanted = (each for each in groups if each["name"] not in _MEASUREMENTS)
    return ["/api/v1", *(f"/apis/{each['preferredVersion']['groupVersion']}" for each in wanted)]


def _asked(versions: list[str], api: Api, world: World) -> dict[str, object]:
    questions = {path: (lambda path=path: tuple(_collections(api, path))) for path in versions}
    return ask(questions, SECONDS, world)


def _collections(api: Api, path: str) -> Iterator[str]:
    """What of a version can be listed, and made anew."""
    for row in api.get(path, deadline_seconds=SECONDS).get("resources") or ():
        if "/" not in row["name"] and {"list", "create"} <= set(row.get("verbs") or ()):
            yield f"{path}/{row['name']}"


def _listing(api: Api, path: str) -> Any:
    def listed() -> tuple[Object, ...]:
        try:
            return api.list(path, deadline_seconds=SECONDS, labelSelector=SELECTOR)
        except ApiError as error:
            if error.status in _NOT_LISTABLE:
                return ()
            raise

    return listed


def _all(answers: Mapping[str, object]) -> list[Any]:
    """All answers, or the first error."""
    for answer in answers.values():
        if isinstance(answer, KvxError):
            raise KvxError(f"the backup would lack something: {answer.message}", answer.fix, _code(answer))
    return list(answers.values())


def _code(error: KvxError) -> ExitCode:
    return error.exit_code if error.exit_code is ExitCode.MISSING else ExitCode.INCOMPLETE
