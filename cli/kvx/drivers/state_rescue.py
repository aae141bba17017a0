"""The newest whole state that can be found after a run was broken off, and the way to put it back."""

import json
import shlex
import uuid
from collections.abc import Iterator
from pathlib import Path

from kvx.drivers import state_backups as backups
from kvx.drivers.files import replace_file
from kvx.drivers.state_file import State, parse
from kvx.drivers.terraform import Terraform
from kvx.drivers.terraform_stream import printed_state


def newest(terraform: Terraform, lineage: str, least_serial: int) -> tuple[Path, State] | None:
    """What Terraform printed or wrote elsewhere in need, or else the last copy; `lineage` empty: any."""
    found = [
        (path, state)
        for path, state in _candidates(terraform, lineage)
        if state.serial >= least_serial and lineage in ("", state.lineage)
    ]
    return max(found, key=lambda pair: pair[1].serial, default=None)


def put_back(terraform: Terraform, state: State) -> None:
    """Make it the state; what Terraform left elsewhere is done with."""
    if terraform.backend.bucket is None:
        replace_file(terraform.state_file, state.content.decode())
    else:
        terraform.push_state(backups.keep(terraform.folder, state), force=True)
    errored_file(terraform).unlink(missing_ok=True)


def restoring(terraform: Terraform, copy: Path) -> str:
    """The command that puts a copy back, for a person."""
    if terraform.backend.bucket is None:
        return f"cp {shlex.quote(str(copy))} {shlex.quote(str(terraform.state_file))}"
    workspace, path = shlex.quote(str(terraform.workspace)), shlex.quote(str(copy.resolve()))
    return f"terraform -chdir={workspace} state push -force {path}"


def empty_bucket(terraform: Terraform) -> None:
    """A state with nothing in it, in place of what lies in the bucket."""
    empty = {"version": 4, "serial": 1, "lineage": str(uuid.uuid4()), "outputs": {}, "resources": []}
    path = terraform.folder / "empty.tfstate"
    replace_file(path, json.dumps(empty) + "\n")
    terraform.push_state(path, force=True)
    path.unlink()


def errored_file(terraform: Terraform) -> Path:
    """Where Terraform writes a state that it cannot write in its place."""
    return terraform.workspace / "errored.tfstate"


def _candidates(terraform: Terraform, lineage: str) -> Iterator[tuple[Path, State]]:
    errored = errored_file(terraform)
    if errored.exists():
        yield from _whole(errored, errored.read_bytes())
    for log in _newest_logs(terraform.folder):
        with log.open(encoding="utf-8", errors="replace") as lines:
            printed = printed_state(lines)
        if printed is not None:
            yield from _whole(log, printed.encode())
    if lineage:
        yield from backups.good_ones(terraform.folder, lineage)


def _whole(path: Path, content: bytes) -> Iterator[tuple[Path, State]]:
    state = parse(content)
    if isinstance(state, State):
        yield path, state


def _newest_logs(folder: Path) -> list[Path]:
    writers = [*(folder / "logs").glob("apply-*.jsonl"), *(folder / "logs").glob("destroy-*.jsonl")]
    return sorted(writers, key=lambda path: path.stat().st_mtime)[-2:]
