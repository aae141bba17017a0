"""Every alert by promtool: it speaks, not at the edge, is silent again, and knows missing figures."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from voice_api.figures import Figures

ROOT = Path(__file__).parents[2]
RULE = ROOT / "k8s" / "components" / "monitoring" / "prometheus-rule.yaml"
GROUPS = yaml.safe_load(RULE.read_text())["spec"]["groups"]
RULES = [rule for group in GROUPS for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
# Figures of others, and who exports them.
OF_OTHERS = {
    "cAdvisor, in the kubelet": {"container_cpu_usage_seconds_total", "container_memory_working_set_bytes"},
    "kube-state-metrics": {
        *("kube_deployment_status_replicas_available", "kube_deployment_spec_replicas"),
        *("kube_horizontalpodautoscaler_status_current_replicas", "kube_node_status_condition"),
        *("kube_horizontalpodautoscaler_spec_max_replicas", "kube_pod_container_resource_limits"),
        "kube_pod_container_status_restarts_total",
    },
    "node-exporter": {"node_hwmon_temp_celsius"},
    "Traefik": {"traefik_tls_certs_not_after"},
    "kvx cost report --cron, which tests/cost/test_dashboard.py holds to it": {
        *("kvx_cost_month_committed_euros", "kvx_cost_month_to_date_euros", "kvx_cost_budget_euros"),
        *("kvx_cost_month_progress_ratio", "kvx_cost_yesterday_euros", "kvx_cost_usual_day_euros"),
        *("kvx_cost_orphan_age_seconds", "kvx_cost_last_success_timestamp_seconds"),
        *("kvx_cost_price_list_timestamp_seconds", "kvx_cost_idle_ratio"),
    },
}
RESOLVED_MINUTES = 420


def _cases() -> ModuleType:
    """cases.py beside this file."""
    spec = importlib.util.spec_from_file_location("alert_cases", Path(__file__).with_name("cases.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["alert_cases"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CASES = _cases().CASES


def exported() -> set[str]:
    """The names of all series that the voice API tells, also of those that have no value yet."""
    families = Figures().registry.collect()
    suffixes = {
        "counter": ("_total", "_created"),
        "histogram": ("_bucket", "_sum", "_count", "_created"),
        "gauge": ("",),
    }
    return {f"{each.name}{suffix}" for each in families for suffix in suffixes[each.type]}


def names_in(expression: str) -> set[str]:
    """The series that a query names: what is no function, keyword, label or text."""
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", bare)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", bare)
    words = re.findall(r"[a-zA-Z_:][\w:]*(?!\w*\s*\()", bare)
    return {each for each in words if each not in {"and", "or", "unless", "bool", "offset"}}


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """The rules as Prometheus itself reads them."""
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": GROUPS}))
    return file


def groups_with(alert: str) -> list[dict[str, Any]]:
    """The groups with one alert, and the records that it asks for or that those ask for."""
    wanted, asked = [ALERTS[alert]], {alert}
    while wanted:
        names = names_in(wanted.pop()["expr"]) - asked
        asked |= names
        wanted += [rule for rule in RULES if rule.get("record") in names]
    kept = [
        {
            **group,
            "rules": [rule for rule in group["rules"] if (rule.get("alert") or rule["record"]) in asked],
        }
        for group in GROUPS
    ]
    return [group for group in kept if group["rules"]]


def complaint(rules: Path, series: Any, minutes: int, alert: str, expected: list[Any]) -> str:
    """What promtool says against it; nothing when all is as expected.

    Other rules are left out: seven hours of them all take Prometheus long.
    """
    read = rules.with_name("read.yaml")
    read.write_text(yaml.safe_dump({"groups": groups_with(alert)}))
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series],
        "alert_rule_test": [{"eval_time": f"{minutes}m", "alertname": alert, "exp_alerts": expected}],
    }
    content = {"rule_files": [str(read)], "evaluation_interval": "1m", "tests": [test]}
    file = rules.with_name("test.yaml")
    file.write_text(yaml.safe_dump(content))
    argv = ["promtool", "test", "rules", str(file)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def spoken(rules: Path, series: Any, minutes: int, case: Any) -> list[Any]:
    """What the alert carries, words included, as promtool reports it against an empty expectation."""
    said = complaint(rules, series, minutes, case.alert, [])
    return re.findall(r"Labels:(\{.*?\})\s*\n?\s*Annotations:(\{.*?\})", said, re.DOTALL)


@pytest.mark.needs("promtool")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert)
def test_an_alert_speaks_when_it_should(case: Any, rules: Path) -> None:
    found = [labels for labels, _ in spoken(rules, case.fires, case.at_minutes, case)]
    assert len(found) == 1
    told = dict(re.findall(r'(\w+)="([^"]*)"', found[0]))
    assert told == {"alertname": case.alert, "severity": case.severity} | case.labels


@pytest.mark.needs("promtool")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert)
def test_an_alert_is_silent_at_the_edge(case: Any, rules: Path) -> None:
    assert complaint(rules, case.edge, case.at_minutes, case.alert, []) == ""


@pytest.mark.needs("promtool")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert)
def test_an_alert_waits_before_it_speaks(case: Any, rules: Path) -> None:
    """Whatever is true for a moment only is no news."""
    assert complaint(rules, case.fires, 0, case.alert, []) == ""
    assert ALERTS[case.alert]["for"]


@pytest.mark.needs("promtool")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert)
def test_an_alert_is_silent_again_when_all_is_well(case: Any, rules: Path) -> None:
    well, before = dict(case.well or case.edge), f"_x{case.at_minutes + 1}"
    series = [(name, f"{values} {resumed(values, well.get(name))}") for name, values in case.fires]
    fired = dict(case.fires)
    series += [
        (name, f"{before} {resumed(values, values)}") for name, values in case.edge if name not in fired
    ]
    assert spoken(rules, series, case.at_minutes, case)
    assert complaint(rules, series, case.at_minutes + RESOLVED_MINUTES, case.alert, []) == ""


def resumed(values: str, edge: str | None) -> str:
    """The same series afterwards: a counter goes on as at the edge, a gauge has the edge's value."""
    start, step, count = re.match(r"(-?[\d.]+)\+([\d.]+)x(\d+)", values).groups()  # type: ignore[union-attr]
    last = float(start) + float(step) * int(count)
    if edge is None:
        return "stale"
    first, slope, _ = re.match(r"(-?[\d.]+)\+([\d.]+)x(\d+)", edge).groups()  # type: ignore[union-attr]
    is_counter = float(step) or float(slope)
    later = last if is_counter else float(first)
    return f"{later:.10g}+{slope}x{RESOLVED_MINUTES}"


@pytest.mark.needs("promtool")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert)
def test_figures_that_are_missing_are_told_by_one_alert_only(case: Any, rules: Path) -> None:
    found = spoken(rules, (), case.at_minutes, case)
    assert bool(found) == case.absent_fires


@pytest.mark.needs("promtool")
def test_prometheus_reads_the_rules(rules: Path) -> None:
    argv = ["promtool", "check", "rules", "--lint=all", "--lint-fatal", str(rules)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_cases() -> None:
    assert [case.alert for case in CASES] == list(ALERTS)


@pytest.mark.parametrize("alert", ALERTS.values(), ids=lambda alert: alert["alert"])
def test_an_alert_leads_to_its_page(alert: dict[str, Any]) -> None:
    page = ROOT / alert["annotations"]["runbook_url"]
    text = page.read_text()
    assert text.startswith(f"# {alert['alert']}\n")
    assert "## Look" in text
    assert "## Do" in text
    assert alert["alert"] in page.with_name("README.md").read_text()
    assert {"summary", "description"} <= set(alert["annotations"])


def test_no_page_is_left_without_its_alert() -> None:
    pages = {each.stem for each in (ROOT / "docs" / "runbooks").glob("kvx-*.md")}
    assert pages == {Path(each["annotations"]["runbook_url"]).stem for each in ALERTS.values()}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_asks_only_for_figures_that_somebody_exports(rule: dict[str, Any]) -> None:
    known = exported() | {each["record"] for each in RULES if "record" in each}
    known |= {name for names in OF_OTHERS.values() for name in names}
    asked = names_in(rule["expr"])
    assert asked
    assert asked <= known
