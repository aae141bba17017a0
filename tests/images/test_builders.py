"""Builders: what buildx tells of them, one that is made of a machine over SSH, and what doctor says."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "components" / "container-hosts"))

from container_hosts import ContainerHost
from ssh_as import ssh_as

from kvx.drivers import builders
from kvx.drivers.builders import name_of, usable
from kvx.drivers.buildx import Build, run
from kvx.errors import ExitCode, KvxError
from kvx.images.builders import read_builders
from kvx.world import real_world

Kvx = Callable[..., "subprocess.CompletedProcess[str]"]
# As buildx 0.29.1 prints them.
EMULATING = {
    "Current": True,
    "Driver": "docker-container",
    "Name": "kvx",
    "Nodes": [
        {
            "Endpoint": "unix:///var/run/docker.sock",
            "Name": "kvx0",
            "Platforms": ["linux/amd64", "linux/amd64/v2", "linux/386", "linux/arm64"],
            "Status": "running",
            "Version": "v0.25.2",
        }
    ],
}
DOWN = {"Current": False, "Driver": "", "Err": "Cannot connect", "Name": "default", "Nodes": [{"Name": ""}]}


def test_a_builder_tells_what_it_builds_natively_and_what_it_emulates() -> None:
    emulating, down = read_builders(f"{json.dumps(EMULATING)}\nwords\n{json.dumps(DOWN)}\n")
    assert [emulating.how(each) for each in ("linux/amd64", "linux/arm64", "linux/riscv64")] == [
        "native",
        "emulated",
        "",
    ]
    assert emulating.is_running
    assert (down.is_running, down.error) == (False, "Cannot connect")


def test_the_chosen_builder_is_the_named_one_or_the_one_that_buildx_uses() -> None:
    known = read_builders(f"{json.dumps(EMULATING)}\n{json.dumps(DOWN)}\n")
    assert builders.chosen(None, known) is known[0]
    assert builders.chosen("default", known) is known[1]
    assert builders.chosen("other", known) is None


@pytest.mark.parametrize("address", ["ssh://", "ssh://name:password@host"])
def test_an_address_with_a_password_is_none(address: str, buildx: Path) -> None:
    with pytest.raises(KvxError, match="is no address of a builder") as raised:
        usable(address, real_world())
    assert raised.value.exit_code is ExitCode.USAGE


@pytest.fixture
def buildx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A buildx that writes down how it is called, and knows no builder."""
    calls = tmp_path / "calls"
    program = tmp_path / "bin" / "buildx"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >>{calls}\n')
    program.chmod(0o755)
    for name in ("cat", "sh", "sleep"):
        (program.parent / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(program.parent))
    return calls


@pytest.mark.needs("container-hosts")
@pytest.mark.parametrize(("there", "driver"), [("docker", "docker-container"), ("buildctl", "remote")])
def test_a_machine_over_ssh_becomes_a_builder_by_what_is_there(
    buildx: Path, container_hosts: tuple[ContainerHost, ...], there: str, driver: str
) -> None:
    host = container_hosts[0]
    ssh_as(host, buildx.parent / "bin" / "ssh")
    program = host.folder / "bin" / there
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    try:
        name = usable(f"ssh://root@{host.address}", real_world())
    finally:
        program.unlink()
    assert name == name_of(f"ssh://root@{host.address}")
    create = buildx.read_text().splitlines()[-1]
    assert create == f"create --name={name} --driver={driver} ssh://root@{host.address}"


def test_a_builder_that_is_not_reached_is_told(buildx: Path) -> None:
    (buildx.parent / "bin" / "ssh").symlink_to("/usr/bin/ssh")
    with pytest.raises(KvxError, match="was not reached") as raised:
        usable("ssh://root@127.0.22.99:1", real_world())
    assert raised.value.exit_code is ExitCode.MISSING


def test_a_pod_in_the_cluster_that_does_not_come_up_is_asked_for_its_events(
    buildx: Path, tmp_path: Path
) -> None:
    (buildx.parent / "bin" / "buildx").write_text("#!/bin/sh\nexit 1\n")
    build = Build((), {}, tmp_path, tmp_path / "log" / "build.log", "kvx-kubernetes")
    with pytest.raises(KvxError, match="the builder kvx-kubernetes does not answer") as raised:
        run(build, real_world().monotonic() + 60, real_world())
    assert raised.value.exit_code is ExitCode.MISSING
    assert raised.value.fix == "kubectl describe pods --namespace kvx-builder"


def checks(ended: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    return {each["name"]: each for each in json.loads(ended.stdout)["checks"]}


@pytest.mark.needs("images", "docker", "git")
def test_doctor_tells_builder_platforms_and_registry(kvx: Kvx, tmp_path: Path, workshop: Any) -> None:
    where = {
        "BUILDX_CONFIG": workshop.environment["BUILDX_CONFIG"],
        "DOCKER_CONFIG": str(workshop.tools / "docker"),
    }

    def ask(**settings: object) -> dict[str, Any]:
        usual = {"repository": f"{workshop.registry}/doctor", "builder": "tests", "allow_dirty": True}
        lines = [f"{name} = {json.dumps(value)}" for name, value in {**usual, **settings}.items()]
        (tmp_path / "kvx.toml").write_text("[images]\n" + "\n".join(lines) + "\n")
        return checks(kvx("doctor", "--json", "--target", "cluster", **where))

    right = ask()
    assert {right[name]["state"] for name in ("sources", "buildx", "builder", "registry")} == {"ok"}
    assert right["build linux/amd64"]["words"] == "natively"
    assert right["build linux/arm64"]["words"] == "without emulation: nothing of that processor is run"
    emulated = ask(packages="emulated")["build linux/arm64"]
    assert (emulated["state"], "binfmt" in emulated["fix"]) == ("missing", True)
    assert ask(builder="gone")["builder"]["words"] == "buildx knows no builder gone"
    down = ask(repository="localhost:1/a")["registry"]
    assert (down["state"], down["fix"]) == ("missing", "curl -i http://localhost:1/v2/")
    assert ask(builder="ssh://root@arm.example.com")["builder"]["state"] == "later"


def test_doctor_of_a_cluster_without_a_registry_says_what_to_do(kvx: Kvx) -> None:
    ended = kvx("doctor", "--json", "--target", "cluster", PATH=os.environ["PATH"])
    assert ended.returncode == 3
    assert checks(ended)["images"]["fix"].startswith("set images.repository")
