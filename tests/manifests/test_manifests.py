"""The manifests fit the voice API they start, each other, and what kvx will put into them."""

import json
import re
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from kvx.lint.linting import lint
from kvx.lint.node import Node
from kvx.lint.quantity import quantity
from kvx.lint.reading import read
from voice_api.cluster.kinds import KINDS, MEASURES, NAMED, Kind
from voice_api.settings import load_settings

pytestmark = pytest.mark.needs("kubectl")
DIGEST = f"sha256:{'5' * 64}"
SIZES = ("size-s", "size-m", "size-l")


def size(name: str) -> tuple[str, ...]:
    """The component of a size; s is what the base has."""
    return () if name == "size-s" else (name,)


@pytest.mark.parametrize("overlay", ["cluster", "hetzner"])
@pytest.mark.parametrize("chosen", SIZES)
def test_every_size_with_every_component_breaks_no_rule(
    overlay: str, chosen: str, rendering: ModuleType, tmp_path: Path
) -> None:
    for components in ((), ("vpa",), ("vpa", "ingress", "monitoring"), rendering.EVERYTHING):
        text = rendering.with_components(tmp_path, overlay, (*components, *size(chosen)))
        assert lint([read(text, overlay)]).findings == ()


def test_the_way_to_a_public_api_server_is_no_way_to_the_metadata_service(
    rendering: ModuleType, tmp_path: Path
) -> None:
    text = rendering.with_components(tmp_path, "cluster", ("public-api-server",))
    report = lint([read(text, "cluster")])
    assert report.findings == ()
    assert {each.rule for each in report.ignored} == {"policy-without-dns", "policy-selects-nothing"}
    (out,) = rendering.one(text, "NetworkPolicy", "voice-api")["spec"]["egress"]
    assert out["to"] == [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}}]


def test_the_settings_are_settings_of_the_voice_api(rendering: ModuleType) -> None:
    text = rendering.rendered(rendering.K8S / "overlays" / "hetzner")
    settings = load_settings(None, {}, rendering.one(text, "ConfigMap")["data"])
    container = rendering.one(text, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert ports == {"http": settings.port, "metrics": settings.metrics_port}
    assert settings.host == settings.metrics_host == "0.0.0.0"


def test_a_pod_has_time_for_the_longest_request_before_it_is_killed(rendering: ModuleType) -> None:
    text = rendering.rendered(rendering.K8S / "overlays" / "hetzner")
    settings = load_settings(None, {}, rendering.one(text, "ConfigMap")["data"])
    pod = rendering.one(text, "Deployment")["spec"]["template"]["spec"]
    pause = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert settings.drain_seconds >= settings.request_seconds
    assert pod["terminationGracePeriodSeconds"] > pause + settings.drain_seconds + 10


def test_the_probes_ask_for_routes_that_there_are(rendering: ModuleType) -> None:
    source = (rendering.ROOT / "voice_api" / "voice_api" / "http" / "health.py").read_text()
    routes = set(re.findall(r'@router\.get\("(/\w+)"\)', source))
    text = rendering.rendered(rendering.K8S / "overlays" / "hetzner")
    container = rendering.one(text, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    probes = [
        container[key]["httpGet"]["path"] for key in ("startupProbe", "readinessProbe", "livenessProbe")
    ]
    assert probes == ["/health", "/ready", "/health"]
    assert set(probes) <= routes


def test_the_role_is_exactly_what_the_voice_api_asks_the_cluster_for(rendering: ModuleType) -> None:
    """All kinds are listed; what is spoken of by name is looked at and watched, and of pods their logs."""
    kinds = [*KINDS.values(), *MEASURES.values()]
    wanted = {(*_place(each), "list") for each in kinds} | {("", "pods/log", "get")}
    wanted |= {(*_place(KINDS[name]), verb) for name in NAMED for verb in ("get", "watch")}
    rules = rendering.one(rendering.rendered(rendering.K8S / "base" / "voice-api"), "ClusterRole")["rules"]
    granted = [
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]
    assert set(granted) == wanted
    assert len(granted) == len(wanted), "nothing is granted twice"


def _place(kind: Kind) -> tuple[str, str]:
    """API group and plural, as roles name them."""
    parts = kind.group.strip("/").split("/")
    return (parts[1] if parts[0] == "apis" else ""), kind.plural


def put_in_config_maps(folder: Path) -> set[Path]:
    """Files that are no manifests: a generator makes settings of them."""
    return {
        kustomization.parent / str(name).rpartition("=")[2]
        for kustomization in folder.rglob("kustomization.yaml")
        for generator in yaml.safe_load(kustomization.read_text()).get("configMapGenerator", ())
        for name in generator.get("files", ())
    }


def test_a_file_holds_one_object_and_is_named_by_its_kind(rendering: ModuleType) -> None:
    for folder in (rendering.K8S / "base", rendering.K8S / "components"):
        for file in set(folder.rglob("*.yaml")) - put_in_config_maps(folder):
            (only,) = yaml.safe_load_all(file.read_text())
            kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", only["kind"]).lower()
            expected = "kustomization" if kind == "component" else kind
            assert file.stem.startswith(expected), file


def test_every_file_belongs_to_its_kustomization(rendering: ModuleType) -> None:
    for kustomization in rendering.K8S.rglob("kustomization.yaml"):
        others = {file.name for file in kustomization.parent.iterdir()} - {"kustomization.yaml"}
        assert not [name for name in others if name not in kustomization.read_text()]


def test_what_kvx_fills_in_reaches_the_objects(rendering: ModuleType, tmp_path: Path) -> None:
    image = {"name": "kvx.invalid/voice-api", "newName": "registry.example/voice-api", "digest": DIGEST}
    hard = {"requests.cpu": "4", "limits.cpu": "4"}
    patch = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "voice-api", "namespace": "kvx"},
    }
    generated = {
        "name": "voice-api-settings",
        "namespace": "kvx",
        "behavior": "merge",
        "literals": ["KVX_VOICE_LOG_LEVEL=debug"],
        "options": {"immutable": True},  # merging forgets those of the base
    }
    plain = rendering.rendered(rendering.K8S / "overlays" / "cluster")
    text = rendering.with_components(
        tmp_path,
        "cluster",
        (),
        images=[image],
        patches=[{"patch": json.dumps(patch | {"spec": {"hard": hard}})}],
        configMapGenerator=[generated],
    )
    container = rendering.one(text, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    settings = rendering.one(text, "ConfigMap")
    assert container["image"] == f"registry.example/voice-api@{DIGEST}"
    assert rendering.one(text, "ResourceQuota")["spec"]["hard"]["limits.cpu"] == "4"
    assert settings["data"]["KVX_VOICE_LOG_LEVEL"] == "debug"
    assert settings["data"]["KVX_VOICE_HOST"] == "0.0.0.0"
    assert container["envFrom"][0]["configMapRef"]["name"] == settings["metadata"]["name"]
    assert settings["metadata"]["name"] != rendering.one(plain, "ConfigMap")["metadata"]["name"]
    assert lint([read(text, "cluster")]).findings == ()


def test_a_larger_size_has_more_of_everything_in_the_same_proportion(
    rendering: ModuleType, tmp_path: Path
) -> None:
    texts = [rendering.with_components(tmp_path, "cluster", size(each)) for each in SIZES]
    boxes = [rendering.one(each, "Deployment")["spec"]["template"]["spec"]["containers"][0] for each in texts]
    limits = [quantity(Node(each["resources"]["limits"]["cpu"])) for each in boxes]
    shares = [
        limit / asked_for
        for each, limit in zip(boxes, limits, strict=True)
        if limit and (asked_for := quantity(Node(each["resources"]["requests"]["cpu"])))
    ]
    assert all(small < large for small, large in pairwise(limits) if small and large)
    assert shares == [5, 5, 5]  # the autoscaler's 300 % of the request is 60 % of the limit in each size


@pytest.mark.needs("kubernetes-validate")
@pytest.mark.parametrize("version", ["1.34", "1.37"])
def test_the_strict_schemas_of_kubernetes_know_every_field(
    version: str, rendering: ModuleType, tmp_path: Path
) -> None:
    validate = sys.modules["kubernetes-validate_component"]
    text = rendering.with_components(tmp_path, "hetzner", (*rendering.BUILT_IN, "size-m"))
    file = tmp_path / "all.yaml"
    file.write_text(text)
    assert validate.complaints(file, version) == []
    file.write_text(text.replace("readOnlyRootFilesystem", "readOnlyRootFileSystem"))
    assert validate.complaints(file, version)


@pytest.mark.needs("checkov")
def test_checkov_finds_nothing(rendering: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    components = (*rendering.BUILT_IN, "size-m")
    (tmp_path / "made").mkdir()
    file = tmp_path / "all.yaml"
    file.write_text(rendering.with_components(tmp_path / "made", "hetzner", components))
    arguments = ("--framework", "kubernetes", "--file", str(file))
    verdicts = sys.modules["checkov_component"].scan(*arguments, policies=tmp_path / "policies")
    assert verdicts["failed"] == []
    # An image by digest need not be pulled each time; the report of costs writes into one ConfigMap.
    assert {check for check, _ in verdicts["skipped"]} == {"CKV_K8S_15", "CKV_K8S_38"}
    assert len(verdicts["passed"]) > 80
