"""A backup put together from what lives: what is kept, what is sealed, and what is left out and why."""

import gzip
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kvx.cluster.archive import SCHEMA, Archive, member_name, written
from kvx.cluster.archive_objects import is_worth_keeping, kept, set_by_others
from kvx.cluster.database import is_database
from kvx.cluster.order import key_of, ordered
from kvx.cluster.releases import LABEL

Object = Mapping[str, Any]

# Said in every archive, for who looks for it in vain.
NOT_IN_IT = ({"what": "what lies on volumes", "why": "an archive holds objects, and of data the database"},)
NO_DATABASE = {"what": "the database: ledger, journal", "why": "--without-database was said"}
NO_SECRETS = "kvx backup --secrets-key FILE takes them in, sealed with what FILE holds"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a backup is from; `uid` is that of its namespace kube-system, by which it is known."""

    target: str
    address: str
    uid: str
    kubernetes: str
    namespace: str


def archive_of(
    live: Sequence[Object],
    origin: Origin,
    *,
    taken: str,
    made_by: str,
    seal: Callable[[bytes], bytes] | None,
    database: bytes | None = None,
) -> Archive:
    """Secrets are sealed by `seal`, and left out without one: nothing of them lies open in an archive.

    `database` is SQL; it holds who has asked for what, and is sealed as well where there is a key.
    """
    worth = ordered(each for each in live if is_worth_keeping(each))
    secrets = [each for each in worth if each["kind"] == "Secret"]
    open_ones = [each for each in worth if each["kind"] != "Secret"]
    scaled = autoscaled(live)
    objects = {member_name(each): _wanted(each, scaled) for each in open_ones}
    sealed = seal(_sealable(secrets)) if seal and secrets else None
    names = [f"{key_of(each)[2]}/{key_of(each)[3]}" for each in secrets]
    left_out = [{"what": f"the Secret {name}", "why": NO_SECRETS} for name in names if sealed is None]
    manifest = {
        "schema": SCHEMA,
        "made_by": made_by,
        "taken": taken,
        "origin": {
            "target": origin.target,
            "address": origin.address,
            "uid": origin.uid,
            "kubernetes": origin.kubernetes,
            "namespace": origin.namespace,
        },
        "release": newest_release(open_ones),
        "objects": [_entry(each) for each in open_ones],
        "secrets": {"sealed": sealed is not None, "names": names},
        "database": None if database is None else {"sealed": seal is not None, "bytes": len(database)},
        "left_out": [*left_out, *_no_database(live, database), *NOT_IN_IT],
    }
    hidden = database is not None and seal is not None
    return Archive(manifest, objects, sealed, _packed(database, seal), hidden)


def _packed(database: bytes | None, seal: Callable[[bytes], bytes] | None) -> bytes | None:
    if database is None:
        return None
    packed = gzip.compress(database, mtime=0)  # no time: the same content is the same bytes
    return seal(packed) if seal else packed


def _no_database(live: Sequence[Object], database: bytes | None) -> list[Mapping[str, str]]:
    return [NO_DATABASE] if database is None and any(map(is_database, live)) else []


def autoscaled(objects: Sequence[Object]) -> frozenset[tuple[str, str, str]]:
    """Kind, namespace and name of whose number of replicas an autoscaler decides."""
    found = [each for each in objects if each["kind"] == "HorizontalPodAutoscaler"]
    targets = [(each["metadata"]["namespace"], each["spec"]["scaleTargetRef"]) for each in found]
    return frozenset((str(to["kind"]), space, str(to["name"])) for space, to in targets)


def _wanted(live: Object, scaled: frozenset[tuple[str, str, str]]) -> Object:
    """With as many replicas as there are, whoever has set that; an autoscaler finds its number by itself.

    Applied by kvx where an autoscaler decides, the number would fall to one when kvx lets go of it.
    """
    wanted, replicas = kept(live), (live.get("spec") or {}).get("replicas")
    if replicas is None:
        return wanted
    spec = {key: value for key, value in wanted.get("spec", {}).items() if key != "replicas"}
    if key_of(live)[1:] not in scaled:
        spec["replicas"] = replicas
    return {**wanted, "spec": spec}


def newest_release(objects: Sequence[Object]) -> int | None:
    """The number of the last release among them."""
    labels = [(each["metadata"].get("labels") or {}).get(LABEL) for each in objects]
    return max((int(each) for each in map(str, labels) if each.isdigit()), default=None)


def _entry(live: Object) -> dict[str, object]:
    _, kind, namespace, name = key_of(live)
    known = {"member": member_name(live), "apiVersion": live["apiVersion"], "kind": kind, "name": name}
    return {**known, "namespace": namespace or None, "also_set_by": list(set_by_others(live))}


def _sealable(secrets: Sequence[Object]) -> bytes:
    return written({"schema": SCHEMA, "secrets": [kept(each) for each in secrets]})
