"""What a change costs before it is made, from kvx's own plan and from anybody's; and where it is stopped."""

import importlib.util
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kvx.commands.cost_change import change_lines, change_markdown
from kvx.cost.ceiling import ceiling
from kvx.cost.change import Change, change, present_of, wanted_of
from kvx.cost.history import History
from kvx.cost.prices import Money, Prices, Rate, snapshot
from kvx.cost.terraform_plan import priced_plan
from kvx.errors import ExitCode, KvxError
from kvx.machines.catalogue import ServerType
from kvx.machines.fleet import CLUSTER_LABEL, NODE_LABEL, Fleet, Place, Pool
from kvx.machines.placement import Placed, Placement


def _histories() -> ModuleType:
    """histories.py beside this file."""
    spec = importlib.util.spec_from_file_location("cost_histories", Path(__file__).with_name("histories.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["cost_histories"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


W = _histories()
LIST = snapshot()
OLD = Rate(Money(Decimal("7.00"), Decimal("8.33")), Money(Decimal("0.0112"), Decimal("0.0133")))


def fleet(type_name: str = "cax21", workers: int = 2) -> Fleet:
    pools = (Pool("workers", workers, (Place(type_name, "nbg1"),)),)
    return Fleet("kvx", pools, load_balancer=None)


def standing(key: str, kind: str, what: str, rate: Rate | None = None) -> History:
    found = W.made(kind, W.spell(kind, what, "11-01 00:00", None, rate=rate))
    return replace(found, labels={CLUSTER_LABEL: "kvx", NODE_LABEL: key})  # type: ignore[no-any-return]


STANDING = (
    standing("workers-1", "server", "cax21", OLD),
    standing("workers-1", "primary_ip", "ipv4"),
)


def changed(wanted: Fleet, prices: Prices = LIST) -> Change:
    placed = {node.key: Placed(node.pool.places[0], "arm") for node in wanted.nodes}
    return change(present_of(STANDING, "kvx"), wanted_of(wanted, Placement(placed)), prices)


def test_what_stays_keeps_its_price_and_what_is_new_takes_the_lists() -> None:
    found = changed(fleet())
    assert (found.before, found.after, found.increase) == (
        Decimal("7.50"),
        Decimal("18.49"),
        Decimal("10.99"),
    )
    assert found.lost == 0


def test_a_rescale_gives_up_the_older_price() -> None:
    """cax31 for 20.99 instead of the 7.00 that the cax21 was ordered at; its list price is 10.49."""
    found = changed(fleet("cax31", workers=1))
    assert found.increase == Decimal("13.99")
    assert found.lost == Decimal("3.49")
    assert any("Older prices are given up" in line for line in change_lines(found))


def test_what_goes_saves_what_it_was_ordered_at() -> None:
    assert changed(fleet(workers=0)).increase == Decimal("-7.50")


@pytest.mark.parametrize(
    ("max_monthly", "max_increase", "code"),
    [
        (None, None, None),
        ("18.49", "10.99", None),
        ("18.48", None, ExitCode.MISSING),
        (None, "10.98", ExitCode.MISSING),
    ],
)
def test_a_bound_stops_what_is_over_it(
    max_monthly: str | None, max_increase: str | None, code: ExitCode | None
) -> None:
    bounds = [None if each is None else Decimal(each) for each in (max_monthly, max_increase)]
    if code is None:
        changed(fleet()).check(*bounds)
        return
    with pytest.raises(KvxError, match="more than the") as refusal:
        changed(fleet()).check(*bounds)
    assert refusal.value.exit_code is code


def test_a_bound_over_an_unknown_price_is_exit_code_4() -> None:
    found = changed(fleet("cax99"))
    assert (found.after, found.increase) == (None, None)
    found.check(None, None)
    with pytest.raises(KvxError, match="not known") as refusal:
        found.check(Decimal(1000), None)
    assert refusal.value.exit_code is ExitCode.INCOMPLETE


def resource(type_name: str, before: Any, after: Any, address: str = "x") -> dict[str, Any]:
    return {
        "address": address,
        "mode": "managed",
        "type": type_name,
        "change": {"before": before, "after": after},
    }


def of_plan(*resources: dict[str, Any]) -> Change:
    return priced_plan({"resource_changes": list(resources)}, STANDING, LIST)


def test_a_terraform_plan_is_priced_with_backups_volumes_and_addresses() -> None:
    found = of_plan(
        resource("hcloud_server", None, {"server_type": "cax11", "location": "nbg1", "backups": True}, "a"),
        resource("hcloud_volume", None, {"size": 50, "location": "nbg1"}, "b"),
        resource("hcloud_primary_ip", None, {"type": "ipv4", "location": "nbg1"}, "c"),
        resource("hcloud_load_balancer", None, {"load_balancer_type": "lb11", "location": "nbg1"}, "d"),
        resource("hcloud_network", None, {"name": "n"}, "e"),
    )
    # 5.99 x 1.2 + 2.86 + 0.50 + 7.49
    assert found.increase == Decimal("18.038")


def test_a_planned_replacement_of_a_known_server_loses_its_price() -> None:
    values = {"id": str(STANDING[0].id), "server_type": "cax21", "location": "nbg1"}
    found = of_plan(resource("hcloud_server", values, values | {"server_type": "cax31"}))
    assert (found.before, found.after, found.lost) == (Decimal(7), Decimal("20.99"), Decimal("3.49"))


def test_a_location_that_is_known_only_later_has_no_price() -> None:
    found = of_plan(resource("hcloud_server", None, {"server_type": "cax21"}))
    assert found.increase is None


def test_json_that_is_no_plan_is_refused() -> None:
    with pytest.raises(KvxError, match="no plan") as refusal:
        priced_plan({"a": 1}, (), LIST)
    assert refusal.value.exit_code is ExitCode.USAGE


def test_a_comment_for_a_pull_request_has_the_verdict_first() -> None:
    found = changed(fleet())
    text = list(change_markdown(found, KvxError("it would add 10.99", "want less")))
    assert text[0] == "### Cost: +10.99 EUR a month, 7.50 to 18.49"
    assert text[2].startswith("**Not allowed:**")
    assert not any("stays," in line for line in text)


def test_a_quota_is_worth_its_part_of_the_machines_and_never_more_than_they_are() -> None:
    """2 of 8 cores and 4 of 16 GB of two cax21: a quarter of 20.98."""
    types = [ServerType("cax21", "arm", 4, 8.0, 80, {})] * 2
    assert ceiling("2000m", "4Gi", types, Decimal("20.98")) == Decimal("5.245")
    assert ceiling("200", "400Gi", types, Decimal("20.98")) == Decimal("20.98")
    assert ceiling("2", "much", types, Decimal("20.98")) is None
    assert ceiling("2", "4Gi", types, None) is None
