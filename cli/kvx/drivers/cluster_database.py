"""Keeps what is in the database of a cluster, and puts it back: by its own programs, in its pod."""

from kvx.cluster import database
from kvx.cluster.archive import MOST_SQL_BYTES
from kvx.cluster.pods import is_ready
from kvx.cluster.trouble import Object
from kvx.drivers.api_server import Api
from kvx.drivers.pod_exec import Container, run_in
from kvx.errors import ExitCode, KvxError

DUMP_SECONDS = 300.0
COUNT_SECONDS = 30.0
PUT_SECONDS = 600.0


def dumped(api: Api, namespace: str) -> bytes:
    """All tables, as SQL, of one moment, whoever writes meanwhile. KvxError where that is not to be had."""
    if not is_there(api, namespace):
        message = f"pod {database.POD} is not ready, so the database cannot be kept"
        fix = "kvx status tells why; --without-database keeps the rest"
        raise KvxError(message, fix, ExitCode.INCOMPLETE)
    where = _container(namespace)
    dump = run_in(api, where, database.DUMP, deadline_seconds=DUMP_SECONDS, most_bytes=MOST_SQL_BYTES)
    if not database.is_whole(dump):
        message = f"what {where.words} gave of the database ends early"
        raise KvxError(message, "run it again", ExitCode.INCOMPLETE)
    return dump


def tables(api: Api, namespace: str) -> int:
    """How many there are: none in a database that nobody has used yet."""
    told = run_in(
        api, _container(namespace), database.COUNT, deadline_seconds=COUNT_SECONDS, most_bytes=10_000
    )
    return int(told)


def put_back(api: Api, namespace: str, dump: bytes) -> None:
    """In the place of what is there, in one transaction: a kvx that is killed leaves all as it was."""
    run_in(
        api,
        _container(namespace),
        database.PUT,
        stdin=database.bounded(dump),
        deadline_seconds=PUT_SECONDS,
        most_bytes=MOST_SQL_BYTES,
    )


def is_there(api: Api, namespace: str) -> bool:
    """Whether its pod is ready."""
    pod: Object = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": database.POD, "namespace": namespace},
    }
    found = api.find(pod)
    return found is not None and is_ready(found)


def _container(namespace: str) -> Container:
    return Container(namespace, database.POD, database.NAME)
