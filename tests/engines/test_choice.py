"""Who is wished and who is tried, by policy, price and what stands against them."""

from decimal import Decimal

import pytest

from voice_api.engines.choice import Answered, Candidate, Policy, Reason, choose
from voice_api.engines.engine import Engine, Price
from voice_api.usage.amounts import Amounts

HERE = Engine("local", leaves_machine=False)
HUME = Engine("hume", quality=1, emotion=True)
OPENAI = Engine("openai", quality=2)


def candidates(**obstacles: Reason) -> list[Candidate]:
    prices = {"local": 0, "hume": 300, "openai": 600}
    engines = (HERE, HUME, OPENAI)
    return [Candidate(each, prices[each.name], obstacles.get(each.name)) for each in engines]


@pytest.mark.parametrize(
    ("policy", "order"),
    [
        ("local", "local"),
        ("cloud", "hume local"),
        ("cheapest", "local"),
        ("best", "openai local"),
        ("emotion", "hume local"),
    ],
)
def test_each_policy_has_its_order_and_ends_with_local(policy: Policy, order: str) -> None:
    choice = choose(policy, candidates())
    assert " ".join(engine.name for engine in choice.order) == order
    assert choice.answered(choice.order[0]) == Answered(order.split(maxsplit=1)[0])


def test_an_obstacle_of_the_one_wished_is_told_by_whoever_answers() -> None:
    choice = choose("cloud", candidates(hume="budget"))
    assert choice.order == (OPENAI, HERE)
    assert choice.answered(OPENAI) == Answered("openai", degraded=True, reason="budget")


def test_where_all_others_are_barred_local_answers_and_says_why() -> None:
    choice = choose("best", candidates(hume="local_only", openai="local_only"))
    assert choice.order == (HERE,)
    assert choice.answered(HERE) == Answered("local", degraded=True, reason="local_only")


def test_a_failure_on_the_way_is_told_by_local() -> None:
    choice = choose("emotion", candidates())
    assert choice.answered(HERE, "too_late") == Answered("local", degraded=True, reason="too_late")


def test_only_one_other_is_tried_before_local() -> None:
    assert len(choose("cloud", candidates()).order) == 2


def test_what_no_engine_can_do_is_said() -> None:
    choice = choose("emotion", [Candidate(HERE), Candidate(OPENAI)])
    assert (choice.order, choice.wished, choice.reason) == ((HERE,), None, "cannot")
    assert choice.answered(HERE) == Answered("local", degraded=True, reason="cannot")


def test_of_two_that_cost_the_same_the_one_on_this_machine_is_cheapest() -> None:
    assert choose("cheapest", [Candidate(HUME), Candidate(HERE)]).order == (HERE,)


def test_without_a_local_one_nobody_stands_in() -> None:
    assert choose("cloud", [Candidate(HUME, obstacle="budget")]).order == ()


def test_prices_round_up_to_a_millionth_of_a_euro() -> None:
    price = Price(minute=Decimal("0.059"), thousand_characters=Decimal("0.15"), request=Decimal("0.0000001"))
    assert price.amounts(milliseconds=60_000) == Amounts(1, 60_000, 0, 59_001)
    assert price.amounts(characters=10) == Amounts(1, 0, 10, 1_501)
    assert Price().amounts(1, 1) == Amounts(1, 1, 1, 0)
