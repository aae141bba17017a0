"""Before the first write: what is looked at, what stops a deploy, with which exit code, and what is kept."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from kvx.drivers import hetzner_placing
from kvx.drivers.hetzner_decision import digest_of, read_decision
from kvx.drivers.hetzner_placing import POLL_SECONDS, PreFlight, look
from kvx.errors import ExitCode, KvxError
from kvx.machines.fleet import Account, Fleet, Place
from kvx.machines.placement import Placement
from kvx.secret import Secret
from kvx.steps.machines import Limits, PlaceMachines

EVERYTHING = ["token", "places", "price", "image", "names", "limits", "quota", "requests"]
NO_ARM = [
    {"server_type": kind, "location": at} for kind in ("cax21", "cax31") for at in ("nbg1", "hel1", "fsn1")
]
NO_STOCK = [*NO_ARM, {"server_type": "cpx22", "location": "nbg1"}]


def state(found: PreFlight, name: str) -> str:
    (check,) = [each for each in found.checks if each.name == name]
    return check.state


def refused(found: PreFlight) -> KvxError:
    assert found.refusal is not None
    assert found.refusal.fix
    return found.refusal


def placing(folder: Path, account: Account, fleet: Fleet, **limits: object) -> PlaceMachines:
    return PlaceMachines(folder, account, fleet, Limits(**limits))  # type: ignore[arg-type]


def writes(hetzner) -> list[str]:
    """What was asked that is no reading, the question for the token left out."""
    return [
        f"{each['method']} {each['path']}"
        for each in hetzner.requests()
        if each["method"] != "GET" and each["path"] != "/ssh_keys"
    ]


def test_a_fleet_that_can_be_had_passes_every_check_without_a_write(hetzner, recorder, fleet) -> None:
    found = look(hetzner.account(), fleet, Limits(), recorder.world)
    assert [each.name for each in found.checks] == EVERYTHING
    assert {each.state for each in found.checks} == {"ok", "note"}
    assert found.refusal is None
    assert found.placement is not None
    assert found.estimate is not None
    assert found.estimate.monthly_net == Decimal("28.47")
    assert not writes(hetzner)
    assert len(hetzner.requests()) <= 20


def test_a_reading_token_is_refused_with_exit_code_3(hetzner, recorder, fleet) -> None:
    found = look(hetzner.account("readonly".ljust(64, "0")), fleet, Limits(), recorder.world)
    assert state(found, "token") == "missing"
    assert refused(found).exit_code is ExitCode.MISSING
    assert state(found, "places") == "ok"


@pytest.mark.parametrize("token", ["invalid".ljust(64, "0"), "short"])
def test_a_wrong_token_is_refused_and_the_prices_are_those_that_kvx_brings(
    hetzner, recorder, fleet, token
) -> None:
    found = look(hetzner.account(token), fleet, Limits(), recorder.world)
    assert refused(found).exit_code is ExitCode.MISSING
    assert found.source == "snapshot"
    assert found.estimate is not None


def test_without_a_token_the_snapshot_answers_and_says_its_age(recorder, fleet) -> None:
    found = look(Account(None), fleet, Limits(), recorder.world)
    assert refused(found).exit_code is ExitCode.MISSING
    (note,) = [each for each in found.checks if each.name == "catalogue"]
    assert "2026-09-19" in note.words
    assert "days old" in note.words
    assert found.placement is not None


def test_a_hetzner_that_does_not_answer_is_told(recorder, fleet) -> None:
    found = look(Account(Secret("x" * 64), "http://127.0.0.1:9/v1"), fleet, Limits(), recorder.world)
    assert state(found, "hetzner") == "missing"
    assert "does not answer" in refused(found).message
    assert found.estimate is not None


def test_the_next_fallback_is_taken_when_stock_is_gone(hetzner, recorder, fleet) -> None:
    hetzner.use(unavailable=NO_ARM)
    found = look(hetzner.account(), fleet, Limits(), recorder.world)
    assert found.placement is not None
    assert {str(each.place) for each in found.placement.nodes.values()} == {"cax11@nbg1", "cpx22@nbg1"}
    assert found.placement.architectures == ("amd64", "arm64")


def test_no_stock_anywhere_is_exit_code_5(hetzner, recorder, fleet) -> None:
    hetzner.use(unavailable=NO_STOCK)
    found = look(hetzner.account(), fleet, Limits(), recorder.world)
    assert refused(found).exit_code is ExitCode.NO_CAPACITY
    assert "cpx22@nbg1: out of stock" in refused(found).message
    assert found.has_no_room


def test_a_price_over_the_limit_is_exit_code_3(hetzner, recorder, fleet) -> None:
    for limit, passes in (("28.47", True), ("28.46", False)):
        found = look(hetzner.account(), fleet, Limits(Decimal(limit)), recorder.world)
        assert (found.refusal is None) is passes
    assert refused(found).exit_code is ExitCode.MISSING
    assert "28.47 EUR" in refused(found).message
    assert not found.has_no_room


def test_a_load_balancer_that_nobody_sells_is_wrong_usage(hetzner, recorder, fleet) -> None:
    balanced = replace(fleet, load_balancer=Place("lb11", "nbg1"))
    assert look(hetzner.account(), balanced, Limits(), recorder.world).refusal is None
    unheard_of = replace(fleet, load_balancer=Place("lb99", "nbg1"))
    found = look(hetzner.account(), unheard_of, Limits(), recorder.world)
    assert refused(found).exit_code is ExitCode.USAGE
    assert "lb31@nbg1" in refused(found).fix


def test_a_limit_cannot_be_held_when_a_price_is_unknown(hetzner, recorder, fleet) -> None:
    unpriced = replace(fleet, load_balancer=Place("lb99", "nbg1"))
    found = look(hetzner.account(), unpriced, Limits(Decimal(500)), recorder.world)
    assert refused(found).exit_code is ExitCode.INCOMPLETE


def test_a_name_that_somebody_else_has_stops_the_deploy(hetzner, recorder, fleet) -> None:
    hetzner.server("kvx-workers-1")
    found = look(hetzner.account(), fleet, Limits(), recorder.world)
    assert state(found, "names") == "missing"
    assert "server kvx-workers-1" in refused(found).message


def test_names_of_our_own_are_no_obstacle(hetzner, recorder, fleet) -> None:
    hetzner.server("kvx-workers-1", labels={"kvx/cluster": "kvx", "kvx/node": "workers-1"})
    assert look(hetzner.account(), fleet, Limits(), recorder.world).refusal is None


def test_few_requests_left_are_told_and_no_refusal(hetzner, recorder, fleet) -> None:
    hetzner.use(rate_limit={"remaining": 60})
    found = look(hetzner.account(), fleet, Limits(), recorder.world)
    assert found.refusal is None
    (check,) = [each for each in found.checks if each.name == "requests"]
    assert check.state == "note"
    assert "wait" in check.fix


def test_quota_is_said_to_be_unknown(hetzner, recorder, fleet) -> None:
    found = look(hetzner.account(), fleet, Limits(), recorder.world)
    (check,) = [each for each in found.checks if each.name == "quota"]
    assert "3 servers more than the 0" in check.words
    assert "Hetzner tells no program" in check.words


def test_the_decision_is_written_for_terraform(hetzner, recorder, fleet, tmp_path) -> None:
    step = placing(tmp_path / "hetzner", hetzner.account(), fleet)
    assert not hetzner_placing.is_done(step, recorder.world)
    outcome = hetzner_placing.perform(step, recorder.world)
    path = tmp_path / "hetzner" / "placement.json"
    document = json.loads(path.read_text())
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert document["schema"] == "kvx/placement/v1"
    assert document["nodes"]["workers-2"] == {"type": "cax21", "location": "nbg1", "architecture": "arm64"}
    assert document["monthly_net"] == "28.47"
    assert document["currency"] == "EUR"
    assert outcome.changed
    assert any("28.47 EUR" in line for line in outcome.lines)
    assert hetzner.account().token.reveal() not in path.read_text()
    assert Placement.from_json(document) == read_decision(step.folder).placement


def test_a_decision_is_made_once_and_looked_at_again_later(hetzner, recorder, fleet, tmp_path) -> None:
    step = placing(tmp_path, hetzner.account(), fleet)
    hetzner_placing.perform(step, recorder.world)
    assert hetzner_placing.is_done(step, recorder.world)
    recorder.passed[0] += 3600
    assert not hetzner_placing.is_done(step, recorder.world)
    assert not hetzner_placing.perform(step, recorder.world).changed


@pytest.mark.parametrize(
    "more", [{"limits": Limits(Decimal(99))}, {"account": Account(None, "https://x/v1")}]
)
def test_another_wish_is_decided_anew(hetzner, recorder, fleet, tmp_path, more) -> None:
    step = placing(tmp_path, hetzner.account(), fleet)
    hetzner_placing.perform(step, recorder.world)
    assert not hetzner_placing.is_done(replace(step, **more), recorder.world)
    assert not hetzner_placing.is_done(replace(step, fleet=replace(fleet, image="debian-13")), recorder.world)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": "kvx/placement/v2"}', '{"schema": 1}'])
def test_a_damaged_decision_is_decided_anew(hetzner, recorder, fleet, tmp_path, content) -> None:
    step = placing(tmp_path, hetzner.account(), fleet)
    (tmp_path / "placement.json").write_text(content)
    assert not hetzner_placing.is_done(step, recorder.world)
    assert hetzner_placing.perform(step, recorder.world).changed


def test_another_token_is_the_same_decision(fleet) -> None:
    digests = {digest_of(Account(Secret(c * 64)), fleet, Limits()) for c in "ab"}
    assert len(digests) == 1


def test_no_stock_is_waited_for_only_as_long_as_allowed(hetzner, recorder, fleet, tmp_path) -> None:
    hetzner.use(unavailable=NO_STOCK)
    step = placing(tmp_path, hetzner.account(), fleet, wait_for_capacity_seconds=120.0)
    with pytest.raises(KvxError) as refusal:
        hetzner_placing.perform(step, recorder.world)
    assert refusal.value.exit_code is ExitCode.NO_CAPACITY
    looks = [each for each in hetzner.requests() if each["path"] == "/server_types"]
    assert 2 < len(looks) <= 1 + 120 / POLL_SECONDS
    assert 120 - 2 * POLL_SECONDS < sum(recorder.slept) <= 120
    assert any("looking again in 30 s" in words for words in recorder.told)
    assert not (tmp_path / "placement.json").exists()


def test_without_waiting_no_stock_is_told_at_once(hetzner, recorder, fleet, tmp_path) -> None:
    hetzner.use(unavailable=NO_STOCK)
    with pytest.raises(KvxError):
        hetzner_placing.perform(placing(tmp_path, hetzner.account(), fleet), recorder.world)
    assert not recorder.slept


def test_stock_that_comes_back_is_taken(hetzner, recorder, fleet, tmp_path) -> None:
    hetzner.use(unavailable=NO_STOCK)
    step = placing(tmp_path, hetzner.account(), fleet, wait_for_capacity_seconds=600.0)

    def comes_back(words: str) -> None:
        if "looking again" in words:
            hetzner.use()

    outcome = hetzner_placing.perform(step, replace(recorder.world, progress=comes_back))
    assert outcome.data["nodes"]["workers-1"]["type"] == "cax21"


def test_waiting_helps_nothing_but_stock(hetzner, recorder, fleet, tmp_path) -> None:
    step = placing(
        tmp_path, hetzner.account(), fleet, max_monthly=Decimal(1), wait_for_capacity_seconds=600.0
    )
    with pytest.raises(KvxError):
        hetzner_placing.perform(step, recorder.world)
    assert not recorder.slept


def test_a_place_refused_while_applying_is_kept_out_of_the_next_decision(hetzner, recorder, fleet) -> None:
    crossed_out = frozenset({Place("cax21", "nbg1")})
    found = look(hetzner.account(), fleet, Limits(), recorder.world, crossed_out)
    assert found.placement is not None
    assert str(found.placement.nodes["workers-1"].place) == "cax21@hel1"
