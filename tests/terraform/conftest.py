"""terraform/ in a workspace of its own, with the real provider, against a simulated Hetzner."""

import json
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SOURCE = Path(__file__).parents[2] / "terraform"
TOKEN = "canary0".ljust(64, "7")
COMMAND_SECONDS = 150
END_SECONDS = 10
WISH = {
    "allowed_addresses": ["203.0.113.7/32"],
    "poll_interval": "10ms",
    "control_plane": {"type": "cax11", "count": 1, "location": "nbg1"},
    "pools": {"workers": {"type": "cax21", "count": 2, "location": "nbg1"}},
}


def environment(**more: str) -> dict[str, str]:
    """For a Terraform that takes its provider from the mirror; tests/conftest.py has loaded the component."""
    made: dict[str, str] = import_module("hcloud-provider_component").environment(**more)
    return made


@dataclass(frozen=True, slots=True)
class Hetzner:
    """A simulated Hetzner that serves; `state` is its SQLite file."""

    address: str
    state: Path
    process: subprocess.Popen[str]

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def resources(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._look("resources")["resources"]
        return found

    def writes(self) -> list[str]:
        """What was asked of it that changes something, as `METHOD /path`."""
        return [f"{call['method']} {call['path']}" for call in self.calls() if call["method"] != "GET"]

    def calls(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._look("requests")["requests"]
        return found

    def make(self, kind: str, **body: object) -> dict[str, Any]:
        """Something that another made in the same project."""
        head = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.address}/{kind}", json.dumps(body).encode(), head)
        with urllib.request.urlopen(request, timeout=60) as answer:
            made: dict[str, Any] = json.load(answer)
        return made

    def _look(self, what: str) -> dict[str, Any]:
        address = f"{self.address.removesuffix('/v1')}/_rehearsal/{what}"
        with urllib.request.urlopen(address, timeout=60) as answer:
            seen: dict[str, Any] = json.load(answer)
        return seen


@dataclass(frozen=True, slots=True)
class Workspace:
    """A copy of terraform/ that a person could work in by hand."""

    folder: Path
    settings: Mapping[str, str]

    def terraform(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["terraform", *arguments, "-no-color"]
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**self.settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS,
        )

    def done(self, *arguments: str) -> str:
        run = self.terraform(*arguments)
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    def refused(self, *arguments: str) -> str:
        """The words of a refusal, on one line."""
        run = self.terraform(*arguments)
        assert run.returncode != 0, run.stdout
        return " ".join(run.stderr.replace("│", " ").split())

    def wish(self, **values: object) -> None:
        """What kvx writes: the variables, and a host key for each node that is to be."""
        wish = {**WISH, **values}
        keys = {key: self.host_key(key) for key in nodes(wish)}
        handed = {"host_keys_folder": "host-keys", "host_public_keys": keys}
        operator = {"ssh_public_keys": {"me": self.host_key("operator")}}
        (self.folder / "kvx.auto.tfvars.json").write_text(json.dumps({**operator, **handed, **wish}))

    def host_key(self, name: str) -> str:
        """The public half; the pair is made once."""
        private = self.folder / "host-keys" / name
        if not private.exists():
            private.parent.mkdir(exist_ok=True)
            private.write_bytes(private_key())
        key = serialization.load_ssh_private_key(private.read_bytes(), None)
        openssh = (serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        return key.public_key().public_bytes(*openssh).decode()

    def plan(self) -> dict[str, list[str]]:
        """What a saved plan would do, by address; what stays as it is is left out."""
        self.done("plan", "-input=false", "-out=plan.bin")
        shown = json.loads(self.done("show", "-json", "plan.bin"))
        changes = {each["address"]: each["change"]["actions"] for each in shown["resource_changes"]}
        return {key: actions for key, actions in changes.items() if actions not in (["no-op"], ["read"])}

    def apply(self) -> dict[str, Any]:
        """Applies; the outputs by name."""
        self.done("apply", "-input=false", "-auto-approve")
        outputs = json.loads(self.done("output", "-json"))
        return {name: output["value"] for name, output in outputs.items()}


def nodes(wish: Mapping[str, Any]) -> list[str]:
    counts = {name: pool["count"] for name, pool in wish["pools"].items()}
    counts["control-plane"] = wish["control_plane"]["count"]
    if wish.get("private_only"):
        counts["gateway"] = 1
    return [f"{name}-{number}" for name, count in counts.items() for number in range(1, count + 1)]


def private_key() -> bytes:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    return Ed25519PrivateKey.generate().private_bytes(*form)


@pytest.fixture
def hetzner(tmp_path: Path) -> Iterator[Hetzner]:
    with serving(tmp_path / "hetzner.sqlite") as served:
        yield served


@contextmanager
def serving(state: Path) -> Iterator[Hetzner]:
    command = [sys.executable, "-m", "kvx_rehearsal", "--state", str(state), "--port", "0", "--speed", "200"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        served = Hetzner(json.loads(process.stdout.readline())["address"], state, process)
        try:
            yield served
        finally:
            served.end()


@pytest.fixture
def workspace(tmp_path: Path, hetzner: Hetzner) -> Workspace:
    """Ready to plan, with one control plane and two workers as its wish."""
    settings = environment(HCLOUD_TOKEN=TOKEN, HCLOUD_ENDPOINT=hetzner.address)
    made = copy_of_terraform(tmp_path / "workspace", settings)
    made.wish()
    made.done("init", "-input=false")
    return made


@pytest.fixture(scope="session")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace that reaches no Hetzner: what needs none must work in it."""
    settings = environment(HCLOUD_TOKEN=TOKEN, HCLOUD_ENDPOINT="http://127.0.0.1:9/v1")
    made = copy_of_terraform(tmp_path_factory.mktemp("hcl") / "workspace", settings)
    made.done("init", "-input=false")
    return made


def copy_of_terraform(folder: Path, settings: Mapping[str, str]) -> Workspace:
    shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfvars"))
    return Workspace(folder, settings)
