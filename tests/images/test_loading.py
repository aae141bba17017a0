"""Images without a registry: loaded by SSH into real containerds, each node only what it lacks."""

import json
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "components" / "container-hosts"))

from container_hosts import ContainerHost, hand_over
from local import build_and_keep
from made import Made, elf, right

from kvx.drivers import image_loading
from kvx.drivers.image_loading import THERE
from kvx.drivers.image_sending import Part
from kvx.errors import KvxError
from kvx.steps.images import LoadImages
from kvx.world import World, real_world

Hosts = tuple[ContainerHost, ...]
pytestmark = [pytest.mark.needs("container-hosts"), pytest.mark.timeout(600)]


@pytest.fixture
def folder(tmp_path: Path, container_hosts: Hosts) -> Path:
    """A target's folder with these nodes, whose containerds begin empty."""
    for host in container_hosts:
        host.run(f"rm -rf {THERE}; k3s ctr images ls -q | xargs -r k3s ctr images rm --sync")
    return hand_over(tmp_path / "hetzner", container_hosts)


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def world(told: list[str]) -> World:
    return real_world(told.append)


def step(folder: Path, seconds: float = 240) -> LoadImages:
    return LoadImages(folder, folder / "ssh" / "id_ed25519", seconds)


def made(architecture: str, version: str, size: int = 400_000) -> Made:
    """Two layers: the first is the same in each version of a size, the second is the version's own."""
    noise = random.Random(size).randbytes(size)
    return replace(
        right(architecture),
        files={"usr/bin/program": elf(architecture), "usr/lib/packages": noise},
        more=({"opt/service": random.Random(version).randbytes(20_000)},),
    )


def images_on(host: ContainerHost) -> str:
    return host.run("k3s ctr images ls")


def test_every_node_gets_it_under_the_digest_that_the_manifests_use(
    folder: Path, container_hosts: Hosts, world: World
) -> None:
    kept = build_and_keep(folder, "v1", made("amd64", "v1"), made("arm64", "v1"))
    assert not image_loading.is_done(step(folder), world)
    outcome = image_loading.perform(step(folder), world)
    assert outcome.changed
    for host in container_hosts:
        ready = host.run("k3s ctr images check -q").split()
        assert f"kvx.invalid/voice-api@{kept.digest}" in ready
        assert "kvx.invalid/voice-api:v1" in ready
        assert host.run(f"ls {THERE}") == ""
    assert image_loading.is_done(step(folder), world)
    assert not (folder / "images" / "sending").exists()


def test_the_kubelet_may_not_collect_what_no_registry_could_give_back(
    folder: Path, container_hosts: Hosts, world: World
) -> None:
    kept = build_and_keep(folder, "v1", made("amd64", "v1"))
    image_loading.perform(step(folder), world)
    (line,) = [each for each in images_on(container_hosts[0]).splitlines() if f"@{kept.digest}" in each]
    assert "io.cri-containerd.pinned=pinned" in line


def test_only_what_a_node_lacks_is_sent_and_of_its_platform_alone(folder: Path, world: World) -> None:
    build_and_keep(folder, "v1", made("amd64", "v1"), made("arm64", "v1"))
    first = image_loading.perform(step(folder), world).data["sent_bytes"]
    build_and_keep(folder, "v2", made("amd64", "v2"), made("arm64", "v2"))
    second = image_loading.perform(step(folder), world).data["sent_bytes"]
    assert isinstance(first, int)
    assert isinstance(second, int)
    assert 2 * 420_000 < first < 2 * 440_000
    assert 2 * 20_000 < second < 2 * 30_000


def test_a_node_that_joins_later_gets_it_by_the_same_step(
    folder: Path, container_hosts: Hosts, world: World
) -> None:
    build_and_keep(folder, "v1", made("amd64", "v1"))
    image_loading.perform(step(folder), world)
    before = images_on(container_hosts[0])
    container_hosts[1].run("k3s ctr images ls -q | xargs k3s ctr images rm --sync")
    assert not image_loading.is_done(step(folder), world)
    lines = image_loading.perform(step(folder), world).lines
    assert lines[0] == "node-1: 0.0 MB of 0.4 MB were new to it"
    assert lines[1].startswith("node-2: 0.4 MB")
    assert images_on(container_hosts[0]) == before


def test_what_broke_off_goes_on_from_there(folder: Path, container_hosts: Hosts, world: World) -> None:
    host = container_hosts[0]
    build_and_keep(folder, "v1", made("amd64", "v1", 2_000_000))
    part = part_of(folder)
    host.send(part.path.read_bytes()[:1_500_000], f"{THERE}/{part.digest}.part")
    told: list[str] = []
    image_loading.perform(step(folder), real_world(told.append))
    (sends,) = [words for words in told if words.startswith("node-1: sends")]
    assert float(sends.split()[2]) == pytest.approx((2_032_000 - 1_500_000) / 1e6, abs=0.1)
    assert image_loading.is_done(step(folder), world)


def test_what_was_damaged_on_the_way_is_sent_again(
    folder: Path, container_hosts: Hosts, world: World, told: list[str]
) -> None:
    kept = build_and_keep(folder, "v1", made("amd64", "v1"))
    name = f"{part_of(folder).digest}.part"
    container_hosts[0].run(f"mkdir -p {THERE}; head -c 1000 /dev/urandom > {THERE}/{name}")
    image_loading.perform(step(folder), world)
    assert f"@{kept.digest}" in images_on(container_hosts[0])
    assert len([words for words in told if words.startswith("node-1: sends")]) == 2


CUT_ONCE = """#!/bin/sh
case $(readlink /proc/$$/fd/1) in *.part) ;; *) exec /bin/cat "$@" ;; esac
[ ! -e {marker} ] || exec /bin/cat
: >{marker}
head -c 100000
above=$PPID
grep -q sshd: /proc/$above/cmdline || above=$(ps -o ppid= -p $above | tr -d ' ')
kill -9 $above
"""


def test_a_connection_that_breaks_is_made_again(
    folder: Path, container_hosts: Hosts, told: list[str], world: World
) -> None:
    host = container_hosts[0]
    program, marker = host.folder / "bin" / "cat", folder / "cut"
    build_and_keep(folder, "v1", made("amd64", "v1", 2_000_000))
    program.write_text(CUT_ONCE.format(marker=marker))
    program.chmod(0o755)
    try:
        image_loading.perform(step(folder), world)
    finally:
        program.unlink()
    assert marker.exists()
    assert any("the connection broke off" in words for words in told)
    assert image_loading.is_done(step(folder), world)


def test_a_node_that_cannot_be_reached_is_named_and_the_others_have_it(
    folder: Path, container_hosts: Hosts, world: World
) -> None:
    kept = build_and_keep(folder, "v1", made("amd64", "v1"))
    known = (folder / "known_hosts").read_text().splitlines()
    (folder / "known_hosts").write_text(known[0] + "\n" + known[1].replace("AAAAC3", "AAAAC4") + "\n")
    with pytest.raises(KvxError) as raised:
        image_loading.perform(step(folder), world)
    assert raised.value.message.startswith("node-2 (")
    assert raised.value.message.endswith("(the other 1 have it)")
    assert f"@{kept.digest}" in images_on(container_hosts[0])


def test_a_full_disk_is_told_before_anything_is_sent(
    folder: Path, container_hosts: Hosts, world: World
) -> None:
    host = container_hosts[1]
    build_and_keep(folder, "v1", made("amd64", "v1", 40_000_000))
    free = int(host.run("df -Pm /var/lib | awk 'NR == 2 {print $4}'"))
    host.run(f"fallocate -l {free - 100}M /var/lib/filler")
    try:
        with pytest.raises(KvxError, match=r"node-2 has \d+\.\d MB free, and the image needs 200"):
            image_loading.perform(step(folder), world)
        assert "kvx.invalid" not in images_on(host)
    finally:
        host.run("rm /var/lib/filler")


def test_an_image_that_was_not_built_for_the_node_is_refused(folder: Path, world: World) -> None:
    build_and_keep(folder, "v1", made("arm64", "v1"))
    with pytest.raises(KvxError, match="was not built for linux/amd64") as raised:
        image_loading.perform(step(folder), world)
    assert raised.value.fix == 'add "linux/amd64" to images.platforms, then kvx images'


def test_a_node_without_k3s_is_told(folder: Path, container_hosts: Hosts, world: World) -> None:
    build_and_keep(folder, "v1", made("amd64", "v1"))
    program = container_hosts[1].folder / "bin" / "k3s"
    program.rename(program.with_name("away"))
    try:
        with pytest.raises(KvxError, match="node-2 has no k3s to load images into") as raised:
            image_loading.perform(step(folder), world)
    finally:
        program.with_name("away").rename(program)
    assert raised.value.fix == "kvx ansible"


def test_it_ends_with_its_deadline(folder: Path, world: World) -> None:
    build_and_keep(folder, "v1", made("amd64", "v1"))
    with pytest.raises(KvxError, match=r"node-1 was not done within 0\.01 s"):
        image_loading.perform(step(folder, 0.01), world)


def test_a_private_node_is_reached_through_its_jump_host(
    tmp_path: Path, container_hosts: Hosts, world: World
) -> None:
    folder = hand_over(tmp_path / "private", container_hosts, node_2=container_hosts[0].address)
    kept = build_and_keep(folder, "jump", made("amd64", "jump"))
    image_loading.perform(step(folder), world)
    assert f"@{kept.digest}" in images_on(container_hosts[1])


def test_nodes_are_rid_of_what_nothing_uses(
    tmp_path: Path, container_hosts: Hosts, world: World, kvx: Callable[..., Any]
) -> None:
    for host in container_hosts:
        host.run("k3s ctr images ls -q | xargs -r k3s ctr images rm --sync")
    folder = hand_over(tmp_path / ".kvx" / "hetzner", container_hosts)
    names = []
    for number in range(1, 4):
        image = made("amd64", f"v{number}").but(created=f"2026-01-0{number}T00:00:00Z")
        kept = build_and_keep(folder, f"{number:012x}", image)
        names.append(f"kvx.invalid/voice-api@{kept.digest}")
        image_loading.perform(step(folder), world)
    first, second = container_hosts
    first.run(f"k3s ctr containers create {names[0]} running")
    told = json.loads(kvx("images", "list", "--nodes", "--json", "--target", "hetzner").stdout)
    assert set(names) < set(told["nodes"]["node-2"])
    words = ("images", "prune", "--keep-last", "1", "--delete", "--yes", "--target", "hetzner")
    ended = kvx(*words)
    assert ended.returncode == 0, ended.stderr
    assert names[2] in images_on(first)
    assert names[1] not in images_on(first)
    assert names[0] in images_on(first)  # a container was made from it
    assert names[0] not in images_on(second)
    first.run("k3s ctr containers rm running")
    assert image_loading.is_done(step(folder), world)


def part_of(folder: Path) -> Part:
    """What a node that has nothing is sent."""
    (sending,) = image_loading._sendings(step(folder), real_world())
    return sending.part("amd64", frozenset())


def test_no_process_is_left_behind(folder: Path, container_hosts: Hosts, world: World) -> None:
    build_and_keep(folder, "v1", made("amd64", "v1"))
    image_loading.perform(step(folder), world)
    address = container_hosts[0].address
    found: Any = subprocess.run(
        ["pgrep", "-fa", f"ssh.*{address}"], capture_output=True, text=True, timeout=60, check=False
    )
    assert "k3s" not in found.stdout
