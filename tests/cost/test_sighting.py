"""What a look adds to the ledger: the price at order stays, a rescale takes the new one, the gone end."""

from dataclasses import replace
from decimal import Decimal

from kvx.cost.bill import bill
from kvx.cost.history import History, Key
from kvx.cost.history_json import history_from_json, history_to_json
from kvx.cost.prices import Money, Prices, Rate, snapshot
from kvx.cost.sighting import Event, Events, Seen, look_again
from kvx.cost.times import Month
from kvx.machines.fleet import CLUSTER_LABEL, NODE_LABEL, POOL_LABEL

NOVEMBER = Month(2026, 11)
B = NOVEMBER.begin
HOUR = 3600
LABELS = {CLUSTER_LABEL: "kvx", POOL_LABEL: "workers", NODE_LABEL: "workers-1"}
CHEAP = snapshot()
OLD_RATE = Rate(Money(Decimal("3.79"), Decimal("4.51")), Money(Decimal("0.0061"), Decimal("0.0073")))
OLD = replace(CHEAP, rates={**CHEAP.rates, ("server_types", "cax11", "nbg1"): OLD_RATE}, date="2026-05-01")


def server(number: int = 1, type_name: str = "cax11", **more: object) -> Seen:
    plain = Seen("server", number, "a", LABELS, B, type_name, "nbg1", status="running")
    return replace(plain, **more)  # type: ignore[arg-type]


def looks(
    *steps: tuple[int, list[Seen], Prices] | tuple[int, list[Seen], Prices, Events],
) -> dict[Key, History]:
    known: dict[Key, History] = {}
    for at, seen, prices, *events in steps:
        known = dict(look_again(known, seen, prices, at, events[0] if events else {}))
    return known


def cost(known: dict[Key, History]) -> Decimal | None:
    return bill(known.values(), NOVEMBER, NOVEMBER.end, Decimal(19)).net


def test_the_price_of_an_existing_server_is_the_one_first_seen() -> None:
    known = looks((B + HOUR, [server()], OLD), (B + 9 * HOUR, [server()], CHEAP))
    assert cost(known) == Decimal("3.79")
    assert known["server", 1].now.priced_on == "2026-05-01"


def test_a_rescale_takes_todays_price_also_of_the_old_type() -> None:
    """To cax21 and back: the price of before is lost."""
    known = looks(
        (B + HOUR, [server()], OLD),
        (B + 2 * HOUR, [server(type_name="cax21")], CHEAP),
        (B + 3 * HOUR, [server()], CHEAP),
    )
    assert [each.terms.rate.monthly.net for each in known["server", 1].spells if each.terms.rate.monthly] == [
        Decimal("3.79"),
        Decimal("10.49"),
        Decimal("5.99"),
    ]


def test_an_action_tells_when_it_was_rescaled_else_the_look_does() -> None:
    rescaled: Events = {("server", 1): (Event(B + 90 * 60, "change_server_type"),)}
    seen = [server(type_name="cax21")]
    told = looks((B + HOUR, [server()], CHEAP), (B + 9 * HOUR, seen, CHEAP, rescaled))
    untold = looks((B + HOUR, [server()], CHEAP), (B + 9 * HOUR, seen, CHEAP))
    assert told["server", 1].spells[0].end == B + 90 * 60
    assert untold["server", 1].spells[0].end == B + 9 * HOUR


def test_backups_that_came_and_went_between_two_looks_are_billed() -> None:
    toggled: Events = {
        ("server", 1): (Event(B + 5 * HOUR, "disable_backup"), Event(B + 2 * HOUR, "enable_backup"))
    }
    known = looks((B + HOUR, [server()], CHEAP), (B + 9 * HOUR, [server()], CHEAP, toggled))
    # 3 h x 0.0096 x 20 %, beside the month of the server
    assert cost(known) == Decimal("5.99") + Decimal("0.0058")


def test_what_is_gone_ended_at_its_deletion_or_at_the_look() -> None:
    deleted: Events = {("server", 1): (Event(B + 2 * HOUR, "delete_server"),)}
    told = looks((B + HOUR, [server()], CHEAP), (B + 9 * HOUR, [], CHEAP, deleted))
    untold = looks((B + HOUR, [server()], CHEAP), (B + 9 * HOUR, [], CHEAP))
    assert (told["server", 1].end, told["server", 1].is_end_exact) == (B + 2 * HOUR, True)
    assert (untold["server", 1].end, untold["server", 1].is_end_exact) == (B + 9 * HOUR, False)
    assert cost(told) == Decimal("0.0192")


def test_a_list_that_was_not_whole_ends_nothing_for_good() -> None:
    known = looks((B + HOUR, [server()], CHEAP), (B + 2 * HOUR, [], CHEAP), (B + 3 * HOUR, [server()], CHEAP))
    assert known["server", 1].end is None
    assert cost(known) == Decimal("5.99")


def test_a_name_that_is_used_again_is_another_resource() -> None:
    known = looks((B + HOUR, [server()], OLD), (B + 2 * HOUR, [server(2, created=B + HOUR)], CHEAP))
    assert set(known) == {("server", 1), ("server", 2)}
    assert known["server", 2].now.rate.monthly == CHEAP.rates["server_types", "cax11", "nbg1"].monthly


def test_a_price_that_was_unknown_is_taken_once_the_list_has_it() -> None:
    none = replace(CHEAP, rates={})
    assert cost(looks((B + HOUR, [server()], none))) is None
    assert cost(looks((B + HOUR, [server()], none), (B + 2 * HOUR, [server()], CHEAP))) == Decimal("5.99")


def test_what_hangs_on_a_server_belongs_where_the_server_does() -> None:
    volume = Seen("volume", 7, "pvc-1", {}, B, "", "nbg1", Decimal(10), server=1)
    known = looks((B + HOUR, [server(), volume], CHEAP))
    found = known["volume", 7]
    assert (found.cluster, found.pool, found.node_key) == ("kvx", "workers", "workers-1")
    later = looks(
        (B + HOUR, [server(), volume], CHEAP), (B + 2 * HOUR, [replace(volume, server=None)], CHEAP)
    )
    assert later["volume", 7].cluster == "kvx"


def test_a_grown_volume_keeps_its_price_by_the_gb() -> None:
    dear = replace(CHEAP, volume_gb_month=Money(Decimal(1), Decimal(1)))
    volume = Seen("volume", 7, "v", {}, B, "", "nbg1", Decimal(10))
    known = looks((B, [volume], CHEAP), (B + 360 * HOUR, [replace(volume, size_gb=Decimal(20))], dear))
    # 10 GB and 20 GB for half the month each, at 0.0572
    assert cost(known) == Decimal("0.8580")


def test_traffic_is_of_the_month_in_which_it_was_told() -> None:
    known = looks((B + HOUR, [server(outgoing=21 * 2**40, included=20 * 2**40)], CHEAP))
    assert cost(known) == Decimal("6.99")
    december = bill(known.values(), NOVEMBER.following, NOVEMBER.following.end, Decimal(19)).net
    assert december == Decimal("5.99")


def test_a_history_comes_back_from_its_json_as_it_was() -> None:
    seen = [
        server(outgoing=21 * 2**40, included=20 * 2**40, backups_on=True),
        Seen("volume", 7, "v", {}, B, "", "nbg1", Decimal("12.5"), server=1),
    ]
    for history in looks((B + HOUR, seen, CHEAP), (B + 2 * HOUR, seen[:1], CHEAP)).values():
        assert history_from_json(history_to_json(history)) == history
