"""Keeps what was last known of the state beside it, and refuses one that is empty, damaged, foreign or older.

Terraform takes an empty or missing state for a fresh start and would make everything a second time.
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from kvx.drivers import state_backups as backups
from kvx.drivers import state_rescue as rescue
from kvx.drivers.files import file_errors, replace_file
from kvx.drivers.state_file import Damage, State, parse
from kvx.drivers.state_move import GUARD
from kvx.drivers.terraform import Terraform
from kvx.drivers.terraform_plan import is_initialised
from kvx.errors import ExitCode, KvxError

SCHEMA = "kvx/state-guard/v1"


@dataclass(frozen=True, slots=True)
class Known:
    """What the state was when it was last seen whole; serial 0 and no lineage: there never was one.

    `writing`: a terraform was about to write it, and nobody has looked since.
    """

    serial: int = 0
    lineage: str = ""
    sha256: str = ""
    resources: int = 0
    writing: bool = False


def whole_state(terraform: Terraform) -> State | None:
    """The state, None where there never was one.

    Raises KvxError (exit code 4) for one that is not what it was, unless a run that was broken off explains
    it: then the newest copy is put in its place.
    """
    known = _known(terraform.folder)
    state = _read(terraform, known)
    if isinstance(state, Damage) and known.writing:
        state = _rescued(terraform, known)
    elif isinstance(state, State) and known.writing:
        state = _newer(terraform, state)
    if isinstance(state, Damage):
        raise _refused(terraform, known, state)
    if state is not None:
        _remember(terraform.folder, known, state)
    return state


def is_known(folder: Path) -> bool:
    """Whether there was a state with something in it."""
    return _known(folder).resources > 0


def was_broken_off(folder: Path) -> bool:
    """Whether a terraform was about to write, and nobody has looked since."""
    return _known(folder).writing


@contextlib.contextmanager
def writing(terraform: Terraform) -> Iterator[None]:
    """Around each terraform that writes: a copy before, a note that it is at work, and a look after.

    However it ends, the state is whole afterwards, or the next `whole_state` mends it.
    """
    before = whole_state(terraform)
    if before is not None:
        backups.keep(terraform.folder, before)
    _write(terraform.folder, replace(_known(terraform.folder), writing=True))
    try:
        yield
    finally:
        whole_state(terraform)
        _write(terraform.folder, replace(_known(terraform.folder), writing=False))


def forget(terraform: Terraform) -> Path | None:
    """Put the state aside and know nothing of it any more: what lives is adopted anew, or nothing lives.

    A state in a bucket is replaced by an empty one. Gives the path of what was put aside.
    """
    with file_errors(terraform.folder):
        aside = backups.set_aside(terraform.folder, terraform.state_file, terraform.world.now())
        rescue.errored_file(terraform).unlink(missing_ok=True)
        terraform.state_file.with_suffix(".tfstate.backup").unlink(missing_ok=True)
        if terraform.backend.bucket is not None and is_initialised(terraform.workspace):
            rescue.empty_bucket(terraform)
        _file(terraform.folder).unlink(missing_ok=True)
    return aside


def _read(terraform: Terraform, known: Known) -> State | Damage | None:
    content = terraform.state_content()
    if not content and not known.lineage:
        return None if content is None else _never_written(terraform, known)
    state = parse(content)
    if isinstance(state, State):
        return _compared(state, known)
    return None if content is None and not known.resources and not known.writing else state


def _never_written(terraform: Terraform, known: Known) -> Damage | None:
    """An empty file where there never was a state: left by our own first run, or somebody else's."""
    if known.writing:
        terraform.state_file.unlink(missing_ok=True)
        return None
    return Damage("it is empty")


def _compared(state: State, known: Known) -> State | Damage:
    if not known.lineage:
        return state
    if state.lineage != known.lineage:
        return Damage(f"it is another one: its lineage is {state.lineage}, and {known.lineage} was known")
    if state.serial < known.serial:
        return Damage(f"it is older: its serial is {state.serial}, and {known.serial} was known")
    if state.serial == known.serial and state.sha256 != known.sha256 and not known.writing:
        return Damage(f"it was edited: its serial is still {state.serial}, its content is not the same")
    return state


def _rescued(terraform: Terraform, known: Known) -> State | Damage | None:
    found = rescue.newest(terraform, known.lineage, known.serial)
    if found is not None:
        path, state = found
        terraform.world.progress(f"the run that was broken off left a damaged state; {path.name} replaces it")
        with file_errors(terraform.folder):
            rescue.put_back(terraform, state)
        return state
    if known.resources:
        return Damage("a run that was broken off left it damaged, and there is no copy of it")
    with file_errors(terraform.folder):
        backups.set_aside(terraform.folder, terraform.state_file, terraform.world.now())
        _write(terraform.folder, Known(writing=True))
    return None


def _newer(terraform: Terraform, state: State) -> State:
    """What Terraform could not write in its place, where that is more than what lies there."""
    found = rescue.newest(terraform, state.lineage, state.serial + 1)
    if found is None:
        return state
    with file_errors(terraform.folder):
        rescue.put_back(terraform, found[1])
    return found[1]


def _refused(terraform: Terraform, known: Known, damage: Damage) -> KvxError:
    where = terraform.backend.bucket or terraform.state_file
    message = f"the state in {where} is not what it was: {damage.words}; nothing was changed"
    back = next(backups.good_ones(terraform.folder, known.lineage), None)
    fix = "kvx adopt  (makes the state anew from the machines that live)"
    if back is not None:
        fix = f"{rescue.restoring(terraform, back[0])}  (the last good copy); or {fix}"
    return KvxError(message, fix, ExitCode.INCOMPLETE)


def _remember(folder: Path, known: Known, state: State) -> None:
    seen = Known(state.serial, state.lineage, state.sha256, len(state.resources), known.writing)
    if seen != known:
        with file_errors(folder):
            backups.keep(folder, state)
            _write(folder, seen)


def _known(folder: Path) -> Known:
    try:
        values = json.loads(_file(folder).read_text())
        values.pop("schema", None)
        return Known(**values)
    except FileNotFoundError:
        return Known()
    except (ValueError, TypeError, AttributeError):
        message = f"{_file(folder)} is damaged, and it says which state is the right one"
        fix = f"if nobody touched the state: rm {_file(folder)}, then run the same command again"
        raise KvxError(message, fix, ExitCode.INCOMPLETE) from None


def _write(folder: Path, known: Known) -> None:
    with file_errors(folder):
        replace_file(_file(folder), json.dumps({"schema": SCHEMA} | asdict(known), indent=2) + "\n")


def _file(folder: Path) -> Path:
    return folder / GUARD
