"""The dashboard asks for figures that the voice API exports, in queries that Prometheus understands."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DASHBOARD = json.loads((ROOT / "k8s" / "components" / "monitoring" / "dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
VARIABLES = {"$namespace": "kvx", "$__rate_interval": "5m"}


def _alerts() -> ModuleType:
    """test_alerts.py beside this file, for what it knows of figures."""
    spec = importlib.util.spec_from_file_location("alerts", Path(__file__).with_name("test_alerts.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["alerts"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ALERTS = _alerts()


def filled_in(query: str) -> str:
    for variable, value in VARIABLES.items():
        query = query.replace(variable, value)
    return query


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_asks_only_for_figures_of_the_voice_api(query: str) -> None:
    asked = ALERTS.names_in(query)
    assert asked
    assert asked <= ALERTS.exported()
    assert 'namespace="$namespace"' in query


@pytest.mark.needs("promtool")
def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    rules = [{"record": f"q:{number}", "expr": filled_in(query)} for number, query in enumerate(QUERIES)]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    argv = ["promtool", "check", "rules", "--lint=none", str(file)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_no_variable_is_left_unknown() -> None:
    used = {name for query in QUERIES for name in re.findall(r"\$\w+", query)}
    listed = {f"${each['name']}" for each in DASHBOARD["templating"]["list"]}
    assert used <= listed | {"$__rate_interval"}
    assert used == set(VARIABLES)


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows_in_which_unit(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"]["uid"] == "${datasource}"


def test_no_two_panels_overlap_and_each_has_its_number() -> None:
    taken = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for place in (panel["gridPos"],)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) == 23
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)


def test_every_alert_of_the_voice_api_has_a_panel_that_leads_to_its_page() -> None:
    linked = {link["url"] for panel in PANELS for link in panel.get("links", [])}
    own = {name: each for name, each in ALERTS.ALERTS.items() if re.match("Kvx(Voice|Cloud)", name)}
    pages = {each["annotations"]["runbook_url"] for each in own.values()}
    assert linked == pages
