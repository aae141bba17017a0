"""The phase that keeps the voice API running on this machine."""

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import fields
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from kvx.deployment import Deployment
from kvx.plan import Phase
from kvx.settings import VoiceSettings
from kvx.steps.service import CheckModel, RemoveFolder, StartService, StopService, WriteFile

# Sockets are opened by the supervisor, so the voice API is not told where to listen.
_LISTENING = frozenset({"host", "port", "metrics_host", "metrics_port"})
_DRAIN_SECONDS = 10.0
# After its own drain the process still has to close: this much later it is ended.
_CLOSE_SECONDS = 5.0
# What is left then is ended, and seen to have ended.
_END_SECONDS = 15.0


def service(deployment: Deployment) -> Phase:
    """Write the settings, check the model, start the service; undo: stop it, remove the folder."""
    voice, folder = deployment.settings.voice, deployment.folder
    program = voice_api_program()
    settings_file = deployment.service_settings
    start = StartService(
        folder=folder,
        argv=(program, "serve", "--settings", str(settings_file)),
        settings_file=settings_file,
        host=voice.host,
        port=voice.port,
        metrics_host=voice.metrics_host or "127.0.0.1",
        metrics_port=voice.metrics_port,
        model=voice.model,
        version=_version(),
        drain_seconds=(_DRAIN_SECONDS if voice.drain_seconds is None else voice.drain_seconds)
        + _CLOSE_SECONDS,
        deadline_seconds=deployment.settings.deadline_seconds,
    )
    return Phase(
        name="service",
        summary="the voice API as a supervised process on this machine",
        steps=(
            WriteFile(settings_file, settings_text(deployment)),
            CheckModel(folder, (program,), voice.model),
            start,
        ),
        undo=(StopService(folder, start.drain_seconds + _END_SECONDS), RemoveFolder(folder)),
    )


def settings_text(deployment: Deployment) -> str:
    """The settings of the voice API as TOML; what is not set is left to the voice API."""
    voice = deployment.settings.voice
    values = {item.name: getattr(voice, item.name) for item in fields(voice) if item.name not in _LISTENING}
    lines = (f"{name} = {_toml(value)}" for name, value in values.items() if value is not None)
    head = ("# Written by kvx; change kvx.toml instead.", *_read_at_its_start(voice))
    return "\n".join((*head, *lines)) + "\n"


def _read_at_its_start(voice: VoiceSettings) -> Iterator[str]:
    """Other content of these files makes other settings, so that a deploy starts the voice API with it."""
    named = {"engines_file": voice.engines_file, "grammar_file": voice.grammar_file}
    for name, file in named.items():
        if file is not None and file.is_file():
            digest = sha256(file.read_bytes()).hexdigest()
            yield f"# {name} as it was when this was written: sha256 {digest}"
    folder = voice.extensions_folder
    if folder is not None and folder.is_dir():
        yield f"# extensions_folder as it was when this was written: sha256 {_of_all(folder)}"


def _of_all(folder: Path) -> str:
    """Of the files that extensions are made of: of each its folder's file, and what lies beside it."""
    digest = sha256()
    for file in sorted(each for each in folder.glob("*/*") if each.is_file()):
        content = sha256(file.read_bytes()).hexdigest()
        digest.update(f"{file.relative_to(folder)} {content}\n".encode())
    return digest.hexdigest()


def voice_api_program() -> str:
    """The voice-api that was installed with this kvx, else the one on PATH, else its bare name."""
    beside = Path(sys.executable).with_name("voice-api")
    return str(beside) if beside.exists() else shutil.which("voice-api") or "voice-api"


def _toml(value: object) -> str:
    """Strings, numbers and booleans are written alike in TOML and JSON."""
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)


def _version() -> str:
    try:
        return version("kvx-voice-api")
    except PackageNotFoundError:
        return "unknown"
