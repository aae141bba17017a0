"""kvx asks the simulated Hetzner through Hetzner's own client: what it learns, and how it waits."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from kvx.drivers.hetzner import Hetzner
from kvx.drivers.hetzner_calls import ATTEMPTS, CALL_SECONDS, RefusalError
from kvx.errors import ExitCode, KvxError
from kvx.machines.fleet import Account, Place
from kvx.secret import Secret

OURS = {"kvx/cluster": "kvx"}


def test_the_catalogue_knows_types_stock_images_and_zones(hetzner, recorder) -> None:
    hetzner.use(unavailable=[{"server_type": "cax21", "location": "nbg1"}])
    found = Hetzner(hetzner.account(), recorder.world).catalogue()
    assert found.server_types["cax21"].architecture == "arm"
    assert found.server_types["cax21"].locations == {"fsn1": True, "nbg1": False, "hel1": True}
    assert found.server_types["cpx22"].architecture == "x86"
    assert found.locations["nbg1"] == "eu-central"
    assert found.locations["ash"] != "eu-central"
    assert found.images is not None
    assert {("debian-12", "arm"), ("debian-12", "x86")} <= found.images


def test_the_prices_are_those_of_the_api(hetzner, recorder) -> None:
    prices = Hetzner(hetzner.account(), recorder.world).prices()
    monthly = prices.server(Place("cax21", "nbg1")).monthly
    assert monthly is not None
    assert monthly.net == Decimal("10.49")
    assert prices.source == "hetzner"
    assert prices.date == time.strftime("%Y-%m-%d", time.gmtime())


def test_everything_that_lives_is_found_with_its_price_and_its_ties(hetzner, recorder) -> None:
    subnet = {"type": "cloud", "network_zone": "eu-central", "ip_range": "10.0.0.0/20"}
    network = hetzner.make("networks", "kvx", ip_range="10.0.0.0/16", subnets=[subnet], labels=OURS)
    server = hetzner.server("kvx-workers-1", networks=[network], labels={**OURS, "kvx/node": "workers-1"})
    volume = hetzner.make("volumes", "pvc-1", size=50, server=server)
    hetzner.make("load_balancers", "kvx", load_balancer_type="lb11", location="nbg1", network=network)
    live = Hetzner(hetzner.account(), recorder.world).live("kvx")
    found = {(each.kind, each.name): each for each in live.resources}
    node = live.nodes["workers-1"]
    assert (node.id, str(node.place), node.architecture, node.size_gb) == (server, "cax21@nbg1", "arm", 80)
    assert node.monthly_net == Decimal("10.49")
    assert node.is_attached(found["network", "kvx"])
    assert found["network", "kvx"].ranges == ("10.0.0.0/20",)
    assert found["volume", "pvc-1"].id == volume
    assert found["volume", "pvc-1"].attached_to == frozenset({("server", server)})
    assert found["volume", "pvc-1"].monthly_net == Decimal("2.86")
    assert found["load_balancer", "kvx"].is_attached(found["network", "kvx"])
    assert found["load_balancer", "kvx"].monthly_net == Decimal("7.49")
    assert {each.name for each in live.ours} == {"kvx", "kvx-workers-1"}
    assert sum(1 for each in live.of("primary_ip")) == 2


def test_a_list_of_many_pages_is_read_to_its_end(hetzner, recorder) -> None:
    for number in range(60):
        hetzner.make("networks", f"network-{number}", ip_range="10.0.0.0/16")
    live = Hetzner(hetzner.account(), recorder.world).live("kvx")
    assert sum(1 for _ in live.of("network")) == 60


@pytest.mark.parametrize(("token", "writes"), [("w" * 64, True), ("readonly".ljust(64, "0"), False)])
def test_whether_the_token_may_write_is_found_out_without_writing(hetzner, recorder, token, writes) -> None:
    assert Hetzner(hetzner.account(token), recorder.world).may_write() is writes
    assert hetzner.names("ssh_keys") == set()


def test_a_token_that_hetzner_does_not_know_is_refused(hetzner, recorder) -> None:
    token = "invalid".ljust(64, "0")
    with pytest.raises(KvxError, match="does not know the token") as refusal:
        Hetzner(hetzner.account(token), recorder.world).may_write()
    assert refusal.value.exit_code is ExitCode.MISSING
    assert token not in refusal.value.message + refusal.value.fix


@pytest.mark.parametrize(
    "token", ["", "short", "x" * 63, "x" * 65, "ä" * 64, "x" * 63 + "\n", "x" * 32 + " " + "x" * 31]
)
def test_what_can_be_no_token_is_refused_before_it_is_sent(hetzner, recorder, token) -> None:
    with pytest.raises(KvxError) as refusal:
        Hetzner(hetzner.account(token), recorder.world)
    assert refusal.value.exit_code is ExitCode.MISSING
    assert not hetzner.requests()
    assert not token.strip() or token.strip() not in refusal.value.message


def test_the_token_is_in_no_word_of_a_failure_and_in_no_representation(recorder) -> None:
    token = "canary".ljust(64, "7")
    edge = Hetzner(Account(Secret(token), "http://127.0.0.1:9/v1"), recorder.world)
    with pytest.raises(KvxError) as refusal:
        edge.catalogue()
    shown = f"{refusal.value!r} {refusal.value.message} {refusal.value.fix} {edge!r} {vars(edge)!r}"
    assert token not in shown
    assert "127.0.0.1:9 does not answer" in shown
    assert refusal.value.__cause__ is None
    assert sum(recorder.slept) < 5


@pytest.mark.parametrize("code", ["conflict", "locked", "timeout", "server_error", "bad_gateway"])
def test_what_passes_by_itself_is_repeated(hetzner, recorder, code) -> None:
    hetzner.use(faults=[{"kind": "refuse", "path": "/locations", "code": code, "times": 2}])
    assert Hetzner(hetzner.account(), recorder.world).catalogue().locations
    assert len(asked(hetzner, "/locations")) == 3
    assert 0 < sum(recorder.slept) < CALL_SECONDS


@pytest.mark.parametrize("code", ["invalid_input", "forbidden", "not_found", "maintenance", "unheard_of"])
def test_what_fails_again_is_asked_once(hetzner, recorder, code) -> None:
    fault = {"kind": "refuse", "path": "/locations", "code": code, "status": 400, "times": "always"}
    hetzner.use(faults=[fault])
    with pytest.raises(RefusalError, match="correlation id"):
        Hetzner(hetzner.account(), recorder.world).catalogue()
    assert len(asked(hetzner, "/locations")) == 1


def test_repeating_ends_and_tells_the_correlation_id(hetzner, recorder) -> None:
    hetzner.use(faults=[{"kind": "refuse", "path": "/locations", "code": "server_error", "times": "always"}])
    with pytest.raises(RefusalError) as refusal:
        Hetzner(hetzner.account(), recorder.world).catalogue()
    calls = asked(hetzner, "/locations")
    assert 2 < len(calls) <= ATTEMPTS
    assert calls[-1]["correlation_id"] in refusal.value.message
    assert sum(recorder.slept) <= CALL_SECONDS + 1


@pytest.mark.parametrize("kind", ["cut_before_write", "cut_after_write"])
def test_a_cut_connection_is_asked_again(hetzner, recorder, kind) -> None:
    hetzner.use(faults=[{"kind": kind, "path": "/locations", "times": 2}])
    assert Hetzner(hetzner.account(), recorder.world).catalogue().locations


def test_too_many_requests_wait_until_the_limit_is_lifted(hetzner, recorder) -> None:
    """The bucket is empty and fills with the clock of the simulation: here one call is let through later."""
    hetzner.use(faults=[{"kind": "refuse", "path": "/locations", "code": "rate_limit_exceeded", "times": 2}])
    edge = Hetzner(hetzner.account(), recorder.world)
    assert edge.catalogue().locations
    assert any("too many requests" in words for words in recorder.told)
    assert sum(recorder.slept) >= 2
    assert len(asked(hetzner, "/locations")) == 3


def test_an_empty_budget_does_not_become_a_storm(hetzner, recorder) -> None:
    """The limit is lifted in days: it is asked once more when the time for the call is up."""
    hetzner.use(rate_limit={"limit": 100, "remaining": 1, "per_second": 0.0001})
    with pytest.raises(RefusalError, match="too many requests"):
        Hetzner(hetzner.account(), recorder.world).catalogue()
    assert [each["status"] for each in hetzner.requests()] == [200, 429, 429]
    assert CALL_SECONDS - 30 <= sum(recorder.slept) <= CALL_SECONDS + 1


def test_the_budget_that_is_left_is_known(hetzner, recorder) -> None:
    edge = Hetzner(hetzner.account(), recorder.world)
    assert edge.budget_left is None
    edge.catalogue()
    assert edge.budget_left is not None
    assert 3500 < edge.budget_left < 3600


def test_an_answer_that_is_none_of_hetzners_is_told(recorder) -> None:
    with (
        a_web_page() as address,
        pytest.raises(KvxError, match="does not answer as Hetzner's API") as refusal,
    ):
        Hetzner(Account(Secret("x" * 64), address), recorder.world).catalogue()
    assert "HCLOUD_ENDPOINT" in refusal.value.fix


def test_a_wish_to_stop_ends_the_waiting(hetzner, recorder) -> None:
    hetzner.use(faults=[{"kind": "refuse", "path": "/locations", "code": "locked", "times": "always"}])
    world = replace(recorder.world, stop_requested=lambda: bool(recorder.slept))
    with pytest.raises(KvxError) as refusal:
        Hetzner(hetzner.account(), world).catalogue()
    assert refusal.value.exit_code is ExitCode.INTERRUPTED
    assert sum(recorder.slept) < 1


def test_a_server_is_switched_off_and_on(hetzner, recorder) -> None:
    hetzner.server("kvx-1", labels=OURS)
    edge = Hetzner(hetzner.account(), recorder.world)
    (server,) = edge.live("kvx").our("server")
    assert server.status == "running"
    edge.power_off(server)
    assert [each.status for each in edge.live("kvx").our("server")] == ["off"]
    edge.power_on(server)
    assert [each.status for each in edge.live("kvx").our("server")] == ["running"]


def test_an_action_that_fails_is_told_with_its_code(hetzner, recorder) -> None:
    hetzner.server("kvx-1", labels=OURS)
    edge = Hetzner(hetzner.account(), recorder.world)
    (server,) = edge.live("kvx").our("server")
    fault = {"kind": "action_fails", "path": "*/poweroff", "code": "maintenance", "message": "host broken"}
    hetzner.use(faults=[fault])
    with pytest.raises(RefusalError, match=r"could not power off server kvx-1.*host broken"):
        edge.power_off(server)


def test_an_action_that_never_ends_is_given_up(hetzner, recorder) -> None:
    hetzner.server("kvx-1", labels=OURS)
    edge = Hetzner(hetzner.account(), recorder.world)
    (server,) = edge.live("kvx").our("server")
    hetzner.use(faults=[{"kind": "action_never_ends", "path": "*/poweroff"}])
    with pytest.raises(KvxError, match="did not end it within"):
        edge.power_off(server)
    assert len(asked(hetzner, "/actions")) < 25


def test_what_is_gone_already_is_deleted(hetzner, recorder) -> None:
    hetzner.server("kvx-1", labels=OURS)
    edge = Hetzner(hetzner.account(), recorder.world)
    (server,) = edge.live("kvx").our("server")
    hetzner.use(faults=[{"kind": "cut_after_write", "method": "DELETE"}])
    edge.delete(server)
    edge.delete(server)
    assert hetzner.names("servers") == set()


def asked(hetzner, path: str) -> list[dict[str, object]]:
    return [each for each in hetzner.requests() if each["path"] == path]


class Page(BaseHTTPRequestHandler):
    """Answers everything with a page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>welcome</html>")

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def a_web_page() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
