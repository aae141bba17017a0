"""The kustomization that kvx writes, and what kubectl makes of it."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from deployed import DIGEST, Folder

from kvx.cluster.kustomization import Image, Wanted, components_of, kustomization
from kvx.drivers import rendering
from kvx.errors import ExitCode, KvxError
from kvx.settings.load import load
from kvx.targets import plan_for
from kvx.world import real_world

pytestmark = pytest.mark.needs("kubectl")

IMAGE = f"registry.example.com/acme/voice-api@{DIGEST}"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path, tmp_path / "kubeconfig")
    made.set()
    return made


def rendered(folder: Folder) -> dict[str, Mapping[str, Any]]:
    """By kind, where there is one of it."""
    rendering.perform(folder.steps()[0], real_world())
    return {each["kind"]: each for each in folder.objects()}


def pod(objects: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    spec: Mapping[str, Any] = objects["Deployment"]["spec"]["template"]["spec"]
    return spec


def refused(folder: Folder) -> KvxError:
    with pytest.raises(KvxError) as raised:
        rendered(folder)
    return raised.value


def test_the_image_that_was_proven_is_rendered_by_its_digest(folder: Folder) -> None:
    assert pod(rendered(folder))["containers"][0]["image"] == IMAGE


def test_a_person_renders_the_same_with_kubectl_alone(folder: Folder) -> None:
    rendered(folder)
    argv = ["kubectl", "kustomize", folder.path / ".kvx/cluster/kubernetes"]
    said = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout
    assert said == (folder.path / ".kvx/cluster/manifests.yaml").read_text()


def test_settings_of_the_voice_api_are_merged_into_its_configuration_which_stays_immutable(
    folder: Folder,
) -> None:
    folder.set(voice='threads = 2\nlog_transcripts = true\nport = 9999\nvoice = "en-gb"')
    settings = rendered(folder)["ConfigMap"]
    assert settings["immutable"] is True
    assert settings["data"]["KVX_VOICE_THREADS"] == "2"
    assert settings["data"]["KVX_VOICE_LOG_TRANSCRIPTS"] == "true"
    assert settings["data"]["KVX_VOICE_VOICE"] == "en-gb"
    assert settings["data"]["KVX_VOICE_PORT"] == "8484", "where its Service looks"


def test_the_drain_of_a_pod_fits_into_its_grace(folder: Folder) -> None:
    folder.set(voice="drain_seconds = 300")
    assert pod(rendered(folder))["terminationGracePeriodSeconds"] == 320


@pytest.mark.parametrize(
    ("size", "limits", "quota"),
    [("s", ("500m", "512Mi"), "2000m"), ("m", ("1000m", "1Gi"), "4000m"), ("l", ("2000m", "2Gi"), "8000m")],
)
def test_a_size_brings_limits_and_the_quota_that_fits(
    folder: Folder, size: str, limits: tuple[str, str], quota: str
) -> None:
    folder.set(f'size = "{size}"')
    objects = rendered(folder)
    found = pod(objects)["containers"][0]["resources"]["limits"]
    assert (found["cpu"], found["memory"]) == limits
    assert objects["ResourceQuota"]["spec"]["hard"]["limits.cpu"] == quota


def test_quota_and_replicas_are_as_they_are_set(folder: Folder) -> None:
    folder.set('most_replicas = 5\nleast_replicas = 3\ncpu_quota = "4000m"\nmemory_quota = "6Gi"')
    objects = rendered(folder)
    hard = objects["ResourceQuota"]["spec"]["hard"]
    assert [hard[key] for key in ("requests.cpu", "limits.cpu", "requests.memory", "limits.memory")] == [
        "4000m", "4000m", "6Gi", "6Gi",
    ]  # fmt: skip
    scaler = objects["HorizontalPodAutoscaler"]["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 5)


@pytest.mark.parametrize(
    ("arm64", "keys"),
    [
        ("required", {"requiredDuringSchedulingIgnoredDuringExecution"}),
        ("preferred", {"preferredDuringSchedulingIgnoredDuringExecution"}),
        ("no", set()),
    ],
)
def test_arm64_is_preferred_required_or_left_open(folder: Folder, arm64: str, keys: set[str]) -> None:
    folder.set(f'arm64 = "{arm64}"')
    assert set(pod(rendered(folder)).get("affinity", {}).get("nodeAffinity", {})) == keys


def test_a_quota_too_small_for_what_may_run_stops_with_the_finding_and_its_fix(folder: Folder) -> None:
    folder.set('cpu_quota = "500m"')
    refusal = refused(folder)
    assert "quota" in refusal.message
    assert refusal.message.endswith("]") or "kvx lint" in refusal.message
    assert refusal.exit_code is ExitCode.FAILED
    assert not (folder.path / ".kvx/cluster/manifests.yaml").exists()


def test_without_a_proven_image_nothing_is_rendered(folder: Folder) -> None:
    (folder.path / ".kvx/cluster/images.json").unlink()
    refusal = refused(folder)
    assert refusal.exit_code is ExitCode.MISSING
    assert "kvx images" in refusal.fix


def test_an_image_that_nodes_have_and_no_registry_is_never_pulled() -> None:
    image = Image("kvx.invalid/voice-api", "kvx.invalid/voice-api", DIGEST, "Never")
    text = kustomization(Wanted("hetzner"), [image], "o", "c")
    assert 'value: "Never"' in text
    assert "newName" not in text


def test_an_image_that_only_a_component_runs_is_missed_by_its_name(folder: Folder) -> None:
    folder.set('components = ["voice-processor"]')
    refusal = refused(folder)
    assert refusal.exit_code is ExitCode.MISSING
    assert refusal.message == "no image voice-processor was proven for this target yet"
    assert "REGISTRY/voice-processor:TAG --keep" in refusal.fix


@pytest.mark.parametrize(
    ("setting", "word"),
    [
        ('components = ["vpaa"]', "vpaa, which cannot be chosen there"),
        ('components = ["size-m"]', "size-m, which cannot be chosen there"),
        ("least_replicas = 4\nmost_replicas = 3", "more than kubernetes.most_replicas"),
        ('overlay = "mine"\nsize = "m"', "in the place of kubernetes.size"),
        ('size = "xl"', "kubernetes.size is 'xl'"),
    ],
)
def test_a_wrong_setting_is_refused_from_the_plan(folder: Folder, setting: str, word: str) -> None:
    folder.set(setting)
    with pytest.raises(KvxError) as raised:
        folder.steps()
    assert word in raised.value.message
    assert raised.value.exit_code is ExitCode.USAGE


def test_a_model_that_no_image_has_is_refused_from_the_plan(folder: Folder) -> None:
    folder.set(voice='model = "whisper-base"')
    with pytest.raises(KvxError, match="the image has only the embedded one"):
        folder.steps()


def test_what_a_component_needs_is_switched_on_before_it() -> None:
    assert components_of(("vpa-memory", "monitoring"), "l") == ("vpa", "vpa-memory", "monitoring", "size-l")


def test_an_overlay_of_ones_own_stands_in_the_place_of_kvxs(folder: Folder, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    base = folder.steps()[0].source / "overlays" / "cluster"
    relative = Path(*[".."] * len(mine.resolve().parts[1:]), *base.resolve().parts[1:])
    (mine / "kustomization.yaml").write_text(
        f"resources: [{relative}]\ncommonAnnotations: {{example.com/team: voice}}\n"
    )
    folder.set(f'overlay = "{mine}"')
    objects = rendered(folder)
    assert objects["Service"]["metadata"]["annotations"]["example.com/team"] == "voice"
    assert pod(objects)["containers"][0]["image"] == IMAGE


def test_an_overlay_that_is_none_is_refused(folder: Folder, tmp_path: Path) -> None:
    folder.set(f'overlay = "{tmp_path}/nowhere"')
    assert "is no kustomization" in refused(folder).message


def test_rendered_again_nothing_is_left_to_do_until_a_setting_changes(folder: Folder) -> None:
    assert not rendering.is_done(folder.steps()[0], real_world())
    rendered(folder)
    assert rendering.is_done(folder.steps()[0], real_world())
    folder.set(voice="threads = 3")
    assert not rendering.is_done(folder.steps()[0], real_world())


@pytest.mark.parametrize("value", ["a: b", "#1", "-", "{x}", "it's", 'a "word"', "ü", "yes", "=", "1e3", " "])
def test_any_value_of_a_setting_is_written_so_that_it_is_read_back(value: str) -> None:
    wanted = Wanted("cluster", settings=(("KVX_VOICE_VOICE", value),))
    document = yaml.safe_load(kustomization(wanted, (), "o", "c"))
    assert document["configMapGenerator"][0]["literals"] == [f"KVX_VOICE_VOICE={value}"]


def test_the_quota_that_terraform_hands_on_is_that_of_the_size(tmp_path: Path) -> None:
    from kvx.commands.flags import deployment_of
    from kvx.phases.fleet import fleet_of

    (tmp_path / "kvx.toml").write_text('target = "hetzner"\n[kubernetes]\nsize = "m"\nmemory_quota = "6Gi"\n')
    deployment = deployment_of(load({"folder": tmp_path}, {}))
    handed_on = fleet_of(deployment).handed_on
    assert handed_on is not None
    assert (handed_on.cpu_quota, handed_on.memory_quota) == ("4000m", "6Gi")
    assert [phase.name for phase in plan_for(deployment).phases][-2:] == ["manifests", "verify"]
