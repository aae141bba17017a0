"""Dashboard and alerts of costs ask for figures that kvx cost report writes, and lead to their pages."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "k8s" / "components" / "monitoring"
DASHBOARD = json.loads((MONITORING / "dashboard-cost.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
GROUPS = yaml.safe_load((MONITORING / "prometheus-rule.yaml").read_text())["spec"]["groups"]
ALERTS = [rule for group in GROUPS if group["name"] == "kvx-cost" for rule in group["rules"]]


def _report() -> ModuleType:
    """test_report.py beside this file, for a report with everything in it."""
    spec = importlib.util.spec_from_file_location("cost_report", Path(__file__).with_name("test_report.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["cost_report"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def written() -> set[str]:
    """Every figure that is written, also those that only some reports have."""
    source = (ROOT / "cli" / "kvx" / "cost" / "as_figures.py").read_text()
    named = set(re.findall(r"kvx_cost_[a-z_]+(?:\{unit\})?", source)) | {
        f"kvx_cost_month_{each}_{{unit}}" for each in ("to_date", "committed", "progress")
    }
    return {name.replace("{unit}", "euros") for name in named}


@pytest.mark.parametrize("query", [*QUERIES, *(alert["expr"] for alert in ALERTS)])
def test_a_query_asks_only_for_figures_that_are_written(query: str) -> None:
    asked = set(re.findall(r"kvx_cost_[a-z_]+", query))
    assert asked
    assert asked <= written()


def test_figures_of_a_whole_report_are_among_those_that_are_asked_for() -> None:
    told = set(re.findall(r"^(kvx_cost_[a-z_]+)", _report().FIGURES, re.MULTILINE))
    assert len(told) >= 14
    assert told <= written() | {"kvx_cost_month_to_date_euros", "kvx_cost_month_committed_euros"}


@pytest.mark.needs("promtool")
def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    rules = [{"record": f"q:{number}", "expr": query} for number, query in enumerate(QUERIES)]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    argv = ["promtool", "check", "rules", "--lint=none", str(file)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows_in_which_unit(panel: dict[str, object]) -> None:
    assert str(panel["description"]).endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]  # type: ignore[index]
    assert panel["datasource"]["uid"] == "${datasource}"  # type: ignore[index]


def test_every_alert_on_costs_has_a_panel_that_leads_to_its_page() -> None:
    linked = {link["url"] for panel in PANELS for link in panel["links"]}
    assert linked == {alert["annotations"]["runbook_url"] for alert in ALERTS}
