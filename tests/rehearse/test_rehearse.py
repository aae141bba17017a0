"""A cluster's life as a person types it, on a Hetzner that runs on this machine."""

import json
import shutil
import stat
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from kvx.supervisor.identity import birth

pytestmark = [pytest.mark.needs("terraform", "hcloud-provider"), pytest.mark.timeout(600)]

PLACES = ("nbg1", "fsn1", "hel1")
NODES = ["stage-control-plane-1", "stage-workers-1", "stage-workers-2"]


def delete_server(kvx: Any, name: str) -> None:
    """As somebody would in the console."""
    address = kvx.simulation["address"]
    found = next(each for each in kvx.asked("resources")["resources"] if each["name"] == name)
    headers = {"Authorization": f"Bearer {'c' * 64}"}
    url = f"{address}/servers/{found['id']}"
    with urllib.request.urlopen(urllib.request.Request(url, method="DELETE", headers=headers), timeout=60):
        pass


def test_a_cluster_is_made_left_alone_watched_mended_and_taken_away(kvx: Any, tmp_path: Path) -> None:
    made = kvx("rehearse", "deploy", "--no-hosts")
    assert made.returncode == 0, made.stderr
    assert "Without hosts: the rehearsal ends with the phase provision." in made.stderr
    assert made.stdout.splitlines() == [
        "machines  3, arm64",
        "EUR/month 38.82",
        "next      kvx rehearse drift shows whether they are still as planned",
        "          kvx rehearse cleanup --target hetzner deletes them, and ends the bill",
    ]
    assert kvx.names("server") == NODES
    folder = tmp_path / ".kvx-rehearsal/.kvx/hetzner"
    assert {"inventory.yaml", "known_hosts", "provision.json"} <= {path.name for path in folder.iterdir()}
    assert not (tmp_path / ".kvx").exists()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parents[1])] == [0o700, 0o700]
    files = [path for path in folder.parents[1].rglob("*") if path.is_file()]
    assert not [path for path in files if b"rehearsal".ljust(64, b"0") in path.read_bytes()]

    writes = [each for each in kvx.asked("requests")["requests"] if each["method"] != "GET"]
    again = kvx("rehearse", "deploy", "--no-hosts")
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith("Nothing had to be changed.\n")
    after = [each for each in kvx.asked("requests")["requests"] if each["method"] != "GET"]
    assert [each["path"] for each in after[len(writes) :]] == [
        "/ssh_keys"
    ]  # the question whether it may write

    assert kvx("rehearse", "drift").stdout == "The machines are as planned.\n"
    delete_server(kvx, "stage-workers-2")
    gone = kvx("rehearse", "drift")
    assert gone.returncode == 4
    assert "server workers-2 is gone\n" in gone.stdout
    assert gone.stderr.splitlines()[-1].startswith("fix: kvx rehearse deploy --target hetzner")
    told = json.loads(kvx("rehearse", "drift", "--json").stdout)
    assert (told["schema"], told["drift"], told["exit_code"]) == ("kvx/drift/v1", True, 4)
    assert kvx.names("server") == NODES[:2], "looking mends nothing"

    mended = kvx("rehearse", "deploy", "--no-hosts")
    assert mended.returncode == 0, mended.stderr
    assert kvx.names("server") == NODES

    shown = kvx("rehearse", "status").stdout
    assert "38.82 EUR" in shown
    ended = kvx("rehearse", "cleanup")
    assert ended.returncode == 0, ended.stderr
    assert "nothing of the cluster is left, nothing of it is billed" in ended.stderr
    assert ended.stdout == "The target hetzner is taken away; nothing is left of it.\n"
    assert "The simulated Hetzner is ended too." in ended.stderr
    assert not folder.exists()
    assert birth(kvx.simulation["process"]["pid"]) is None


def test_without_its_folder_a_cluster_is_adopted_or_taken_away_by_its_labels(
    kvx: Any, tmp_path: Path
) -> None:
    assert kvx("rehearse", "deploy", "--no-hosts").returncode == 0
    shutil.rmtree(tmp_path / ".kvx-rehearsal/.kvx")
    before = [each["id"] for each in kvx.asked("resources")["resources"] if each["kind"] == "server"]
    shown = kvx("rehearse", "adopt", "--dry-run").stdout
    assert 'import   hcloud_server.node["workers-2"], id ' in shown
    adopted = kvx("rehearse", "adopt")
    assert adopted.returncode == 0, adopted.stderr
    after = [each["id"] for each in kvx.asked("resources")["resources"] if each["kind"] == "server"]
    assert sorted(after) == sorted(before)
    assert kvx("rehearse", "adopt", "--dry-run").stdout.endswith(
        "The state knows all of it, and every machine runs.\n"
    )
    assert kvx("rehearse", "drift").returncode == 0

    (tmp_path / ".kvx-rehearsal/.kvx/hetzner/terraform/terraform.tfstate").write_text("")
    refused = kvx("rehearse", "deploy", "--no-hosts")
    assert refused.returncode == 4
    assert "or kvx rehearse adopt" in refused.stderr.splitlines()[-1]
    assert 'import   hcloud_server.node["workers-2"]' in kvx("rehearse", "adopt", "--dry-run").stdout
    assert kvx("rehearse", "adopt").returncode == 0
    mended = [each["id"] for each in kvx.asked("resources")["resources"] if each["kind"] == "server"]
    assert sorted(mended) == sorted(before)

    shutil.rmtree(tmp_path / ".kvx-rehearsal/.kvx")
    shown = kvx("rehearse", "cleanup", "--dry-run")
    assert shown.returncode == 0
    assert (
        "  together                                                                 38.82\n" in shown.stdout
    )
    assert kvx.names("server") == NODES
    ended = kvx("rehearse", "cleanup", "--json")
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout.splitlines()[-1])
    assert (result["event"], result["removed"], result["exit_code"]) == ("result", True, 0)


def test_money_is_asked_for_once_and_only_yes_makes_machines(kvx: Any, simulated: Any) -> None:
    variables = simulated()
    question = "Make them? [y/N]"
    code, screen = kvx.on_a_terminal("terraform", question=question, answer="no", **variables)
    assert code == 1
    assert "  the whole                                                   38.82\n" in screen
    assert "  make      stage-workers-1, cax21@nbg1\n" in screen
    assert f"These machines cost 38.82 EUR a month net. {question}" in screen
    assert "nothing was made or changed\n" in screen
    assert kvx.asked("resources")["resources"] == []
    assert not (kvx.folder / ".kvx").exists()

    silent = kvx("terraform", **variables)
    assert silent.returncode == 3
    assert silent.stderr.splitlines()[-1] == "fix: the same command with --yes"

    code, screen = kvx.on_a_terminal("terraform", question=question, answer="yes", **variables)
    assert code == 0, screen
    assert kvx.names("server") == NODES
    assert kvx("terraform", **variables).returncode == 0, "nothing to make, nothing to ask"

    fewer = variables | {"KVX_HETZNER_POOLS": '[{"name": "workers", "count": 1, "volume_gb": 25}]'}
    code, screen = kvx.on_a_terminal("terraform", question="[y/N]", answer="", **fewer)
    assert code == 1
    assert "  delete    stage-workers-2, cax21@nbg1; its disk is lost\n" in screen
    assert kvx.names("server") == NODES

    code, screen = kvx.on_a_terminal(
        "cleanup", "--target", "hetzner", question="to delete all of this:", answer="yes", **variables
    )
    assert code == 1
    assert "nothing was deleted\n" in screen
    assert kvx("cleanup", "--target", "hetzner", "--yes", **variables).returncode == 2
    assert kvx("cleanup", "--target", "hetzner", **variables).returncode == 3
    wrong = kvx("cleanup", "--target", "hetzner", "--yes-destroy", "other", **variables)
    assert wrong.returncode == 2
    assert kvx.names("server") == NODES
    code, screen = kvx.on_a_terminal(
        "cleanup", "--target", "hetzner", question="to delete all of this:", answer="stage", **variables
    )
    assert code == 0, screen
    assert kvx.asked("resources")["resources"] == []


def test_a_folder_of_real_machines_is_never_rehearsed_with(kvx: Any, simulated: Any) -> None:
    variables = simulated()
    folder = kvx.folder / ".kvx/hetzner"
    folder.mkdir(parents=True)
    (folder / "account.json").write_text('{"endpoint": null, "behind": "Hetzner"}')
    for command in ("terraform", "adopt", "drift"):
        refused = kvx(command, **variables)
        assert refused.returncode == 3
        assert "holds what is known of machines at Hetzner" in refused.stderr
    assert kvx("cleanup", "--target", "hetzner", "--yes-destroy", "stage", **variables).returncode == 3
    assert sorted(path.name for path in folder.iterdir()) == ["account.json"]


def test_a_folder_of_a_rehearsal_is_never_used_with_the_real_hetzner(kvx: Any) -> None:
    folder = kvx.folder / ".kvx/hetzner"
    folder.mkdir(parents=True)
    (folder / "account.json").write_text('{"endpoint": "http://127.0.0.1:1/v1", "behind": "a simulation"}')
    refused = kvx("terraform", "--yes", HCLOUD_TOKEN="f" * 64)
    assert refused.returncode == 3
    assert refused.stderr.splitlines()[1].startswith("fix: choose another folder")


def test_a_scenario_makes_stock_run_out_and_that_is_exit_5(kvx: Any, tmp_path: Path) -> None:
    gone = [f'[[unavailable]]\nserver_type = "cax21"\nlocation = "{name}"\n' for name in PLACES]
    (tmp_path / "gone.toml").write_text("".join(gone))
    ended = kvx("rehearse", "deploy", "--no-hosts", "--scenario", "gone.toml")
    assert ended.returncode == 5, ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("fix: wait for stock")
    assert kvx.asked("resources")["resources"] == []


def test_a_scenario_that_cannot_be_read_is_refused_with_the_way_to_its_format(
    kvx: Any, tmp_path: Path
) -> None:
    (tmp_path / "wrong.toml").write_text("stock = 0\n")
    ended = kvx("rehearse", "drift", "--scenario", "wrong.toml")
    assert ended.returncode == 2
    assert "unknown in a scenario: stock" in ended.stderr
    assert kvx("rehearse", "drift", "--scenario", "nowhere.toml").returncode == 2


def test_doctor_looks_at_everything_and_writes_nothing(kvx: Any, tmp_path: Path) -> None:
    ended = kvx("rehearse", "doctor", "--json")
    states = {check["name"]: check["state"] for check in json.loads(ended.stdout)["checks"]}
    missing = {name for name, state in states.items() if state == "missing"}
    assert missing <= {"buildx", "builder"}, ended.stdout  # only building images needs them
    assert ended.returncode == (3 if missing else 0)
    assert states["terraform"] == states["token"] == states["places"] == states["price"] == "ok"
    assert states["cluster"] == "later"
    assert not (tmp_path / ".kvx-rehearsal/.kvx").exists()


def test_a_missing_terraform_is_told_before_anything_is_asked(kvx: Any) -> None:
    ended = kvx("rehearse", "deploy", "--no-hosts", PATH="/nonexistent")
    assert ended.returncode == 3
    assert ended.stderr.splitlines()[-2] == "terraform is not on PATH"
    assert kvx.names("server") == []
