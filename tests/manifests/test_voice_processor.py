"""The component voice-processor: it fits the program it starts, the voice API beside it, and the quota."""

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kvx.cluster.kustomization import Image, Wanted, components_of, kustomization
from kvx.lint.linting import lint
from kvx.lint.node import Node
from kvx.lint.quantity import quantity
from kvx.lint.reading import read
from voice_api.http.relay_address import processor_address
from voice_api.settings import load_settings

pytestmark = pytest.mark.needs("kubectl")
NAME = "voice-processor"


@pytest.fixture
def text(rendering: ModuleType, tmp_path: Path) -> str:
    return str(rendering.with_components(tmp_path, "hetzner", (NAME,)))


def pod(rendering: ModuleType, text: str) -> dict[str, Any]:
    found: dict[str, Any] = rendering.one(text, "Deployment", NAME)["spec"]["template"]["spec"]
    return found


def environment(rendering: ModuleType, text: str) -> dict[str, str]:
    """What its container is given, the later over the earlier as Kubernetes has it."""
    names = [each["configMapRef"]["name"] for each in pod(rendering, text)["containers"][0]["envFrom"]]
    return {
        key: value for name in names for key, value in rendering.one(text, "ConfigMap", name)["data"].items()
    }


@pytest.mark.parametrize("size", ["s", "m", "l"])
def test_it_breaks_no_rule_in_any_size_and_has_no_place_without_its_own_room(
    size: str, rendering: ModuleType, tmp_path: Path
) -> None:
    text = rendering.with_components(tmp_path, "cluster", components_of((NAME,), size))
    report = lint([read(text, "cluster")])
    assert report.findings == ()
    assert {each.rule for each in report.ignored} == {"policy-selects-nothing", "single-replica"}
    hard = rendering.one(text, "ResourceQuota")["spec"]["hard"]
    beside = rendering.with_components(tmp_path, "cluster", components_of((), size))
    without = rendering.one(beside, "ResourceQuota")["spec"]["hard"]
    more = [quantity(Node(each["limits.cpu"])) for each in (hard, without)]
    assert more[0] is not None
    assert more[1] is not None
    assert float(more[0] - more[1]) == 0.5
    small = text.replace(f"limits.cpu: {hard['limits.cpu']}", f"limits.cpu: {without['limits.cpu']}")
    assert [each.rule for each in lint([read(small, "small")]).findings] == ["quota-too-small"]


def test_its_settings_are_settings_of_the_program(rendering: ModuleType, text: str) -> None:
    settings = load_settings(None, {}, environment(rendering, text))
    container = pod(rendering, text)["containers"][0]
    assert container["image"].startswith(f"kvx.invalid/{NAME}@"), "which has the command"
    assert "args" not in container
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert ports == {"jobs": settings.port, "metrics": settings.metrics_port}
    mounts = {each["mountPath"] for each in container["volumeMounts"]}
    assert settings.jobs_folder in mounts
    claim = rendering.one(text, "PersistentVolumeClaim")["spec"]["resources"]["requests"]["storage"]
    room = quantity(Node(claim))
    assert room is not None
    assert room >= 2 * settings.jobs_bytes


def test_the_voice_api_finds_it_by_the_name_of_its_service(rendering: ModuleType, text: str) -> None:
    settings = load_settings(None, {}, rendering.one(text, "ConfigMap", "voice-api-settings")["data"])
    address = processor_address(settings.processor_url)
    assert address is not None
    service = rendering.one(text, "Service", address.host)
    assert address.port in {each["port"] for each in service["spec"]["ports"]}
    assert all(each["name"] != "http" for each in service["spec"]["ports"])  # kvx would ask it a sentence


def test_it_has_time_to_put_back_what_it_hears(rendering: ModuleType, text: str) -> None:
    settings = load_settings(None, {}, environment(rendering, text))
    its = pod(rendering, text)
    pause = its["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert its["terminationGracePeriodSeconds"] > pause + settings.drain_seconds + 10


def test_its_probes_ask_for_routes_that_there_are(rendering: ModuleType, text: str) -> None:
    source = (rendering.ROOT / "voice_api/voice_api/http/processor_health.py").read_text()
    routes = set(re.findall(r'@router\.get\("(/\w+)"\)', source))
    container = pod(rendering, text)["containers"][0]
    probes = ("startupProbe", "readinessProbe", "livenessProbe")
    asked = [container[each]["httpGet"]["path"] for each in probes]
    assert asked == ["/health", "/ready", "/health"]
    assert set(asked) <= routes


def test_what_kvx_fills_in_reaches_it_as_well(rendering: ModuleType, tmp_path: Path) -> None:
    digest = f"sha256:{'5' * 64}"
    names = ("kvx.invalid/voice-api", f"kvx.invalid/{NAME}")
    images = [Image(name, name, digest, "Never") for name in names]
    above = Path(*[".."] * len(tmp_path.resolve().relative_to("/").parts)) / rendering.K8S.relative_to("/")
    overlay = above / "overlays" / "hetzner"
    wanted = Wanted("hetzner", components_of((NAME,), "s"), settings=(("KVX_VOICE_BEAMS", "2"),))
    (tmp_path / "kustomization.yaml").write_text(
        kustomization(wanted, images, str(overlay), str(above / "components"))
    )
    text = rendering.rendered(tmp_path)
    container = pod(rendering, text)["containers"][0]
    assert (container["image"], container["imagePullPolicy"]) == (f"kvx.invalid/{NAME}@{digest}", "Never")
    settings = load_settings(None, {}, environment(rendering, text))
    assert (settings.beams, settings.drain_seconds) == (2, 10)
