"""What a plan changes on the machines that stand, as Ansible would have it now; nothing is written there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kvx.commands.nodes_table import listed
from kvx.commands.typed import typed
from kvx.errors import ExitCode, KvxError
from kvx.nodes.changes import Alike, NodeChange, alike
from kvx.plan import Plan
from kvx.report import Failed, Finished, Progressed, Report, Started
from kvx.steps.node_care import CheckNodes
from kvx.steps.nodes import ConfigureNodes

# A machine that was never configured changes in all things; what those are is told, and not each line.
MOST_WITH_LINES = 8


@dataclass(frozen=True, slots=True)
class NodesChanges:
    """What site.yml would change; `hosts` is None without machines, `wrong` says why it is not known."""

    hosts: tuple[str, ...] | None
    changes: tuple[NodeChange, ...] = ()
    wrong: KvxError | None = None

    @property
    def paragraph(self) -> str:
        """Of the letter."""
        if self.hosts is None:
            return "What that changes on the machines shows once they are made: kvx ansible --check."
        if self.wrong is not None:
            return f"What that changes on the machines could not be told: {self.wrong.message}."
        if not self.changes:
            return f"Nothing has to be changed on the machines: {listed(self.hosts)}."
        groups = "\n".join(line for group in alike(self.changes, self.hosts) for line in _lines(group))
        return f"What that changes on the machines:\n{groups}"

    @property
    def data(self) -> Mapping[str, object] | None:
        """The same for programs: null while there are no machines."""
        if self.hosts is None:
            return None
        rows = [
            {"host": each.host, "role": each.role, "task": each.task, "diff": each.diff}
            for each in self.changes
        ]
        return {
            "hosts": list(self.hosts),
            "changes": rows,
            "wrong": self.wrong.message if self.wrong else None,
        }

    @property
    def refusal(self) -> KvxError | None:
        """That the plan could not be told whole, with exit code 4."""
        if self.wrong is None:
            return None
        return KvxError(self.wrong.message, self.wrong.fix, ExitCode.INCOMPLETE)


def nodes_changes_of(plan: Plan, report: Report) -> NodesChanges | None:
    """What the plan's machines would be changed by; None for a plan without. Only reads."""
    step = next((step for step in plan.steps if isinstance(step, ConfigureNodes)), None)
    if step is None:
        return None
    from kvx.drivers.inventory import read_inventory

    try:
        hosts = tuple(host.name for host in read_inventory(step.folder).hosts)
    except KvxError as error:
        if error.exit_code is not ExitCode.MISSING:
            raise
        return NodesChanges(None)
    return _looked(CheckNodes(step), hosts, report)


def _looked(step: CheckNodes, hosts: tuple[str, ...], report: Report) -> NodesChanges:
    from kvx.drivers.node_care import changes
    from kvx.world import real_world

    phase = "configure"
    world = real_world(lambda words: report(Progressed(phase, step, words)))
    report(Started(phase, step))
    begin = world.monotonic()
    try:
        found = changes(step, world)
    except KvxError as error:
        report(Failed(phase, step, error, world.monotonic() - begin))
        if error.exit_code is ExitCode.INTERRUPTED:
            raise
        return NodesChanges(hosts, wrong=error)
    report(Finished(phase, step, changed=False, seconds=world.monotonic() - begin))
    return NodesChanges(hosts, found)


def _lines(group: Alike) -> Iterator[str]:
    if not group.changes:
        yield f"  {listed(group.hosts)}: nothing"
        return
    yield f"  {listed(group.hosts)}:"
    with_lines = len(group.changes) <= MOST_WITH_LINES
    for role, task, lines in group.changes:
        yield f"    {role + ': ' if role else ''}{task}"
        yield from (f"      {line}" for line in lines if with_lines)
    if not with_lines:
        yield typed("    The differences are many: kvx ansible --check --json has them all.")
