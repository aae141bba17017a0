"""Asks voice-api whether a speech model is whole, and remembers what that model looked like."""

import json
from pathlib import Path

from kvx.drivers.files import file_errors, replace_file
from kvx.drivers.programs import Ended, run_program
from kvx.errors import ExitCode, KvxError
from kvx.steps.service import CheckModel
from kvx.world import Outcome, World


def record_file(folder: Path) -> Path:
    """What was checked last: the name, the folder and the look of its files."""
    return folder / "model.json"


def is_checked(step: CheckModel) -> bool:
    """Whether this model was found whole, and none of its files has changed since."""
    try:
        checked = json.loads(record_file(step.folder).read_text())
        return bool(checked == _record(step, Path(checked["folder"])))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def check(step: CheckModel, world: World) -> Outcome:
    """Let voice-api load it and listen once; KvxError carries voice-api's own words."""
    ended = run_program(step.command, step.deadline_seconds, world)
    if ended.code != 0:
        raise voice_api_error(ended.code, ended.talk.splitlines()) or _unexplained(step, ended)
    folder = Path(ended.output.partition("\n")[0].partition("\t")[2])
    if step.folder.is_dir():
        with file_errors(step.folder):
            replace_file(record_file(step.folder), json.dumps(_record(step, folder)) + "\n")
    return Outcome(changed=True, data={"model": step.model, "model_folder": str(folder)})


def voice_api_error(code: int | None, lines: list[str] | tuple[str, ...]) -> KvxError | None:
    """The two lines in which voice-api says what is wrong and how to mend it; None without them."""
    for said, fix in zip(reversed(lines[:-1]), reversed(lines[1:]), strict=True):
        if said.startswith("voice-api: ") and fix.startswith("fix: "):
            kinds = {2: ExitCode.USAGE, 3: ExitCode.MISSING}
            kind = kinds.get(code or 0, ExitCode.FAILED)
            return KvxError(said.removeprefix("voice-api: "), fix.removeprefix("fix: "), kind)
    return None


def _unexplained(step: CheckModel, ended: Ended) -> KvxError:
    last = next((line for line in reversed(ended.talk.splitlines()) if line.strip()), "it said nothing")
    message = f"voice-api could not check the model {step.model} (exit code {ended.code}): {last}"
    return KvxError(message, f"{' '.join(step.command)}")


def _record(step: CheckModel, folder: Path) -> dict[str, object]:
    files = [(path, path.stat()) for path in sorted(folder.rglob("*")) if path.is_file()]
    looks = [[str(path.relative_to(folder)), look.st_size, look.st_mtime_ns] for path, look in files]
    return {"model": step.model, "program": list(step.program), "folder": str(folder), "files": looks}
