"""Releases and rollouts on a real API server; what controllers and kubelets would write is written here."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from shapes import IMAGE

from kvx.cluster.refusals import ApiError
from kvx.cluster.releases import Made
from kvx.cluster.rollout import REVISION
from kvx.drivers import releases, rollout, undoing
from kvx.drivers.api_server import Api, connect
from kvx.drivers.client_pods import refusal_of, sweep
from kvx.drivers.port_forward import forwarded, why_not
from kvx.drivers.rollout import Before
from kvx.drivers.voice_api import health
from kvx.errors import ExitCode, KvxError
from kvx.world import World, real_world

pytestmark = pytest.mark.needs("kube-apiserver")

MADE = Made("3f2a1bc", "anna (build-7)", 1763740000.0, "0.1.0")
CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "1"}}


@pytest.fixture
def api(api_server: Any) -> Api:
    return connect(api_server.kubeconfig(), None, real_world())


@pytest.fixture
def space(api_server: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"rollout-{abs(hash(request.node.name)) % 10**9}"
    api_server.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    api_server.request("DELETE", f"/api/v1/namespaces/{name}")


def deployment(space: str) -> dict[str, Any]:
    labels = {"app": "voice-api"}
    spec = {"containers": [{"name": "voice-api", "image": IMAGE}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "voice-api", "namespace": space},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def fast(told: list[str], stop_after: int | None = None) -> World:
    """A clock on which a look takes a second, and that asks to stop after so many looks."""
    seconds = [0.0]

    def sleep(length: float) -> None:
        seconds[0] += length

    real = real_world()
    stop: Callable[[], bool] = lambda: stop_after is not None and seconds[0] >= stop_after  # noqa: E731
    return World(real.now, lambda: seconds[0], sleep, told.append, stop)


def written_by_controllers(api: Api, space: str, waiting: dict[str, str]) -> None:
    """A ReplicaSet of revision 1 and its pod, which waits for that reason."""
    made = api.find(deployment(space))
    assert made is not None
    path = f"/apis/apps/v1/namespaces/{space}/deployments/voice-api"
    seen = api.patch(path, {"metadata": {"annotations": {REVISION: "1"}}})["metadata"]["generation"]
    api.patch(f"{path}/status", {"status": {"observedGeneration": seen, "replicas": 1, "updatedReplicas": 1}})
    template = deployment(space)["spec"]["template"]
    owner = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "voice-api",
        "uid": made["metadata"]["uid"],
    }
    about = {
        "name": "voice-api-1",
        "labels": {"app": "voice-api"},
        "annotations": {REVISION: "1"},
        "ownerReferences": [{**owner, "controller": True}],
    }
    of_set = {"selector": {"matchLabels": {"app": "voice-api"}}, "template": template}
    replica_set = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": about, "spec": of_set}
    uid = api.create(f"/apis/apps/v1/namespaces/{space}/replicasets", replica_set)["metadata"]["uid"]
    owner = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": "voice-api-1",
        "uid": uid,
        "controller": True,
    }
    own = {"name": "voice-api-1-x", "labels": {"app": "voice-api"}, "ownerReferences": [owner]}
    pods = f"/api/v1/namespaces/{space}/pods"
    api.create(pods, {"apiVersion": "v1", "kind": "Pod", "metadata": own, "spec": template["spec"]})
    state = {"name": "voice-api", "image": IMAGE, "imageID": "", "ready": False, "restartCount": 0}
    status = {"phase": "Pending", "containerStatuses": [{**state, "state": {"waiting": waiting}}]}
    api.patch(f"{pods}/voice-api-1-x/status", {"status": status})


def test_releases_are_numbered_listed_and_never_more_than_are_kept(api: Api, space: str) -> None:
    for number in range(1, 6):
        objects = ({**CONFIG, "data": {"a": str(number)}},)
        assert releases.record(api, space, objects, MADE, 3).revision == number
    history = releases.history(api, space)
    assert [release.revision for release in history] == [3, 4, 5]
    assert history[0].objects == ({**CONFIG, "data": {"a": "3"}},)
    assert history[0].made == MADE


def test_nobody_can_change_a_release(api: Api, space: str) -> None:
    name = releases.record(api, space, (CONFIG,), MADE, 3).name
    with pytest.raises(ApiError, match="immutable"):
        api.patch(f"/api/v1/namespaces/{space}/configmaps/{name}", {"data": {"release.json": "{}"}})


def test_two_that_record_at_once_get_different_numbers(api: Api, space: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: releases.record(api, space, (CONFIG,), MADE, 9).revision, range(4)))
    assert sorted(found) == [1, 2, 3, 4]


def test_a_secret_is_kept_by_its_name_and_comes_back_from_the_cluster(api: Api, space: str) -> None:
    about = {
        "name": "tokens",
        "namespace": space,
        "labels": {"applyset.kubernetes.io/part-of": "x", "a": "b"},
    }
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": about,
        "type": "Opaque",
        "data": {"t": "aHVudGVy"},
    }
    api.create(f"/api/v1/namespaces/{space}/secrets", secret)
    release = releases.record(api, space, (CONFIG, secret), MADE, 3)
    kept = api.get(f"/api/v1/namespaces/{space}/configmaps/{release.name}")
    assert "aHVudGVy" not in json.dumps(kept)
    back = releases.objects_of(api, releases.history(api, space)[0])
    assert back == ({**secret, "metadata": {**about, "labels": {"a": "b"}}}, CONFIG)

    api.delete(f"/api/v1/namespaces/{space}/secrets/tokens")
    with pytest.raises(KvxError, match=f"{space}/tokens") as caught:
        releases.objects_of(api, release)
    assert caught.value.exit_code is ExitCode.MISSING


def test_who_made_it_is_the_user_that_the_cluster_knows(api: Api) -> None:
    assert releases.who(api).startswith("admin (")


def test_a_pod_that_cannot_start_ends_the_waiting_early_and_in_words(api: Api, space: str) -> None:
    wanted, told = deployment(space), list[str]()
    api.apply(wanted)
    waiting = {"reason": "CreateContainerConfigError", "message": 'configmap "settings-x" not found'}
    written_by_controllers(api, space, waiting)
    world = fast(told)
    with pytest.raises(KvxError, match='voice-api-1-x cannot start: configmap "settings-x" not found'):
        rollout.await_serving(api, [wanted], 600, world)
    assert world.monotonic() < 60
    assert any("0 of 1 pods of the new version ready (1 " in words for words in told)


def test_what_only_takes_long_is_waited_for_until_the_deadline(api: Api, space: str) -> None:
    wanted = deployment(space)
    api.apply(wanted)
    written_by_controllers(api, space, {"reason": "ContainerCreating"})
    world = fast([])
    with pytest.raises(KvxError, match="did not serve within its deadline: voice-api: 0 of 1 pods") as caught:
        rollout.await_serving(api, [wanted], 40, world)
    assert world.monotonic() >= 40
    assert "deadline_seconds" in caught.value.fix


def test_whoever_asks_to_stop_is_heard_and_nothing_is_undone(api: Api, space: str) -> None:
    wanted = deployment(space)
    api.apply(wanted)
    with pytest.raises(KvxError) as caught:
        rollout.await_serving(api, [wanted], 600, fast([], stop_after=3))
    assert caught.value.exit_code is ExitCode.INTERRUPTED
    release = releases.record(api, space, (CONFIG,), MADE, 3)
    put: list[Any] = []
    with pytest.raises(KvxError) as again:
        undoing.undo_once(
            api, Before(release, True), put.append, caught.value, deadline_seconds=5, world=fast([])
        )
    assert again.value is caught.value
    assert not put


def test_a_deployment_that_somebody_deletes_meanwhile_is_not_waited_for(api: Api, space: str) -> None:
    with pytest.raises(KvxError, match="is gone: somebody deleted it"):
        rollout.await_serving(api, [deployment(space)], 600, fast([]))


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ({"served", "kept"}, "broken; release 1 serves again"),
        ({"served"}, "what served before still does, but no release of it was kept"),
        ({"kept"}, "nothing served before, so what was applied was left"),
        (set(), "nothing served before, so what was applied was left"),
    ],
)
def test_only_what_served_is_put_back_and_only_once(
    api: Api, space: str, before: set[str], expected: str
) -> None:
    served, kept = "served" in before, "kept" in before
    release = releases.record(api, space, (CONFIG,), MADE, 3) if kept else None
    put: list[Any] = []
    reason = KvxError("broken", "mend it")
    with pytest.raises(KvxError, match=expected) as caught:
        undoing.undo_once(
            api, Before(release, served), put.append, reason, deadline_seconds=5, world=fast([])
        )
    assert caught.value.exit_code is ExitCode.FAILED
    assert caught.value.fix.startswith("mend it")
    assert put == ([(CONFIG,)] if served and kept else [])


def test_an_undo_that_fails_tells_both_reasons_and_is_not_tried_again(api: Api, space: str) -> None:
    release, puts = releases.record(api, space, (CONFIG,), MADE, 3), []

    def refuses(objects: Any) -> None:
        puts.append(objects)
        raise KvxError("no rights", "ask for them", ExitCode.MISSING)

    with pytest.raises(KvxError, match="broken; and going back to release 1 failed: no rights") as caught:
        undoing.undo_once(
            api, Before(release, True), refuses, KvxError("broken", "x"), deadline_seconds=5, world=fast([])
        )
    assert (len(puts), caught.value.exit_code) == (1, ExitCode.FAILED)
    assert caught.value.fix == "ask for them; then kvx rollback 1"


def test_what_served_before_is_known_before_anything_is_written(api: Api, space: str) -> None:
    wanted = deployment(space)
    assert rollout.before(api, [wanted]) == Before(None, False)
    api.apply(wanted)
    assert not rollout.before(api, [wanted]).served
    path = f"/apis/apps/v1/namespaces/{space}/deployments/voice-api/status"
    api.patch(path, {"status": {"replicas": 1, "readyReplicas": 1, "availableReplicas": 1}})
    assert rollout.before(api, [wanted]).served


def test_a_port_that_cannot_be_forwarded_is_told_in_the_words_of_the_server(api: Api, space: str) -> None:
    with forwarded(api, space, "nobody", 8484) as tunnel:
        with pytest.raises(KvxError) as caught:
            health(tunnel.address, 60)
        told = why_not(tunnel, "nobody", caught.value)
    assert told.message == 'no port of pod nobody can be forwarded: pods "nobody" not found'


def test_what_verifications_left_behind_is_taken_away_and_what_runs_is_let_run(api: Api, space: str) -> None:
    pods = f"/api/v1/namespaces/{space}/pods"
    spec = deployment(space)["spec"]["template"]["spec"]
    for name, phase in (("done", "Succeeded"), ("running", "Running")):
        about = {"name": name, "labels": {"kvx/verify": "client"}}
        api.create(pods, {"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": spec})
        api.patch(f"{pods}/{name}/status", {"status": {"phase": phase}})
    sweep(api, space)
    assert [pod["metadata"]["name"] for pod in api.list(pods)] == ["running"]


def test_a_trial_makes_no_pod(api: Api, space: str) -> None:
    about = {"generateName": "trial-", "namespace": space}
    spec = deployment(space)["spec"]["template"]["spec"]
    assert refusal_of(api, {"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": spec}) is None
    assert not api.list(f"/api/v1/namespaces/{space}/pods")


def test_no_release_to_verify_is_something_missing(api_server: Any, tmp_path: Path, kvx: Any) -> None:
    (tmp_path / "kvx.toml").write_text(f'[kubernetes]\nkubeconfig = "{api_server.kubeconfig()}"\n')
    for command in ("verify", "rollback", "releases"):
        done = kvx(command, "--target", "cluster")
        assert done.returncode == 3, done.stdout + done.stderr
        assert "kvx deploy" in done.stderr
