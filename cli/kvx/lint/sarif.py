"""Findings as SARIF 2.1.0, which code hosts show beside the lines they are about."""

from collections.abc import Mapping

from kvx.lint.linting import Finding, Report
from kvx.lint.rule import Rule
from kvx.lint.rules import BY_ID

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(report: Report, version: str) -> Mapping[str, object]:
    """The report as one run of the tool."""
    used = sorted({each.rule for each in (*report.findings, *report.ignored)})
    driver = {"name": "kvx lint", "version": version, "rules": [_rule(BY_ID[each]) for each in used]}
    results = [_result(each) for each in (*report.findings, *report.ignored)]
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}


def _rule(rule: Rule) -> Mapping[str, object]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.says},
        "fullDescription": {"text": rule.why},
        "help": {"text": rule.fix},
    }


def _result(finding: Finding) -> Mapping[str, object]:
    region = {"region": {"startLine": finding.line}} if finding.line else {}
    place = {"artifactLocation": {"uri": finding.source}, **region}
    subject = f"{finding.object} {finding.path}: " if finding.object else ""
    result: dict[str, object] = {
        "ruleId": finding.rule,
        "level": "warning",
        "message": {"text": f"{subject}{finding.message}. Fix: {finding.fix}"},
        "locations": [{"physicalLocation": place}],
    }
    if finding.reason is not None:
        result["suppressions"] = [{"kind": "inSource", "justification": finding.reason}]
    return result
