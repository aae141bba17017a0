"""Parts of a plan: from one phase on, and up to one."""

import difflib
from dataclasses import replace

from kvx.errors import ExitCode, KvxError
from kvx.plan import Plan


def beginning_at(plan: Plan, phase: str | None) -> Plan:
    """The plan from one phase on; raises a KvxError with exit code 2 where it has no such phase."""
    if phase is None:
        return plan
    return replace(plan, phases=plan.phases[_position(plan, phase, "--from") :])


def ending_with(plan: Plan, phase: str | None) -> Plan:
    """The plan up to one phase, with it; raises a KvxError with exit code 2 where it has no such phase."""
    if phase is None:
        return plan
    return replace(plan, phases=plan.phases[: _position(plan, phase, "--to") + 1])


def _position(plan: Plan, phase: str, flag: str) -> int:
    names = [each.name for each in plan.phases]
    if phase not in names:
        near = difflib.get_close_matches(phase, names, 1) or names
        message = f"the target {plan.target} has no phase {phase!r}, only {', '.join(names)}"
        raise KvxError(message, f"kvx deploy --target {plan.target} {flag} {near[0]}", ExitCode.USAGE)
    return names.index(phase)
