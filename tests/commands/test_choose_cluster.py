"""Which cluster is asked: the nearest to what the user said, and never silently the demo."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from voice_api.cluster.choose import ClusterChoice, choose_cluster
from voice_api.cluster.demo import DemoCluster
from voice_api.errors import VoiceApiError

NOWHERE = Path("/nonexistent/service-account")


def kubeconfig(path: Path, *contexts: str) -> Path:
    """A kubeconfig whose contexts lead nowhere, the first of them current."""
    content = {
        "clusters": [{"name": name, "cluster": {"server": "https://127.0.0.1:1"}} for name in contexts],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": "u"}} for name in contexts],
        "current-context": contexts[0],
    }
    path.write_text(json.dumps(content))
    return path


def chosen(choice: ClusterChoice) -> str:
    return choose_cluster(choice).description.name


def test_the_setting_comes_first_then_the_environment_then_the_home(tmp_path: Path) -> None:
    setting = kubeconfig(tmp_path / "a", "from-setting")
    environment = kubeconfig(tmp_path / "b", "from-environment")
    home = kubeconfig(tmp_path / "c", "from-home")
    assert chosen(ClusterChoice(str(setting), str(environment), home, NOWHERE)) == "from-setting"
    assert chosen(ClusterChoice("", str(environment), home, NOWHERE)) == "from-environment"
    assert chosen(ClusterChoice("", "", home, NOWHERE)) == "from-home"


def test_without_any_kubeconfig_it_is_the_demo(tmp_path: Path) -> None:
    cluster = choose_cluster(ClusterChoice(home_kubeconfig=tmp_path / "none", service_account=NOWHERE))
    assert isinstance(cluster, DemoCluster)
    assert cluster.description.demo


def test_the_word_none_means_the_demo_whatever_else_is_there(tmp_path: Path) -> None:
    home = kubeconfig(tmp_path / "c", "from-home")
    assert chosen(ClusterChoice("none", str(home), home)) == "demo"


def test_a_named_file_that_is_missing_is_an_error_and_not_the_demo(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    for choice in (ClusterChoice(kubeconfig=missing), ClusterChoice(environment_kubeconfig=missing)):
        with pytest.raises(VoiceApiError) as caught:
            choose_cluster(choice)
        assert caught.value.code == "kubeconfig_missing"
        assert missing in caught.value.message


def test_several_files_are_merged_and_one_may_be_missing(tmp_path: Path) -> None:
    first, second = kubeconfig(tmp_path / "a", "one"), kubeconfig(tmp_path / "b", "two")
    joined = f"{tmp_path / 'gone'}:{first}:{second}"
    assert chosen(ClusterChoice(environment_kubeconfig=joined, context="two")) == "two"


def test_a_context_can_be_named(tmp_path: Path) -> None:
    assert chosen(ClusterChoice(str(kubeconfig(tmp_path / "a", "one", "two")), context="two")) == "two"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "a: [",
        "just text",
        "[1, 2]",
        "clusters: 3",
        "{}",
        "contexts: []\ncurrent-context: x",
        "contexts: [{name: x, context: {cluster: y}}]\ncurrent-context: x",
        "contexts: [3]\nclusters: [4]\ncurrent-context: x",
        "\x00\x01",
    ],
)
def test_a_broken_kubeconfig_is_named_with_a_fix(tmp_path: Path, content: str) -> None:
    broken = tmp_path / "broken"
    broken.write_text(content)
    with pytest.raises(VoiceApiError) as caught:
        choose_cluster(ClusterChoice(kubeconfig=str(broken)))
    assert caught.value.code == "kubeconfig_invalid"
    assert str(broken) in caught.value.message
    assert "kubectl config view" in caught.value.fix


def test_a_service_account_outside_of_a_pod_is_an_error_with_a_fix(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t")
    with pytest.raises(VoiceApiError) as caught:
        choose_cluster(ClusterChoice(service_account=tmp_path))
    assert caught.value.code == "service_account_invalid"


def test_the_demo_does_not_load_the_kubernetes_client() -> None:
    program = (
        "import sys; from voice_api.cluster.choose import ClusterChoice, choose_cluster;"
        "from voice_api.commands.core import CommandCore;"
        "CommandCore(choose_cluster(ClusterChoice('none'))).answer('how many pods are there');"
        "sys.exit('kubernetes' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0
