"""Whose machines a folder is about: a real account's, or a simulation's; the two are never mixed up."""

import json
from pathlib import Path
from urllib.parse import urlsplit

from kvx.drivers.files import file_errors, replace_file
from kvx.errors import ExitCode, KvxError
from kvx.machines.fleet import Account

SCHEMA = "kvx/account/v1"
_REAL = "Hetzner"
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def remember(folder: Path, account: Account) -> None:
    """Write down whose machines they are going to be; raises as `check` does."""
    check(folder, account)
    if _known(folder) is None:
        with file_errors(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            record = {"schema": SCHEMA, "endpoint": account.endpoint, "behind": _behind(account.endpoint)}
            replace_file(_file(folder), json.dumps(record, indent=2) + "\n")


def check(folder: Path, account: Account) -> None:
    """Raises a KvxError with exit code 3 where the folder is about other machines than the account's."""
    known, wanted = _known(folder), _behind(account.endpoint)
    if known is not None and known != wanted:
        message = f"{folder} holds what is known of machines at {known}, and the endpoint leads to {wanted}"
        fix = "unset HCLOUD_ENDPOINT; a rehearsal has a folder of its own: kvx rehearse deploy"
        if known != _REAL:
            fix = f"choose another folder with --folder; or, if nothing is left there: rm -r {folder}"
        raise KvxError(message, fix, ExitCode.MISSING)


def _behind(endpoint: str | None) -> str:
    """Simulations on this machine are one: their port changes, their state does not."""
    if endpoint is None:
        return _REAL
    parts = urlsplit(endpoint)
    return "a simulation" if parts.hostname in _THIS_MACHINE else f"{parts.scheme}://{parts.netloc}"


def _known(folder: Path) -> str | None:
    try:
        return str(json.loads(_file(folder).read_text())["behind"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        message = f"{_file(folder)} cannot be read, and it says whose machines these are"
        fix = f"look into it; if it is of no use: rm {_file(folder)}"
        raise KvxError(message, fix, ExitCode.MISSING) from None


def _file(folder: Path) -> Path:
    return folder / "account.json"
