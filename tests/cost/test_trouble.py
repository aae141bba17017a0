"""Hetzner does not answer, says too little, or has no price: the last good report stands, and it is said."""

import importlib.util
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kvx.cost.bill import bill
from kvx.cost.times import Month
from kvx.drivers import costing
from kvx.drivers.costing import Known
from kvx.errors import ExitCode, KvxError
from kvx.machines.fleet import Account
from kvx.secret import Secret
from kvx.world import World, real_world

NOVEMBER = Month(2026, 11)
BEGIN = NOVEMBER.begin + 86_400


def _month() -> ModuleType:
    """month.py beside this file."""
    spec = importlib.util.spec_from_file_location("cost_month", Path(__file__).with_name("month.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["cost_month"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MONTH = _month()


def hurried(world: World) -> World:
    """Waiting takes no time, and has its length."""
    passed = [0.0]

    def sleep(seconds: float) -> None:
        passed[0] += seconds

    return replace(world, sleep=sleep, monotonic=lambda: real_world().monotonic() + passed[0])


def look(on: Any, folder: Path) -> Known:
    return costing.known(on.account, folder / "hetzner", NOVEMBER, hurried(on.world))


def net(known: Known) -> Decimal | None:
    return bill(known.histories, NOVEMBER, known.until, None).net


@contextmanager
def with_a_server(folder: Path) -> Iterator[Any]:
    """A project with a server that was looked at an hour after it was made."""
    with MONTH.project(folder, BEGIN) as on:
        on.send("POST", "/servers", name="a", server_type="cax11", image="debian-12", location="nbg1")
        on.clock.now += 3600
        assert look(on, folder).stale is None
        on.clock.now += 7200
        yield on


FAULTS: dict[str, dict[str, Any]] = {
    "an outage": {"kind": "refuse", "code": "server_error", "path": "/servers"},
    "too many requests": {"kind": "refuse", "code": "rate_limit_exceeded", "path": "/volumes"},
    "no price list": {"kind": "refuse", "code": "unavailable", "path": "/pricing"},
    "a connection that is cut": {"kind": "cut_before_write", "path": "/primary_ips"},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_the_last_good_report_stands_and_says_why_in_one_line(fault: dict[str, Any], tmp_path: Path) -> None:
    with with_a_server(tmp_path) as on:
        before = costing.cost_ledger.read(tmp_path / "cost", 0)
        on.answering.use(json.dumps({"faults": [fault | {"times": "always"}]}))
        on.send("DELETE", f"/servers/{on.all('server')[0]['id']}") if fault["path"] != "/servers" else None
        found = look(on, tmp_path)
        assert found.stale is not None
        assert found.stale.exit_code is ExitCode.INCOMPLETE
        assert "this is as of 2026-11-02T01:00:00Z" in found.stale.message
        assert "\n" not in found.stale.message
        assert found.until == BEGIN + 3600
        # one hour of a cax11 and of its address
        assert net(found) == Decimal("0.0104")
        assert costing.cost_ledger.read(tmp_path / "cost", 0) == before


def test_without_any_look_before_the_failure_itself_is_told(tmp_path: Path) -> None:
    account = Account(Secret("t" * 64), "http://127.0.0.1:9/v1")
    with pytest.raises(KvxError, match="does not answer"):
        costing.known(account, tmp_path / "hetzner", NOVEMBER, hurried(real_world()))


def test_a_failure_on_the_second_page_writes_nothing(tmp_path: Path) -> None:
    with with_a_server(tmp_path) as on:
        for number in range(60):
            on.send("POST", "/primary_ips", name=f"ip{number}", type="ipv4", location="nbg1")
        fault = {
            "kind": "refuse",
            "code": "server_error",
            "path": "/primary_ips",
            "after": 1,
            "times": "always",
        }
        on.answering.use(json.dumps({"faults": [fault]}))
        assert look(on, tmp_path).stale is not None
        assert len(costing.cost_ledger.read(tmp_path / "cost", 0).histories) == 3
        on.answering.use("{}")
        assert len(look(on, tmp_path).histories) == 63


def test_a_type_without_a_price_is_written_down_and_leaves_no_total(tmp_path: Path) -> None:
    with with_a_server(tmp_path) as on:
        on.send("POST", "/servers", name="b", server_type="cax21", image="debian-12", location="nbg1")
        snapshot = on.answering.snapshot
        types = [each for each in snapshot["pricing"]["server_types"] if each["name"] != "cax21"]
        on.answering.snapshot = {**snapshot, "pricing": {**snapshot["pricing"], "server_types": types}}
        on.clock.now += 60
        found = look(on, tmp_path)
        assert found.stale is None
        assert net(found) is None
        on.answering.snapshot = snapshot
        on.clock.now += 60
        assert net(look(on, tmp_path)) is not None


def test_a_clock_that_is_days_off_writes_nothing(tmp_path: Path) -> None:
    """Hetzner's answers carry the real time, and this world thinks that it is the second of November."""
    with (
        MONTH.project(tmp_path, BEGIN, tells_time=True) as on,
        pytest.raises(KvxError, match="clock") as refusal,
    ):
        look(on, tmp_path)
    assert refusal.value.exit_code is ExitCode.INCOMPLETE
    assert costing.cost_ledger.read(tmp_path / "cost", 0).looked_at is None


class TooFew(BaseHTTPRequestHandler):
    """Says that there are three servers, and gives one."""

    def do_GET(self) -> None:
        entries = [{"id": 1, "name": "a", "created": "2026-11-01T00:00:00Z"}]
        pagination = {"page": 1, "next_page": None, "total_entries": 3}
        body = json.dumps({"servers": entries, "meta": {"pagination": pagination}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_a_list_that_is_shorter_than_it_says_is_no_list(tmp_path: Path) -> None:
    server = HTTPServer(("127.0.0.1", 0), TooFew)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        account = Account(Secret("t" * 64), f"http://127.0.0.1:{server.server_port}/v1")
        with pytest.raises(KvxError, match="1 servers of 3"):
            costing.known(account, tmp_path / "hetzner", NOVEMBER, hurried(real_world()))
    finally:
        server.shutdown()
        server.server_close()


def test_a_ledger_is_of_one_account_and_outlives_a_cleanup(tmp_path: Path) -> None:
    """A cleanup takes away the deployment's folder; a rehearsal's ledger is not gone on with for real."""
    with with_a_server(tmp_path) as on:
        assert not (tmp_path / "hetzner").is_dir() or not list((tmp_path / "hetzner").glob("*ledger*"))
        assert (tmp_path / "cost" / "ledger.sqlite").exists()
        real = Account(Secret("t" * 64))
        with pytest.raises(KvxError, match="a simulation") as refusal:
            costing.known(real, tmp_path / "hetzner", NOVEMBER, hurried(on.world))
        assert refusal.value.exit_code is ExitCode.MISSING
