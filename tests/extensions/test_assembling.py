"""Settings put it together: own sentences, extensions, and the clusters of a kubeconfig."""

import os
from pathlib import Path

import pytest
import yaml
from extending import OPERATOR

from voice_api.cluster.demo import DemoCluster
from voice_api.commanding import Commanding, chosen_cluster, commanding
from voice_api.errors import VoiceApiError
from voice_api.settings import Settings, surroundings

AROUND = surroundings({"HOME": os.devnull})


def kubeconfig(folder: Path, *contexts: str) -> Path:
    """Of clusters that do not answer."""
    cluster = {"server": "https://127.0.0.1:1", "insecure-skip-tls-verify": True}
    file = folder / "config"
    file.write_text(
        yaml.safe_dump(
            {
                "clusters": [{"name": "none", "cluster": cluster}],
                "users": [{"name": "me", "user": {"token": "x"}}],
                "contexts": [
                    {"name": each, "context": {"cluster": "none", "user": "me"}} for each in contexts
                ],
                "current-context": contexts[0],
            }
        )
    )
    return file


def made(**settings: str) -> Commanding:
    return commanding(Settings(**settings), AROUND, DemoCluster())  # type: ignore[arg-type]


def test_own_sentences_are_understood(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("intents:\n  describe:\n    data:\n      - sentences: ['inspect all of {name}']\n")
    assert made(grammar_file=str(file)).core.answer("inspect all of checkout").status == "SUCCESS"
    file.write_text("intents:\n  coffee:\n    data:\n      - sentences: ['make coffee']\n")
    with pytest.raises(VoiceApiError, match="no function coffee"):
        made(grammar_file=str(file))


def test_the_extensions_of_a_folder_are_asked(docker_extension: Path) -> None:
    commands = made(extensions_folder=str(docker_extension.parents[1]))
    assert commands.core.answer("list the containers", OPERATOR).reply.startswith("Web runs")
    commands.close()


def test_every_context_of_a_kubeconfig_can_be_gone_to_though_none_answers(tmp_path: Path) -> None:
    settings = Settings(kubeconfig=str(kubeconfig(tmp_path, "edge", "field")))
    cluster = chosen_cluster(settings, AROUND)
    assert (cluster.description.name, cluster.contexts) == ("edge", ("edge", "field"))
    core = commanding(settings, AROUND, cluster).core
    assert core.answer("switch to cluster field", OPERATOR).reply == "Now in the cluster field."
    assert core.answer("where am i", OPERATOR).data["cluster"] == {"name": "field", "demo": False}
    assert core.answer("switch to cluster edge", OPERATOR).reply == "Now in the cluster edge."
