"""Add-ons of others: charts in one version each, of their own repositories, with values that fit k8s."""

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from kvx.cluster.charts import brought, brought_by
from kvx.commands.doctor_components import NEEDED, OF_K3S
from voice_api.figures import Figures

pytestmark = pytest.mark.needs("kubectl")
ONE_VERSION = re.compile(r"v?\d+\.\d+\.\d+")


@pytest.fixture
def charts(rendering: ModuleType, tmp_path: Path) -> dict[str, dict[str, Any]]:
    """By the component, which is called as the chart is."""
    text = rendering.with_components(tmp_path, "hetzner", rendering.ADD_ONS)
    found = [each for each in rendering.objects(text) if each["kind"] == "HelmChart"]
    assert len(found) == len(rendering.ADD_ONS)
    return {each["metadata"]["name"]: each for each in found}


def values(chart: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(chart["spec"]["valuesContent"])
    return found


def test_a_component_is_one_chart_of_its_name_in_one_version(
    rendering: ModuleType, charts: dict[str, dict[str, Any]]
) -> None:
    assert set(charts) == set(rendering.ADD_ONS)
    for name, each in charts.items():
        spec = each["spec"]
        assert spec["chart"] == name
        assert ONE_VERSION.fullmatch(spec["version"]), name
        assert spec["repo"].startswith("https://")


def test_a_chart_lies_where_k3s_may_run_its_job_and_what_it_installs_does_not_lie_beside_the_voice_api(
    charts: dict[str, dict[str, Any]],
) -> None:
    """The namespace kvx lets in restricted pods alone, within its quota."""
    for each in charts.values():
        assert each["metadata"]["namespace"] == "kube-system"
        assert each["spec"]["targetNamespace"] not in {"kvx", "default", "kube-system"}
        assert each["spec"]["failurePolicy"] == "abort", "nothing is uninstalled because an upgrade failed"


def test_the_kinds_of_others_that_components_are_made_of_are_brought_by_an_add_on(
    rendering: ModuleType, charts: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "all").mkdir()
    text = rendering.with_components(tmp_path / "all", "cluster", rendering.EVERYTHING)
    groups = {each["apiVersion"].rpartition("/")[0]: each["kind"] for each in rendering.objects(text)}
    foreign = {group for group in groups if group.endswith((".coreos.com", "autoscaling.k8s.io"))}
    assert foreign == {"autoscaling.k8s.io", "monitoring.coreos.com"}
    kinds = {
        (each["apiVersion"].rpartition("/")[0], each["kind"])
        for each in rendering.objects(text)
        if each["apiVersion"].rpartition("/")[0] in foreign
    }
    assert kinds <= brought(charts.values())


def test_doctor_knows_which_add_on_brings_what_a_component_needs(charts: dict[str, dict[str, Any]]) -> None:
    assert set(OF_K3S) - {"traefik-timeouts"} == set(charts)
    by_others = {name: chart for chart, names in OF_K3S.items() for name in names}
    assert set(by_others) >= set(NEEDED) - {"autoscaling"}, "k3s has metrics-server itself"
    for name in ("vpa", "monitoring", "cost-figures"):
        groups = {group for group, _ in brought_by(charts[by_others[name]])}
        assert NEEDED[name][0].partition("/")[0] in groups


def test_the_adapter_serves_the_figure_that_the_autoscaler_asks_for_and_the_voice_api_exports(
    rendering: ModuleType, charts: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "queue").mkdir()
    text = rendering.with_components(tmp_path / "queue", "cluster", ("autoscaling-queue",))
    metrics = rendering.one(text, "HorizontalPodAutoscaler")["spec"]["metrics"]
    (asked,) = [each["pods"]["metric"]["name"] for each in metrics if each["type"] == "Pods"]
    (rule,) = values(charts["prometheus-adapter"])["rules"]["custom"]
    assert rule["seriesQuery"].partition("{")[0] == asked
    assert set(rule["resources"]["overrides"]) == {"namespace", "pod"}
    assert asked in {family.name for family in Figures().registry.collect()}


def test_prometheus_is_where_kvx_and_the_policies_look_for_it(charts: dict[str, dict[str, Any]]) -> None:
    stack = charts["kube-prometheus-stack"]
    assert stack["spec"]["targetNamespace"] == "monitoring"
    adapter = values(charts["prometheus-adapter"])["prometheus"]
    assert adapter == {"url": "http://prometheus-operated.monitoring.svc", "port": 9090}
    spec = values(stack)["prometheus"]["prometheusSpec"]
    assert not spec["serviceMonitorSelectorNilUsesHelmValues"]
    assert not spec["ruleSelectorNilUsesHelmValues"]


def test_grafana_finds_the_dashboards_and_has_no_password_that_everybody_knows(
    rendering: ModuleType, charts: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "boards").mkdir()
    text = rendering.with_components(tmp_path / "boards", "cluster", ("monitoring",))
    board = rendering.one(text, "ConfigMap", "voice-api-dashboard")["metadata"]["labels"]
    grafana = values(charts["kube-prometheus-stack"])["grafana"]
    sidecar = grafana["sidecar"]["dashboards"]
    assert board[sidecar["label"]] == sidecar["labelValue"]
    assert sidecar["searchNamespace"] == "ALL"
    assert grafana["admin"]["existingSecret"]
    assert "adminPassword" not in grafana


def test_no_add_on_holds_a_node_that_is_to_be_drained(charts: dict[str, dict[str, Any]]) -> None:
    for part, said in values(charts["vertical-pod-autoscaler"]).items():
        assert said["replicas"] > 1 or not said["podDisruptionBudget"]["enabled"], part
