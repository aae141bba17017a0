"""Requests that are to follow the use by themselves: refused where nothing in the cluster would do it."""

from dataclasses import replace
from typing import Any

import pytest

from kvx.cluster.vertical import acting, missing_part
from kvx.drivers import vertical
from kvx.drivers.api_server import connect
from kvx.errors import ExitCode, KvxError
from kvx.world import real_world

WEBHOOK = {"webhooks": [{"rules": [{"resources": ["pods"]}, {"resources": ["verticalpodautoscalers"]}]}]}
OTHERS = {"webhooks": [{"rules": [{"resources": ["pods"]}]}]}


def autoscaler(mode: str | None) -> dict[str, Any]:
    policy = {} if mode is None else {"updatePolicy": {"updateMode": mode}}
    return {"kind": "VerticalPodAutoscaler", "metadata": {"name": "voice-api"}, "spec": policy}


def updater(image: str = "example.org/autoscaling/vpa-updater:1.5.0", replicas: int = 1) -> dict[str, Any]:
    spec = {"containers": [{"image": image}]}
    return {"spec": {"replicas": replicas, "template": {"spec": spec}}}


def test_one_that_only_advises_needs_nobody_and_one_that_says_nothing_acts() -> None:
    found = acting([autoscaler("Off"), autoscaler(None), autoscaler("Recreate"), {"kind": "Deployment"}])
    assert found == (autoscaler(None), autoscaler("Recreate"))


@pytest.mark.parametrize(
    ("mode", "webhooks", "deployments", "lacking"),
    [
        ("Recreate", [WEBHOOK], [updater()], None),
        ("Recreate", [WEBHOOK], [updater("vpa-updater-arm64@sha256:ab")], None),
        ("Initial", [WEBHOOK], [], None),
        ("Initial", [OTHERS], [updater()], "no admission controller"),
        ("Recreate", [], [updater()], "no admission controller"),
        ("Recreate", [WEBHOOK], [updater(replicas=0)], "no Deployment runs vpa-updater"),
        ("InPlaceOrRecreate", [], [updater("other")], "is registered for it and no Deployment"),
    ],
)
def test_who_would_carry_it_out_is_asked_for_by_what_it_does(
    mode: str, webhooks: list[Any], deployments: list[Any], lacking: str | None
) -> None:
    reason = missing_part(autoscaler(mode), webhooks, deployments)
    assert (reason is None) == (lacking is None)
    assert reason is None or (lacking or "") in reason.message


@pytest.mark.needs("kube-apiserver")
def test_a_cluster_that_would_do_nothing_refuses_with_the_way_out(api_server: Any) -> None:
    api = connect(api_server.kubeconfig(), None, real_world())
    vertical.check(api, [autoscaler("Off")], real_world())
    with pytest.raises(KvxError, match="nothing in the cluster would") as refused:
        vertical.check(api, [autoscaler("Recreate")], real_world())
    assert refused.value.exit_code is ExitCode.MISSING
    assert "leave out vpa-memory" in refused.value.fix


@pytest.mark.needs("kube-apiserver")
def test_who_may_not_look_is_told_so_and_not_held_up(api_server: Any) -> None:
    viewer = api_server.kubeconfig({"token": "powerless-token"}, name="looks-at-nothing")
    told: list[str] = []
    world = real_world()
    vertical.check(
        connect(viewer, None, world), [autoscaler("Recreate")], replace(world, progress=told.append)
    )
    assert told == ["whether the cluster changes requests by itself this user may not see"]
