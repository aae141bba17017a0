"""Puts a backup back: looked at by the server's dry run first, then applied in order under the lease."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kvx.cluster.archive import DATABASE_SEALED, Archive, database_of
from kvx.cluster.charts import brought, left_out_words
from kvx.cluster.database import database_in, waits_for_it
from kvx.cluster.difference import Change, summary
from kvx.cluster.kustomization import NAMESPACE
from kvx.cluster.order import key_of, ordered
from kvx.drivers import charts, cluster_database
from kvx.drivers.api_server import Api, words
from kvx.drivers.applying import Serving
from kvx.drivers.archive_files import read_archive
from kvx.drivers.cluster_lease import Held, held_lease
from kvx.drivers.clusters import api_of
from kvx.drivers.comparing import compared
from kvx.drivers.manifest_applying import ROLLOUT
from kvx.drivers.members import stopped
from kvx.drivers.rollout import await_rollout
from kvx.drivers.sealing import key_in, opened, unsealed
from kvx.drivers.waiting import wait_until
from kvx.errors import ExitCode, KvxError
from kvx.steps.backups import RestoreBackup
from kvx.world import Outcome, World

ENDING_SECONDS = 60.0
LEFT = "left     the database, which has content of its own; --replace-database puts the archive's there"

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Content:
    """What an archive would put into a cluster, in the order in which it is applied."""

    manifest: Mapping[str, Any]
    objects: tuple[Object, ...]
    digest: str
    database: bytes | None = None


def content_of(path: Path, secrets_key: Path | None, *, without_secrets: bool) -> Content:
    """KvxError: 2 for a key that is wrong, 3 for one that is missing, 4 for an archive that is refused."""
    archive, digest = read_archive(path)
    hidden = archive.sealed is not None or archive.database_sealed
    if hidden and not without_secrets and secrets_key is None:
        names = ", ".join(archive.manifest["secrets"]["names"]) or "none, and the database"
        message = f"the archive holds Secrets that are sealed: {names}"
        fix = f"kvx restore {path} --secrets-key FILE; or --without-secrets, and make them yourself"
        raise KvxError(message, fix, ExitCode.MISSING)
    key = key_in(secrets_key) if hidden and secrets_key and not without_secrets else None
    secrets = opened(archive.sealed, key) if archive.sealed is not None and key else ()
    objects = ordered((*archive.objects.values(), *secrets))
    return Content(archive.manifest, objects, digest, _database(archive, key))


def _database(archive: Archive, key: bytes | None) -> bytes | None:
    """What the database held; None for none, and for one that is sealed and was not asked for."""
    if archive.database is None or (archive.database_sealed and key is None):
        return None
    packed = unsealed(archive.database, key, DATABASE_SEALED) if archive.database_sealed and key else None
    return database_of(packed or archive.database)


def differences(api: Api, objects: Sequence[Object]) -> tuple[Change, ...]:
    """What restoring would change now; nothing is written, and what is there beside is left."""
    wanted = charts.fitting(api, objects).objects
    return tuple(change for each in wanted if (change := compared(api, each, brought(wanted))))


def is_done(step: RestoreBackup, world: World, serving: Serving = ROLLOUT) -> bool:
    """Whether all of it is there as it was, and serves."""
    try:
        content, api = _agreed(step), api_of(step.where, step.folder, world)
        as_was = not differences(api, content.objects) and serving.serves(api, content.objects)
        return as_was and not (content.database and database_lacks(api, replace=step.replace_database))
    except KvxError as error:  # it is told when the step is performed
        if error.exit_code is ExitCode.INTERRUPTED:
            raise
        return False


def perform(step: RestoreBackup, world: World, serving: Serving = ROLLOUT) -> Outcome:
    """Namespaces first, for the lease lies in one; the rest is dry run before the first of it is written."""
    content, api = _agreed(step), api_of(step.where, step.folder, world)
    fit = charts.fitting(api, content.objects)
    objects = fit.objects
    for each in objects:
        if each["kind"] == "Namespace":
            _make_namespace(api, each, world)
    with held_lease(api, NAMESPACE, step.lease_wait_seconds, world) as held:
        changes = differences(api, objects)
        changed = [each for each in objects if key_of(each) in {change.key for change in changes}]
        if coming := charts.pending(api, objects):
            _apply(api, coming, held, world)
            charts.await_brought(api, coming, objects, held, world)
        first = [each for each in changed if content.database is None or not waits_for_it(each)]
        _apply(api, first, held, world)
        told = _put_back(api, content, step, held, world)
        _apply(api, [each for each in changed if each not in first], held, world)
        data = serving.await_serving(api, objects, step.serving_seconds, world)
    out = (left_out_words(fit.left_out),) if fit.left_out else ()
    lines = (summary(changes), *(f"{each.kind:<8} {each.words}" for each in changes), *told, *out)
    release = content.manifest.get("release")
    return Outcome(changed=True, lines=lines, data={**data, "restored": len(objects), "release": release})


def _apply(api: Api, objects: Sequence[Object], held: Held, world: World) -> None:
    for each in objects:
        held.check()
        if world.stop_requested():
            raise stopped()
        world.progress(f"restore {words(each)}")
        api.apply(each)


def database_lacks(api: Api, *, replace: bool) -> bool:
    """Whether the archive's content is to be put there: nothing is in it, or what is is to go."""
    there = cluster_database.is_there(api, NAMESPACE)
    return replace or not there or not cluster_database.tables(api, NAMESPACE)


def _put_back(api: Api, content: Content, step: RestoreBackup, held: Held, world: World) -> tuple[str, ...]:
    """The database, before anything that writes to it runs; what it holds by itself is left."""
    wanted = database_in(content.objects, NAMESPACE)
    if content.database is None or wanted is None:
        return ()
    await_rollout(api, wanted, content.objects, world.monotonic() + step.serving_seconds, world)
    if not database_lacks(api, replace=step.replace_database):
        return (LEFT,)
    held.check()
    world.progress("put the database back")
    cluster_database.put_back(api, NAMESPACE, content.database)
    return ("restored the database: ledger and journal",)


def _agreed(step: RestoreBackup) -> Content:
    """The archive that was shown, or none."""
    content = content_of(step.archive, step.secrets_key, without_secrets=step.without_secrets)
    if content.digest != step.digest:
        message = f"{step.archive} is not the archive that was shown: somebody replaced it meanwhile"
        raise KvxError(message, f"kvx restore {step.archive} --dry-run")
    return content


def _make_namespace(api: Api, namespace: Object, world: World) -> None:
    name = namespace["metadata"]["name"]

    def gone_or_there() -> bool:
        return "deletionTimestamp" not in ((api.find(namespace) or {}).get("metadata") or {})

    if not wait_until(gone_or_there, ENDING_SECONDS, world):
        why = _why_still_there(api.find(namespace) or {})
        message = f"the namespace {name} is being deleted, and has not gone in {ENDING_SECONDS:.0f} s{why}"
        raise KvxError(message, f"kubectl describe namespace {name}, then run it again")
    if api.find(namespace) is None:
        world.progress(f"restore {words(namespace)}")
        api.apply(namespace)


def _why_still_there(namespace: Object) -> str:
    """In the words of the controller that ends namespaces; nothing where it has not said any."""
    conditions = (namespace.get("status") or {}).get("conditions") or ()
    said = [str(each.get("message")) for each in conditions if each.get("status") == "True"]
    return f": {said[0]}" if said else ""
