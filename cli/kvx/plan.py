"""The plan as data: what each step will do, in words and as the command a person could type."""

import hashlib
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class WriteFile:
    """Write `content` to `path`, whole or not at all."""

    path: Path
    content: str
    mode: int = 0o600
    deadline_seconds: float = 10

    @property
    def words(self) -> str:
        return f"write {self.path.name}"

    @property
    def command(self) -> tuple[str, ...]:
        return ("install", "-D", "-m", f"{self.mode:o}", "/dev/stdin", str(self.path))


@dataclass(frozen=True, slots=True)
class CheckModel:
    """Ask the voice API whether a speech model is whole; remember in `folder` what was found."""

    folder: Path
    program: tuple[str, ...]
    model: str
    deadline_seconds: float = 60

    @property
    def words(self) -> str:
        return f"check the speech model {self.model}"

    @property
    def command(self) -> tuple[str, ...]:
        return (*self.program, "model", "check", self.model)


@dataclass(frozen=True, slots=True)
class StartService:
    """Keep one program running on `host:port`, the old one serving until the new one is ready."""

    folder: Path
    argv: tuple[str, ...]
    settings_file: Path
    host: str
    port: int | None
    metrics_host: str
    metrics_port: int | None
    model: str
    version: str
    drain_seconds: float = 15
    deadline_seconds: float = 60

    @property
    def words(self) -> str:
        port = "a free port" if self.port is None else f"port {self.port}"
        return f"start the voice API on {self.host}, {port}"

    @property
    def command(self) -> tuple[str, ...]:
        return self.argv


@dataclass(frozen=True, slots=True)
class SpeakAndCompare:
    """Speak a sentence to the voice API as sound; compare the words it heard and what it did."""

    folder: Path
    sentence: str
    intent: str
    voice: str
    deadline_seconds: float = 30

    @property
    def words(self) -> str:
        return f'speak "{self.sentence}" to it, and compare what it heard and did'

    @property
    def command(self) -> tuple[str, ...]:
        return ("kvx", "verify")


@dataclass(frozen=True, slots=True)
class StopService:
    """Stop the program that `StartService` keeps running, and its supervisor."""

    folder: Path
    deadline_seconds: float = 30

    @property
    def words(self) -> str:
        return "stop the voice API"

    @property
    def command(self) -> tuple[str, ...]:
        return ("kvx", "cleanup")


@dataclass(frozen=True, slots=True)
class RemoveFolder:
    """Remove the folder of hand-overs, with all it holds."""

    folder: Path
    deadline_seconds: float = 30

    @property
    def words(self) -> str:
        return f"remove {self.folder}"

    @property
    def command(self) -> tuple[str, ...]:
        return ("rm", "-r", str(self.folder))


Step = WriteFile | CheckModel | StartService | SpeakAndCompare | StopService | RemoveFolder

# Steps that only look: they change nothing, so there is nothing to undo and nothing to resume.
LOOKING = (SpeakAndCompare,)


@dataclass(frozen=True, slots=True)
class Phase:
    """Steps that belong together, and the steps that undo them.

    `arrives` says in words what a later version brings; such a phase has no steps yet, and a
    plan that needs it is refused before anything is done.
    """

    name: str
    summary: str
    steps: tuple[Step, ...] = ()
    undo: tuple[Step, ...] = ()
    arrives: str | None = None


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

    @property
    def missing(self) -> tuple[Phase, ...]:
        """Phases that this version of kvx cannot run yet."""
        return tuple(phase for phase in self.phases if phase.arrives is not None)


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
