"""Terraform's folder of a cluster: the files of `terraform/`, the backend, the variables, the keys."""

import json
from collections.abc import Iterator
from pathlib import Path

from kvx.drivers import workspace_keys as keys
from kvx.drivers import workspace_variables as told
from kvx.drivers.files import file_errors, replace_file
from kvx.errors import ExitCode, KvxError
from kvx.machines.fleet import Account, Fleet
from kvx.machines.placement import Placement
from kvx.steps.machines import WriteWorkspace
from kvx.world import Outcome, World

VARIABLES = "kvx.auto.tfvars.json"
IMPORTS = "imports.tf"
_BACKEND = "backend.tf"
_COPIED = ("*.tf", "*.tftpl")


def is_done(step: WriteWorkspace, _world: World) -> bool:
    """Whether every file is there with the content it should have, and none too many."""
    with file_errors(step.folder):
        try:
            wanted = _wanted(step)
        except FileNotFoundError:
            return False
        return all(_holds(path, text) for path, text in wanted.items()) and not _too_many(step, wanted)


def perform(step: WriteWorkspace, world: World) -> Outcome:
    """Write what differs; a file that is right already is not touched."""
    with file_errors(step.folder):
        (step.folder / "terraform").mkdir(mode=0o700, parents=True, exist_ok=True)
        keys.make_host_keys(step.folder, step.fleet)
        keys.make_operator_key(step.folder, step.fleet)
        wanted = _wanted(step)
        changed = _too_many(step, wanted)
        for path in changed:
            path.unlink()
        for path, text in wanted.items():
            if not _holds(path, text):
                replace_file(path, text)
                changed.append(path)
    if changed:
        world.progress(f"wrote {', '.join(path.name for path in changed)}")
    return Outcome(changed=bool(changed))


def write_placement(folder: Path, placement: Placement) -> None:
    """Tell Terraform other places, after Hetzner refused one; all else stays as it is."""
    path = folder / "terraform" / VARIABLES
    with file_errors(path):
        values = json.loads(path.read_text())
        values["placements"] = {
            key: {"type": each.place.type, "location": each.place.location}
            for key, each in sorted(placement.nodes.items())
        }
        replace_file(path, _document(values))


def _wanted(step: WriteWorkspace) -> dict[Path, str]:
    """Content by path; raises FileNotFoundError while a key is still to be made."""
    workspace = step.folder / "terraform"
    sources = sorted(path for pattern in _COPIED for path in step.source.glob(pattern))
    if not sources:
        message = f"{step.source} holds no Terraform files"
        raise KvxError(
            message, "run kvx from a clone of the repository, or install it again", ExitCode.MISSING
        )
    files = {workspace / path.name: path.read_text(encoding="utf-8") for path in sources}
    files[workspace / _BACKEND] = told.backend_file(step.backend)
    files[workspace / VARIABLES] = _document(_variables(step.folder, step.account, step.fleet))
    return files


def _variables(folder: Path, account: Account, fleet: Fleet) -> dict[str, object]:
    public = keys.host_keys(folder, fleet)
    operator = keys.operator_key(folder, fleet)
    placed = placement(folder).nodes
    addresses = told.allowed_addresses(fleet, account)
    wanted = told.variables(fleet, placed, addresses, public, operator)
    return wanted | told.surroundings(account, str((folder / "host-keys").resolve()))


def placement(folder: Path) -> Placement:
    """What the pre-flight decided; raises FileNotFoundError where it has not, KvxError for a damaged file."""
    path = folder / "placement.json"
    try:
        return Placement.from_json(json.loads(path.read_text()))
    except ValueError:
        message = f"{path} is damaged"
        raise KvxError(message, f"rm {path}; the next run decides anew", ExitCode.INCOMPLETE) from None


def _too_many(step: WriteWorkspace, wanted: dict[Path, str]) -> list[Path]:
    """Files of an earlier kvx: Terraform would read them, too."""
    workspace = step.folder / "terraform"
    there: Iterator[Path] = (path for pattern in _COPIED for path in workspace.glob(pattern))
    return [path for path in there if path not in wanted and path.name != IMPORTS]


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


def _document(values: dict[str, object]) -> str:
    return json.dumps(values, indent=2, sort_keys=True) + "\n"
