"""Who may call what where, and what has to be said before it: decided before anything is asked."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from voice_api.commands.level import Circumstances, Environment, Judgement, Level, judged
from voice_api.commands.registry.declaring import (
    ASKS,
    EVERYWHERE,
    LEAST_ROLE,
    Call,
    Confirmation,
    from_role,
)

CONFIRMATIONS = tuple(Confirmation)


@dataclass(frozen=True, slots=True)
class User:
    """Who speaks; without roles and environments nothing is allowed.

    groups  the groups of the cluster that this user is in, for whoever acts as this user
    """

    name: str
    roles: frozenset[str] = frozenset()
    environments: frozenset[Environment] = frozenset()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Allowed:
    """The call may go on, to the cluster's own access review and dry run, with this confirmation."""

    judgement: Judgement
    confirmation: Confirmation


@dataclass(frozen=True, slots=True)
class Denied:
    """The call goes nowhere. `rule` is a stable word for the journal, `why` a part of a sentence."""

    rule: str
    why: str
    judgement: Judgement


Decision: TypeAlias = Allowed | Denied


def decided(call: Call, user: User, met: Circumstances) -> Decision:
    """What becomes of a call of this user under these circumstances. Whatever is not known denies."""
    function = call.function
    judgement = judged(function.level, met)
    environment = met.environment or "production"
    if judgement.level is Level.DENIED:
        return Denied("level", " and ".join(judgement.reasons), judgement)
    if environment not in function.environments & EVERYWHERE:
        return Denied("environment", f"{function.name} is not for {environment}", judgement)
    if environment not in user.environments:
        return Denied("user_environment", f"{user.name} is not for {environment}", judgement)
    able = from_role(LEAST_ROLE[judgement.level]) & function.roles
    if not user.roles & able:
        return Denied("role", f"{user.name} may not do this: it is {judgement.level}", judgement)
    return Allowed(judgement, _strongest((ASKS[judgement.level], function.confirmation)))


def _strongest(confirmations: Iterable[Confirmation]) -> Confirmation:
    return max(confirmations, key=CONFIRMATIONS.index)
