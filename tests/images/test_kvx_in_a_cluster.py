"""The image of kvx as the CronJob runs it: with the account, the secrets and the folders of its pod."""

import importlib.util
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "components" / "images"))

from container import USER, Unpacked, running
from workshop import ROOT, tools

pytestmark = [pytest.mark.needs("images", "kube-apiserver", "kubectl"), pytest.mark.timeout(1500)]


def _in_cluster() -> ModuleType:
    """tests/cost/test_in_cluster.py, which knows what its pod has."""
    spec = importlib.util.spec_from_file_location(
        "in_cluster", ROOT / "tests" / "cost" / "test_in_cluster.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["in_cluster"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BESIDE = _in_cluster()
inside = BESIDE.inside


def pod() -> Any:
    """Of the CronJob."""
    text = (BESIDE.COMPONENT / "cron-job.yaml").read_text()
    return yaml.safe_load(text)["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def test_it_writes_its_report_into_the_config_map_and_keeps_its_ledger(
    unpacked: Callable[..., Unpacked], inside: Any, api_server: Any, tmp_path: Path
) -> None:
    (container,) = pod()["containers"]
    image = unpacked("amd64", "kvx")
    given = {**image.configuration["config"], "Cmd": container["args"]}
    image = replace(image, configuration={**image.configuration, "config": given})
    ledger, home = tmp_path / "ledger", inside.kubeconfig.parent
    ledger.mkdir()
    os.chown(ledger, USER, USER)
    for each in (home, *home.rglob("*")):
        each.chmod(0o755 if each.is_dir() else 0o644)
    mounted = {"/srv/kvx/.kvx": ledger, "/etc/kvx/cluster": home, "/etc/kvx/secrets": home / "secrets"}
    assert set(mounted) <= {each["mountPath"] for each in container["volumeMounts"]}
    own = {
        "KVX_KUBERNETES_KUBECONFIG": "/etc/kvx/cluster/kubeconfig",
        "KVX_SECRETS_FOLDER": "/etc/kvx/secrets",
    }
    (tmp_path / "hetzner").mkdir()
    with BESIDE.MONTH.project(tmp_path / "hetzner", int(time.time()) - 7200) as on:
        on.send("POST", "/servers", name="one", server_type="cax21", image="debian-12", location="nbg1")
        on.clock.now = time.time()
        settings = inside.settings | own | {"HCLOUD_ENDPOINT": on.address}
        begin = time.monotonic()
        with running(
            image,
            tools() / "runc",
            image.root.parent,
            environment=settings,
            memory_bytes=256 << 20,
            processors=0.25,
            mounted=mounted,
        ) as run:
            assert run.process.wait(300) == 0, run.log.read_text()
            print(f"{time.monotonic() - begin:.1f} s on a quarter of a processor")
        said = run.log.read_text()
    path = f"/api/v1/namespaces/{BESIDE.SPACE}/configmaps/{BESIDE.NAME}"
    data = api_server.request("GET", path)["data"]
    assert data["line"] in said
    assert data["line"].startswith("kvx cost 20")
    assert (ledger / "cost" / "ledger.sqlite").stat().st_uid == USER
