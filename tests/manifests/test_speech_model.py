"""Another speech model on a cluster: an init container brings it to where the voice API looks for it."""

from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kvx.cluster.kustomization import components_of
from kvx.drivers.rendering import SETTING_OF
from kvx.lint.linting import lint
from kvx.lint.reading import read
from kvx.settings import KubernetesSettings
from voice_api.settings import load_settings

pytestmark = pytest.mark.needs("kubectl")
DIGEST = f"sha256:{'7' * 64}"


@pytest.mark.parametrize("size", ["s", "m", "l"])
def test_what_the_init_container_keeps_is_what_the_voice_api_loads(
    rendering: ModuleType, tmp_path: Path, size: str
) -> None:
    named = {"name": "kvx.invalid/speech-model", "newName": "r.example/whisper", "digest": DIGEST}
    chosen = components_of(("speech-model",), size)
    text = rendering.with_components(tmp_path, "cluster", chosen, images=[named])
    pod = rendering.one(text, "Deployment", "voice-api")["spec"]["template"]["spec"]
    (adds,), (serves,) = pod["initContainers"], pod["containers"]
    settings = load_settings(None, {}, rendering.one(text, "ConfigMap", "voice-api-settings")["data"])
    assert adds["image"] == f"r.example/whisper@{DIGEST}"
    assert adds["args"][:3] == ["model", "add", "/speech-model"]
    assert f"--name={settings.model}" in adds["args"]
    assert f"--models-folder={settings.models_folder}" in adds["args"]
    assert _mounted(serves, str(settings.models_folder)) == {**_mounted(adds, "/models"), "readOnly": True}
    limits = adds["resources"]["limits"]
    assert (limits["cpu"], limits["memory"]) == tuple(
        serves["resources"]["limits"][each] for each in ("cpu", "memory")
    )
    assert lint([read(text, "cluster")]).findings == ()


def _mounted(container: dict[str, Any], place: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in container["volumeMounts"] if each["mountPath"] == place)
    return found


def test_every_image_of_others_has_a_setting_of_its_name() -> None:
    settings = {each.name for each in fields(KubernetesSettings)}
    assert set(SETTING_OF) == {"postgres", "language-model", "speech-model"}
    assert set(SETTING_OF.values()) <= settings
