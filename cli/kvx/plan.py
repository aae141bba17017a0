"""The plan as data: what each step will do, in words and as the command a person could type."""

import hashlib
import shlex
from dataclasses import asdict, dataclass

from kvx.steps.images import ImageStep
from kvx.steps.machines import MachineStep
from kvx.steps.manifests import ManifestStep
from kvx.steps.node_care import CareStep, CheckNodes
from kvx.steps.nodes import AwaitNodes, NodeStep
from kvx.steps.releases import ReleaseStep, VerifyCluster
from kvx.steps.service import ServiceStep, SpeakAndCompare

Step = ServiceStep | MachineStep | NodeStep | CareStep | ImageStep | ManifestStep | ReleaseStep

# Steps that only look: they change nothing, so there is nothing to undo and nothing to resume.
LOOKING = (SpeakAndCompare, VerifyCluster, AwaitNodes, CheckNodes)


@dataclass(frozen=True, slots=True)
class Phase:
    """Steps that belong together, and the steps that undo them."""

    name: str
    summary: str
    steps: tuple[Step, ...] = ()
    undo: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The phases of one target, in order."""

    target: str
    phases: tuple[Phase, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(step for phase in self.phases for step in phase.steps)

    @property
    def undo(self) -> tuple[Step, ...]:
        """What takes the target away again: the undo of each phase, last phase first."""
        return tuple(step for phase in reversed(self.phases) for step in phase.undo)


def step_kind(step: Step) -> str:
    """The kind of a step, as the journal and the JSON report name it."""
    return type(step).__name__


def step_digest(step: Step) -> str:
    """Twelve hexadecimal digits that change whenever any value of the step changes."""
    values = repr((step_kind(step), sorted(asdict(step).items())))
    return hashlib.sha256(values.encode()).hexdigest()[:12]


def command_line(step: Step) -> str:
    """The step as a line that can be pasted into a shell."""
    return shlex.join(step.command)
