"""Charts of others: what a cluster can take of them, what they bring, and what k3s says of them."""

import pytest

from kvx.cluster.charts import awaited, brought_by, fitted, left_out_words, why_it_failed
from kvx.cluster.order import ordered

CHART = ("helm.cattle.io", "HelmChart")
ADVISER = {"apiVersion": "autoscaling.k8s.io/v1", "kind": "VerticalPodAutoscaler", "metadata": {"name": "a"}}
SETTINGS = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "s", "namespace": "kvx"}}
TIMEOUTS = {
    "apiVersion": "helm.cattle.io/v1",
    "kind": "HelmChartConfig",
    "metadata": {"name": "traefik", "namespace": "kube-system"},
}


def chart(name: str = "adviser", brings: str | None = None) -> dict[str, object]:
    metadata: dict[str, object] = {"name": name, "namespace": "kube-system"}
    if brings is not None:
        metadata["annotations"] = {"kvx/brings": brings}
    return {"apiVersion": "helm.cattle.io/v1", "kind": "HelmChart", "metadata": metadata}


def test_a_cluster_that_knows_no_charts_gets_everything_else() -> None:
    fit = fitted([SETTINGS, chart(), TIMEOUTS, ADVISER], known=[])
    assert fit.objects == (SETTINGS, ADVISER)
    assert fit.left_out == ("HelmChart adviser", "HelmChartConfig traefik")
    assert left_out_words(fit.left_out).startswith("left out HelmChart adviser, HelmChartConfig traefik: ")


def test_what_a_cluster_knows_is_left_out_by_nobody() -> None:
    known = [CHART, ("helm.cattle.io", "HelmChartConfig")]
    assert fitted([chart(), TIMEOUTS, SETTINGS], known).left_out == ()
    assert fitted([chart(), TIMEOUTS], [CHART]).left_out == ("HelmChartConfig traefik",)


def test_an_object_of_another_kind_that_nobody_knows_is_not_left_out() -> None:
    """It is refused by name, as ever: only k3s is somebody else's choice."""
    assert fitted([ADVISER], known=[]).objects == (ADVISER,)


@pytest.mark.parametrize(
    ("said", "kinds"),
    [
        (None, set()),
        ("", set()),
        ("VerticalPodAutoscaler.autoscaling.k8s.io", {("autoscaling.k8s.io", "VerticalPodAutoscaler")}),
        ("A.one.example, B.two.example,", {("one.example", "A"), ("two.example", "B")}),
    ],
)
def test_a_chart_brings_the_kinds_that_it_says(said: str | None, kinds: set[tuple[str, str]]) -> None:
    assert brought_by(chart(brings=said)) == kinds


def test_nothing_but_a_chart_brings_kinds() -> None:
    assert brought_by({**chart(brings="A.one.example"), "kind": "HelmChartConfig"}) == frozenset()


def test_only_kinds_that_others_are_of_are_waited_for() -> None:
    brings = chart(brings="VerticalPodAutoscaler.autoscaling.k8s.io, Other.example")
    assert awaited([brings, SETTINGS]) == {}
    kind = ("autoscaling.k8s.io", "VerticalPodAutoscaler")
    assert awaited([brings, ADVISER, SETTINGS]) == {kind: "autoscaling.k8s.io/v1"}


def test_a_chart_comes_before_what_it_brings_and_goes_after_it() -> None:
    assert ordered([ADVISER, SETTINGS, chart()])[0] == chart()


def test_k3s_has_given_up_where_it_says_so_and_not_before() -> None:
    assert why_it_failed(None) is None
    assert why_it_failed(chart()) is None
    waiting = {"type": "Failed", "status": "False"}
    assert why_it_failed({**chart(), "status": {"conditions": [waiting]}}) is None
    failed = {"type": "Failed", "status": "True", "message": "Only Helm v3 charts are supported"}
    assert why_it_failed({"status": {"conditions": [waiting, failed]}}) == "Only Helm v3 charts are supported"
