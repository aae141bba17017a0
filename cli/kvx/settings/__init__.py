"""Every setting of kvx as a value; each says what it is for, and what bounds it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated


class Secret:
    """A value that is never shown; `reveal` is the only way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "(secret)"

    def reveal(self) -> str:
        return self._value


@dataclass(frozen=True, slots=True)
class Says:
    """What a setting is for, and its bounds."""

    words: str
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    variable: str | None = None
    """The environment variable, where it has a name that the world knows better than KVX_*."""
    may_be_path: bool = False


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """What the voice API is given, under voice-api's own names; None leaves the value to voice-api.

    Only the two ports differ: here None takes a free one, which is remembered.
    """

    host: Annotated[str, Says("address to serve on")] = "127.0.0.1"
    port: Annotated[int | None, Says("port to serve on; a free one unless set", 1, 65535)] = None
    metrics_host: Annotated[str | None, Says("address of the figures")] = None
    metrics_port: Annotated[int | None, Says("port of the figures; a free one unless set", 1, 65535)] = None
    model: Annotated[str, Says("name or folder of the speech model", may_be_path=True)] = "embedded"
    models_folder: Annotated[Path | None, Says("where `voice-api model add` keeps models")] = None
    threads: Annotated[int, Says("threads for the model; 0 follows the machine", 0, 256)] = 0
    voice: Annotated[str | None, Says("voice of spoken replies")] = None
    kubeconfig: Annotated[Path | None, Says("kubeconfig of the cluster that is spoken to")] = None
    context: Annotated[str | None, Says("context in the kubeconfig")] = None
    max_body_bytes: Annotated[int | None, Says("largest request body", 1_000, 1_000_000_000)] = None
    max_audio_seconds: Annotated[float | None, Says("longest sound that is listened to", 1, 86_400)] = None
    min_sample_rate: Annotated[int | None, Says("lowest sample rate that is read", 1_000, 192_000)] = None
    max_sample_rate: Annotated[int | None, Says("highest sample rate that is read", 8_000, 768_000)] = None
    max_channels: Annotated[int | None, Says("most channels that are mixed to one", 1, 64)] = None
    max_text_characters: Annotated[int | None, Says("longest text that is taken", 1, 100_000)] = None
    max_waiting: Annotated[int | None, Says("requests that may wait for the model", 0, 1_000)] = None
    max_uploads: Annotated[int | None, Says("request bodies read at the same time", 1, 1_000)] = None
    max_connections: Annotated[int | None, Says("open connections", 1, 10_000)] = None
    request_seconds: Annotated[float | None, Says("deadline of a request", 0.05, 3_600)] = None
    upload_seconds: Annotated[float | None, Says("deadline for a body to arrive", 0.05, 3_600)] = None
    drain_seconds: Annotated[float | None, Says("time that running requests get to end", 0, 600)] = None
    memory_limit_bytes: Annotated[int | None, Says("memory the voice API may use", 0, 1 << 50)] = None
    memory_headroom_bytes: Annotated[int | None, Says("memory left when ready", 0, 1 << 50)] = None
    log_format: Annotated[str | None, Says("form of the log", choices=("auto", "json", "text"))] = None
    log_level: Annotated[
        str | None, Says("least important line logged", choices=("debug", "info", "warning", "error"))
    ] = None
    log_transcripts: Annotated[bool | None, Says("log what was heard, said and typed")] = None


@dataclass(frozen=True, slots=True)
class HetznerSettings:
    """What the target hetzner needs to know."""

    token: Annotated[Secret | None, Says("token of the Hetzner project", variable="HCLOUD_TOKEN")] = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one call of kvx; kvx.toml and .kvx/ lie in `folder`."""

    folder: Path
    target: Annotated[str, Says("what is deployed to")] = "local"
    deadline_seconds: Annotated[float, Says("how long starting the voice API may take", 1, 3600)] = 60.0
    voice: VoiceSettings = field(default_factory=VoiceSettings)
    hetzner: HetznerSettings = field(default_factory=HetznerSettings)
