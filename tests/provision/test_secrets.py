"""The token is in the memory and the environment of those who need it, and nowhere else."""

import threading
import zipfile
from pathlib import Path
from typing import Any

import psutil
import pytest

from kvx.errors import KvxError

pytestmark = pytest.mark.needs("terraform", "hcloud-provider")

CANARY = "canary7token"
VOICE_CANARY = "canary-voice-key-0123456789"


class CommandLines:
    """Samples the command lines of every process while something runs."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def __enter__(self) -> "CommandLines":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._enough.wait(0.02):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(path.read_bytes().decode(errors="replace"))
                except OSError:
                    continue


def holding(folder: Path, canary: str) -> list[str]:
    """Every file that holds it, also inside a saved plan."""
    found = []
    for path in folder.rglob("*"):
        if not path.is_file() or path.is_symlink():
            continue
        content = path.read_bytes()
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                content += b"".join(archive.read(name) for name in archive.namelist())
        if canary.encode() in content:
            found.append(str(path.relative_to(folder)))
    return found


def private_host_keys(folder: Path) -> list[str]:
    return [path.read_text().splitlines()[2] for path in (folder / "host-keys").iterdir() if not path.suffix]


def test_no_secret_is_in_a_file_a_log_a_plan_a_state_or_a_command_line(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_VAR_hume_api_key", VOICE_CANARY)
    monkeypatch.setenv("TF_LOG", "TRACE")
    with CommandLines() as lines:
        cluster.deploy()
        cluster.wants(cluster="kvx", image="debian-13")
        fault = {"kind": "refuse", "method": "POST", "path": "/servers", "code": "invalid_input"}
        server = cluster.simulation.resources("server")[0]
        cluster.simulation.call("DELETE", f"/servers/{server['id']}")
        cluster.simulation.scenario(faults=[fault | {"times": "always", "message": "no"}])
        with pytest.raises(KvxError) as refused:
            cluster.deploy()
    assert any("apply" in line and "terraform" in line for line in lines.seen), "the apply was not seen"
    for canary in (CANARY, VOICE_CANARY):
        assert holding(cluster.folder, canary) == []
        assert not [line for line in lines.seen if canary in line]
        assert canary not in refused.value.message + refused.value.fix + "".join(cluster.said)
    for line in private_host_keys(cluster.folder):
        assert {Path(name).parts[0] for name in holding(cluster.folder, line)} == {"host-keys"}


def test_half_the_token_in_hetzners_own_words_stays_out_of_logs_and_messages(cluster: Any) -> None:
    """Its answer to too many requests names the first half."""
    half = cluster.account.token.reveal()[:32]
    said = f"limit of 3600 requests per hour reached for {half}"
    fault = {
        "kind": "refuse",
        "method": "POST",
        "path": "/networks",
        "code": "invalid_input",
        "message": said,
    }
    cluster.simulation.scenario(faults=[fault | {"times": "always"}])
    with pytest.raises(KvxError, match="requests per hour reached for") as refused:
        cluster.deploy()
    assert half not in refused.value.message + refused.value.fix + "".join(cluster.said)
    assert holding(cluster.folder, half) == []
    assert "(secret)" in "".join(path.read_text() for path in (cluster.folder / "logs").glob("apply-*"))


def test_a_plan_that_waits_holds_no_secret(cluster: Any) -> None:
    from kvx import drivers

    *first, apply, _ = cluster.steps()
    for step in first:
        drivers.perform(step, cluster.world)
    from kvx.drivers.terraform import Terraform
    from kvx.drivers.terraform_plan import SavedPlan, fresh_plan

    terraform = Terraform(cluster.workspace, cluster.account, apply.backend, cluster.world)
    plan = fresh_plan(terraform, None, 60)
    assert isinstance(plan, SavedPlan)
    assert plan.summary["add"] > 10
    assert terraform.plan_file.stat().st_mode & 0o777 == 0o600
    assert holding(cluster.folder, CANARY) == []
    key = private_host_keys(cluster.folder)[0]
    assert [name for name in holding(cluster.folder, key) if not name.startswith("host-keys/")] == []
    assert CANARY not in terraform.show_json()
    assert key not in terraform.show_json()


def test_the_children_of_kvx_get_the_token_from_their_environment(cluster: Any) -> None:
    """So that the test above does not pass because nothing was given to anybody."""
    seen: set[str] = set()
    enough = threading.Event()

    def sample() -> None:
        while not enough.wait(0.02):
            for process in psutil.process_iter(["name"]):
                if "terraform" in (process.info["name"] or ""):
                    try:
                        seen.add(process.environ().get("HCLOUD_TOKEN", "none"))
                    except psutil.Error:
                        continue

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        cluster.deploy()
    finally:
        enough.set()
        thread.join()
    assert any(CANARY in token for token in seen)
