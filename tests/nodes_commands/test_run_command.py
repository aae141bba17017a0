"""kvx nodes run, with the real Ansible: the nodes are this machine, so that no SSH is needed."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

Kvx = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.usefixtures("local_nodes")


def test_every_line_stands_behind_its_node_and_the_endings_are_talk(kvx: Kvx) -> None:
    ended = kvx("nodes", "run", "--", "echo", "here")
    assert ended.returncode == 0
    assert ended.stdout == "edge-control-plane-1  here\nedge-workers-1        here\n"
    assert ended.stderr == "exit code 0 on all 2 nodes\n"


def test_neither_a_shell_nor_a_template_reads_the_command(kvx: Kvx) -> None:
    words = ("{{ 1 + 1 }}", "$HOME", "a  b", "'", "é", "*", "--json", "; true")
    ended = kvx("nodes", "run", "--on", "workers", "--", "printf", "%s|", *words)
    assert ended.stdout == f"edge-workers-1  {'|'.join(words)}|\n"


def test_a_command_that_fails_ends_with_1_and_says_its_own_code(kvx: Kvx) -> None:
    ended = kvx("nodes", "run", "--on", "edge-workers-1", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (ended.returncode, ended.stdout) == (1, "edge-workers-1  out\n")
    assert ended.stderr == "edge-workers-1  err\nexit code 3: edge-workers-1\n"


def test_a_command_that_does_not_end_is_ended(kvx: Kvx) -> None:
    ended = kvx("nodes", "run", "--on", "workers", "--timeout", "1", "--", "sleep", "60")
    assert ended.returncode == 1
    assert "edge-workers-1: it did not end within 1 s" in ended.stderr


def test_a_node_that_is_not_reached_is_told_beside_what_the_others_said(kvx: Kvx, local_nodes: Path) -> None:
    path = local_nodes / "inventory.yaml"
    inventory = yaml.safe_load(path.read_text())
    worker = inventory["all"]["children"]["pool_workers"]["hosts"]["edge-workers-1"]
    worker |= {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    path.write_text(yaml.safe_dump(inventory, sort_keys=False))
    ended = kvx("nodes", "run", "--json", "--", "echo", "here")
    found = json.loads(ended.stdout)
    assert (ended.returncode, found["exit_code"], found["command"]) == (1, 1, ["echo", "here"])
    server, worker = found["answers"]
    assert (server["node"], server["exit_code"], server["stdout"]) == ("edge-control-plane-1", 0, "here")
    assert (worker["node"], worker["exit_code"]) == ("edge-workers-1", None)
    assert worker["wrong"].startswith("it does not answer: ")


def test_a_name_that_nobody_has_is_refused_with_what_is_near(kvx: Kvx) -> None:
    ended = kvx("nodes", "run", "--on", "worker", "--", "true")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.splitlines()[1].startswith("fix: one of: workers")


def test_no_command_is_refused(kvx: Kvx) -> None:
    ended = kvx("nodes", "run", "--on", "workers")
    assert ended.returncode == 2
    assert "there is no command to run" in ended.stderr


def test_the_command_stands_in_no_file_that_is_left(kvx: Kvx, local_nodes: Path) -> None:
    kvx("nodes", "run", "--", "true", "a-word-of-the-command")
    written = [path for path in local_nodes.rglob("*") if path.is_file()]
    assert written
    assert not [path for path in written if b"a-word-of-the-command" in path.read_bytes()]
