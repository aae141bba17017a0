"""Policies for hcloud, of which checkov has none: each catches what it is for, and terraform/ is clean."""

import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

if TYPE_CHECKING:
    from conftest import Workspace

POLICIES = Path(__file__).with_name("policies")
EXAMPLES = Path(__file__).with_name("examples")
CAUGHT = {
    ("ssh_is_closed", "hcloud_firewall.bad_ssh"),
    ("kubernetes_api_is_closed", "hcloud_firewall.bad_ssh"),
    ("kubernetes_api_is_closed", "hcloud_firewall.bad_api"),
    ("firewall_covers_the_cluster", "hcloud_firewall.bad_reach"),
    ("server_says_whose_it_is", "hcloud_server.bad_labels"),
    ("server_is_spread", "hcloud_server.bad_spread"),
    ("server_is_in_a_subnet", "hcloud_server.bad_network"),
    ("billed_says_whose_it_is", "hcloud_volume.bad_volume"),
    ("address_is_kept", "hcloud_primary_ip.bad_address"),
    ("targets_are_reached_privately", "hcloud_load_balancer_target.bad_target"),
    ("speech_is_not_cut_off", "hcloud_load_balancer_service.bad_service"),
    ("token_is_not_written_down", "hcloud.default"),
}

pytestmark = [pytest.mark.needs("checkov"), pytest.mark.timeout(600)]


def scan(*arguments: str) -> dict[str, set[tuple[str, str]]]:
    """Policies by their file's name, checkov's own by their id; tests/conftest.py loaded the component."""
    names = {
        yaml.safe_load(path.read_text())["metadata"]["id"]: path.stem for path in POLICIES.glob("*.yaml")
    }
    verdicts = import_module("checkov_component").scan(*arguments, policies=POLICIES)
    return {
        verdict: {(names.get(check, check), resource) for check, resource in checks}
        for verdict, checks in verdicts.items()
    }


def test_each_policy_catches_its_bad_example_and_nothing_else() -> None:
    verdicts = scan("--directory", str(EXAMPLES), "--framework", "terraform")
    assert verdicts["failed"] == CAUGHT
    assert {name for name, _ in CAUGHT} == {path.stem for path in POLICIES.glob("*.yaml")}
    assert ("speech_is_not_cut_off", "hcloud_load_balancer_service.good") in verdicts["passed"]


@pytest.mark.needs("terraform", "hcloud-provider")
@pytest.mark.parametrize("private_only", [False, True])
def test_what_terraform_makes_is_clean(workspace: "Workspace", private_only: bool) -> None:
    """All values known: a plan of what was made already."""
    workers = {"type": "cax21", "count": 2, "location": "nbg1", "volume_gb": 10}
    workspace.wish(load_balancer={"location": "nbg1"}, private_only=private_only, pools={"workers": workers})
    workspace.apply()
    workspace.plan()
    plan = workspace.folder / "plan.json"
    plan.write_text(workspace.done("show", "-json", "plan.bin"))
    verdicts = scan("--file", str(plan), "--framework", "terraform_plan")
    assert verdicts["failed"] == set()
    assert verdicts["skipped"] == set()
    assert {name for name, _ in CAUGHT} <= {name for name, _ in verdicts["passed"]}


@pytest.mark.needs("terraform", "hcloud-provider")
def test_a_firewall_opened_on_purpose_is_caught_in_the_plan(workspace: "Workspace") -> None:
    workspace.wish(open_to_the_world=True, allowed_addresses=["0.0.0.0/0"])
    workspace.plan()
    plan = workspace.folder / "plan.json"
    plan.write_text(workspace.done("show", "-json", "plan.bin"))
    verdicts = scan("--file", str(plan), "--framework", "terraform_plan")
    assert {check for check, _ in verdicts["failed"]} >= {"ssh_is_closed", "kubernetes_api_is_closed"}


def test_the_folder_itself_is_clean_and_excuses_nothing() -> None:
    folder = Path(__file__).parents[2] / "terraform"
    verdicts = scan("--directory", str(folder), "--framework", "terraform")
    assert verdicts["failed"] == set()
    assert "token_is_not_written_down" in {name for name, _ in verdicts["passed"]}
    assert not [path for path in folder.glob("*.tf") if re.search(r"checkov:skip", path.read_text())]
