"""The component cost-report: it fits the program it starts, its image and the voice API beside it."""

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kvx.cluster.kustomization import kustomization
from kvx.deployment import Deployment
from kvx.lint.linting import lint
from kvx.lint.reading import read
from kvx.phases.manifests import wanted_of
from kvx.settings.load import load

pytestmark = pytest.mark.needs("kubectl")
NAME, FIGURES = "cost-report", "cost-figures"
FIGURES_KEY = "figures.prom"


@pytest.fixture
def text(rendering: ModuleType, tmp_path: Path) -> str:
    return str(rendering.with_components(tmp_path, "hetzner", (NAME,)))


def pod(rendering: ModuleType, text: str) -> dict[str, Any]:
    found: dict[str, Any] = rendering.one(text, "CronJob", NAME)["spec"]["jobTemplate"]["spec"]["template"][
        "spec"
    ]
    return found


def mounts(rendering: ModuleType, text: str) -> dict[str, dict[str, Any]]:
    """What is mounted, by its place."""
    its = pod(rendering, text)
    volumes = {each["name"]: each for each in its["volumes"]}
    return {each["mountPath"]: volumes[each["name"]] for each in its["containers"][0]["volumeMounts"]}


def test_it_breaks_no_rule(text: str) -> None:
    report = lint([read(text, "hetzner")])
    assert report.findings == ()
    assert "secret-missing" in {each.rule for each in report.ignored}


def test_its_settings_are_settings_of_kvx_and_lie_where_they_say(
    rendering: ModuleType, text: str, tmp_path: Path
) -> None:
    variables = rendering.one(text, "ConfigMap", "cost-report-settings")["data"]
    settings = load({"folder": tmp_path}, variables).settings
    mounted = mounts(rendering, text)
    kubeconfig = settings.kubernetes.kubeconfig
    assert kubeconfig is not None
    assert (
        "kubeconfig"
        in rendering.one(text, "ConfigMap", mounted[str(kubeconfig.parent)]["configMap"]["name"])["data"]
    )
    assert mounted[variables["KVX_SECRETS_FOLDER"]]["secret"]["secretName"] == NAME
    assert settings.cost.config_map == f"kvx/{rendering.one(text, 'ConfigMap', NAME)['metadata']['name']}"
    assert settings.cost.inside
    service = re.fullmatch(r"http://([a-z-]+)", settings.cost.voice_url or "")
    assert service is not None
    assert 80 in {each["port"] for each in rendering.one(text, "Service", service[1])["spec"]["ports"]}


def test_its_ledger_is_where_the_image_has_its_folder(rendering: ModuleType, text: str) -> None:
    recipe = (rendering.ROOT / "docker" / "kvx.Dockerfile").read_text()
    folder = re.search(r"KVX_FOLDER=(\S+)", recipe)
    assert folder is not None
    claim = mounts(rendering, text)[f"{folder[1]}/.kvx"]["persistentVolumeClaim"]["claimName"]
    assert rendering.one(text, "PersistentVolumeClaim", claim)
    assert pod(rendering, text)["securityContext"]["runAsUser"] == 65532
    assert "USER 65532" in recipe


def test_it_may_read_what_is_shared_and_write_its_own_config_map_only(
    rendering: ModuleType, text: str
) -> None:
    (rule,) = rendering.one(text, "Role", NAME)["rules"]
    assert (rule["resources"], rule["resourceNames"], rule["verbs"]) == (["configmaps"], [NAME], ["patch"])
    rules = rendering.one(text, "ClusterRole", "kvx-cost-report-reader")["rules"]
    assert {verb for each in rules for verb in each["verbs"]} == {"list"}
    assert not any("secrets" in each["resources"] for each in rules)


def test_the_way_to_the_voice_api_is_open_at_both_ends_and_the_metadata_service_at_none(
    rendering: ModuleType, text: str
) -> None:
    out = rendering.one(text, "NetworkPolicy", NAME)["spec"]
    its = rendering.one(text, "NetworkPolicy", "voice-api-from-cost-report")["spec"]["ingress"][0]
    assert its["from"][0]["podSelector"]["matchLabels"] == out["podSelector"]["matchLabels"]
    assert (
        {each["port"] for each in its["ports"]}
        == {"http", "metrics"}
        == {each["port"] for each in out["egress"][0]["ports"]}
    )
    assert out["ingress"] == []
    world = [each["ipBlock"] for rule in out["egress"] for each in rule["to"] if "ipBlock" in each]
    assert all("169.254.0.0/16" in each["except"] for each in world if "." in each["cidr"])


def test_the_figures_are_served_by_a_pod_that_is_mounted_them_and_reaches_nothing(
    rendering: ModuleType, tmp_path: Path
) -> None:
    text = str(rendering.with_components(tmp_path, "hetzner", (NAME, FIGURES)))
    its = rendering.one(text, "Deployment", FIGURES)["spec"]["template"]["spec"]
    (box,) = its["containers"]
    folder = {each["name"]: each["mountPath"] for each in box["volumeMounts"]}["report"]
    mounted = next(each for each in its["volumes"] if each["name"] == "report")["configMap"]
    assert mounted["name"] == rendering.one(text, "ConfigMap", NAME)["metadata"]["name"]
    assert box["args"][:3] == ["cost", "expose", f"{folder}/{FIGURES_KEY}"]
    assert box["args"][-1] == str(box["ports"][0]["containerPort"])
    assert "subPath" not in str(box["volumeMounts"])  # the kubelet would bring it no news
    assert its["automountServiceAccountToken"] is False
    policy = rendering.one(text, "NetworkPolicy", FIGURES)["spec"]
    assert policy["egress"] == []
    assert [each["namespaceSelector"]["matchLabels"] for each in policy["ingress"][0]["from"]] == [
        {"kubernetes.io/metadata.name": "monitoring"}
    ]


def test_prometheus_finds_the_figures_and_keeps_their_own_labels(
    rendering: ModuleType, tmp_path: Path
) -> None:
    text = str(rendering.with_components(tmp_path, "hetzner", (NAME, FIGURES)))
    monitor = rendering.one(text, "ServiceMonitor", FIGURES)["spec"]
    service = rendering.one(text, "Service", FIGURES)
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["endpoints"]
    assert endpoint["port"] in {each["name"] for each in service["spec"]["ports"]}
    assert (endpoint["path"], endpoint["honorLabels"]) == ("/metrics", True)


def test_two_never_run_at_once_and_none_runs_on(rendering: ModuleType, text: str) -> None:
    spec = rendering.one(text, "CronJob", NAME)["spec"]
    job = spec["jobTemplate"]["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert job["activeDeadlineSeconds"] < 3600
    assert job["backoffLimit"] == 0


def test_budget_and_webhook_of_kvx_toml_hold_in_the_cluster_too(
    rendering: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / "kvx.toml").write_text(
        'target = "hetzner"\n[kubernetes]\ncomponents = ["cost-report"]\n'
        '[cost]\nmonthly_budget = 40\nwebhook = "https://hooks.example.com/kvx"\nmail_to = "a@example.com"\n'
    )
    wanted = wanted_of(Deployment("hetzner", load({"folder": tmp_path}, {}).settings))
    above = Path(*[".."] * len(tmp_path.resolve().relative_to("/").parts)) / rendering.K8S.relative_to("/")
    written = kustomization(wanted, (), str(above / "overlays" / "hetzner"), str(above / "components"))
    (tmp_path / "kustomization.yaml").write_text(written)
    data = rendering.one(rendering.rendered(tmp_path), "ConfigMap", "cost-report-settings")["data"]
    assert (data["KVX_COST_MONTHLY_BUDGET"], data["KVX_COST_WEBHOOK"]) == (
        "40.0",
        "https://hooks.example.com/kvx",
    )
    assert data["KVX_COST_INSIDE"] == "true"
    assert "KVX_COST_MAIL_TO" not in data  # there is no sendmail in a pod
    assert load({"folder": tmp_path}, data).settings.cost.monthly_budget == 40
