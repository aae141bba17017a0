"""A relative wish becomes a number once, of what there was when it was said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_api.commands.absolute import Absolute, absolute
from voice_api.commands.level import Replicas
from voice_api.commands.registry.builtin import BUILT_IN
from voice_api.commands.registry.declaring import Call, NoCall, validated

SCALE = BUILT_IN["scale"]


def called(function: str, **arguments: object) -> Call:
    call = validated(BUILT_IN, function, {"name": "web", **arguments})
    assert isinstance(call, Call)
    return call


@pytest.mark.parametrize(
    ("call", "before", "after"),
    [
        (called("scale_times", percent=200), 3, 6),
        (called("scale_times", percent=50), 4, 2),
        (called("scale_times", percent=200), 0, 0),
        (called("scale_by", change=2), 3, 5),
        (called("scale_by", change=-3), 3, 0),
    ],
)
def test_it_is_computed_from_what_there_is(call: Call, before: int, after: int) -> None:
    made = absolute(call, SCALE, before)
    assert isinstance(made, Absolute)
    assert made.call.function is SCALE
    assert made.call.values == {"name": "web", "replicas": after}
    assert made.replicas == Replicas(before, after)


@pytest.mark.parametrize(
    ("call", "before"),
    [
        (called("scale_times", percent=50), 3),
        (called("scale_by", change=-4), 3),
        (called("scale_times", percent=300), 900),
        (called("restart"), 3),
        (called("scale", replicas=3), 3),
    ],
)
def test_what_is_no_number_of_replicas_is_no_call(call: Call, before: int) -> None:
    assert isinstance(absolute(call, SCALE, before), NoCall)


@given(st.integers(0, 1_000), st.integers(-1_000, 1_000))
def test_the_namespace_stays_and_the_sum_is_right(before: int, change: int) -> None:
    made = absolute(called("scale_by", change=change, namespace="shop"), SCALE, before)
    if isinstance(made, Absolute):
        assert made.call.values == {"name": "web", "namespace": "shop", "replicas": before + change}
    else:
        assert not 0 <= before + change <= 1_000
