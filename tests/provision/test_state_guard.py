"""A state that is not what it was is refused or mended, and never taken for a fresh start."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kvx.drivers import state_disk, state_guard
from kvx.drivers.state_file import Damage, State, parse
from kvx.drivers.terraform import Terraform
from kvx.drivers.terraform_adopting import set_damaged_state_aside
from kvx.drivers.terraform_stream import printed_state
from kvx.errors import ExitCode, KvxError
from kvx.machines.fleet import Account, Place
from kvx.steps.machines import AdoptMachines, Backend
from kvx.world import real_world

MEGABYTE = 1024 * 1024


def content(serial: int, lineage: str = "ours", servers: int = 3) -> str:
    instances = [{"index_key": f"workers-{n}", "attributes": {"id": str(n)}} for n in range(1, servers + 1)]
    resource = {"mode": "managed", "type": "hcloud_server", "name": "node", "instances": instances}
    return json.dumps(
        {"version": 4, "serial": serial, "lineage": lineage, "outputs": {}, "resources": [resource]}
    )


@pytest.fixture
def terraform(tmp_path: Path) -> Terraform:
    workspace = tmp_path / "hetzner" / "terraform"
    workspace.mkdir(parents=True)
    return Terraform(workspace, Account(None), Backend(), real_world())


@pytest.fixture
def known(terraform: Terraform) -> Terraform:
    """Terraform with a state that was seen whole, twice."""
    for serial in (6, 7):
        terraform.state_file.write_text(content(serial))
        state_guard.whole_state(terraform)
    return terraform


def test_a_state_is_read_with_its_resources(known: Terraform) -> None:
    state = state_guard.whole_state(known)
    assert state is not None
    assert state.serial == 7
    assert state.resources == {f'hcloud_server.node["workers-{n}"]': str(n) for n in (1, 2, 3)}


@pytest.mark.parametrize(
    ("damaged", "reason"),
    [
        ("", "it is empty"),
        (content(7)[:50], "it is cut off"),
        ("nonsense", "not JSON"),
        ("[]", "no state of Terraform"),
        ('{"version": 4}', "no state of Terraform"),
        (content(6), "it is older"),
        (content(8, lineage="theirs"), "it is another one"),
        (content(7, servers=2), "it was edited"),
        (None, "it is missing"),
    ],
)
def test_a_state_that_is_not_what_it_was_is_refused_with_the_way_back(
    known: Terraform, damaged: str | None, reason: str
) -> None:
    known.state_file.unlink()
    if damaged is not None:
        known.state_file.write_text(damaged)
    with pytest.raises(KvxError, match=reason) as refused:
        state_guard.whole_state(known)
    assert refused.value.exit_code is ExitCode.INCOMPLETE
    way_back = refused.value.fix.partition("  (")[0]
    assert "kvx adopt" in refused.value.fix
    subprocess.run(["/bin/sh", "-c", way_back], check=True, timeout=60)
    state = state_guard.whole_state(known)
    assert state is not None
    assert state.serial == 7


def test_a_newer_state_of_the_same_lineage_is_taken_as_it_is(known: Terraform) -> None:
    known.state_file.write_text(content(9, servers=4))
    state = state_guard.whole_state(known)
    assert state is not None
    assert len(state.resources) == 4


def test_ten_good_copies_are_kept(terraform: Terraform) -> None:
    for serial in range(1, 15):
        terraform.state_file.write_text(content(serial))
        state_guard.whole_state(terraform)
    copies = {path.suffix for path in (terraform.folder / "state-backups").iterdir()}
    assert copies == {f".{serial}" for serial in range(5, 15)}


def test_a_state_that_a_broken_off_run_damaged_is_mended_from_the_copy(known: Terraform) -> None:
    broken_off(known, lambda: known.state_file.write_text(content(8)[:40]))
    state = state_guard.whole_state(known)
    assert state is not None
    assert state.serial == 7


def test_a_state_that_terraform_printed_in_need_is_found_again(known: Terraform) -> None:
    logs = known.folder / "logs"
    logs.mkdir()
    dump = {"@message": "Emergency state dump", "type": "log", "state": json.loads(content(9, servers=5))}
    (logs / "apply-20261121-080000-1.jsonl").write_text("torn {\n" + json.dumps(dump) + "\n")
    broken_off(known, lambda: known.state_file.write_text(""))
    state = state_guard.whole_state(known)
    assert state is not None
    assert (state.serial, len(state.resources)) == (9, 5)


def test_a_state_that_terraform_wrote_elsewhere_in_need_is_found_again(known: Terraform) -> None:
    errored = known.workspace / "errored.tfstate"

    def disturb() -> None:
        known.state_file.write_text(content(8))
        errored.write_text(content(9, servers=5))

    broken_off(known, disturb)
    state = state_guard.whole_state(known)
    assert state is not None
    assert len(state.resources) == 5
    assert not errored.exists()


def test_a_first_run_that_was_broken_off_leaves_no_state_behind(terraform: Terraform) -> None:
    broken_off(terraform, lambda: terraform.state_file.write_text(""))
    assert state_guard.whole_state(terraform) is None


def test_an_empty_state_file_of_unknown_origin_is_refused(terraform: Terraform) -> None:
    terraform.state_file.write_text("")
    with pytest.raises(KvxError, match="it is empty"):
        state_guard.whole_state(terraform)


def test_a_forgotten_state_is_put_aside_and_not_deleted(known: Terraform) -> None:
    aside = state_guard.forget(known)
    assert aside is not None
    assert json.loads(aside.read_text())["serial"] == 7
    assert state_guard.whole_state(known) is None


def test_a_damaged_note_about_the_state_is_refused(known: Terraform) -> None:
    (known.folder / "state-guard.json").write_text("{")
    with pytest.raises(KvxError, match="is damaged"):
        state_guard.whole_state(known)


def test_a_printed_state_that_is_cut_off_is_left_out() -> None:
    assert printed_state(['{"@message":"Emergency state dump","type":"log","state":{"version":4,']) is None


@pytest.mark.parametrize("serial", [0, 1, 99])
def test_parsing_never_raises(serial: int) -> None:
    whole = content(serial).encode()
    assert isinstance(parse(whole), State)
    for end in range(len(whole)):
        assert isinstance(parse(whole[:end]), Damage)


def broken_off(terraform: Terraform, disturb: Callable[[], object]) -> None:
    """As a kvx that is killed while terraform writes: the note says so, and nobody looked afterwards."""
    note = terraform.folder / "state-guard.json"
    values = json.loads(note.read_text()) if note.exists() else {}
    note.write_text(json.dumps(values | {"writing": True}))
    disturb()


@pytest.fixture
def disk(disk_of: Callable[[str], Path]) -> Path:
    """A file system of 80 MB."""
    return disk_of("80m")


def fill(folder: Path, leave_bytes: int) -> Path:
    """Take the space of the disk away, all but some."""
    hog = folder / "hog"
    with hog.open("ab") as file:
        while (free := state_disk.free_bytes(folder) - leave_bytes) > 0:
            try:
                file.write(bytes(min(free, MEGABYTE)))
                file.flush()
            except OSError:
                break
    return hog


@pytest.mark.needs("tmpfs")
def test_nothing_is_applied_onto_a_disk_that_is_nearly_full(disk: Path) -> None:
    fill(disk, 10 * MEGABYTE)
    with pytest.raises(KvxError, match="10 MB left") as refused:
        state_disk.prepare(disk)
    assert refused.value.exit_code is ExitCode.MISSING


@pytest.mark.needs("tmpfs")
def test_the_ballast_is_given_back_when_the_disk_fills_up(disk: Path) -> None:
    said: list[str] = []
    state_disk.prepare(disk)
    assert not state_disk.is_filling_up(disk, real_world(said.append))
    fill(disk, 0)
    assert state_disk.is_filling_up(disk, real_world(said.append))
    assert state_disk.free_bytes(disk) >= state_disk.BALLAST_BYTES
    assert len(said) == 1


@pytest.mark.needs("tmpfs", "terraform", "hcloud-provider")
def test_a_disk_that_fills_up_during_the_apply_costs_no_machine(cluster: Any, disk: Path) -> None:
    cluster.folder = disk / "hetzner"
    cluster.simulation.scenario(durations={"create_server": 1000.0})
    failed: list[KvxError] = []

    def deploy() -> None:
        try:
            cluster.deploy()
        except KvxError as error:
            failed.append(error)

    running = threading.Thread(target=deploy)
    running.start()
    end = time.monotonic() + 60
    while not cluster.simulation.resources("server") and time.monotonic() < end:
        time.sleep(0.05)
    hog = fill(disk, 0)
    running.join(timeout=100)
    assert not running.is_alive()
    assert [error.message for error in failed if "disk" in error.message], failed
    hog.unlink()
    cluster.simulation.scenario()
    cluster.deploy()
    cluster.is_whole()


@pytest.mark.needs("terraform", "hcloud-provider")
@pytest.mark.parametrize("damage", ["emptied", "cut off", "older", "missing"])
def test_a_damaged_state_never_makes_a_second_fleet(cluster: Any, damage: str) -> None:
    cluster.deploy()
    older = cluster.state_file.read_bytes()
    cluster.wants(load_balancer=Place("lb11", "nbg1"))
    cluster.deploy()
    before = cluster.simulation.resources()
    match damage:
        case "emptied":
            os.truncate(cluster.state_file, 0)
        case "cut off":
            os.truncate(cluster.state_file, 12_288)
        case "older":
            cluster.state_file.write_bytes(older)
        case "missing":
            cluster.state_file.unlink()
    with pytest.raises(KvxError) as refused:
        cluster.deploy()
    assert refused.value.exit_code is ExitCode.INCOMPLETE
    assert cluster.simulation.resources() == before
    adopting = next(step for step in cluster.steps() if isinstance(step, AdoptMachines))
    set_damaged_state_aside(adopting, cluster.world)
    cluster.deploy()
    cluster.is_whole()
    assert cluster.simulation.resources() == before
