"""Moves a local state into the bucket that was set since: whole, as the same one, and over nobody's.

Terraform's own migration does not do: told to ask nobody it writes over whatever lies there. So the file
waits beside the workspace while `init` runs, and is pushed afterwards, which Terraform refuses over another
state. The copy gets a new lineage (measured, 1.11.4), so what it holds is compared. Broken off anywhere in
between, the next `init` goes on.
"""

from pathlib import Path

from kvx.drivers import state_backups as backups
from kvx.drivers.files import file_errors
from kvx.drivers.state_file import State, parse
from kvx.drivers.terraform import Terraform
from kvx.errors import ExitCode, KvxError

GUARD = "state-guard.json"


def begin(terraform: Terraform) -> None:
    """Before `init`: put a local state that holds something aside, or back where no bucket is set now."""
    local, waiting = terraform.state_file, _waiting(terraform)
    with file_errors(local):
        if terraform.backend.bucket is None:
            if waiting.exists():
                waiting.replace(local)
        elif local.exists() and _holds_something(local):
            local.replace(waiting)


def finish(terraform: Terraform) -> None:
    """After `init`: push it, and see that it is there.

    Raises a KvxError (exit code 4) where another state or a newer one lies; nothing is moved then.
    """
    waiting = _waiting(terraform)
    if terraform.backend.bucket is None or not waiting.exists():
        return
    with file_errors(waiting):
        ours = parse(waiting.read_bytes())
    if not isinstance(ours, State):
        raise _refused(terraform, f"{waiting} is damaged")
    if not _is_there(terraform, ours):
        try:
            terraform.push_state(waiting)
        except KvxError as error:
            raise _refused(terraform, error.message) from None
        if not _is_there(terraform, ours):
            raise _refused(terraform, "it is not there after it was pushed")
    with file_errors(terraform.folder):
        backups.keep(terraform.folder, ours)
        (terraform.folder / GUARD).unlink(missing_ok=True)  # the copy has a lineage of its own
        waiting.unlink()


def _is_there(terraform: Terraform, ours: State) -> bool:
    there = parse(terraform.state_content())
    return isinstance(there, State) and there.resources == ours.resources


def _refused(terraform: Terraform, reason: str) -> KvxError:
    place = f"{terraform.backend.bucket}/{terraform.backend.key}"
    fix = "where another one lies there, give this one another name: bucket_key under [hetzner]"
    return KvxError(f"the local state cannot move to {place}: {reason}", fix, ExitCode.INCOMPLETE)


def _waiting(terraform: Terraform) -> Path:
    return terraform.folder / "moving.tfstate"


def _holds_something(path: Path) -> bool:
    state = parse(path.read_bytes())
    return isinstance(state, State) and bool(state.resources)
