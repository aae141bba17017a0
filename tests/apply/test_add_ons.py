"""Charts of others on a real API server: left out where it knows none, installed first where it does."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any

import pytest
import yaml
from deployed import Folder, Server, names, writes
from standing import Standing

from kvx.cluster.refusals import ApiError
from kvx.drivers import releases
from kvx.drivers.api_server import Api, connect
from kvx.errors import ExitCode, KvxError
from kvx.world import real_world

pytestmark = pytest.mark.needs("kube-apiserver", "etcd", "kubectl", "definitions")

Kvx = Callable[..., subprocess.CompletedProcess[str]]
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
CHARTS = "/apis/helm.cattle.io/v1/namespaces/kube-system/helmcharts"
ADVISED = 'components = ["vpa", "vertical-pod-autoscaler"]'


def definitions(beginning: str) -> list[dict[str, Any]]:
    """Of others' kinds, from files whose names begin so."""
    folder = sys.modules["definitions_component"].folder()
    texts = [file.read_text() for file in sorted(folder.glob(f"{beginning}*"))]
    assert texts
    return [each for text in texts for each in yaml.safe_load_all(text) if each]


def served(api: Api, definition: Mapping[str, Any]) -> bool:
    spec = definition["spec"]
    with suppress(ApiError):
        for version in spec["versions"]:
            api.get(f"/apis/{spec['group']}/{version['name']}/{spec['names']['plural']}")
        return True
    return False


@contextmanager
def defined(api: Api, beginning: str) -> Iterator[None]:
    found = definitions(beginning)
    for each in found:
        api.apply(each, manager="somebody")
    until(lambda: all(served(api, each) for each in found))
    try:
        yield
    finally:
        undefine(api, beginning)


def undefine(api: Api, beginning: str) -> None:
    for each in definitions(beginning):
        api.delete(f"{DEFINITIONS}/{each['metadata']['name']}")
    until(lambda: not any(served(api, each) for each in definitions(beginning)))


def until(condition: Callable[[], bool]) -> None:
    world = real_world()
    end = world.monotonic() + 60
    while not condition():
        assert world.monotonic() < end
        world.sleep(0.1)


@pytest.fixture
def k3s(api: Api) -> Iterator[None]:
    """The server knows what a chart is; nobody installs one."""
    with defined(api, "helm.cattle.io"):
        yield


class Helm:
    """Stands in for k3s' controller: a chart of that name brings definitions, or cannot be installed."""

    def __init__(self, server: Server, brings: str = "vpa", failed: str = "") -> None:
        self.api = connect(server.kubeconfig(), None, real_world())
        self.brings, self.failed = brings, failed
        self._stop, self._thread = Event(), Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Helm":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.2):
            with suppress(ApiError):
                for each in self.api.list(CHARTS):
                    self._install(each)

    def _install(self, chart: Mapping[str, Any]) -> None:
        if self.failed:
            condition = {"type": "Failed", "status": "True", "message": self.failed}
            path = f"{CHARTS}/{chart['metadata']['name']}"
            status = {"apiVersion": chart["apiVersion"], "kind": "HelmChart", "metadata": chart["metadata"]}
            self.api.patch(f"{path}/status", {**status, "status": {"conditions": [condition]}})
            return
        for each in definitions(self.brings):
            self.api.apply(each, manager="helm")


def test_where_the_cluster_is_no_k3s_charts_are_left_out_with_a_word_and_all_else_is_applied(
    folder: Folder, kvx: Kvx, all_answer: Any, api: Api, server: Server
) -> None:
    folder.set('components = ["cert-manager", "traefik-timeouts"]')
    out = "HelmChart cert-manager", "HelmChartConfig traefik"
    shown = kvx("kubernetes", "diff")
    assert shown.returncode == 4, shown.stderr
    assert "left out HelmChart cert-manager, HelmChartConfig traefik: the cluster is no k3s" in shown.stdout
    outcome = folder.apply()
    assert outcome.data["left_out"] == list(out)
    assert any("the cluster is no k3s" in line for line in outcome.lines)
    newest = releases.latest(api, "kvx")
    assert newest is not None
    assert newest.left_out == out
    assert not [each for each in names(newest.objects) if each.startswith("HelmChart")], "no drift"
    assert folder.is_done()
    assert json.loads(kvx("kubernetes", "diff", "--json").stdout)["left_out"] == list(out)
    told = all_answer(lambda: kvx("status", "--json"))
    assert json.loads(told.stdout)["deployed"]["left_out"] == list(out), told.stderr
    told = all_answer(lambda: kvx("status"))
    assert "left out  HelmChart cert-manager, HelmChartConfig traefik: the cl" in told.stdout


def test_an_add_on_that_is_left_out_changes_nothing_but_the_release_that_says_so(
    folder: Folder, api: Api, server: Server
) -> None:
    folder.apply()
    folder.set('components = ["cert-manager"]')
    assert folder.changes(api) == ()
    before = len(server.audited("kvx/"))
    assert not folder.is_done()
    folder.apply()
    written = [each for each in writes(server.audited("kvx/")[before:]) if "leases" not in each]
    assert len(written) == 1, written
    assert folder.is_done()


def test_doctor_says_which_components_only_k3s_takes(folder: Folder, kvx: Kvx) -> None:
    folder.set(ADVISED)
    told = kvx("doctor", "--target", "cluster").stdout
    assert "the component vertical-pod-autoscaler is left out: the cluster is no k3s" in told
    assert "the component vpa needs the Vertical Pod Autoscaler" in told, "nobody brings it"


def test_without_k3s_what_needs_an_add_on_is_refused_by_name(folder: Folder, api: Api) -> None:
    folder.set(ADVISED)
    with pytest.raises(KvxError, match="the cluster knows no VerticalPodAutoscaler") as raised:
        folder.apply()
    assert raised.value.exit_code is ExitCode.MISSING


@pytest.mark.usefixtures("k3s")
def test_one_deploy_installs_an_add_on_and_then_what_needs_it_and_the_next_writes_nothing(
    folder: Folder, kvx: Kvx, api: Api, server: Server
) -> None:
    folder.set('components = ["vpa", "vpa-memory", "vertical-pod-autoscaler"]')
    told = kvx("doctor", "--target", "cluster").stdout
    assert "the component vertical-pod-autoscaler brings what it needs" in told
    unchecked = {each.words for each in folder.changes(api) if not each.checked}
    assert "VerticalPodAutoscaler voice-api in kvx" in unchecked
    try:
        with Helm(server):
            assert folder.run()[:2] == (0, "changed\n")
        (chart,) = api.list(CHARTS)
        assert chart["spec"]["version"] == "0.13.0"
        assert api.list("/apis/autoscaling.k8s.io/v1/namespaces/kvx/verticalpodautoscalers")
        before = len(server.audited("kvx/"))
        assert folder.run()[:2] == (0, "unchanged\n")
        assert writes(server.audited("kvx/")[before:]) == []
        folder.set()
        folder.apply()
        assert api.list(CHARTS) == ()
    finally:
        undefine(api, "vpa")


@pytest.mark.usefixtures("k3s")
def test_a_chart_that_cannot_be_installed_ends_the_deploy_with_the_reason_and_the_log_to_look_at(
    folder: Folder, api: Api, server: Server
) -> None:
    folder.set(ADVISED)
    with Helm(server, failed="no such version"), pytest.raises(KvxError) as raised:
        folder.apply(Standing())
    assert raised.value.message == "the chart vertical-pod-autoscaler: k3s cannot install it: no such version"
    assert "kubectl --namespace kube-system logs job/helm-install-vertical-pod-autoscaler" in raised.value.fix
    folder.set()
    folder.apply()
    assert api.list(CHARTS) == (), "what an ended deploy had applied is found and goes"
