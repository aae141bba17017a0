"""Hands what was typed on to the voice-api that a deploy of these settings starts."""

import sys
from collections.abc import Sequence
from pathlib import Path

from kvx.commands.flags import deployment_from
from kvx.deployment import Deployment
from kvx.errors import ExitCode, KvxError

AS_TYPED = {"allow_extra_args": True, "ignore_unknown_options": True}
DEADLINE_SECONDS = 300.0


def hand_on(command: str, typed: Sequence[str], folder: Path | None, files: Sequence[str]) -> None:
    """Run `voice-api COMMAND ...` with the files that the settings name; ends with its exit code."""
    deployment = deployment_from(folder, "local")
    if not typed or typed[0].startswith("-"):
        raise KvxError(f"kvx {command} needs to know what to do", f"kvx {command} -h", ExitCode.USAGE)
    from kvx.drivers.benching import run_shown

    voice = deployment.settings.voice
    known = {
        "users-file": _users(deployment),
        "journal-folder": voice.journal_folder,
        "ledger-address-file": voice.ledger_address_file,
    }
    named = [part for name in files if known[name] for part in (f"--{name}", str(known[name]))]
    sys.exit(run_shown((_program(deployment), command, *typed, *named), DEADLINE_SECONDS))


def _users(deployment: Deployment) -> Path:
    """Beside the settings, unless they name another: the service only reads it where they do."""
    return deployment.settings.voice.users_file or deployment.folder / "users.json"


def _program(deployment: Deployment) -> str:
    from kvx.steps.service import StartService
    from kvx.targets import plan_for

    starts = [step for step in plan_for(deployment).steps if isinstance(step, StartService)]
    return starts[0].argv[0]
