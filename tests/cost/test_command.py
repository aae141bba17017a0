"""kvx cost as a user types it, against a simulated Hetzner."""

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kvx.drivers.cost_telling import alone


def _month() -> ModuleType:
    """month.py beside this file."""
    spec = importlib.util.spec_from_file_location("cost_month", Path(__file__).with_name("month.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["cost_month"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MONTH = _month()
Kvx = Callable[..., subprocess.CompletedProcess[str]]
LABELS = {"kvx/cluster": "kvx", "kvx/pool": "workers", "kvx/node": "workers-1"}


@pytest.fixture
def hetzner(tmp_path: Path) -> Iterator[Any]:
    """A worker that was made two hours ago, and a volume that hangs on nothing."""
    (tmp_path / "hetzner").mkdir()
    with MONTH.project(tmp_path / "hetzner", int(time.time()) - 7200) as on:
        body = {"server_type": "cax21", "image": "debian-12", "location": "nbg1", "labels": LABELS}
        on.send("POST", "/servers", name="kvx-workers-1", **body)
        on.send("POST", "/volumes", name="left", size=50, location="nbg1")
        on.clock.now = time.time()
        yield on


def asked(kvx: Kvx, on: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    return kvx("cost", *arguments, HCLOUD_TOKEN=MONTH.TOKEN, HCLOUD_ENDPOINT=on.address, timeout=120)


@pytest.mark.timeout(600)
def test_a_report_as_table_json_and_from_cron(kvx: Kvx, hetzner: Any, tmp_path: Path) -> None:
    told = asked(kvx, hetzner, "report", "--by", "resource")
    assert told.returncode == 0, told.stderr
    assert "server kvx-workers-1: server cax21@nbg1" in told.stdout
    assert "fix: hcloud volume delete" in told.stderr

    document = json.loads(asked(kvx, hetzner, "report", "--json", "--budget", "5").stdout)
    assert document["schema"] == "kvx/cost/v1"
    assert document["monthly_net"] == "13.8500"  # 10.49, its address 0.50, the volume 2.86
    assert document["exit_code"] == 3 if document["committed"]["net"] > "5" else True
    kept = json.loads((tmp_path / ".kvx" / "cost" / "report.json").read_text())
    assert kept["schema"] == "kvx/cost/v1"

    figures = tmp_path / "figures" / "kvx.prom"
    (tmp_path / "kvx.toml").write_text(f'[cost]\njitter_seconds = 0\ntextfile = "{figures}"\n')
    cron = asked(kvx, hetzner, "report", "--cron")
    assert (cron.returncode, cron.stdout.count("\n")) == (0, 1)
    assert figures.stat().st_mode & 0o777 == 0o644
    assert "kvx_cost_month_to_date_euros{" in figures.read_text()
    with alone(tmp_path / ".kvx" / "cost"):
        assert asked(kvx, hetzner, "report", "--cron").returncode == 3


@pytest.mark.timeout(600)
def test_a_plan_is_priced_and_stopped_by_its_bounds(kvx: Kvx, hetzner: Any, tmp_path: Path) -> None:
    """A control plane, a worker more, and two addresses: 5.99 + 10.49 + 3 x 0.50; one worker stands."""
    free = asked(kvx, hetzner, "plan")
    assert free.returncode == 0, free.stderr
    assert "+17.98" in free.stdout
    # of 26.97 for 10 cores and 20 GB: the quota 2 and 4, three replicas 1.5 and 1.5
    assert "The quotas 2000m and 4Gi of the namespace: 5.39 a month" in free.stdout
    assert "3 replicas at their limits: 3.03 a month" in free.stdout
    assert asked(kvx, hetzner, "plan", "--max-increase", "17.97").returncode == 3
    markdown = asked(kvx, hetzner, "plan", "--max-monthly", "100", "--markdown")
    assert markdown.returncode == 0
    assert markdown.stdout.startswith("### Cost: +17.98 EUR a month")

    deploy = kvx(
        *("terraform", "--yes", "--max-increase", "17.97", "--target", "hetzner"),
        HCLOUD_TOKEN=MONTH.TOKEN,
        HCLOUD_ENDPOINT=hetzner.address,
        timeout=120,
    )
    assert deploy.returncode == 3, deploy.stderr
    assert "would add 17.98" in deploy.stderr
    assert not hetzner.all("network")

    file = tmp_path / "plan.json"
    after = {"server_type": "cax41", "location": "nbg1"}
    change = {"address": "a", "type": "hcloud_server", "change": {"before": None, "after": after}}
    file.write_text(json.dumps({"resource_changes": [change]}))
    found = json.loads(asked(kvx, hetzner, "plan", "--terraform", str(file), "--json").stdout)
    assert found["plan"]["increase_net"] == "40.99"


@pytest.mark.timeout(600)
def test_what_follows_from_a_report(kvx: Kvx, hetzner: Any, tmp_path: Path) -> None:
    assert "hcloud volume delete" in asked(kvx, hetzner, "orphans").stdout
    what = json.loads(asked(kvx, hetzner, "whatif", "--type", "cax31", "--nodes", "3", "--json").stdout)
    assert what["whatif"]["after"] == {"nodes": 4, "cores": 26, "memory_gb": "52"}
    assert what["whatif"]["minutes_of_sound_an_hour"] == [None, None]
    measured = {"KVX_COST_MINUTES_PER_CORE": "12.5", "HCLOUD_TOKEN": MONTH.TOKEN}
    told = kvx("cost", "whatif", "--type", "cax31", HCLOUD_ENDPOINT=hetzner.address, timeout=120, **measured)
    assert "at 12.5 each: 50 now,\n225 then" in told.stdout  # 4 cores stand; 2 and twice 8 would
    assert asked(kvx, hetzner, "whatif", "--type", "cax99").returncode == 2
    assert "--per-minute 0.059" in asked(kvx, hetzner, "break-even").stderr  # no engine has cost anything
    bound = {"name": "hume minutes", "engine": "hume", "key": None, "unit": "milliseconds", "limit": 1000}
    bound |= {"left": 250, "empty_at": "2099-11-21T14:00:00Z", "resets_at": "2099-11-25T00:00:00Z"}
    usage = {"schema": "kvx.usage/1", "month": time.strftime("%Y-%m", time.gmtime()), "budgets": [bound]}
    usage["time"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 5))
    usage["by_key"] = [{"engine": "hume", "key": "ada", "milliseconds": 600_000, "microeuros": 590_000}]
    (tmp_path / "usage.json").write_text(json.dumps(usage))
    (tmp_path / "kvx.toml").write_text('[cost]\nusage_file = "usage.json"\n')
    assert "235 minutes a month" in asked(kvx, hetzner, "break-even").stdout
    forecast = asked(kvx, hetzner, "forecast").stdout
    assert "hume minutes: used up 2099-11-21 14:00 UTC at this pace (25% left)" in forecast
    by_key = asked(kvx, hetzner, "report", "--by", "key").stdout
    assert "ada" in by_key
    assert "0.0590 / min" in by_key
    assert "235 minutes a month" in asked(kvx, hetzner, "break-even", "--per-minute", "0.059").stdout
    advice = asked(kvx, hetzner, "advise")
    assert advice.returncode == 3
    assert "there is no cluster" in advice.stderr
    hetzner.answering.use(
        json.dumps({"faults": [{"kind": "refuse", "code": "unavailable", "times": "always"}]})
    )
    stale = asked(kvx, hetzner, "report")
    assert stale.returncode == 4
    assert "this is as of" in stale.stderr
