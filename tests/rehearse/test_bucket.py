"""A state in a bucket: found again by a fresh clone, taken for the same one, and free of its own keys."""

import shutil
import subprocess
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kvx import drivers
from kvx.deployment import Deployment
from kvx.drivers import rehearsal
from kvx.phases.provision import provision
from kvx.secret import Secret
from kvx.settings import HetznerSettings, Settings
from kvx.steps.machines import Backend
from kvx.world import real_world

BUILD = Path(__file__).parents[1] / "components" / "hcloud-provider" / "build"
KEY = "key-of-the-bucket"


def with_backend(step: Any, backend: Backend) -> Any:
    return replace(step, backend=backend) if hasattr(step, "backend") else step


def servers(simulation: rehearsal.Simulation) -> dict[int, str]:
    alive = rehearsal.resources(simulation)["resources"]
    return {each["id"]: each["name"] for each in alive if each["kind"] == "server"}


@pytest.mark.timeout(600)
@pytest.mark.needs("terraform", "hcloud-provider", "object-storage")
def test_a_state_in_a_bucket_is_found_again_and_taken_for_the_same(
    object_storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = subprocess.run([BUILD, "--where"], check=True, capture_output=True, text=True).stdout.strip()
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", f"{mirror}/terraform.rc")
    make_the_bucket = urllib.request.Request(f"{object_storage}/machines", method="PUT")
    urllib.request.urlopen(make_the_bucket, timeout=60).close()
    keys = {"access_key": Secret("somebody"), "secret_key": Secret(KEY)}
    backend = Backend("machines", endpoint=object_storage, region="us-east-1", **keys)
    world = real_world()
    simulation = rehearsal.started(tmp_path / "simulated", None, world)
    try:
        wanted = HetznerSettings(
            token=Secret("f" * 64),
            endpoint=simulation.address,
            address_url=f"{simulation.origin}/_rehearsal/address",
            workers=1,
        )
        deployment = Deployment("hetzner", Settings(tmp_path, hetzner=wanted))
        phase = provision(deployment)
        steps = [with_backend(step, backend) for step in phase.steps]
        for step in steps:
            drivers.perform(step, world)
        assert all(drivers.is_done(step, world) for step in steps)
        assert not (deployment.folder / "terraform/terraform.tfstate").exists()

        before = servers(simulation)
        shutil.rmtree(deployment.folder)
        for step in steps:
            drivers.perform(step, world)
        assert servers(simulation) == before
        files = [path for path in deployment.folder.rglob("*") if path.is_file()]
        assert not [path for path in files if KEY.encode() in path.read_bytes()]

        for step in phase.undo:
            drivers.perform(with_backend(step, backend), world)
        assert rehearsal.resources(simulation)["resources"] == []
    finally:
        rehearsal.stop(tmp_path / "simulated", world)
