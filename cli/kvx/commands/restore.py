"""kvx restore: puts a backup back, after a look at what that would change."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kvx.commands.carry_out import carried_out
from kvx.commands.cluster_target import ClusterTarget, cluster_target
from kvx.commands.flags import DryRun, Folder, Json, Target, WaitForLock, Yes
from kvx.commands.restore_letter import change_data, database_lines, lines_of
from kvx.commands.screen import asked
from kvx.commands.typed import typed
from kvx.errors import ExitCode, KvxError
from kvx.plan import Phase, Plan
from kvx.steps.backups import RestoreBackup

if TYPE_CHECKING:
    from kvx.cluster.difference import Change
    from kvx.drivers.restoring import Content

SCHEMA = "kvx/restore/v1"
ArchivePath = Annotated[Path, typer.Argument(metavar="ARCHIVE", help="What kvx backup has made.")]
SecretsKey = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The key with which the Secrets were sealed.")
]
WithoutSecrets = Annotated[
    bool, typer.Option("--without-secrets", help="Leave sealed Secrets out, and make them yourself.")
]

ReplaceDatabase = Annotated[
    bool,
    typer.Option("--replace-database", help="Put the archive's database in the place of what is in one."),
]


def restore(
    archive: ArchivePath,
    target: Target = None,
    folder: Folder = None,
    wait_for_lock: WaitForLock = 0,
    secrets_key: SecretsKey = None,
    *,
    without_secrets: WithoutSecrets = False,
    replace_database: ReplaceDatabase = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Put a backup back into its cluster or another one, and wait until it answers.

    The whole archive is checked first, and the server says what each object would change. kvx asks before
    it writes; what is there beside the archive's objects is left as it is. The database is put back where
    there is nothing in it yet; with --replace-database in the place of what is.
    """
    cluster = cluster_target(folder, target, f"kvx restore {archive}", wait_for_lock)
    from kvx.drivers.restoring import content_of

    content = content_of(archive, secrets_key, without_secrets=without_secrets)
    replaces = replace_database and content.database is not None
    changes = _changes(cluster, archive, content, replaces=replaces, dry_run=dry_run, as_json=as_json)
    if dry_run:
        return
    if (changes or replaces) and not yes:
        _ask(cluster, archive, changes, replaces=replaces)
    step = _step(cluster, archive, content.digest, secrets_key, without_secrets=without_secrets)
    step = replace(step, replace_database=replaces)
    plan = Plan(cluster.deployment.target, (Phase("restore", "put a backup back", (step,)),))
    schema = SCHEMA if as_json else None
    result = carried_out(plan, cluster.deployment, "kvx restore", wait_for_lock, schema)
    if not as_json:
        print("It is as it was." if result.changed else "Nothing had to be restored: it is as it was.")
        print(typed(f"next      kvx status --target {cluster.deployment.target}"))


def _changes(
    cluster: ClusterTarget, archive: Path, content: "Content", *, replaces: bool, dry_run: bool, as_json: bool
) -> "tuple[Change, ...]":
    """What would change; told on stdout for a dry run, else as talk."""
    from kvx.drivers.backing_up import cluster_id
    from kvx.drivers.restoring import differences
    from kvx.world import real_world

    api = cluster.api(real_world())
    changes, uid = differences(api, content.objects), cluster_id(api)
    if as_json and dry_run:
        known = {"event": "plan", "target": cluster.deployment.target, "archive": str(archive)}
        about = {"digest": content.digest, "manifest": content.manifest, "replaces_database": replaces}
        rows = [change_data(each) for each in changes]
        print(json.dumps({"schema": SCHEMA, **known, **about, "changes": rows, "exit_code": 0}, indent=2))
    elif not as_json:
        lines = lines_of(
            archive, content.manifest, changes, same_cluster=uid == content.manifest["origin"]["uid"]
        )
        lines += database_lines(content.manifest, there=content.database is not None, replaces=replaces)
        print("\n".join(lines), file=sys.stdout if dry_run else sys.stderr)
    return changes


def _ask(cluster: ClusterTarget, archive: Path, changes: "tuple[Change, ...]", *, replaces: bool) -> None:
    flag = f"--target {cluster.deployment.target}"
    if not sys.stdin.isatty():
        message = "kvx restore asks before it writes, and there is no terminal to ask on"
        raise KvxError(message, f"kvx restore {archive} {flag} --yes", ExitCode.MISSING)
    count = "one object" if len(changes) == 1 else f"{len(changes)} objects"
    database = " and replace what is in the database" if replaces else ""
    if not asked(f"Write {count}{database}?"):
        raise KvxError("nothing was restored", f"kvx restore {archive} {flag}, and answer yes")


def _step(
    cluster: ClusterTarget, archive: Path, digest: str, secrets_key: Path | None, *, without_secrets: bool
) -> RestoreBackup:
    wished = cluster.deployment.settings.kubernetes
    return RestoreBackup(
        cluster.deployment.folder,
        cluster.where,
        archive.resolve(),
        digest,
        secrets_key.resolve() if secrets_key else None,
        without_secrets,
        wished.lease_wait_seconds,
        wished.deadline_seconds,
    )
