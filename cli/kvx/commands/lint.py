"""kvx lint: whether manifests hold, by rules that say what to write instead."""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from kvx.commands.flags import Json
from kvx.errors import ExitCode, KvxError

if TYPE_CHECKING:
    from kvx.lint.linting import Finding, Report
    from kvx.lint.rule import Rule

SCHEMA = "kvx/lint/v1"
Paths = Annotated[
    list[str] | None, typer.Argument(metavar="[PATH]...", help="Files, folders, kustomizations; - is stdin.")
]
Ignored = Annotated[list[str] | None, typer.Option("--ignore", metavar="RULE", help="Leave out a rule.")]
Explained = Annotated[str | None, typer.Option("--explain", metavar="RULE", help="Tell all about a rule.")]
Listed = Annotated[bool, typer.Option("--rules", help="List the rules.")]
Sarif = Annotated[bool, typer.Option("--sarif", help="SARIF on stdout, for code hosts.")]


def lint(
    paths: Paths = None,
    ignore: Ignored = None,
    explain: Explained = None,
    *,
    rules: Listed = False,
    as_json: Json = False,
    as_sarif: Sarif = False,
) -> None:
    """Look at Kubernetes manifests by rules, each with its reason and a fix. Exit code 1: one is broken.

    Files and folders are looked at together, each kustomization by itself. A manifest has a rule ignored by
    the annotation lint.kvx/RULE with the reason as its value.
    """
    if as_json and as_sarif:
        raise KvxError("--json and --sarif exclude each other", "leave out one", ExitCode.USAGE)
    if rules:
        _list_rules(as_json=as_json)
    elif explain is not None:
        _explain(_rule(explain), as_json=as_json)
    else:
        _lint(paths or [], [_rule(each).id for each in ignore or ()], as_json=as_json, as_sarif=as_sarif)


def _lint(paths: Sequence[str], skipped: Sequence[str], *, as_json: bool, as_sarif: bool) -> None:
    from kvx.commands.manifests import bundles
    from kvx.lint.linting import lint as found_in

    if not paths:
        message = "nothing to look at was named"
        raise KvxError(message, "kvx lint k8s/overlays, or any file, folder or -", ExitCode.USAGE)
    report = _together([found_in(texts, skipped) for texts in bundles(paths)])
    if not report.objects and not report.findings:
        raise KvxError(f"no manifests in {' '.join(paths)}", "name files that hold some", ExitCode.USAGE)
    code = ExitCode.FAILED if report.findings else ExitCode.DONE
    if as_sarif:
        from kvx.commands.version import installed
        from kvx.lint.sarif import sarif

        print(json.dumps(sarif(report, installed("kvx") or "0"), indent=2))
    elif as_json:
        print(json.dumps(_data(report, code), indent=2))
    else:
        _tell(report)
    if code:
        raise typer.Exit(int(code))


def _together(reports: Sequence["Report"]) -> "Report":
    from kvx.lint.linting import Report

    return Report(
        sum(each.objects for each in reports),
        tuple(dict.fromkeys(found for each in reports for found in each.findings)),
        tuple(dict.fromkeys(found for each in reports for found in each.ignored)),
    )


def _data(report: "Report", code: ExitCode) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "objects": report.objects,
        "findings": [asdict(each) for each in report.findings],
        "ignored": [asdict(each) for each in report.ignored],
        "exit_code": int(code),
    }


def _tell(report: "Report") -> None:
    last = None
    for each in report.findings:
        where = (each.source, each.object)
        if where != last:
            print(f"{'' if last is None else chr(10)}{_subject(each)}")
        last = where
        _print_finding(each)
    for each in report.ignored:
        print(f"ignored: {each.rule} of {each.object}, {each.message}: {each.reason}", file=sys.stderr)
    looked = _counted(report.objects, "object")
    if report.findings:
        first = report.findings[0].rule
        print(f"\n{_counted(len(report.findings), 'finding')} in {looked}", file=sys.stderr)
        print(f"fix: as each says; kvx lint --explain {first} tells more", file=sys.stderr)
    else:
        print(f"{looked}, nothing found")


def _subject(finding: "Finding") -> str:
    return f"{finding.source}: {finding.object}" if finding.object else finding.source


def _print_finding(each: "Finding") -> None:
    line = f"line {each.line}: " if each.line else ""
    place = f"{each.path}: " if each.path else ""
    print(f"  {line}{place}{each.message}")
    print(f"    fix: {each.fix}  [{each.rule}]")


def _counted(count: int, thing: str) -> str:
    return f"one {thing}" if count == 1 else f"{count} {thing}s"


def _rule(name: str) -> "Rule":
    from difflib import get_close_matches

    from kvx.lint.rules import BY_ID

    if name not in BY_ID:
        near = get_close_matches(name, BY_ID, 1)
        fix = f"did you mean {near[0]}? kvx lint --rules lists all" if near else "kvx lint --rules lists all"
        raise KvxError(f"there is no rule {name}", fix, ExitCode.USAGE)
    return BY_ID[name]


def _list_rules(*, as_json: bool) -> None:
    from kvx.lint.rules import GROUPS

    if as_json:
        listed = [_rule_data(rule, group) for group, rules in GROUPS.items() for rule in rules]
        print(json.dumps({"schema": SCHEMA, "rules": listed}, indent=2))
        return
    for group, rules in GROUPS.items():
        print(f"{group}")
        print("\n".join(f"  {rule.id:<28} {rule.says}" for rule in rules))


def _rule_data(rule: "Rule", group: str) -> dict[str, object]:
    said = {key: getattr(rule, key) for key in ("id", "says", "why", "fix", "wrong", "right", "scope")}
    return {**said, "group": group, "same_as": list(rule.same_as)}


def _explain(rule: "Rule", *, as_json: bool) -> None:
    from kvx.lint.rules import GROUPS

    group = next(name for name, rules in GROUPS.items() if rule in rules)
    if as_json:
        print(json.dumps({"schema": SCHEMA, "rules": [_rule_data(rule, group)]}, indent=2))
        return
    places = {"container": " in a container", "pod": " in a pod's spec", "deployment": "", "manifests": ""}
    print(f"{rule.id}: {rule.says}\n\nwhy    {rule.why}\nfix    {rule.fix}")
    print("\n".join(_example(f"wrong{places[rule.scope]}", rule.wrong)))
    print("\n".join(_example(f"right{places[rule.scope]}", rule.right)))
    if rule.same_as:
        print(f"\nalso known as {', '.join(rule.same_as)}")


def _example(title: str, text: str) -> Iterable[str]:
    return (f"\n{title}:", *(f"    {line}" for line in text.strip().removesuffix("---").strip().splitlines()))
