"""Private host keys, the token and the cloud voice service's key reach no file that Terraform writes."""

import base64
import json
import re
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from conftest import Hetzner, Workspace

pytestmark = [pytest.mark.needs("terraform", "hcloud-provider"), pytest.mark.timeout(300)]

HUME_CANARY = "hume-canary-4711-of-some-length"
NODES = ("control-plane-1", "workers-1", "workers-2")


def body_of(private_key: Path) -> bytes:
    """A line in the middle of the key, which no other key has."""
    return private_key.read_bytes().splitlines()[2]


def everything_written(workspace: "Workspace") -> Iterator[tuple[str, bytes]]:
    """Each file but the keys themselves and the provider; archives unpacked, private parts decoded."""
    for path in sorted(workspace.folder.rglob("*")):
        name = str(path.relative_to(workspace.folder))
        if path.is_file() and not name.startswith(("host-keys/", ".terraform/providers")):
            content = path.read_bytes()
            yield name, content
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    yield from ((f"{name}!{inside}", archive.read(inside)) for inside in archive.namelist())
            for encoded in re.findall(rb'"private": "([A-Za-z0-9+/=]+)"', content):
                yield f"{name}!private", base64.b64decode(encoded)


def files_with(workspace: "Workspace", secret: bytes) -> list[str]:
    forms = (secret, base64.b64encode(secret)[:-4])
    return [name for name, content in everything_written(workspace) if any(form in content for form in forms)]


def given_to(hetzner: "Hetzner") -> Iterator[dict[str, Any]]:
    """The cloud-init of each server, as the simulated Hetzner keeps it; ends it, to open its file."""
    hetzner.end()
    with closing(sqlite3.connect(hetzner.state)) as database:
        names = database.execute("select name from sqlite_master where type = 'table'").fetchall()
        tables = [database.execute(f"select * from {name}").fetchall() for (name,) in names]
    for cell in (cell for rows in tables for row in rows for cell in row):
        if isinstance(cell, str) and "#cloud-config" in cell and cell.startswith("{"):
            yield yaml.safe_load(json.loads(cell)["user_data"])


def keys_of(cloud_init: dict[str, Any]) -> dict[str, str]:
    keys: dict[str, str] = cloud_init["ssh_keys"]
    return keys


@pytest.fixture
def planned(workspace: "Workspace") -> "Workspace":
    """Applied, and with a saved plan for one node more, shown as JSON in a file as kvx does."""
    workspace.settings["TF_VAR_hume_api_key"] = HUME_CANARY  # type: ignore[index]
    workspace.plan()
    (workspace.folder / "first.json").write_text(workspace.done("show", "-json", "plan.bin"))
    (workspace.folder / "plan.bin").rename(workspace.folder / "first.bin")
    workspace.done("apply", "-input=false", "first.bin")
    workspace.wish(pools={"workers": {"type": "cax21", "count": 3, "location": "nbg1"}})
    workspace.plan()
    (workspace.folder / "plan.json").write_text(workspace.done("show", "-json", "plan.bin"))
    return workspace


def test_no_file_holds_a_private_host_key(planned: "Workspace") -> None:
    names = {name for name, _ in everything_written(planned)}
    assert {"plan.bin!tfplan", "first.bin!tfplan", "terraform.tfstate", "terraform.tfstate!private"} <= names
    for node in (*NODES, "workers-3"):
        assert files_with(planned, body_of(planned.folder / "host-keys" / node)) == []


def test_no_file_holds_the_token_or_the_key_of_the_voice_service(planned: "Workspace") -> None:
    assert files_with(planned, planned.settings["HCLOUD_TOKEN"].encode()) == []
    assert files_with(planned, HUME_CANARY.encode()) == []


def test_the_keys_did_reach_the_servers(planned: "Workspace", hetzner: "Hetzner") -> None:
    given = {(each["ed25519_private"], each["ed25519_public"]) for each in map(keys_of, given_to(hetzner))}
    folder = planned.folder / "host-keys"
    assert given == {((folder / node).read_text(), planned.host_key(node)) for node in NODES}


def test_a_user_data_known_while_planning_would_have_leaked(workspace: "Workspace") -> None:
    servers = workspace.folder / "servers.tf"
    servers.write_text(servers.read_text().replace("timestamp()", '"now"'))
    workspace.plan()
    assert files_with(workspace, body_of(workspace.folder / "host-keys" / "workers-1")) == ["plan.bin!tfplan"]
