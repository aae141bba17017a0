"""voice-api privacy: tells and proves what leaves the machine, as JSON."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from voice_api.command_settings import add_settings, chosen_settings, kept_in
from voice_api.errors import VoiceApiError
from voice_api.settings import Settings, Surroundings, surroundings

if TYPE_CHECKING:
    from voice_api.engines.file import Tables
    from voice_api.privacy.proof import Proof

SCHEMA = "kvx.privacy/1"


class LeavesError(VoiceApiError):
    """Something is tried to be reached that no setting leads to; the program ends with exit code 1."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--no-proof", dest="proof", action="store_false", help="tell what the settings say, and try nothing"
    )
    add_settings(parser)


def run(parsed: argparse.Namespace) -> None:
    """One document on stdout; LeavesError after it where the proof failed."""
    settings, around = chosen_settings(parsed), surroundings()
    proof = _proof(settings, around) if parsed.proof else None
    from voice_api.privacy.proof import unexpected  # noqa: PLC0415
    from voice_api.privacy.ways import kept, ways  # noqa: PLC0415
    from voice_api.recording import journal_folder  # noqa: PLC0415

    out = ways(settings, _tables(settings), _cluster(settings, around), _database(settings))
    jobs = Path(settings.jobs_folder) if settings.jobs_folder else around.jobs_folder
    wrong = unexpected(proof.attempts, out) if proof else ()
    document = {
        "schema": SCHEMA,
        "ways": [asdict(each) for each in out],
        "kept": [asdict(each) for each in kept(settings, journal_folder(settings, around), jobs)],
        "proof": {**asdict(proof), "unexpected": [asdict(each) for each in wrong]} if proof else None,
    }
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
    if wrong:
        message = f"tried to reach {', '.join(each.host for each in wrong)}, where no open way leads"
        raise LeavesError("leaves", message, "tell us: this is a defect of voice-api, or of what it loads")


def _proof(settings: Settings, around: Surroundings) -> "Proof":
    """Before anything else, while this process has one thread."""
    from voice_api.logs import configure_logs  # noqa: PLC0415
    from voice_api.privacy.proof import proven  # noqa: PLC0415

    configure_logs("json", "error")
    return proven(settings, around, kept_in(settings))


def _tables(settings: Settings) -> "Tables":
    from voice_api.engines.file import Tables, read_engines  # noqa: PLC0415

    return read_engines(Path(settings.engines_file)).tables if settings.engines_file else Tables()


def _cluster(settings: Settings, around: Surroundings) -> str:
    """The address of its API server; nothing connects to it."""
    from voice_api.commanding import chosen_cluster  # noqa: PLC0415

    cluster = chosen_cluster(settings, around)
    if cluster.description.demo:
        return ""
    from voice_api.cluster.kubernetes import KubernetesCluster  # noqa: PLC0415

    return cluster.connection.address if isinstance(cluster, KubernetesCluster) else ""


def _database(settings: Settings) -> str:
    """Its host; the address may hold a password, and is never told."""
    if not settings.ledger_address_file:
        return ""
    from voice_api.privacy.ways import host_of  # noqa: PLC0415

    try:
        address = Path(settings.ledger_address_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return "a host that its file would tell, which cannot be read"
    return host_of(address) or "this machine"
