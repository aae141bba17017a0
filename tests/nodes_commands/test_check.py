"""--check with the real Ansible: the machines are this one, and the playbook is one of the test's own."""

import io
from pathlib import Path

import pytest
import yaml

from kvx.commands.nodes_changes import NodesChanges, nodes_changes_of
from kvx.plan import Phase, Plan
from kvx.report import Lines
from kvx.steps.nodes import ConfigureNodes, NodesWanted

SECRET = "a-token-that-nobody-sees"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A playbook that would write files on each machine, of which most are secret."""
    folder = tmp_path / "ansible"
    folder.mkdir()
    place = f"{tmp_path}/{{{{ inventory_hostname }}}}"
    tasks = [
        {"name": "Write settings", "ansible.builtin.copy": {"dest": f"{place}.conf", "content": "port: 1\n"}},
        {
            "name": "Write a token",
            "ansible.builtin.copy": {"dest": f"{place}.token", "content": f"{SECRET}\n"},
            "no_log": True,
        },
        {
            "name": "Write several",
            "ansible.builtin.copy": {"dest": f"{place}.{{{{ item }}}}", "content": f"{SECRET}\n"},
            "loop": ["a.token", "b.token"],
            "no_log": True,
        },
        {"name": "Say a secret", "ansible.builtin.debug": {"msg": SECRET}, "no_log": True},
    ]
    play = {"name": "A play", "hosts": "all", "gather_facts": False, "tasks": tasks}
    (folder / "site.yml").write_text(yaml.safe_dump([play], sort_keys=False))
    return folder


def looked_at(folder: Path, source: Path) -> tuple[NodesChanges, str]:
    """What would change, and what was said meanwhile."""
    step = ConfigureNodes(folder, source, folder / "ssh" / "id_ed25519", NodesWanted(), 120)
    said = io.StringIO()
    found = nodes_changes_of(Plan("hetzner", (Phase("configure", "", (step,)),)), Lines(said))
    assert found is not None
    return found, said.getvalue()


def test_what_would_change_is_told_nothing_is_written_and_no_secret_is_seen(
    local_nodes: Path, source: Path, tmp_path: Path
) -> None:
    found, said = looked_at(local_nodes, source)
    assert found.hosts == ("edge-control-plane-1", "edge-workers-1")
    assert sorted((change.host, change.task) for change in found.changes) == [
        (host, task) for host in found.hosts for task in ("Write a token", "Write settings", "Write several")
    ]
    assert "+port: 1" in found.paragraph
    assert not [*tmp_path.glob("*.conf"), *tmp_path.glob("*.token")]
    written = [path for path in local_nodes.rglob("*") if path.is_file()]
    assert not [path for path in written if SECRET.encode() in path.read_bytes()]
    assert SECRET not in said + found.paragraph + str(found.data)


def test_a_machine_that_is_not_reached_leaves_the_rest_of_the_plan(local_nodes: Path, source: Path) -> None:
    path = local_nodes / "inventory.yaml"
    inventory = yaml.safe_load(path.read_text())
    worker = inventory["all"]["children"]["pool_workers"]["hosts"]["edge-workers-1"]
    worker |= {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    path.write_text(yaml.safe_dump(inventory, sort_keys=False))
    found, said = looked_at(local_nodes, source)
    assert found.refusal is not None
    assert "edge-workers-1 was not reached" in found.paragraph
    assert "see what Ansible would change on the machines: failed" in said
