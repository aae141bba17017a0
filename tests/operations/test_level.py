"""The level of a call comes of the function and of what its arguments meet; danger never lowers it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_api.commands.level import SEVERITY, Circumstances, Environment, Level, Replicas, judged
from voice_api.commands.policy import Allowed, Denied, User, decided
from voice_api.commands.registry.builtin import BUILT_IN
from voice_api.commands.registry.declaring import Arguments, Call, Confirmation, Registry, validated

SHOP = frozenset({"shop"})
CALM = Circumstances("staging", SHOP, objects=1)
LEVELS = st.sampled_from([level for level in Level if level is not Level.DENIED])
COUNTS = st.integers(0, 200)
MET = st.builds(
    Circumstances,
    environment=st.sampled_from(["development", "staging", "production", None]),
    namespaces=st.frozensets(st.sampled_from(["shop", "kube-system", "kvx", "billing"]), max_size=3),
    objects=st.none() | COUNTS,
    replicas=st.none() | st.builds(Replicas, st.none() | COUNTS, COUNTS),
    protected=st.frozensets(st.sampled_from(["billing"]), max_size=1),
)


def scaled(before: int | None, after: int) -> Level:
    return judged(Level.WRITE_SAFE, replace(CALM, replicas=Replicas(before, after))).level


@pytest.mark.parametrize(
    ("before", "after", "level"),
    [
        (3, 5, Level.WRITE_SAFE),
        (3, 12, Level.WRITE_SAFE),
        (3, 13, Level.DESTRUCTIVE),
        (13, 3, Level.DESTRUCTIVE),
        (50, 70, Level.WRITE_SAFE),
        (50, 71, Level.DESTRUCTIVE),
        (3, 0, Level.DESTRUCTIVE),
        (0, 3, Level.WRITE_SAFE),
        (0, 5, Level.DESTRUCTIVE),
        (None, 3, Level.DESTRUCTIVE),
    ],
)
def test_replicas_raise_the_level_by_what_they_are_now(before: int | None, after: int, level: Level) -> None:
    assert scaled(before, after) is level


@pytest.mark.parametrize(
    ("met", "level"),
    [
        (CALM, Level.WRITE_SAFE),
        (replace(CALM, environment="development"), Level.WRITE_SAFE),
        (replace(CALM, environment="production"), Level.DESTRUCTIVE),
        (replace(CALM, environment=None), Level.DESTRUCTIVE),
        (replace(CALM, objects=2), Level.DESTRUCTIVE),
        (replace(CALM, objects=11), Level.ADMIN_ONLY),
        (replace(CALM, objects=None), Level.ADMIN_ONLY),
        (replace(CALM, namespaces=SHOP | {"kube-system"}), Level.DENIED),
        (replace(CALM, namespaces=frozenset({"kvx"}), protected=frozenset()), Level.DENIED),
        (Circumstances(), Level.ADMIN_ONLY),
    ],
)
def test_what_a_change_meets_raises_its_level(met: Circumstances, level: Level) -> None:
    assert judged(Level.WRITE_SAFE, met).level is level


def test_a_function_that_nobody_knows_is_denied() -> None:
    assert judged(None, CALM).level is Level.DENIED


def test_what_only_looks_stays_so_everywhere() -> None:
    assert (
        judged(Level.READ_ONLY, Circumstances(namespaces=frozenset({"kube-system"}))).level is Level.READ_ONLY
    )


@given(LEVELS, MET)
def test_nothing_ever_lowers_a_level(level: Level, met: Circumstances) -> None:
    assert judged(level, met).level.severity >= level.severity


@given(LEVELS, LEVELS, MET)
def test_a_more_harmful_function_never_has_the_lower_level(
    one: Level, two: Level, met: Circumstances
) -> None:
    less, more = sorted((one, two), key=lambda level: level.severity)
    assert judged(less, met).level.severity <= judged(more, met).level.severity


@given(LEVELS, MET, st.data())
def test_adding_danger_never_lowers_the_level(level: Level, met: Circumstances, data: st.DataObject) -> None:
    unknown_before = met.replicas and replace(met.replicas, before=None)
    nothing_left = met.replicas and replace(met.replicas, after=0)
    worse = data.draw(
        st.sampled_from(
            [
                replace(met, environment="production"),
                replace(met, environment=None),
                replace(met, objects=None),
                replace(met, objects=None if met.objects is None else met.objects + 5),
                replace(met, namespaces=met.namespaces | {"kube-system"}),
                replace(met, namespaces=met.namespaces | {"shop"}),
                replace(met, protected=met.protected | SHOP),
                replace(met, replicas=unknown_before),
                replace(met, replicas=nothing_left),
            ]
        )
    )
    assert judged(level, worse).level.severity >= judged(level, met).level.severity


@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 100))
def test_a_longer_jump_is_never_the_safer_one(before: int, after: int, further: int) -> None:
    beyond = after + further if after >= before else max(after - further, 0)
    assert SEVERITY.index(scaled(before, beyond)) >= SEVERITY.index(scaled(before, after))


def called(function: str, **arguments: object) -> Call:
    call = validated(BUILT_IN, function, arguments)
    assert isinstance(call, Call)
    return call


EVERYTHING: frozenset[Environment] = frozenset({"development", "staging", "production"})
OPERATOR = User("ann", frozenset({"operator"}), EVERYTHING)
ADMIN = User("root", frozenset({"admin"}), EVERYTHING)
STAGING = User("dev", frozenset({"admin"}), frozenset({"staging"}))
UNKNOWN = replace(CALM, environment=None)
INSIDE = replace(CALM, namespaces=frozenset({"kube-system"}))
RESTART = called("restart", name="web")


@pytest.mark.parametrize(
    ("call", "user", "met", "rule"),
    [
        (RESTART, User("nobody"), CALM, "user_environment"),
        (RESTART, User("eve", frozenset({"viewer"}), EVERYTHING), CALM, "role"),
        (RESTART, User("eve", frozenset({"root"}), EVERYTHING), CALM, "role"),
        (RESTART, User("dev", frozenset({"admin"}), frozenset({"development"})), CALM, "user_environment"),
        (RESTART, OPERATOR, replace(CALM, environment=None, objects=None), "role"),
        (RESTART, STAGING, UNKNOWN, "user_environment"),
        (RESTART, ADMIN, INSIDE, "level"),
        (called("delete_pod", name="web"), OPERATOR, replace(CALM, environment="production"), "role"),
    ],
)  # fmt: skip
def test_what_is_not_allowed_is_denied_before_anything_is_asked(
    call: Call, user: User, met: Circumstances, rule: str
) -> None:
    decision = decided(call, user, met)
    assert isinstance(decision, Denied)
    assert decision.rule == rule


@pytest.mark.parametrize(
    ("call", "met", "confirmation"),
    [
        (called("count", kind="pods"), CALM, Confirmation.NONE),
        (RESTART, CALM, Confirmation.YES),
        (RESTART, replace(CALM, environment="production"), Confirmation.NAME_OR_CODE),
        (called("drain", node="edge-1"), CALM, Confirmation.NAME_OR_CODE),
    ],
)
def test_the_level_says_what_has_to_be_said(
    call: Call, met: Circumstances, confirmation: Confirmation
) -> None:
    decision = decided(call, OPERATOR, met)
    assert isinstance(decision, Allowed)
    assert decision.confirmation is confirmation


@given(
    st.sampled_from(sorted(BUILT_IN)),
    MET,
    st.frozensets(st.sampled_from(["viewer", "operator", "admin", "x"])),
)
def test_whoever_may_do_more_may_do_what_others_may(
    name: str, met: Circumstances, roles: frozenset[str]
) -> None:
    function = BUILT_IN[name]
    call = Call(function, function.arguments.model_construct())
    fewer = decided(call, User("ann", roles, EVERYTHING), met)
    more = decided(call, User("ann", roles | {"admin"}, EVERYTHING), met)
    assert isinstance(more, Allowed) or isinstance(fewer, Denied)


@pytest.mark.parametrize("level", Level)
def test_where_nothing_is_met_the_level_is_the_functions_own(level: Level) -> None:
    assert judged(level, CALM).level is level


def test_a_function_may_be_for_fewer_than_its_level_allows() -> None:
    registry = Registry()

    @registry.function(
        Level.WRITE_SAFE, "{outcome}", roles=frozenset({"admin"}), environments=STAGING.environments
    )
    class Rebuild(Arguments):
        """Build the index anew."""

    call = Call(registry.functions["rebuild"], Rebuild())
    assert isinstance(decided(call, ADMIN, CALM), Allowed)
    assert isinstance(decided(call, OPERATOR, CALM), Denied)
    elsewhere = decided(call, ADMIN, replace(CALM, environment="development"))
    assert isinstance(elsewhere, Denied)
    assert elsewhere.rule == "environment"
