"""The workspace: what Terraform is told, the keys that are made once, and what is refused."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_ssh_private_key, load_ssh_public_key

from kvx.drivers import workspace
from kvx.errors import ExitCode, KvxError
from kvx.machines.fleet import CALLER, Account, Fleet, Place, Pool
from kvx.secret import Secret
from kvx.steps.machines import Backend, WriteWorkspace
from kvx.world import real_world

ROOT = Path(__file__).parents[2]
POOLS = (
    Pool("control-plane", 1, (Place("cax11", "nbg1"),)),
    Pool(
        "workers",
        2,
        (Place("cax21", "nbg1"), Place("cax31", "fsn1")),
        labels=(("tier", "edge"),),
        volume_gb=10,
    ),
)
DECISION = {
    "schema": "kvx/placement/v1",
    "nodes": {
        "control-plane-1": {"type": "cax11", "location": "nbg1", "architecture": "arm64"},
        "workers-1": {"type": "cax31", "location": "fsn1", "architecture": "arm64"},
        "workers-9": {"type": "cax31", "location": "fsn1", "architecture": "arm64"},
    },
    "notes": [],
}


def step(folder: Path, url: str = "", backend: Backend = Backend(), **wanted: Any) -> WriteWorkspace:  # noqa: B008
    folder.mkdir(exist_ok=True)
    (folder / "placement.json").write_text(json.dumps(DECISION))
    fleet = Fleet("kvx", POOLS, **{"allowed_addresses": ("203.0.113.7/32",)} | wanted)
    account = Account(Secret("t" * 64), address_url=url)
    return WriteWorkspace(folder, ROOT / "terraform", account, fleet, backend)


def told(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "terraform" / "kvx.auto.tfvars.json").read_text())


def test_terraform_is_told_what_is_wanted_and_where_it_was_placed(tmp_path: Path) -> None:
    workspace.perform(step(tmp_path), real_world())
    variables = told(tmp_path)
    assert variables["pools"]["workers"] == {
        "type": "cax21",
        "location": "nbg1",
        "count": 2,
        "fallbacks": ["cax31@fsn1"],
        "labels": {"tier": "edge"},
        "taints": [],
        "volume_gb": 10,
    }
    assert variables["placements"] == {
        "control-plane-1": {"type": "cax11", "location": "nbg1"},
        "workers-1": {"type": "cax31", "location": "fsn1"},
    }
    assert set(variables["host_public_keys"]) == {"control-plane-1", "workers-1", "workers-2"}
    assert "poll_interval" not in variables


def test_what_is_right_already_is_not_touched(tmp_path: Path) -> None:
    one = step(tmp_path)
    assert not workspace.is_done(one, real_world())
    workspace.perform(one, real_world())
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert workspace.is_done(one, real_world())
    assert not workspace.perform(one, real_world()).changed
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_file_of_an_older_kvx_is_removed_and_an_import_is_not(tmp_path: Path) -> None:
    one = step(tmp_path)
    workspace.perform(one, real_world())
    (tmp_path / "terraform" / "old.tf").write_text("")
    (tmp_path / "terraform" / "imports.tf").write_text("")
    assert not workspace.is_done(one, real_world())
    workspace.perform(one, real_world())
    assert not (tmp_path / "terraform" / "old.tf").exists()
    assert (tmp_path / "terraform" / "imports.tf").exists()


def test_keys_are_made_once_and_fit_together(tmp_path: Path) -> None:
    workspace.perform(step(tmp_path), real_world())
    private = tmp_path / "host-keys" / "workers-1"
    first = private.read_bytes()
    public = load_ssh_public_key((tmp_path / "host-keys" / "workers-1.pub").read_bytes())
    key = load_ssh_private_key(first, password=None)
    assert key.public_key() == public
    assert private.stat().st_mode & 0o777 == 0o600
    (tmp_path / "host-keys" / "workers-1.pub").unlink()
    workspace.perform(step(tmp_path), real_world())
    assert private.read_bytes() == first
    assert (
        told(tmp_path)["host_public_keys"]["workers-1"].split()[1]
        in told(tmp_path)["host_public_keys"]["workers-1"]
    )
    assert len({key.split()[1] for key in told(tmp_path)["host_public_keys"].values()}) == 3


def test_the_users_own_key_is_taken_and_none_is_made(tmp_path: Path) -> None:
    workspace.perform(step(tmp_path / "one"), real_world())
    mine = tmp_path / "one" / "ssh" / "id_ed25519.pub"
    workspace.perform(step(tmp_path / "two", ssh_public_key=mine), real_world())
    assert told(tmp_path / "two")["ssh_public_keys"] == {"operator": mine.read_text().strip()}
    assert not (tmp_path / "two" / "ssh").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "is not there"),
        (b"ssh-ed25519", "not one SSH public key"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\n", "is a private key"),
        (b"\xff\xfe", "cannot be read"),
        (b"ssh-ed25519 AAAA\nssh-ed25519 BBBB\n", "not one SSH public key"),
    ],
)
def test_a_key_that_is_none_is_refused(tmp_path: Path, content: bytes | None, words: str) -> None:
    key = tmp_path / "key.pub"
    if content is not None:
        key.write_bytes(content)
    with pytest.raises(KvxError, match=words) as refused:
        workspace.perform(step(tmp_path / "cluster", ssh_public_key=key), real_world())
    assert refused.value.exit_code is ExitCode.USAGE
    assert "PRIVATE KEY" not in refused.value.message


def test_a_damaged_host_key_is_told_and_never_replaced(tmp_path: Path) -> None:
    workspace.perform(step(tmp_path), real_world())
    (tmp_path / "host-keys" / "workers-1").write_text("damaged")
    (tmp_path / "host-keys" / "workers-1.pub").unlink()
    with pytest.raises(KvxError, match="is damaged"):
        workspace.perform(step(tmp_path), real_world())
    assert (tmp_path / "host-keys" / "workers-1").read_text() == "damaged"


@pytest.fixture
def asked_for_address() -> Iterator[Any]:
    """A service that answers with what it is told to."""

    class Answering(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = server.answer  # type: ignore[attr-defined]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = http.server.HTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("answer", "block"), [(b"203.0.113.9\n", "203.0.113.9/32"), (b"2001:db8::1", "2001:db8::1/128")]
)
def test_the_caller_is_told_by_its_address(
    tmp_path: Path, asked_for_address: Any, answer: bytes, block: str
) -> None:
    asked_for_address.answer = (200, answer)
    url = f"http://127.0.0.1:{asked_for_address.server_port}"
    wanted = (CALLER, "198.51.100.0/24")
    workspace.perform(step(tmp_path, url, allowed_addresses=wanted), real_world())
    assert told(tmp_path)["allowed_addresses"] == [block, "198.51.100.0/24"]


@pytest.mark.parametrize("answer", [(200, b"<html>"), (200, b""), (500, b"203.0.113.9"), None])
def test_a_caller_without_an_address_is_told_to_name_one(
    tmp_path: Path, asked_for_address: Any, answer: Any
) -> None:
    asked_for_address.answer = answer or (200, b"")
    url = f"http://127.0.0.1:{asked_for_address.server_port if answer else 1}"
    with pytest.raises(KvxError) as refused:
        workspace.perform(step(tmp_path, url, allowed_addresses=(CALLER,)), real_world())
    assert refused.value.exit_code is ExitCode.MISSING
    assert "hetzner.allowed_addresses" in refused.value.fix


def test_no_key_of_the_bucket_is_written(tmp_path: Path) -> None:
    keys = {"access_key": Secret("canary-access"), "secret_key": Secret("canary-secret")}
    workspace.perform(step(tmp_path, backend=Backend(bucket="ours", **keys)), real_world())
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if b"canary" in path.read_bytes()]
    assert '"ours"' in (tmp_path / "terraform" / "backend.tf").read_text()


def test_a_folder_without_terraform_files_is_refused(tmp_path: Path) -> None:
    from dataclasses import replace

    with pytest.raises(KvxError, match="holds no Terraform files"):
        workspace.perform(replace(step(tmp_path), source=tmp_path), real_world())


def test_a_missing_or_damaged_decision_is_told(tmp_path: Path) -> None:
    one = step(tmp_path)
    (tmp_path / "placement.json").write_text("{")
    with pytest.raises(KvxError, match=r"placement\.json is damaged"):
        workspace.perform(one, real_world())
    (tmp_path / "placement.json").unlink()
    with pytest.raises(KvxError, match=r"placement\.json"):
        workspace.perform(one, real_world())
