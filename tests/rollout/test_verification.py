"""What verifying a cluster comes to: each line, and the verdict."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvx.cluster import verification
from kvx.cluster.client_pods import CLIENT_LABEL, answer_in, client, restricted, stranger
from kvx.cluster.overview_amounts import amount
from kvx.cluster.serving import Server, servers_in
from kvx.cluster.verification import Result, answer_is_true, failed, not_shown, over_quota, passed, verdict
from kvx.commands.verify_cluster import outcome
from kvx.errors import ExitCode

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

DIGEST = f"sha256:{'a' * 64}"
IMAGE = f"registry.example/kvx/voice-api@{DIGEST}"
SERVER = Server("kvx", "voice-api", "voice-api", 8484, 80, IMAGE)
TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"app": "voice-api"}},
    "spec": {
        "nodeSelector": {"a": "b"},
        "containers": [
            {"name": "voice-api", "image": IMAGE, "ports": [{"name": "http", "containerPort": 8484}]}
        ],
    },
}
DEPLOYMENT = {
    "kind": "Deployment",
    "metadata": {"name": "voice-api", "namespace": "kvx"},
    "spec": {"template": TEMPLATE},
}


def service(selector: dict[str, str], port: str = "http", namespace: str = "kvx") -> dict[str, Any]:
    ports = [{"name": port, "port": 80, "targetPort": "http"}]
    about = {"name": "voice-api", "namespace": namespace}
    return {"kind": "Service", "metadata": about, "spec": {"selector": selector, "ports": ports}}


def pod(name: str, image: str = IMAGE, node: str = "n1") -> dict[str, Any]:
    status = {"containerStatuses": [{"name": "voice-api", "state": {"running": {}}}]}
    spec = {"nodeName": node, "containers": [{"name": "voice-api", "image": image}]}
    return {"metadata": {"name": name}, "spec": spec, "status": status}


def node(name: str, architecture: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": {"nodeInfo": {"architecture": architecture}}}


def limits(cpu: str) -> dict[str, Any]:
    return {"spec": {"limits": [{"type": "Container", "max": {"cpu": cpu}}]}}


def test_a_server_is_what_a_service_with_a_port_called_http_leads_to() -> None:
    assert servers_in([DEPLOYMENT, service({"app": "voice-api"})]) == (SERVER,)


@pytest.mark.parametrize(
    "other",
    [
        service({"app": "another"}),
        service({}),
        service({"app": "voice-api"}, port="metrics"),
        service({"app": "voice-api"}, namespace="elsewhere"),
    ],
    ids=["selects others", "selects nothing", "has no http", "is elsewhere"],
)
def test_a_service_that_leads_elsewhere_makes_no_server(other: dict[str, Any]) -> None:
    assert servers_in([DEPLOYMENT, other]) == ()


def test_an_image_that_somebody_put_there_by_hand_fails() -> None:
    other = IMAGE.replace("a" * 64, "b" * 64)
    found = verification.images([pod("x"), pod("y", other)], {"voice-api": IMAGE})
    assert found.result is Result.FAIL
    assert "pod y" in found.words
    assert "pod x" not in found.words


def test_an_image_that_was_released_by_a_tag_fails() -> None:
    tagged = "registry.example/voice-api:1"
    assert verification.images([pod("x", tagged)], {"voice-api": tagged}).result is Result.FAIL


def test_the_right_image_passes() -> None:
    assert verification.images([pod("x")], {"voice-api": IMAGE}).result is Result.PASS


@pytest.mark.parametrize(
    ("machine", "architecture", "result"),
    [
        ("aarch64", "arm64", Result.PASS),
        ("x86_64", "amd64", Result.PASS),
        ("x86_64", "arm64", Result.FAIL),
        ("riscv64", "riscv64", Result.PASS),
    ],
)
def test_what_runs_is_held_to_the_processor_of_its_node(
    machine: str, architecture: str, result: Result
) -> None:
    found = verification.architectures([pod("x")], [node("n1", architecture)], {"x": machine})
    assert found.result is result


def test_a_processor_is_not_shown_where_nodes_or_pods_cannot_be_asked() -> None:
    assert verification.architectures([pod("x")], None, {"x": "aarch64"}).result is Result.NOT_SHOWN
    assert verification.architectures([pod("x")], [node("n1", "arm64")], {}).result is Result.NOT_SHOWN


@PATIENT
@given(st.integers(0, 500), st.integers(0, 500), st.integers(-5, 505))
def test_an_answer_is_true_that_was_so_meanwhile(before: int, after: int, counted: int) -> None:
    assert answer_is_true(counted, before, after) == (min(before, after) <= counted <= max(before, after))


@pytest.mark.parametrize("counted", [None, "2", 2.5])
def test_an_answer_without_a_number_is_not_true(counted: object) -> None:
    assert not answer_is_true(counted, 0, 9)


@PATIENT
@given(st.integers(1, 20_000), st.integers(50, 4_000))
def test_a_trial_asks_for_more_than_the_quota_in_containers_that_are_let_in(quota: int, most: int) -> None:
    bound = {"spec": {"hard": {"limits.cpu": f"{quota}m"}}}
    trial = over_quota(SERVER, TEMPLATE, bound, [limits(f"{most}m")])
    if trial is None:
        assert quota / most > verification.MOST_CONTAINERS - 2
        return
    wishes = [
        amount(each["resources"]["limits"]["cpu"]) or Decimal(0) for each in trial["spec"]["containers"]
    ]
    assert sum(wishes) > Decimal(quota) / 1000
    assert max(wishes) <= Decimal(most) / 1000


def test_a_quota_without_limits_of_containers_is_tried_by_one() -> None:
    trial = over_quota(SERVER, TEMPLATE, {"spec": {"hard": {"requests.memory": "4Gi"}}}, [])
    assert trial is not None
    (container,) = trial["spec"]["containers"]
    assert (amount(container["resources"]["limits"]["memory"]) or 0) > 4 * 1024**3


def test_a_quota_of_neither_processors_nor_memory_cannot_be_tried() -> None:
    assert over_quota(SERVER, TEMPLATE, {"spec": {"hard": {"pods": "3"}}}, []) is None


def test_the_pods_that_ask_are_restricted_and_only_the_client_is_called_one() -> None:
    asks, knocks = client(SERVER, TEMPLATE, "10.0.0.7", "hello", "en"), stranger(SERVER, TEMPLATE, "fd00::7")
    assert asks["metadata"]["labels"][CLIENT_LABEL] == "true"
    assert CLIENT_LABEL not in knocks["metadata"]["labels"]
    assert "http://[fd00::7]:80" in knocks["spec"]["containers"][0]["args"]
    for each in (asks, knocks):
        assert each["spec"]["nodeSelector"] == {"a": "b"}
        assert each["spec"]["automountServiceAccountToken"] is False
        assert each["spec"]["activeDeadlineSeconds"] < 60
        assert restricted(SERVER, TEMPLATE).items() <= each["spec"]["containers"][0].items()


def test_what_breaks_pod_security_breaks_nothing_else() -> None:
    trial = verification.unrestricted(SERVER, TEMPLATE)
    assert "securityContext" not in trial["spec"]
    assert "securityContext" not in trial["spec"]["containers"][0]
    assert trial["spec"]["containers"][0]["resources"]


@PATIENT
@given(st.text(), st.dictionaries(st.text(), st.integers()))
def test_an_answer_is_found_below_whatever_else_was_written(noise: str, answer: dict[str, int]) -> None:
    said = answer_in(f"{noise}\n{json.dumps({'answer': answer, 'nameless': ''})}\n")
    assert (said.answer, said.wrong, said.nameless) == (answer, "", "")


@PATIENT
@given(st.text())
def test_anything_else_is_told_as_no_answer(log: str) -> None:
    said = answer_in(log)
    assert said.answer is None
    assert said.wrong


def test_one_line_that_failed_fails_it_all() -> None:
    wrong = verdict([passed("a", "x"), failed("b", "broken", "mend it"), failed("c", "y", "z")])
    assert wrong is not None
    assert (wrong.message, wrong.fix) == ("b: broken (and 1 more)", "mend it")
    assert wrong.exit_code is ExitCode.FAILED


def test_after_a_deploy_only_what_nobody_is_served_without_fails_it() -> None:
    lines = [failed("policies", "not in force", "x"), failed("service", "no answer", "y", serving=True)]
    wrong = verdict(lines, serving_only=True)
    assert wrong is not None
    assert wrong.message == "service: no answer"
    assert verdict(lines[:1], serving_only=True) is None


def test_what_could_not_be_shown_is_incomplete_unless_something_failed() -> None:
    hidden = outcome((passed("a", "x"), not_shown("b", "no rights", "ask")))
    assert hidden is not None
    assert hidden.exit_code is ExitCode.INCOMPLETE
    both = outcome((not_shown("b", "no rights", "ask"), failed("c", "y", "z")))
    assert both is not None
    assert both.exit_code is ExitCode.FAILED
    assert outcome((passed("a", "x"),)) is None
