"""kvx killed at every write, two at once, and a lease that is held, let go or left behind."""

import datetime
import os
import signal
import time
from collections.abc import Callable
from itertools import takewhile

import pytest
from deployed import SECONDS, Folder, names
from standing import Standing
from troubled import Call, Way

from kvx.drivers import cluster_lease, releases
from kvx.drivers.api_server import Api
from kvx.errors import ExitCode, KvxError
from kvx.world import real_world

pytestmark = [pytest.mark.needs("kube-apiserver", "etcd", "kubectl"), pytest.mark.timeout(900)]

SPACE = "/api/v1/namespaces/kvx"
MOST_RUNS = 60
# Of the writes at which a run is killed: each by KVX_TEST_APPLY_KILLS=1, every fourth by 4. Taken out of the
# environment, since kvx refuses variables that are no settings of its own.
STRIDE = int(os.environ.pop("KVX_TEST_APPLY_KILLS", "4"))


def killing(process_id: int, number: int, seen: list[Call]) -> Callable[[Call], bool]:
    """After that many writes have been carried out the process is killed, and never hears of the last."""

    def after(call: Call) -> bool:
        if call.writes:
            seen.append(call)
        if len(seen) == number:
            os.kill(process_id, signal.SIGKILL)
            return False
        return True

    return after


def killed_after(troubled: Folder, way: Way, number: int) -> int:
    """What the process ended with."""
    process = troubled.started()
    way.after = killing(process.pid, number, [])
    process.communicate(timeout=SECONDS)
    way.after = lambda _call: True
    return process.returncode


def test_a_first_deploy_killed_at_one_write_after_the_other_ends_well(
    troubled: Folder, way: Way, api: Api
) -> None:
    """Each run is killed at one of its next writes: the lease, and what the run before it had not come to."""
    ended = (killed_after(troubled, way, 2 + STRIDE) for _ in range(MOST_RUNS))
    killed = list(takewhile(lambda code: code == -signal.SIGKILL, ended))
    assert 1 < len(killed) < MOST_RUNS, "it was killed again and again, and came further each time"
    code, _, talk = troubled.run()
    assert code == 0, talk
    assert troubled.is_done()
    assert [each.revision for each in releases.history(api, "kvx")] == [1]
    assert all(api.find(each) for each in troubled.objects())
    assert not api.get(cluster_lease.path_of("kvx"))["spec"].get("holderIdentity")


def test_a_change_killed_at_any_of_its_writes_is_carried_out_by_the_next_run(
    troubled: Folder, way: Way, api: Api
) -> None:
    troubled.set('revisions_kept = 1\ncomponents = ["ingress"]')
    troubled.apply()
    number, killed, rounds = 1 - STRIDE, -signal.SIGKILL, 0
    while killed == -signal.SIGKILL:
        number, rounds = number + STRIDE, rounds + 1
        more = "" if rounds % 2 else 'components = ["ingress"]'
        troubled.set(f"revisions_kept = 1\n{more}", f"threads = {number + 1}")
        killed = killed_after(troubled, way, number)
        if killed == -signal.SIGKILL:
            troubled.apply()
        assert troubled.is_done(), f"killed after write {number}"
        assert names(api.list("/apis/networking.k8s.io/v1/namespaces/kvx/ingresses")) == (
            {"Ingress voice-api"} if more else set()
        )
        assert number < MOST_RUNS
    assert number > 6
    assert rounds > 2


def test_a_connection_that_is_cut_at_every_write_does_no_harm(troubled: Folder, way: Way, api: Api) -> None:
    """Where it may be sent again it is; else kvx says so, and the same command goes on."""
    cut: set[Call] = set()

    def after(call: Call) -> bool:
        """The first answer to each write is lost."""
        lost = call.writes and call not in cut
        cut.update({call} if lost else ())
        return not lost

    way.after = after
    said = list(takewhile(bool, (refused(troubled) for _ in range(MOST_RUNS))))
    assert said, "not every write may be sent again"
    assert all("broke off the connection" in each for each in said)
    way.after = lambda _call: True
    assert troubled.is_done()
    assert [each.revision for each in releases.history(api, "kvx")] == [1]


def refused(folder: Folder) -> str:
    """Why it could not be applied, nothing where it was; each time by a process, whose lease ends with it."""
    code, _, talk = folder.run()
    return talk if code else ""


def lease_of(api: Api, **spec: object) -> None:
    """Held by somebody on another machine."""
    now = datetime.datetime.now(datetime.UTC)
    times = {"acquireTime": f"{now:%Y-%m-%dT%H:%M:%S.%fZ}", "renewTime": f"{now:%Y-%m-%dT%H:%M:%S.%fZ}"}
    whole = {"holderIdentity": "ada@laptop, process 4711", "leaseDurationSeconds": 60, **times, **spec}
    metadata = {"name": "kvx", "namespace": "kvx", "annotations": {"kvx/host": "laptop", "kvx/token": "x"}}
    item = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": whole}
    api.delete(cluster_lease.path_of("kvx"))
    api.create("/apis/coordination.k8s.io/v1/namespaces/kvx/leases", item)


def test_a_cluster_that_another_kvx_applies_to_is_refused_with_its_name(folder: Folder, api: Api) -> None:
    folder.apply()
    folder.set(voice="threads = 2")
    lease_of(api)
    with pytest.raises(KvxError) as raised:
        folder.apply()
    assert "ada@laptop, process 4711, since 20" in raised.value.message
    assert "--wait-for-lock 600" in raised.value.fix
    assert raised.value.exit_code is ExitCode.MISSING
    assert len(releases.history(api, "kvx")) == 1
    assert not folder.is_done()


def test_a_lease_that_nobody_renewed_is_taken_over(folder: Folder, api: Api) -> None:
    folder.apply()
    folder.set(voice="threads = 2")
    lease_of(api, renewTime="2026-01-01T00:00:00.000000Z")
    folder.apply()
    assert folder.is_done()


def test_kvx_waits_for_another_as_long_as_it_is_told(folder: Folder, api: Api) -> None:
    folder.apply()
    folder.set("lease_wait_seconds = 60", "threads = 2")
    lease_of(api, leaseDurationSeconds=1)
    began = time.monotonic()
    folder.apply()
    assert time.monotonic() - began > 5, "it expires after its second, and ten for clocks that differ"
    assert folder.is_done()


def test_of_two_deploys_at_once_one_is_refused_with_the_name_of_the_other(
    folder: Folder, api: Api, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder.apply()
    other = Folder(tmp_path_factory.mktemp("other"), folder.kubeconfig)
    other.set(voice="threads = 3")
    folder.set(voice="threads = 2")
    refused: list[KvxError] = []

    class Meanwhile(Standing):
        def await_serving(self, *arguments: object, **named: object) -> dict[str, object]:
            with pytest.raises(KvxError) as raised:
                other.apply()
            refused.append(raised.value)
            return {}

    folder.apply(Meanwhile())
    assert f"process {os.getpid()}" in refused[0].message
    assert refused[0].exit_code is ExitCode.MISSING
    assert folder.is_done()
    other.apply()
    assert other.is_done()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_lease_is_heard_of_while_it_is_held_and_let_go_after(folder: Folder, api: Api) -> None:
    folder.apply()
    path = cluster_lease.path_of("kvx")
    with cluster_lease.held_lease(api, "kvx", 0, real_world(), renew_seconds=0.1) as held:
        first = api.get(path)["spec"]["renewTime"]
        until(lambda: api.get(path)["spec"]["renewTime"] > first)
        held.check()
    assert not api.get(path)["spec"].get("holderIdentity")


def test_a_lease_that_another_took_over_stops_the_next_write_and_stays_the_others(
    folder: Folder, api: Api
) -> None:
    folder.apply()
    with cluster_lease.held_lease(api, "kvx", 0, real_world(), renew_seconds=0.1) as held:
        lease_of(api)
        until(lambda: held.lost)
        with pytest.raises(KvxError, match="another kvx took it over"):
            held.check()
    assert api.get(cluster_lease.path_of("kvx"))["spec"]["holderIdentity"] == "ada@laptop, process 4711"
