"""One fleet for all drills: they are one story, told in the order of the files."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.append(str(Path(__file__).parent))

if TYPE_CHECKING:
    from drill import Drill

# A fleet that no other test has.
FLEET = int(os.environ.get("KVX_DRILL_FLEET", "62"))
DRILL_SECONDS = 1800
# For who mends a drill: the number of a fleet with a cluster on it, which then stays.
STANDING = os.environ.get("KVX_DRILL_STANDING", "")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.needs("hosts", "k3s-stand-in"))
            item.add_marker(pytest.mark.timeout(DRILL_SECONDS))


@pytest.fixture(scope="session")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A disk of 64 MB with nothing on it, as a provider attaches one: a loop device of this machine."""
    image = tmp_path_factory.mktemp("volume") / "disk"
    with image.open("wb") as file:
        file.truncate(64 << 20)
    attach = ["losetup", "--find", "--show", str(image)]
    device = Path(subprocess.run(attach, capture_output=True, text=True, check=True).stdout.strip())
    yield device
    subprocess.run(["losetup", "--detach", str(device)], check=True)


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory, volume: Path) -> Iterator["Drill"]:
    """Five hosts as they were made, and the folder that was handed over for them."""
    from drill import Drill
    from systemd_hosts import lifecycle
    from systemd_hosts.fleet import standing

    if STANDING:
        there = standing(int(STANDING))
        assert there is not None
        yield Drill(there, there.folder)
        return
    folder = tmp_path_factory.mktemp("drill") / ".kvx" / "hetzner"
    folder.mkdir(parents=True)
    lifecycle.bring_down(FLEET)
    try:
        fleet = lifecycle.bring_up(FLEET, 5)
        for name in ("inventory.yaml", "known_hosts"):
            shutil.copy(fleet.folder / name, folder / name)
        (folder / "ssh").mkdir(mode=0o700)
        shutil.copy(fleet.key, folder / "ssh" / "id_ed25519")
        made = Drill(fleet, folder)
        made.give_volume(fleet.agents[0], volume)
        yield made
    finally:
        lifecycle.bring_down(FLEET)


@pytest.fixture(scope="session")
def drill(fresh: "Drill") -> "Drill":
    """A cluster that stands: whichever drill is run alone, site.yml comes first."""
    if not (fresh.folder / "kubeconfig").exists():
        fresh.play("site.yml")
    return fresh
