"""Every row of the table of refusals, provoked: the right exit code, no endless loop, few requests."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kvx.errors import ExitCode, KvxError
from kvx.machines.fleet import Place, Pool
from kvx.machines.refusals import TABLE
from kvx.world import World

pytestmark = [pytest.mark.needs("terraform", "hcloud-provider"), pytest.mark.timeout(240)]

ALONE = (Pool("control-plane", 1, (Place("cax11", "nbg1"), Place("cax11", "hel1"), Place("cax21", "nbg1"))),)
# hcloud-go repeats these itself, five times with growing pauses: half a minute for each.
REPEATED_BY_THE_PROVIDER = ("rate_limit_exceeded", "conflict", "timeout", "bad_gateway")
MOST_REQUESTS = 300
# Pauses of kvx pass faster, Terraform does not: much more, and it has no time to plan or to end in order.
HURRY = 4


def batched(codes: list[str], size: int) -> list[tuple[str, ...]]:
    """In groups of that size; the last group is filled up from the front."""
    whole = [*codes, *codes[: -len(codes) % size]]
    return [tuple(whole[start : start + size]) for start in range(0, len(whole), size)]


TRANSIENT = [
    code
    for code, row in TABLE.items()
    if row.kind in ("transient", "already") and code not in REPEATED_BY_THE_PROVIDER
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, make_cluster: Any) -> Iterator[Any]:
    """One cluster for all refusals: none of them lets its server be made."""
    yield from make_cluster(tmp_path_factory.mktemp("refusals"), pools=ALONE)


def in_a_hurry(said: list[str]) -> World:
    """A world in which pauses and deadlines pass four times as fast."""
    return World(
        now=time.time,
        monotonic=lambda: time.monotonic() * HURRY,
        sleep=lambda seconds: time.sleep(seconds / HURRY),
        progress=said.append,
        stop_requested=lambda: False,
    )


def refused(cluster: Any, **scenario: Any) -> tuple[KvxError, list[dict[str, Any]]]:
    """What a deploy ends with under this scenario, and the requests it made."""
    cluster.simulation.scenario(**scenario)
    before = len(cluster.simulation.requests())
    cluster.world = in_a_hurry(cluster.said)
    with pytest.raises(KvxError) as error:
        cluster.deploy()
    cluster.simulation.scenario()
    requests = cluster.simulation.requests()[before:]
    assert len(requests) < MOST_REQUESTS
    return error.value, requests


def orders(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in requests if each["method"] == "POST" and each["path"].endswith("/servers")]


def always(code: str, **more: Any) -> dict[str, Any]:
    """Every server that is ordered is refused with that code."""
    message = f"the words of {code}"
    fault = {"kind": "refuse", "method": "POST", "path": "/servers", "code": code, "times": "always"}
    return {"faults": [{"message": message, **fault, **more}]}


@pytest.mark.parametrize("code", [code for code, row in TABLE.items() if row.kind == "permanent"])
def test_what_is_refused_for_good_is_asked_for_once(shared: Any, code: str) -> None:
    error, requests = refused(shared, **always(code))
    assert error.exit_code is TABLE[code].exit_code
    assert error.fix == TABLE[code].fix
    assert len(orders(requests)) == 1
    assert orders(requests)[0]["correlation_id"] in error.message


@pytest.mark.parametrize("code", [code for code, row in TABLE.items() if row.kind == "quota"])
def test_a_limit_of_the_account_is_asked_for_once(shared: Any, code: str) -> None:
    error, requests = refused(shared, **always(code))
    assert error.exit_code is ExitCode.NO_CAPACITY
    assert len(orders(requests)) == 1


@pytest.mark.parametrize("code", [code for code, row in TABLE.items() if row.kind == "capacity"])
def test_without_stock_each_place_is_tried_once(shared: Any, code: str) -> None:
    (shared.folder / "placement.json").unlink(missing_ok=True)
    error, requests = refused(shared, **always(code))
    assert error.exit_code is ExitCode.NO_CAPACITY
    assert len(orders(requests)) == len(ALONE[0].places)


@pytest.mark.parametrize("codes", batched(TRANSIENT, 4), ids="-".join)
def test_what_may_pass_is_tried_four_times(shared: Any, codes: tuple[str, ...]) -> None:
    """Each try meets another of them; the last one is told."""
    faults = [
        {
            "kind": "refuse",
            "method": "POST",
            "path": "/servers",
            "code": code,
            "after": number,
            "message": code,
        }
        for number, code in enumerate(codes)
    ]
    error, requests = refused(shared, faults=faults)
    assert [each["code"] for each in orders(requests)] == list(codes)
    assert error.exit_code is TABLE[codes[-1]].exit_code
    assert orders(requests)[-1]["correlation_id"] in error.message


def test_a_load_balancer_without_stock_is_asked_for_once(cluster: Any) -> None:
    """It has no other place that could be tried, and the machines stay as they are."""
    cluster.wants(pools=ALONE, load_balancer=Place("lb11", "nbg1"))
    fault = {"kind": "refuse", "method": "POST", "path": "/load_balancers", "code": "resource_unavailable"}
    error, requests = refused(cluster, faults=[fault | {"times": "always", "message": "none left"}])
    assert error.exit_code is ExitCode.NO_CAPACITY
    asked = [each for each in requests if each["method"] == "POST" and "/load_balancers" in each["path"]]
    assert len(asked) == 1
    assert len(cluster.simulation.resources("server")) == 1


def test_a_full_placement_group_is_not_taken_for_a_failing_service(shared: Any) -> None:
    words = "placement group contains already 10 servers"
    error, requests = refused(shared, **always("service_error", message=words))
    assert len(orders(requests)) == 1
    assert "delete unused placement groups" in error.fix


def test_a_taken_name_that_nobody_has_is_tried_twice(shared: Any) -> None:
    error, requests = refused(shared, **always("uniqueness_error"))
    assert error.exit_code is ExitCode.FAILED
    assert len(orders(requests)) == 2


def test_what_the_provider_repeats_itself_is_tried_again_by_kvx_when_it_gives_up(
    tmp_path: Path, make_cluster: Any
) -> None:
    """A cluster for each of the four, all at once: most of it is waiting."""
    with ThreadPoolExecutor(len(REPEATED_BY_THE_PROVIDER)) as threads:
        list(threads.map(lambda code: tried_again(tmp_path, make_cluster, code), REPEATED_BY_THE_PROVIDER))


def tried_again(place: Path, make_cluster: Any, code: str) -> None:
    """Six refusals are one more than hcloud-go bears; the second apply of kvx meets none."""
    folder = place / code
    folder.mkdir()
    with contextmanager(make_cluster)(folder, pools=ALONE) as cluster:
        cluster.simulation.scenario(**always(code, times=6))
        cluster.deploy()
        cluster.is_whole()
        assert len(orders(cluster.simulation.requests())) == 7, code
        assert len([line for line in cluster.said if "trying again" in line]) == 1, code


def test_a_limit_on_requests_is_waited_for(cluster: Any) -> None:
    cluster.wants(pools=ALONE)
    cluster.simulation.scenario(**always("rate_limit_exceeded", times=2))
    cluster.deploy()
    cluster.is_whole()


@pytest.mark.parametrize("kind", ["cut_before_write", "cut_after_write"])
def test_a_connection_that_is_cut_makes_no_second_machine(cluster: Any, kind: str) -> None:
    fault = {"kind": kind, "method": "POST", "path": "/servers", "times": 2}
    cluster.simulation.scenario(faults=[fault])
    cluster.deploy()
    cluster.is_whole()


def test_a_network_that_was_made_unseen_is_adopted(cluster: Any) -> None:
    faults = [
        {"kind": "cut_after_write", "method": "POST", "path": path} for path in ("/networks", "/firewalls")
    ]
    cluster.simulation.scenario(faults=faults)
    cluster.deploy()
    cluster.is_whole()


def test_a_server_whose_making_fails_is_made_anew(cluster: Any) -> None:
    fault = {"kind": "action_fails", "method": "POST", "path": "/servers", "code": "server_error"}
    cluster.simulation.scenario(faults=[fault | {"message": "it did not work"}])
    cluster.world = in_a_hurry(cluster.said)
    cluster.deploy()
    cluster.is_whole()


def test_a_making_that_never_ends_is_given_up_and_made_anew(cluster: Any) -> None:
    cluster.wants(pools=ALONE)
    cluster.apply_seconds = 120
    error, _ = refused(cluster, faults=[{"kind": "action_never_ends", "method": "POST", "path": "/servers"}])
    assert error.exit_code is ExitCode.INCOMPLETE
    cluster.apply_seconds = 2400
    cluster.deploy()
    cluster.is_whole()


def test_without_stock_the_next_place_is_taken_and_kept(cluster: Any) -> None:
    gone = {"kind": "stock_gone", "method": "POST", "path": "/servers", "times": "always"}
    gone["body"] = {"server_type": "cax21", "location": "nbg1"}
    cluster.simulation.scenario(faults=[gone])
    cluster.deploy()
    cluster.is_whole()
    places = {each["name"]: each["location"] for each in cluster.simulation.resources("server")}
    assert places["kvx-control-plane-1"] == "nbg1"
    assert {places["kvx-workers-1"], places["kvx-workers-2"]} <= {"hel1", "nbg1"}
    cluster.simulation.scenario()
    assert cluster.deploy() == []


def test_a_token_that_may_only_read_is_refused_before_anything_is_made(cluster: Any) -> None:
    error, requests = refused(cluster, token_is_readonly=True)
    assert error.exit_code is ExitCode.MISSING
    assert not orders(requests)


def test_a_server_that_cannot_be_reached_ends_the_deploy(cluster: Any) -> None:
    cluster.deploy()
    (cluster.workspace / "plan.json").unlink(missing_ok=True)
    cluster.simulation.stop()
    cluster.world = in_a_hurry(cluster.said)
    with pytest.raises(KvxError):
        cluster.deploy()
    cluster.simulation.start()
    assert Path(cluster.state_file).exists()
