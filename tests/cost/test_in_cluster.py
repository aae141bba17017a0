"""The report as its CronJob runs it: by the settings and rights that are shipped, on a real API server."""

import importlib.util
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from kvx.cluster.refusals import ApiError
from kvx.drivers import cost_config_map
from kvx.drivers.api_server import connect
from kvx.errors import ExitCode, KvxError
from kvx.world import real_world

pytestmark = [pytest.mark.needs("kube-apiserver", "kubectl"), pytest.mark.timeout(600)]
Kvx = Callable[..., subprocess.CompletedProcess[str]]
# Nothing ends a namespace where no controllers run: each who reads this file has one of their own.
SPACE, NAME = f"cost-in-cluster-{secrets.token_hex(2)}", "cost-report"
PLACE = f"{SPACE}/{NAME}"
COMPONENT = Path(__file__).parents[2] / "k8s" / "components" / "cost-report"
RIGHTS = ("service-account", "cluster-role", "cluster-role-binding", "role", "role-binding", "config-map")


def _month() -> ModuleType:
    """month.py beside this file."""
    spec = importlib.util.spec_from_file_location("cost_month", Path(__file__).with_name("month.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["cost_month"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MONTH = _month()


@dataclass(frozen=True)
class Inside:
    """What a pod of the CronJob has: a kubeconfig of its account, secrets as files, settings as variables."""

    kubeconfig: Path
    settings: dict[str, str]


@pytest.fixture(scope="module")
def inside(api_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    """The shipped rights in a namespace of their own, and the shipped settings for there."""
    tmp_path = tmp_path_factory.mktemp("inside")
    admin = connect(api_server.kubeconfig(), None, real_world())
    objects = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}}]
    for name in RIGHTS:
        text = (COMPONENT / f"{name}.yaml").read_text().replace("namespace: kvx", f"namespace: {SPACE}")
        objects.append(yaml.safe_load(text))
    for each in objects:
        admin.apply(each)
    account = f"/api/v1/namespaces/{SPACE}/serviceaccounts/{NAME}/token"
    (tmp_path / "ca.crt").write_bytes(api_server.authority.read_bytes())
    (tmp_path / "token").write_text(api_server.request("POST", account, {"spec": {}})["status"]["token"])
    config = yaml.safe_load((COMPONENT / "kubeconfig").read_text())
    config["clusters"][0]["cluster"] = {
        "server": api_server.url,
        "certificate-authority": "ca.crt",
    }
    config["users"][0]["user"]["tokenFile"] = "token"
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(config))
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "HCLOUD_TOKEN").write_text(f"{MONTH.TOKEN}\n")
    shipped = yaml.safe_load((COMPONENT / "kustomization.yaml").read_text())["configMapGenerator"][0]
    own = {
        "KVX_KUBERNETES_KUBECONFIG": str(kubeconfig),
        "KVX_SECRETS_FOLDER": str(tmp_path / "secrets"),
        "KVX_COST_CONFIG_MAP": PLACE,
        "KVX_COST_JITTER_SECONDS": "0",
        "KVX_COST_VOICE_URL": "http://127.0.0.1:9",
    }
    settings = dict(each.split("=", 1) for each in shipped["literals"])
    assert set(own) <= set(settings)
    try:
        yield Inside(kubeconfig, settings | own)
    finally:
        for each in reversed(objects):
            admin.delete(admin.path_of(each))


def test_a_report_from_within_is_in_its_config_map_by_the_rights_that_are_shipped(
    kvx: Kvx, inside: Inside, api_server: Any, tmp_path: Path
) -> None:
    (tmp_path / "hetzner").mkdir()
    with MONTH.project(tmp_path / "hetzner", int(time.time()) - 7200) as on:
        on.send("POST", "/servers", name="one", server_type="cax21", image="debian-12", location="nbg1")
        on.clock.now = time.time()
        settings = inside.settings | {"HCLOUD_ENDPOINT": on.address}
        done = kvx("cost", "report", "--cron", timeout=120, **settings)
        assert done.returncode == 0, done.stderr
        assert "http://127.0.0.1:9 does not say what it was used for" in done.stderr
        data = api_server.request("GET", f"/api/v1/namespaces/{SPACE}/configmaps/{NAME}")["data"]
        assert data["line"] == done.stdout.strip()
        assert "does not say what it was used for" in data["not-well"]
        assert json.loads(data["report.json"])["schema"] == "kvx/cost/v1"
        assert "kvx_cost_month_to_date_euros{" in data["figures.prom"]

        on.answering.use(
            json.dumps({"faults": [{"kind": "refuse", "code": "unavailable", "times": "always"}]})
        )
        assert kvx("cost", "report", "--cron", timeout=120, **settings).returncode == 4
    later = api_server.request("GET", f"/api/v1/namespaces/{SPACE}/configmaps/{NAME}")["data"]
    assert "this is as of" in later["not-well"]
    assert later["report.json"] == data["report.json"]  # the last good one


def test_its_account_may_write_no_other_config_map_and_read_no_secret(
    inside: Inside, api_server: Any
) -> None:
    api = connect(inside.kubeconfig, None, real_world(), attempts=1)
    cost_config_map.write(api, PLACE, {"line": "x"})
    with pytest.raises(ApiError) as refusal:
        cost_config_map.write(api, f"{SPACE}/another", {"line": "x"})
    assert refusal.value.status == 403
    with pytest.raises(ApiError) as refusal:
        api.list(f"/api/v1/namespaces/{SPACE}/secrets")
    assert refusal.value.status == 403
    assert api.list("/api/v1/nodes") is not None


@pytest.mark.parametrize(
    ("place", "data", "code"),
    [
        ("cost-report", {"line": "x"}, ExitCode.USAGE),
        (f"{SPACE}/not-there", {"line": "x"}, ExitCode.MISSING),
        (PLACE, {"line": "x" * 1_000_000}, ExitCode.INCOMPLETE),
    ],
)
def test_a_config_map_that_cannot_be_written_is_said_with_a_fix(
    place: str, data: dict[str, str], code: ExitCode, inside: Inside, api_server: Any
) -> None:
    api = connect(api_server.kubeconfig(), None, real_world(), attempts=1)
    with pytest.raises(KvxError) as refusal:
        cost_config_map.write(api, place, data)
    assert refusal.value.exit_code is code
    assert refusal.value.fix
