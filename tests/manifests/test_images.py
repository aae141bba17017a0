"""Every workload that runs an image of ours says so in a way that kvx finds."""

from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from kvx.cluster.kustomization import IMAGE_LABEL, TEMPLATES
from kvx.images.recipes import RECIPES, UNFILLED_DIGEST
from kvx.images.reference import LOCAL

# Images of others: kubernetes.postgres_image and those of both models say which.
OTHERS = frozenset({"postgres", "language-model", "speech-model"})


def workloads(rendering: ModuleType) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """File, object and pod of all that stand in k8s/ with an image of ours, whole and not as a patch."""
    found = []
    for file in sorted(rendering.K8S.rglob("*.yaml")):
        for each in yaml.safe_load_all(file.read_text()):
            if isinstance(each, dict) and each.get("kind") in TEMPLATES:
                pod: Any = each
                for name in f"{TEMPLATES[each['kind']]}/spec".strip("/").split("/"):
                    pod = pod.get(name) or {}
                images = [container.get("image", "") for container in pod.get("containers", ())]
                names = {image.removeprefix(f"{LOCAL}/").partition("@")[0] for image in images}
                if any(image.startswith(f"{LOCAL}/") for image in images) and not names <= OTHERS:
                    found.append((str(file.relative_to(rendering.K8S)), each, pod))
    return found


def test_each_runs_it_first_and_has_the_label_by_which_its_pull_policy_is_set(rendering: ModuleType) -> None:
    found = workloads(rendering)
    assert len(found) >= 2
    for file, each, pod in found:
        image = pod["containers"][0]["image"]
        name = image.removeprefix(f"{LOCAL}/").partition("@")[0]
        assert image == f"{LOCAL}/{name}@{UNFILLED_DIGEST}", file
        assert pod["containers"][0]["imagePullPolicy"] == "IfNotPresent", file
        assert each["metadata"]["labels"].get(IMAGE_LABEL) == name, file


def test_each_is_of_a_recipe_whose_component_runs_it(rendering: ModuleType) -> None:
    components = {each.name: each.components for each in RECIPES}
    for file, _, pod in workloads(rendering):
        name = pod["containers"][0]["image"].removeprefix(f"{LOCAL}/").partition("@")[0]
        assert name in components, f"{file} runs {name}, which kvx.images.recipes has not"
        assert not components[name] or Path(file).parent.name in components[name], file


def test_every_recipe_is_in_the_bake_file_under_its_name_and_has_its_dockerfile(
    rendering: ModuleType,
) -> None:
    baked = (rendering.ROOT / "docker" / "docker-bake.hcl").read_text()
    for each in RECIPES:
        assert f'target "{each.name}" {{' in baked
        assert f"${{REPOSITORY}}/{each.name}:${{TAG}}" in baked
        assert (rendering.ROOT / "docker" / f"{each.name}.Dockerfile").is_file()
        assert (rendering.ROOT / "docker" / f"{each.name}.Dockerfile.dockerignore").is_file()
