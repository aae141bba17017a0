"""Every setting of voice-api, and the only reader of the environment: file < KVX_VOICE_* < flags."""

import difflib
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from math import isfinite
from pathlib import Path
from typing import TypeAlias

from voice_api.errors import VoiceApiError

PREFIX = "KVX_VOICE_"
SWITCH = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}

Value: TypeAlias = str | int | float | bool


class SettingsError(VoiceApiError):
    """A setting that cannot be used; the program ends with exit code 2."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__("bad_settings", message, fix, 500)


def _number(default: float, least: float, most: float, help_text: str) -> float:
    return field(default=float(default), metadata={"least": least, "most": most, "help": help_text})


def _count(default: int, least: int, most: int, help_text: str) -> int:
    return field(default=default, metadata={"least": least, "most": most, "help": help_text})


def _text(default: str, help_text: str, choices: tuple[str, ...] = ()) -> str:
    return field(default=default, metadata={"help": help_text, "choices": choices})


@dataclass(frozen=True, slots=True)
class Settings:
    """The names are the keys of the settings file, KVX_VOICE_<NAME>, and --name with dashes."""

    host: str = _text("127.0.0.1", "address to serve on")
    port: int = _count(8484, 0, 65535, "port to serve on; 0 takes a free one")
    metrics_host: str = _text("127.0.0.1", "address of the figures (/metrics)")
    metrics_port: int = _count(9090, 0, 65535, "port of the figures; 0 turns them off")
    model: str = _text("embedded", "name or folder of the speech model")
    models_folder: str = _text("", "where `model add` keeps models; empty is the user's data folder")
    threads: int = _count(0, 0, 256, "threads for the model; 0 follows the machine's or container's share")
    voice: str = _text("", "voice of spoken replies; empty is the speaker's own choice")
    kubeconfig: str = _text(
        "", "kubeconfig of the cluster; empty looks in the usual places, none is the demo cluster"
    )
    context: str = _text("", "context in the kubeconfig; empty is its current one")
    max_body_bytes: int = _count(25_000_000, 1_000, 1_000_000_000, "largest request body")
    max_audio_seconds: float = _number(600, 1, 86_400, "longest sound that is listened to")
    min_sample_rate: int = _count(4_000, 1_000, 192_000, "lowest sample rate that is read")
    max_sample_rate: int = _count(192_000, 8_000, 768_000, "highest sample rate that is read")
    max_channels: int = _count(8, 1, 64, "most channels that are mixed to one")
    max_text_characters: int = _count(4_096, 1, 100_000, "longest text that is spoken or interpreted")
    max_waiting: int = _count(16, 0, 1_000, "requests that may wait in a lane; more get 429")
    max_queue_seconds: float = _number(
        900, 1, 86_400, "sound that may wait or be under way in a lane; more gets 429"
    )
    short_seconds: float = _number(
        30, 1, 300, "longest sound of the lane for commands, which long files let pass"
    )
    audio_context: str = _text(
        "auto", "auto hears short sounds in a short context, full always in 30 s", ("auto", "full")
    )
    beams: int = _count(1, 1, 8, "hypotheses kept while decoding; 1 is fastest")
    live_names: bool = field(
        default=True,
        metadata={"help": "hear a command again with the cluster's names where it is not understood"},
    )
    browser_origins: str = _text(
        "", "pages that may ask from a browser, such as https://voice.example.com; empty allows none"
    )
    grammar_file: str = _text("", "YAML with own sentences for commands, added to ours; empty has none")
    extensions_folder: str = _text(
        "", "folder of extensions, each a folder with extension.yaml; empty has none but those installed"
    )
    engines_file: str = _text("", "file of the cloud engines and who may use them; empty has none")
    engine_keys_folder: str = _text("", "folder with a file for each engine's key; empty has none")
    local_only: bool = field(
        default=False, metadata={"help": "let no sound and no text leave this machine, whatever is asked"}
    )
    ledger_file: str = _text("", "SQLite file of what engines cost; empty is in the user's data folder")
    ledger_address_file: str = _text(
        "", "file with the postgresql:// address of that ledger, where several machines share it"
    )
    users_file: str = _text(
        "", "file of the users, who may change what their roles allow; without one nobody changes anything"
    )
    oidc_issuer: str = _text("", "address of an identity provider whose sessions count; empty has none")
    oidc_audience: str = _text("", "audience that its sessions have to be for")
    oidc_user_claim: str = _text("sub", "what of a session names the user, who is oidc:NAME here")
    oidc_groups_claim: str = _text("groups", "what of it names groups, which are oidc-group:NAME here")
    journal_folder: str = _text(
        "", "where commands are recorded; empty is the database of ledger_address_file, else the data folder"
    )
    transcript_days: int = _count(30, 0, 3_650, "days for which words that were said are kept; 0 keeps none")
    checkpoint_file: str = _text("", "file elsewhere that gets the journal's checkpoints; empty has none")
    cluster_environment: str = _text(
        "unknown",
        "what the cluster is, at least; unknown leaves it to labels of its namespaces, else production",
        ("unknown", "development", "staging", "production"),
    )
    follow_seconds: float = _number(10, 0, 100, "how long a change is followed before it is told of")
    language_model_address: str = _text(
        "", "server of a language model for what the grammar does not understand; empty has none"
    )
    language_model_kind: str = _text(
        "llama.cpp", "what serves it; openai is any server of that API", ("llama.cpp", "ollama", "openai")
    )
    language_model_name: str = _text("", "model that is asked for there; llama.cpp has one and needs no name")
    language_model_key_file: str = _text("", "file with the key of that server; empty brings none")
    language_model_seconds: float = _number(4, 0.5, 30, "deadline for understanding a sentence there")
    language_model_summary_seconds: float = _number(15, 1, 60, "deadline for a summary of logs or events")
    processor_url: str = _text("", "voice processor that hears what may be answered later; empty has none")
    jobs_folder: str = _text("", "where `process` keeps its jobs; empty is the user's data folder")
    jobs_most: int = _count(100, 1, 100_000, "jobs that may wait at the processor; more get 429")
    jobs_bytes: int = _count(1_000_000_000, 1_000, 1 << 50, "sound that may wait at the processor")
    jobs_keep_seconds: float = _number(86_400, 1, 31_536_000, "time that a job's answer is kept")
    job_seconds: float = _number(3_600, 0.05, 86_400, "deadline of one attempt at a job")
    job_attempts: int = _count(3, 1, 100, "attempts at a job that goes wrong")
    realtime_sessions: int = _count(4, 0, 1_000, "sessions at /v1/realtime; more are refused")
    realtime_idle_seconds: float = _number(60, 0.05, 3_600, "a session without sound for so long is closed")
    realtime_seconds: float = _number(3_600, 1, 86_400, "sound that one session may send")
    max_uploads: int = _count(16, 1, 1_000, "request bodies read at the same time; more get 429")
    max_connections: int = _count(256, 1, 10_000, "open connections; more get 503")
    request_seconds: float = _number(120, 0.05, 3_600, "deadline of a request after its body arrived")
    upload_seconds: float = _number(30, 0.05, 3_600, "deadline for a request body to arrive")
    drain_seconds: float = _number(10, 0, 600, "time running requests get to end after SIGTERM")
    memory_limit_bytes: int = _count(0, 0, 1 << 50, "memory this process may use; 0 follows the container")
    memory_headroom_bytes: int = _count(48_000_000, 0, 1 << 50, "memory that must be left to be ready")
    log_format: str = _text("auto", "auto is text on a terminal, else json", ("auto", "json", "text"))
    log_level: str = _text(
        "info", "least important line that is logged", ("debug", "info", "warning", "error")
    )
    log_transcripts: bool = field(default=False, metadata={"help": "log what was heard, said and typed"})


NAMES = tuple(item.name for item in fields(Settings))


def load_settings(
    file: Path | None, flags: Mapping[str, Value], environment: Mapping[str, str] | None = None
) -> Settings:
    """Settings from the three sources, later ones winning; SettingsError names source and key."""
    environment = os.environ if environment is None else environment
    chosen_file = file or _file_from(environment)
    values: dict[str, Value] = {}
    if chosen_file is not None:
        values |= _checked(_read(chosen_file), str(chosen_file))
    values |= _checked(_from_environment(environment), f"environment ({PREFIX}*)")
    values |= _checked(flags, "command line")
    return Settings(**values)  # type: ignore[arg-type]  # _checked gave each its type


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the environment says besides settings of our own.

    notify_socket     where a service manager wants to hear READY=1, None without one
    kubeconfig_files  KUBECONFIG, as kubectl takes it
    home              the user's home folder, None for a process without one
    models_folder     where models are kept unless a setting says otherwise
    jobs_folder       the same for jobs
    ledger_file       the same for what engines cost
    journal_folder    the same for what was said and done
    variable          an environment variable by a name that the engines file gives
    """

    notify_socket: str | None
    kubeconfig_files: str
    home: Path | None
    models_folder: Path
    jobs_folder: Path
    journal_folder: Path
    ledger_file: Path = Path("/var/lib/kvx/usage.sqlite")
    variable: Callable[[str], str | None] = field(default=lambda _: None, repr=False)


def surroundings(environment: Mapping[str, str] | None = None) -> Surroundings:
    environment = os.environ if environment is None else environment
    home = Path(environment["HOME"]) if environment.get("HOME") else None
    data = Path(environment.get("XDG_DATA_HOME") or (home or Path("/var/lib")) / ".local" / "share")
    return Surroundings(
        notify_socket=environment.get("NOTIFY_SOCKET") or None,
        kubeconfig_files=environment.get("KUBECONFIG", ""),
        home=home,
        models_folder=data / "kvx" / "models",
        jobs_folder=data / "kvx" / "jobs",
        journal_folder=data / "kvx" / "journal",
        ledger_file=data / "kvx" / "usage.sqlite",
        variable=environment.get,
    )


def _file_from(environment: Mapping[str, str]) -> Path | None:
    named = environment.get(f"{PREFIX}SETTINGS")
    return Path(named) if named else None


def _from_environment(environment: Mapping[str, str]) -> dict[str, Value]:
    skipped = f"{PREFIX}SETTINGS"
    return {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX) and name != skipped
    }


def _read(file: Path) -> Mapping[str, Value]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"there is no settings file {file}", "name an existing TOML file") from None
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}", "make it readable") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not valid TOML: {error}", "correct the file") from None


def _checked(values: Mapping[str, Value], source: str) -> dict[str, Value]:
    return {name: _value(name, value, source) for name, value in values.items()}


def _value(name: str, value: Value, source: str) -> Value:
    item = next((item for item in fields(Settings) if item.name == name), None)
    if item is None:
        near = difflib.get_close_matches(name, NAMES, 1)
        fix = f"did you mean {near[0]}?" if near else f"use one of: {', '.join(NAMES)}"
        raise SettingsError(f"unknown setting {name} in {source}", fix)
    kind = type(item.default)
    try:
        typed = _typed(value, kind)
    except ValueError:
        raise SettingsError(f"{name} in {source} is {value!r}", f"give {_KINDS[kind]}") from None
    _within(name, typed, item.metadata, source)
    return typed


_KINDS: Mapping[type, str] = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def _typed(value: object, kind: type) -> Value:
    """A value as the field's type, also from text as the environment gives it; else ValueError."""
    if isinstance(value, str):
        return _switch(value) if kind is bool else kind(value)
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if type(value) is kind and isinstance(value, bool | int):
        return value
    raise ValueError(value)


def _switch(text: str) -> bool:
    if text.lower() not in SWITCH:
        raise ValueError(text)
    return SWITCH[text.lower()]


def _within(name: str, value: Value, metadata: Mapping[str, object], source: str) -> None:
    choices = metadata.get("choices")
    if isinstance(choices, tuple) and choices and value not in choices:
        raise SettingsError(f"{name} in {source} is {value!r}", f"use one of: {', '.join(choices)}")
    least, most = metadata.get("least"), metadata.get("most")
    if not (
        isinstance(value, int | float) and isinstance(least, int | float) and isinstance(most, int | float)
    ):
        return
    if not (isfinite(value) and least <= value <= most):
        raise SettingsError(f"{name} in {source} is {value}", f"give a value from {least} to {most}")
