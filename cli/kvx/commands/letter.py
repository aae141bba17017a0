"""The plan as a letter: each step in words, then as a command that can be pasted into a shell."""

from collections.abc import Iterator, Sequence
from shlex import quote
from textwrap import indent

from kvx.plan import Phase, Plan, Step, command_line
from kvx.steps.service import WriteFile


def letter(plan: Plan, about_machines: Sequence[str] = ()) -> str:
    """What `kvx deploy --dry-run` prints; paragraphs about machines stand before the phases."""
    count = len(plan.phases)
    phases = "one phase" if count == 1 else f"{count} phases"
    head = f"kvx deploys the target {plan.target} in {phases}. Nothing has been done yet."
    paragraphs = [head, *about_machines, *_phases(plan.phases)]
    if plan.undo:
        target = "" if plan.target == "local" else f" --target {plan.target}"
        paragraphs.append(f"To take it away again, kvx cleanup{target} will:\n" + _steps(plan.undo, 1))
    return "\n\n".join(paragraphs)


def as_data(step: Step) -> dict[str, object]:
    """A step as the JSON of a plan shows it."""
    return {"kind": type(step).__name__, "words": step.words, "command": list(step.command)}


def _phases(phases: Sequence[Phase]) -> Iterator[str]:
    number = 1
    for phase in phases:
        yield f"Phase {phase.name}: {phase.summary}\n{_steps(phase.steps, number)}"
        number += len(phase.steps)


def _steps(steps: Sequence[Step], first: int) -> str:
    return "\n".join(
        f"  {number}. {step.words}\n{indent(_pasted(step), ' ' * 7)}"
        for number, step in enumerate(steps, first)
    )


def _pasted(step: Step) -> str:
    """The command line, with what it reads from its standard input; indented lines paste as well."""
    if not isinstance(step, WriteFile):
        return command_line(step)
    lines = (f"  {quote(line)}" for line in step.content.splitlines())
    return " \\\n".join(("printf '%s\\n'", *lines)) + f" |\n  {command_line(step)}"
