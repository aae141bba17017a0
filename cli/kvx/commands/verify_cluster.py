"""kvx verify for a cluster: every line with pass, fail or not shown, and why."""

import json
from typing import TYPE_CHECKING

import typer

from kvx.commands.screen import report_for
from kvx.commands.typed import typed
from kvx.errors import ExitCode, KvxError
from kvx.steps.releases import VerifyCluster

if TYPE_CHECKING:
    from kvx.cluster.verification import Finding
    from kvx.drivers.verifying import Verified

WIDTH = 14


def verify_cluster(step: VerifyCluster, schema: str, *, as_json: bool) -> None:
    """Exit code 1 where anything failed, 4 where something could not be shown, 0 where all passed."""
    from kvx.cluster.kustomization import NAMESPACE
    from kvx.drivers.clusters import api_of
    from kvx.drivers.verifying import verify
    from kvx.report import Note
    from kvx.world import real_world

    report = report_for(None)
    try:
        world = real_world(lambda words: report(Note(f"  {words}")))
        verified = verify(api_of(step.where, step.folder, world), NAMESPACE, world)
    finally:
        report.close()
    wrong = outcome(verified.findings)
    if as_json:
        print(json.dumps(document(verified, wrong, schema)))
    else:
        print("\n".join(lines_of(verified)))
    if wrong and as_json:
        raise typer.Exit(int(wrong.exit_code))
    if wrong:
        raise wrong


def outcome(findings: "tuple[Finding, ...]") -> KvxError | None:
    """What is wrong altogether, None where every line passed."""
    from kvx.cluster.verification import Result, verdict

    hidden = [each for each in findings if each.result is Result.NOT_SHOWN]
    if (wrong := verdict(findings)) or not hidden:
        return wrong
    message = f"{hidden[0].name} could not be shown: {hidden[0].words}"
    return KvxError(message, hidden[0].fix or "kvx status", ExitCode.INCOMPLETE)


def document(verified: "Verified", wrong: KvxError | None, schema: str) -> dict[str, object]:
    """The same for programs."""
    told = {"event": "error", "error": wrong.message, "fix": wrong.fix} if wrong else {}
    rows = [
        {"name": each.name, "result": str(each.result), "words": each.words, "fix": each.fix}
        for each in verified.findings
    ]
    return {
        "schema": schema,
        "release": verified.release.revision,
        "images": dict(verified.release.images),
        "findings": rows,
        **verified.turn,
        **told,
        "exit_code": int(wrong.exit_code) if wrong else 0,
    }


def lines_of(verified: "Verified") -> list[str]:
    """One line per finding, and below it the fix where there is one."""
    lines = [
        f"release {verified.release.revision}, of {verified.release.made.git_revision or 'unknown sources'}"
    ]
    for each in verified.findings:
        lines.append(f"{each.result:<10} {each.name:<{WIDTH}} {each.words}")
        if each.fix:
            lines.append(f"{'':<10} {'':<{WIDTH}} fix: {typed(each.fix)}")
    return lines
