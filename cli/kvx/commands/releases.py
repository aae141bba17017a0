"""kvx releases: what was rolled out to a cluster, newest first."""

import datetime
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kvx.commands.cluster_target import cluster_target
from kvx.commands.flags import Folder, Json, Target
from kvx.commands.table import Table
from kvx.commands.terminal import width_of_stdout
from kvx.commands.typed import typed
from kvx.errors import ExitCode, KvxError

if TYPE_CHECKING:
    from kvx.cluster.releases import Release

SCHEMA = "kvx/releases/v1"
HEAD = ("release", "when (UTC)", "of", "images", "by", "")
DIGEST_END = 19
BESIDE = 4


def releases(target: Target = None, folder: Folder = None, *, as_json: Json = False) -> None:
    """Show what was rolled out to the cluster and served, newest first.

    They are kept in the cluster, without Secrets; kvx rollback goes back to one.
    """
    from kvx.drivers.releases import history
    from kvx.world import real_world

    cluster = cluster_target(folder, target, "kvx releases")
    found = history(cluster.api(real_world()), cluster.namespace)
    if as_json:
        rows = [data_of(each) for each in reversed(found)]
        print(
            json.dumps({"schema": SCHEMA, "namespace": cluster.namespace, "releases": rows, "exit_code": 0})
        )
        return
    if not found:
        message = f"nothing was released to the namespace {cluster.namespace} of this cluster"
        raise KvxError(message, f"kvx deploy --target {cluster.deployment.target}", ExitCode.MISSING)
    print("\n".join(lines_of(found)))


def lines_of(found: "Sequence[Release]") -> list[str]:
    """The newest is what is there now."""
    newest = found[-1].revision
    rows = [_row(each, is_now=each.revision == newest) for each in reversed(found)]
    table = Table(HEAD, rows, BESIDE, width_of_stdout())
    return [*table.lines, typed("kvx rollback [RELEASE] goes back to one, with the difference shown first")]


def data_of(release: "Release") -> dict[str, object]:
    """A release for programs."""
    made = release.made
    return {
        "revision": release.revision,
        "git_revision": made.git_revision,
        "images": dict(release.images),
        "configuration": release.configuration,
        "who": made.who,
        "when": made.when,
        "kvx_version": made.kvx_version,
        "rollback_of": made.rollback_of,
        "secrets": list(release.secrets),
        "left_out": list(release.left_out),
        "manifests_kept": release.packed is not None,
    }


def in_words(release: "Release") -> str:
    """`release 3 of 2026-11-21 18:40 (git 3f2a1bc, by admin)`."""
    made = release.made
    source = made.git_revision[:12] or "unknown"
    return f"release {release.revision} of {_when(made.when)} (git {source}, by {made.who})"


def _row(release: "Release", *, is_now: bool) -> tuple[str, ...]:
    made = release.made
    notes = (
        "there now" if is_now else "",
        f"rollback of {made.rollback_of}" if made.rollback_of else "",
        "" if release.packed is not None else "too large to go back to",
    )
    images = ", ".join(short(image) for image in sorted(set(release.images.values())))
    about = (str(release.revision), _when(made.when), made.git_revision[:12] or "unknown", images, made.who)
    return (*about, "; ".join(filter(None, notes)))


def short(image: str) -> str:
    """Its name and the first digits of its digest."""
    name, _, digest = image.partition("@")
    return f"{name.rpartition('/')[2]}@{digest[:DIGEST_END]}" if digest else name


def _when(seconds: float) -> str:
    return f"{datetime.datetime.fromtimestamp(seconds, datetime.UTC):%Y-%m-%d %H:%M}"
