"""The phase configure as a plan: what the settings want of the nodes, and what they cannot want."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kvx.deployment import Deployment
from kvx.errors import ExitCode, KvxError
from kvx.phases.configure import configure
from kvx.plan import command_line
from kvx.secret import Secret
from kvx.settings import HetznerSettings, NodesSettings, Settings
from kvx.settings.load import load
from kvx.steps.nodes import AwaitNodes, ConfigureNodes, NodesWanted

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ"


def wanted(folder: Path, **nodes: Any) -> NodesWanted:
    settings = Settings(folder, nodes=NodesSettings(**nodes))
    step = configure(Deployment("hetzner", settings)).steps[1]
    assert isinstance(step, ConfigureNodes)
    return step.nodes


def test_the_machines_are_awaited_then_configured_and_nothing_is_undone(tmp_path: Path) -> None:
    phase = configure(Deployment("hetzner", Settings(tmp_path)))
    assert [type(step) for step in phase.steps] == [AwaitNodes, ConfigureNodes]
    assert phase.undo == ()


def test_what_is_not_set_is_left_to_the_roles(tmp_path: Path) -> None:
    assert wanted(tmp_path) == NodesWanted()


def test_settings_become_variables_of_the_roles(tmp_path: Path) -> None:
    found = wanted(
        tmp_path,
        k3s_version="v1.34.2+k3s1",
        k3s_checksums=("arm64=" + "a" * 64, "amd64=" + "b" * 64),
        k3s_folder=tmp_path,
        operators=(f"ada {KEY} ada@laptop", f"ada {KEY}", f"grace {KEY}"),
        timezone="Europe/Berlin",
        etcd_schedule="0 * * * *",
        etcd_kept=5,
        kubeconfig_merge=False,
    )
    assert found.variables == {
        "k3s_version": "v1.34.2+k3s1",
        "k3s_checksums": {"arm64": "a" * 64, "amd64": "b" * 64},
        "k3s_files_folder": str(tmp_path),
        "base_operators": [
            {"name": "ada", "keys": [f"{KEY} ada@laptop", KEY]},
            {"name": "grace", "keys": [KEY]},
        ],
        "base_timezone": "Europe/Berlin",
        "etcd_snapshots_schedule": "0 * * * *",
        "etcd_snapshots_kept": 5,
        "kubeconfig_merge": False,
    }


def test_the_keys_of_the_bucket_are_no_variables(tmp_path: Path) -> None:
    keys = {"etcd_access_key": Secret("access"), "etcd_secret_key": Secret("very secret")}
    found = wanted(tmp_path, etcd_bucket="snapshots", etcd_region="fsn1", **keys)
    assert found.variables == {
        "etcd_snapshots_s3_bucket": "snapshots",
        "etcd_snapshots_s3_endpoint": "nbg1.your-objectstorage.com",
        "etcd_snapshots_s3_region": "fsn1",
    }
    assert "very secret" not in repr(found)
    assert found.etcd_secret_key is keys["etcd_secret_key"]


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ({"k3s_version": "1.34.2"}, "nodes.k3s_version is '1.34.2'"),
        ({"k3s_version": "latest"}, "nodes.k3s_version is 'latest'"),
        ({"k3s_checksums": ("arm64=" + "a" * 64,)}, "a sum belongs to one version"),
        ({"k3s_version": "v1.34.2+k3s1", "k3s_checksums": ("arm64=abc",)}, "nodes.k3s_checksums holds"),
        ({"k3s_folder": Path("/nowhere")}, "which is no folder"),
        ({"operators": (KEY,)}, "no login with a public key"),
        ({"operators": ("Ada " + KEY,)}, "no login with a public key"),
        ({"operators": ("ada -----BEGIN OPENSSH PRIVATE KEY-----",)}, "no login with a public key"),
        (
            {
                "etcd_bucket": "b",
                "etcd_endpoint": "http://storage",
                "etcd_access_key": Secret("a"),
                "etcd_secret_key": Secret("b"),
            },
            "nodes.etcd_endpoint is 'http://storage'",
        ),
        ({"variables": Path("/nowhere")}, "/nowhere cannot be read"),
    ],
)
def test_what_no_node_can_be_is_refused_with_the_setting(
    tmp_path: Path, nodes: dict[str, Any], words: str
) -> None:
    with pytest.raises(KvxError, match=words.replace("(", r"\(")) as raised:
        wanted(tmp_path, **nodes)
    assert raised.value.exit_code is ExitCode.USAGE


def test_a_bucket_without_its_keys_is_refused_with_the_variables(tmp_path: Path) -> None:
    with pytest.raises(KvxError, match="no keys for the bucket snapshots") as raised:
        wanted(tmp_path, etcd_bucket="snapshots")
    assert "export KVX_ETCD_S3_ACCESS_KEY=..." in raised.value.fix


def test_the_keys_of_the_bucket_come_from_where_ansible_looks_for_them(tmp_path: Path) -> None:
    environ = {"KVX_ETCD_S3_ACCESS_KEY": "a", "KVX_ETCD_S3_SECRET_KEY": "b", "KVX_NODES_FORKS": "3"}
    nodes = load({}, environ, tmp_path).settings.nodes
    assert (nodes.etcd_access_key, nodes.etcd_secret_key) != (None, None)
    assert nodes.forks == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a list\n", "no mapping of variables"),
        ("", "no mapping of variables"),
        ("a: [\n", "is not YAML"),
        ("some-name: 1\n", "no variable is called so"),
        ("handover_folder: /tmp\n", "which kvx sets"),
        ("k3s_version: v1.34.2+k3s1\n", "which is a setting of kvx"),
    ],
)
def test_a_file_of_variables_is_looked_at_before_a_machine_is_made(
    tmp_path: Path, text: str, words: str
) -> None:
    (tmp_path / "variables.yml").write_text(text)
    with pytest.raises(KvxError, match=words) as raised:
        wanted(tmp_path, variables=tmp_path / "variables.yml")
    assert raised.value.exit_code is ExitCode.USAGE


def test_the_file_of_variables_is_given_on_and_not_copied(tmp_path: Path) -> None:
    (tmp_path / "variables.yml").write_text("k3s_registries: {password: very secret}\n")
    found = wanted(tmp_path, variables=tmp_path / "variables.yml")
    assert (found.variables, found.variables_file) == ({}, tmp_path / "variables.yml")


def test_networks_that_are_named_are_known_and_those_of_the_caller_are_left_to_provision(
    tmp_path: Path,
) -> None:
    def addresses(**hetzner: Any) -> tuple[str, ...] | None:
        step = configure(Deployment("hetzner", Settings(tmp_path, hetzner=HetznerSettings(**hetzner)))).steps[
            1
        ]
        assert isinstance(step, ConfigureNodes)
        return step.nodes.allowed_addresses

    assert addresses() is None
    assert addresses(allowed_addresses=("203.0.113.0/24", "caller")) is None
    assert addresses(allowed_addresses=("203.0.113.0/24",)) == ("203.0.113.0/24",)


def test_the_key_is_the_users_own_where_one_is_named(tmp_path: Path) -> None:
    def key(**hetzner: Any) -> Path:
        step = configure(Deployment("hetzner", Settings(tmp_path, hetzner=HetznerSettings(**hetzner)))).steps[
            0
        ]
        assert isinstance(step, AwaitNodes)
        return step.key

    assert key() == tmp_path / ".kvx/hetzner/ssh/id_ed25519"
    assert key(ssh_public_key=Path("/home/ada/.ssh/id_rsa.pub")) == Path("/home/ada/.ssh/id_rsa")


def test_the_commands_of_the_plan_can_be_pasted(tmp_path: Path) -> None:
    (tmp_path / "more.yml").write_text("a: 1\n")
    settings = Settings(tmp_path, nodes=NodesSettings(variables=tmp_path / "more.yml"))
    lines = [shlex.split(command_line(step)) for step in configure(Deployment("hetzner", settings)).steps]
    assert [line[2] for line in lines] == ["ansible", "ansible-playbook"]
    assert f"@{tmp_path / 'more.yml'}" in lines[1]
    for line in lines:
        assert Path(line[1].removeprefix("ANSIBLE_CONFIG=")).is_file()
    assert Path(lines[1][-1]).is_file()


def test_doctor_tells_whether_ssh_and_ansible_are_here(tmp_path: Path) -> None:
    from kvx.commands.doctor_nodes import of_awaiting, of_configuring

    first, second = configure(Deployment("hetzner", Settings(tmp_path))).steps
    assert isinstance(first, AwaitNodes)
    assert isinstance(second, ConfigureNodes)
    (ssh,), (ansible,) = of_awaiting(first), of_configuring(second)
    assert (ssh.name, ssh.state, ssh.words[:8]) == ("ssh", "ok", "OpenSSH_")
    assert (ansible.name, ansible.state) == ("ansible", "ok")
    assert ansible.words.startswith("2.19.")
    (_, playbooks) = of_configuring(replace(second, source=tmp_path))
    assert (playbooks.state, playbooks.words) == ("missing", f"{tmp_path} holds no playbooks")


@pytest.mark.parametrize(
    ("understands", "state"), [("exit 0", "ok"), ("case $* in *UpdateHostKeys*) exit 255;; esac", "missing")]
)
def test_an_ssh_that_does_not_understand_what_it_is_given_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, understands: str, state: str
) -> None:
    from kvx.commands.doctor_nodes import of_awaiting

    program = tmp_path / "ssh"
    program.write_text(f"#!/bin/sh\n{understands}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    step = configure(Deployment("hetzner", Settings(tmp_path))).steps[0]
    assert isinstance(step, AwaitNodes)
    assert [check.state for check in of_awaiting(step)] == [state]


def test_without_ssh_doctor_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kvx.commands.doctor_nodes import of_awaiting

    monkeypatch.setenv("PATH", str(tmp_path))
    step = configure(Deployment("hetzner", Settings(tmp_path))).steps[0]
    assert isinstance(step, AwaitNodes)
    (check,) = of_awaiting(step)
    assert (check.state, check.fix.split()[0]) == ("missing", "apt")
