"""Answers about the conversation itself: where it is, who speaks, and what can be said and was done."""

from collections.abc import Mapping

from voice_api.cluster.protocol import Cluster
from voice_api.commands.conversation.executor import Executor
from voice_api.commands.conversation.memory import State
from voice_api.commands.functions import Answer
from voice_api.commands.policy import User
from voice_api.commands.registry.declaring import Function
from voice_api.commands.wording import capitalised, listed, number

TOLD = 3


def where_am_i(cluster: Cluster, state: State) -> Answer:
    name = cluster.description.name
    where = f"the namespace {state.home}" if state.home else "no namespace in particular"
    data = {"context": name, "namespace": state.home or None}
    return Answer(f"You are in the cluster {name}, in {where}.", data)


def who_am_i(user: User, *, reads_only: bool) -> Answer:
    roles, environments = sorted(user.roles), sorted(user.environments)
    may = f"as {listed(roles)}" if roles else "without a role"
    there = f"in {listed(environments)}" if environments else "in no environment"
    limit = " I can only read here." if reads_only else ""
    data = {"user": user.name, "roles": roles, "environments": environments}
    return Answer(f"You are {user.name}, {may}, {there}.{limit}", data)


def what_can_i_say(examples: tuple[str, ...], functions: Mapping[str, Function], user: User) -> Answer:
    mine = {name: each.purpose for name, each in sorted(functions.items()) if each.roles & user.roles}
    spoken = listed(examples, "or")
    return Answer(f"You can say: {spoken}; and {number(len(mine))} things in all.", {"functions": mine})


def what_did_i_do(executor: Executor | None, user: User) -> Answer:
    past = executor.history(user, TOLD) if executor else ()
    data = {
        "commands": [
            {"at": each.at, "function": each.function, "said": each.said, "outcome": each.outcome}
            for each in past
        ]
    }
    if not past:
        return Answer("You changed nothing that I know of.", data)
    said = "; before that, ".join(f"{each.said}: {each.outcome}" for each in past)
    return Answer(f"{capitalised(said)}.", data)
