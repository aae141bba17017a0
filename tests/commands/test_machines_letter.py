"""The letter about machines: what is wanted, what was found, what it costs, as a person reads it."""

import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

Kvx = Callable[..., subprocess.CompletedProcess[str]]
GOLDEN = """\
[hetzner]
load_balancer = "lb11"
fallbacks = ["cax21@hel1", "cax31@fsn1"]
allowed_addresses = ["203.0.113.7", "198.51.100.0/24"]
[[hetzner.pools]]
name = "workers"
count = 2
volume_gb = 25
labels = ["tier=front"]
taints = ["sound=yes:NoSchedule"]
"""
WANTED = """\
The cluster kvx is to stand at Hetzner, all of it labelled kvx/cluster=kvx:
  control-plane   1 x cax11 in nbg1; else cax21@hel1, cax31@fsn1
  workers         2 x cax21 in nbg1; else cax21@hel1, cax31@fsn1; each with a
                  volume of 25 GB; labels tier=front; taints
                  sound=yes:NoSchedule
  load balancer   lb11 in nbg1; ports 80 and 443 are open to everybody
  network         10.0.0.0/16 in eu-central, nodes in 10.0.0.0/20; a public IPv4
                  each
  firewall        SSH and the Kubernetes API are open to 203.0.113.7/32 and
                  198.51.100.0/24; nothing else is
  ssh key         one that kvx makes for it
  system          debian-12
"""
PRICE = """\
     1 x cax11@nbg1                                5.99        5.99
     2 x cax21@nbg1                               10.49       20.98
     3 x public IPv4 in nbg1                       0.50        1.50
     1 x load balancer lb11@nbg1                   7.49        7.49
    50 x GB of volume                            0.0572        2.86
                                                         ----------
  the whole                                                   38.82
  with value added tax                                        46.20
"""


def test_without_an_account_the_letter_says_what_is_wanted_and_what_it_costs(
    kvx: Kvx, tmp_path: Path
) -> None:
    (tmp_path / "kvx.toml").write_text(GOLDEN)
    ended = kvx("deploy", "--target", "hetzner", "--to", "provision", "--dry-run")
    assert ended.returncode == 0, ended.stderr
    assert WANTED in ended.stdout
    assert PRICE in ended.stdout
    assert "by the price list of 2026-09-19 that kvx" in ended.stdout
    assert "missing token" in ended.stdout
    assert "Phase provision: make the machines at Hetzner, with network and firewall\n  1. " in ended.stdout
    assert list(tmp_path.iterdir()) == [tmp_path / "kvx.toml"]


def test_no_line_about_machines_is_wider_than_a_terminal(kvx: Kvx, tmp_path: Path) -> None:
    (tmp_path / "kvx.toml").write_text(GOLDEN)
    about = kvx("terraform", "--dry-run").stdout.partition("Phase provision")[0]
    assert max(map(len, about.splitlines())) <= 80


def test_the_letter_for_programs_has_the_same_price(kvx: Kvx, tmp_path: Path) -> None:
    import json

    (tmp_path / "kvx.toml").write_text(GOLDEN)
    plan = json.loads(kvx("terraform", "--dry-run", "--json").stdout)
    assert (plan["schema"], plan["event"], plan["target"]) == ("kvx/terraform/v1", "plan", "hetzner")
    price = plan["machines"]["price"]
    assert (price["monthly_net"], price["currency"], price["source"]) == ("38.82", "EUR", "snapshot")
    assert sum(Decimal(line["monthly_net"]) for line in price["lines"]) == Decimal("38.82")
    assert plan["machines"]["changes"] is None
    assert plan["machines"]["pools"][1]["places"] == ["cax21@nbg1", "cax21@hel1", "cax31@fsn1"]


def test_the_letter_of_a_deploy_names_every_phase_and_writes_nothing(kvx: Kvx, tmp_path: Path) -> None:
    ended = kvx("deploy", "--target", "hetzner", "--dry-run")
    assert ended.returncode == 0
    assert "The cluster kvx is to stand at Hetzner" in ended.stdout
    for phase in ("provision", "configure", "images", "manifests", "verify"):
        assert f"Phase {phase}: " in ended.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [("terraform",), ("adopt",), ("cleanup", "--target", "hetzner")])
def test_without_a_token_nothing_is_done_and_the_way_to_one_is_named(
    kvx: Kvx, tmp_path: Path, command: tuple[str, ...]
) -> None:
    ended = kvx(*command, "--yes")
    assert ended.returncode == 3
    message, fix = ended.stderr.splitlines()
    assert message == "there is no token for Hetzner"
    assert "export HCLOUD_TOKEN=" in fix
    assert list(tmp_path.iterdir()) == []


def test_more_than_the_limit_of_money_is_refused_before_anything_is_made(kvx: Kvx) -> None:
    ended = kvx("terraform", "--dry-run", "--max-monthly", "20")
    assert "more than the 20.00 allowed" in " ".join(ended.stdout.split())


def test_a_wrong_setting_is_refused_before_anything_is_looked_at(kvx: Kvx) -> None:
    ended = kvx("terraform", "--dry-run", "--wait-for-capacity", "soon")
    assert ended.returncode == 2
    assert ended.stderr.startswith("hetzner.wait_for_capacity is 'soon'")


def test_drift_without_machines_says_how_they_are_made(kvx: Kvx) -> None:
    ended = kvx("drift")
    assert ended.returncode == 3
    assert ended.stderr.splitlines() == [
        "no machines were made from here",
        "fix: kvx terraform --target hetzner",
    ]


def test_a_rehearsal_that_does_not_run_has_no_status(kvx: Kvx) -> None:
    ended = kvx("rehearse", "status")
    assert ended.returncode == 3
    assert ended.stderr.splitlines() == ["no rehearsal runs here", "fix: kvx rehearse deploy"]
    assert kvx("rehearse", "stop").stdout == "There is no simulated Hetzner to end.\n"


def test_the_help_of_a_rehearsal_starts_none(kvx: Kvx, tmp_path: Path) -> None:
    assert all(name in kvx("rehearse", "--help").stdout for name in ("deploy", "cleanup", "status", "stop"))
    assert "--scenario" in kvx("rehearse", "deploy", "--help").stdout
    assert list(tmp_path.iterdir()) == []
