"""Asks once before money or loss: what the machines will cost, and what is changed for them."""

import sys

from kvx.commands.machines import Machines, machines_of
from kvx.commands.screen import asked
from kvx.errors import ExitCode, KvxError
from kvx.plan import Plan


def agree(plan: Plan, *, yes: bool) -> None:
    """Raises a KvxError: 3 where nobody can be asked, 1 for anything but yes, and what Hetzner refuses.

    Nothing is asked where no machine would be made, changed or deleted, and nothing where `yes` is set.
    """
    machines = machines_of(plan)
    if machines is None:
        return
    waits = machines.found.has_no_room and machines.step.limits.wait_for_capacity_seconds
    if machines.found.refusal is not None and not waits:
        raise machines.found.refusal
    if machines.changes.any and not yes:
        _ask(machines)
    _remember(machines)


def _ask(machines: Machines) -> None:
    if not sys.stdin.isatty():
        message = f"{machines.price_words}; kvx asks before it makes them, and there is no terminal to ask on"
        raise KvxError(message, "the same command with --yes", ExitCode.MISSING)
    changing = "\n".join(f"  {line}" for line in machines.changes.lines)
    for words in filter(None, (machines.price, changing)):
        print(f"{words}\n", file=sys.stderr)
    if not asked(f"{machines.price_words}. {_question(machines)}"):
        raise KvxError("nothing was made or changed", "the same command, and answer yes")


def _question(machines: Machines) -> str:
    made = machines.changes
    if not (made.otherwise or made.deleted):
        return "Make them?"
    return "Make them so?" if not made.deleted else "Make them so, and delete what is deleted above?"


def _remember(machines: Machines) -> None:
    """Whose machines the folder is about, before the first of them is made."""
    from kvx.drivers import account_record

    account_record.remember(machines.step.folder, machines.step.account)
