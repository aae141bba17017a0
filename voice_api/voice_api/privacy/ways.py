"""The ways out of the machine that settings open, and what stays on it. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from voice_api.engines.file import EngineTable, Tables
from voice_api.settings import Settings

# Settings that name an address elsewhere, and what goes there.
ADDRESSES: Mapping[str, str] = {
    "language_model_address": "sentences that the grammar does not understand, as text, and where a summary "
    "is asked for, lines of logs and events; nothing in which a secret is seen",
    "oidc_issuer": "nothing: the keys by which an identity provider's sessions are known are fetched",
    "processor_url": "long files of sound, to be heard later by your own voice processor",
}
# Where a kind of engine is asked that names no address of its own.
PROVIDERS: Mapping[str, str] = {
    "elevenlabs": "api.elevenlabs.io",
    "hume": "api.hume.ai",
    "openai": "api.openai.com",
    "openai-realtime": "api.openai.com",
}
GOES: Mapping[str, str] = {
    "converse": "sound and replies",
    "listen": "sound of what is said",
    "speak": "text of replies",
}
TASKS: Mapping[str, tuple[str, ...]] = {
    "elevenlabs": ("speak",),
    "hume": ("converse", "listen"),
    "openai": ("listen", "speak"),
    "openai-realtime": ("converse",),
}


@dataclass(frozen=True, slots=True)
class Way:
    """One way out; `host` is empty where it is not known. `why` says what opens or closes it."""

    name: str
    host: str
    what: str
    open: bool
    why: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What is written down on the machine; `days` is None for what nobody deletes, 0 for what is not kept."""

    what: str
    where: str
    days: float | None


def ways(settings: Settings, tables: Tables, cluster: str, database: str) -> tuple[Way, ...]:
    """Every way that these settings know, the closed ones too.

    cluster   the address of the API server, empty for the demo cluster
    database  the host of ledger_address_file's database, empty without one
    """
    return (
        Way(
            "cluster",
            host_of(cluster),
            "questions about objects, and changes that were agreed to; no sound and no sentence",
            bool(cluster),
            "kubeconfig" if cluster else "the demo cluster is in memory",
        ),
        Way(
            "database",
            database,
            "what engines cost, questions that wait, the journal and what was said",
            bool(database),
            "ledger_address_file" if database else "ledger_address_file is not set",
        ),
        *(_named(settings, name, what) for name, what in ADDRESSES.items()),
        Way(
            "extensions",
            "",
            "questions that programs beside the service answer; where these ask is theirs to say",
            bool(settings.extensions_folder),
            "extensions_folder" if settings.extensions_folder else "extensions_folder is not set",
        ),
        *(_engine(settings, tables, name, table) for name, table in tables.engines.items()),
    )


def kept(settings: Settings, journal: Path, jobs: Path) -> Iterator[Kept]:
    """What lies where, and how long."""
    yield Kept("sound of commands", "nowhere", 0)
    logged = settings.log_transcripts
    yield Kept("what was said, in the log", "the log" if logged else "nowhere", None if logged else 0)
    if settings.users_file:
        shared = settings.ledger_address_file and not settings.journal_folder
        where = "the database of ledger_address_file" if shared else str(journal)
        yield Kept("who did what, when (the journal)", where, None)
        yield Kept("what was said, without secrets", f"{where}, beside the journal", settings.transcript_days)
    else:
        yield Kept("what was said", "nowhere", 0)
    if settings.processor_url:
        yield Kept("sound of long files", "your voice processor, until it is heard", None)
    if settings.jobs_folder:
        yield Kept("answers to long files", str(jobs), settings.jobs_keep_seconds / 86_400)


def host_of(address: str) -> str:
    """The host of a URL, or of a host with a port."""
    try:
        return urlsplit(address if "//" in address else f"//{address}").hostname or ""
    except ValueError:
        return ""


def _named(settings: Settings, name: str, what: str) -> Way:
    address = str(getattr(settings, name))
    return Way(name, host_of(address), what, bool(address), name if address else f"{name} is not set")


def _engine(settings: Settings, tables: Tables, name: str, table: EngineTable) -> Way:
    tasks = tuple(sorted(table.tasks)) if table.tasks else TASKS.get(table.kind, tuple(GOES))
    what = " and ".join(GOES[each] for each in tasks)
    host = host_of(table.address) or PROVIDERS.get(table.kind, "")
    consenting = sorted(each for each, caller in tables.callers.items() if caller.consents)
    if settings.local_only:
        return Way(f"engine {name}", host, what, False, "local_only is set")
    if not consenting:
        return Way(f"engine {name}", host, what, False, "no caller consents to it")
    return Way(f"engine {name}", host, what, True, f"consenting: {', '.join(consenting)}")
