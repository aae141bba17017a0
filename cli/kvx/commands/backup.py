"""kvx backup: all that kvx owns in a cluster, in one file."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kvx.commands.cluster_target import ClusterTarget, cluster_target
from kvx.commands.flags import Folder, Json, Target
from kvx.commands.typed import typed
from kvx.commands.version import installed
from kvx.errors import ExitCode, KvxError

if TYPE_CHECKING:
    from kvx.cluster.archive import Archive
    from kvx.world import World

SCHEMA = "kvx/backup/v1"
To = Annotated[Path | None, typer.Option("--to", metavar="FILE", help="Where to write it.")]
SecretsKey = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Take the Secrets in, sealed with the key in this file."),
]

WithoutDatabase = Annotated[
    bool, typer.Option("--without-database", help="Leave out what is in the database: ledger and journal.")
]


def backup(
    to: To = None,
    target: Target = None,
    folder: Folder = None,
    secrets_key: SecretsKey = None,
    *,
    without_database: WithoutDatabase = False,
    as_json: Json = False,
) -> None:
    """Put all that kvx owns in the cluster into one file: objects, settings, releases, and the database.

    The file is a tar with checksums, for you alone (0600), and is not written over another one. Secrets are
    in it only with --secrets-key, and sealed, as is the database then. The database is that of the component
    postgres: the ledger of engines, the journal of changes. What else lies on volumes is not in it.
    """
    cluster = cluster_target(folder, target, "kvx backup")
    from kvx.drivers.archive_files import write_archive
    from kvx.world import real_world

    world = real_world()
    key = _key(secrets_key)
    path = to or Path(f"kvx-{cluster.deployment.target}-{_stamp(world)}.tar")
    archive = _archive(cluster, key, world, without_database=without_database)
    size = write_archive(path, archive)
    if as_json:
        known = {**archive.manifest, "schema": SCHEMA, "archive": str(path), "size_bytes": size}
        print(json.dumps({**known, "exit_code": 0}, indent=2))
    else:
        print("\n".join(_lines(path, size, archive)))


def _archive(
    cluster: ClusterTarget, key: bytes | None, world: "World", *, without_database: bool
) -> "Archive":
    from kvx.cluster.archive_making import Origin, archive_of
    from kvx.cluster.database import database_in
    from kvx.drivers.backing_up import cluster_id, owned
    from kvx.drivers.cluster_database import dumped
    from kvx.drivers.sealing import seal

    api = cluster.api(world)
    kubernetes = str(api.get("/version").get("gitVersion", "?"))
    uid, live = cluster_id(api), owned(api, world)
    if not live:
        message = f"kvx owns nothing in the cluster at {api.address}"
        fix = f"kvx deploy --target {cluster.deployment.target}"
        raise KvxError(message, fix, ExitCode.MISSING)
    origin = Origin(cluster.deployment.target, api.address, uid, kubernetes, cluster.namespace)
    taken = datetime.fromtimestamp(world.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    sealing = None if key is None else lambda plain: seal(plain, key)
    wanted = not without_database and database_in(live, cluster.namespace) is not None
    content = dumped(api, cluster.namespace) if wanted else None
    made_by = f"kvx {installed('kvx')}"
    return archive_of(live, origin, taken=taken, made_by=made_by, seal=sealing, database=content)


def _key(file: Path | None) -> bytes | None:
    """Read before anything is asked: a wrong one is told at once."""
    if file is None:
        return None
    from kvx.drivers.sealing import key_in

    return key_in(file)


def _stamp(world: "World") -> str:
    return datetime.fromtimestamp(world.now(), UTC).strftime("%Y%m%dT%H%M%SZ")


def _lines(path: Path, size: int, archive: "Archive") -> list[str]:
    manifest = archive.manifest
    origin, release = manifest["origin"], manifest["release"]
    of = f"release {release} and what is around it" if release else "no release"
    sealed = len(manifest["secrets"]["names"]) if manifest["secrets"]["sealed"] else 0
    secrets = f", and {sealed} Secrets, sealed" if sealed else ""
    return [
        f"archive   {path}, {size / 1e3:.0f} kB",
        f"holds     {len(archive.objects)} objects{secrets}: {of}",
        *_database(manifest["database"]),
        f"cluster   {origin['target']} at {origin['address']}, Kubernetes {origin['kubernetes']}",
        *(f"left out  {each['what']}: {each['why']}" for each in manifest["left_out"]),
        typed(f"next      kvx restore {path} --target {origin['target']} --dry-run"),
    ]


def _database(about: Mapping[str, Any] | None) -> list[str]:
    if about is None:
        return []
    sealed = ", sealed" if about["sealed"] else ""
    return [f"database  ledger and journal, {about['bytes'] / 1e3:.0f} kB of SQL{sealed}"]
