"""Steps of a voice API on this machine: its settings, its model, its process, and a word with it."""

from dataclasses import dataclass
from pathlib import Path

# A voice that the embedded model was not trained on: voice_api/training/voices.toml, unseen_variants.
UNSEEN_VOICE = "en-gb+f5"
SENTENCE = "how many pods are not ready"
INTENT = "unready_pods"


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


ServiceStep = WriteFile | CheckModel | StartService | SpeakAndCompare | StopService | RemoveFolder
