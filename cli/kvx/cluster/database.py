"""The database of the component postgres: where it runs, and what keeps it and puts it back there."""

from collections.abc import Sequence

from kvx.cluster.pods import name_of
from kvx.cluster.serving import namespace_of
from kvx.cluster.trouble import Object

NAME = "postgres"
POD = "postgres-0"
_WHOSE = ("--username=kvx", "--dbname=kvx")
# A dump drops what it makes anew: it goes into an empty database, and in the place of what is in one.
DUMP = ("pg_dump", *_WHOSE, "--clean", "--if-exists", "--no-owner", "--no-privileges")
_TYPED = ("psql", *_WHOSE, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1")
COUNT = (
    *_TYPED,
    "--no-align",
    "--tuples-only",
    "--command=SELECT count(*) FROM pg_tables WHERE schemaname = 'public'",
)
# All of it or nothing.
PUT = (*_TYPED, "--single-transaction", "--file=-")
_ENDS = b"-- PostgreSQL database dump complete"
_TAIL_BYTES = 1000
# What pg_dump writes would wait for ever behind somebody who holds a table.
_PATIENCE, _BOUND = b"\nSET lock_timeout = 0;\n", b"\nSET lock_timeout = '30s';\n"


def is_database(item: Object) -> bool:
    """Whether an object is the StatefulSet of the component."""
    return item.get("kind") == "StatefulSet" and name_of(item) == NAME


def database_in(objects: Sequence[Object], namespace: str) -> Object | None:
    """The StatefulSet among them; None where the component is not switched on."""
    return next((each for each in objects if is_database(each) and namespace_of(each) == namespace), None)


def is_whole(dump: bytes) -> bool:
    """Whether pg_dump came to its end: then it says so."""
    return _ENDS in dump[-_TAIL_BYTES:]


def bounded(dump: bytes) -> bytes:
    """The same, for a database in which others may be at work."""
    return dump.replace(_PATIENCE, _BOUND, 1)


def waits_for_it(item: Object) -> bool:
    """Whether it may write to the database as soon as it runs, and so comes after what is put back there."""
    return item.get("kind") in {"Deployment", "DaemonSet", "StatefulSet", "Job", "CronJob", "Pod"} and (
        not is_database(item)
    )
