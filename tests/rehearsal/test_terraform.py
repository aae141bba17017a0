"""The real Terraform with the real hcloud provider: make, plan again, change, take down."""

import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Program

HERE = Path(__file__).parent
BUILD = HERE.parent / "components" / "hcloud-provider" / "build"
NO_CHANGES, CHANGES = 0, 2
# At speed 100 an action ends within three polls; this many take the provider five seconds.
PATIENT_POLLS = 9

pytestmark = pytest.mark.needs("terraform", "hcloud-provider")


@pytest.fixture(scope="session")
def configuration() -> Path:
    where = subprocess.run([str(BUILD), "--where"], check=True, capture_output=True, text=True, timeout=60)
    return Path(where.stdout.strip()) / "terraform.rc"


class Workspace:
    """A folder with a configuration, and Terraform in it."""

    def __init__(self, folder: Path, configuration: Path, program: "Program") -> None:
        self.folder = folder
        self.settings = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("TF_", "HCLOUD_"))},
            "TF_CLI_CONFIG_FILE": str(configuration),
            "CHECKPOINT_DISABLE": "1",
            "HCLOUD_ENDPOINT": program.address,
            "HCLOUD_TOKEN": "t" * 64,
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["terraform", *arguments, "-no-color"]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.settings,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def apply(self, *arguments: str) -> str:
        run = self.run("apply", "-auto-approve", *arguments)
        assert run.returncode == 0, run.stderr
        return run.stdout

    def planned(self, *arguments: str) -> int:
        return self.run("plan", "-detailed-exitcode", *arguments).returncode


@pytest.fixture
def workspace(tmp_path: Path, configuration: Path, program: "Program") -> Workspace:
    folder = tmp_path / "workspace"
    folder.mkdir()
    shutil.copy(HERE / "everything.tf", folder)
    made = Workspace(folder, configuration, program)
    assert made.run("init").returncode == 0
    return made


def test_everything_is_made_planned_again_changed_and_taken_down(
    workspace: Workspace, program: "Program"
) -> None:
    assert "18 added" in workspace.apply()
    assert workspace.planned() == NO_CHANGES
    assert program.resources()["monthly_net"] == "29.32"
    bigger = ("-var", "type=cax21")
    assert workspace.planned(*bigger) == CHANGES
    assert "2 changed" in workspace.apply(*bigger)
    assert workspace.planned(*bigger) == NO_CHANGES
    assert program.resources()["monthly_net"] == "38.32"
    names = ("-var", 'names=["a"]', *bigger)
    assert "2 destroyed" in workspace.apply(*names)
    assert workspace.planned(*names) == NO_CHANGES
    assert workspace.run("destroy", "-auto-approve").returncode == 0
    assert program.resources()["resources"] == []


def test_a_state_that_was_killed_is_what_terraform_finds_again(
    workspace: Workspace, program: "Program"
) -> None:
    workspace.apply()
    program.kill()
    workspace.settings["HCLOUD_ENDPOINT"] = program.start().address
    assert workspace.planned() == NO_CHANGES


def test_terraform_says_what_the_simulation_refuses(workspace: Workspace, program: "Program") -> None:
    body = {"server_type": "cax11", "location": "nbg1"}
    gone = {"kind": "stock_gone", "path": "/servers", "method": "POST", "body": body, "times": "always"}
    program.use({"faults": [gone]})
    run = workspace.run("apply", "-auto-approve")
    assert run.returncode == 1
    assert "error during placement (resource_unavailable, " in run.stderr
    refused = [request for request in program.requests() if request["faults"] == ["stock_gone"]]
    assert len(refused) == 3
    assert all(request["correlation_id"] in run.stderr for request in refused)


def test_an_action_without_end_keeps_terraform_waiting(workspace: Workspace, program: "Program") -> None:
    program.use({"faults": [{"kind": "action_never_ends", "path": "/servers", "method": "POST"}]})
    command = ["terraform", "apply", "-auto-approve"]
    with subprocess.Popen(
        command,
        cwd=workspace.folder,
        env=workspace.settings,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # its provider ends with it
    ) as run:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and _most_polls(program) < PATIENT_POLLS:
            time.sleep(0.2)
        waiting = run.poll() is None
        os.killpg(run.pid, signal.SIGKILL)
    assert waiting
    assert _most_polls(program) >= PATIENT_POLLS
    statuses = {each["status"] for each in program.resources()["resources"] if each["kind"] == "server"}
    assert "initializing" in statuses


def _most_polls(program: "Program") -> int:
    """How often one action was asked after."""
    polls = [str(request["query"]) for request in program.requests() if request["path"] == "/actions"]
    return max(Counter(polls).values(), default=0)
