"""The saved plan, and what it was made from: looked at and applied, it is the same one."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from kvx.drivers import state_move
from kvx.drivers.files import file_errors, replace_file
from kvx.drivers.state_file import State
from kvx.drivers.terraform import Terraform
from kvx.drivers.terraform_failures import troubles_of
from kvx.drivers.terraform_running import Ended
from kvx.drivers.terraform_stream import summary_of

SCHEMA = "kvx/plan/v1"
FRESH_SECONDS = 60.0
_MADE_OF = ("*.tf", "*.tftpl", "*.tfvars.json")
_INITIALISED_FOR = ("backend.tf", "terraform.tf")


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """What the plan says. `made_from`: digest of workspace and state; `summary`: how many are added etc."""

    made_from: str
    made_at: float
    changes: bool
    summary: Mapping[str, int] = field(default_factory=dict)

    @property
    def words(self) -> str:
        counts = [f"{count} to {verb}" for verb, count in self.summary.items() if count]
        return f"the plan: {', '.join(counts) or 'no resource changes'}"


def fresh_plan(
    terraform: Terraform, state: State | None, deadline_seconds: float, *, locked: bool = True
) -> SavedPlan | Ended:
    """The saved plan if it is of this minute and of what lies there, else a new one; Ended if that fails."""
    made_from = digest(terraform.workspace, state)
    before = _saved(terraform)
    age = terraform.world.now() - before.made_at if before else FRESH_SECONDS
    if before is not None and before.made_from == made_from and 0 <= age < FRESH_SECONDS:
        return before
    forget_plan(terraform)
    failed = _initialise(terraform, deadline_seconds)
    if failed is not None:
        return failed
    ended = terraform.plan(deadline_seconds, locked=locked)
    if ended.code not in (0, 2):
        return ended
    plan = SavedPlan(made_from, terraform.world.now(), ended.code == 2, summary_of(ended.records) or {})
    with file_errors(terraform.workspace):
        replace_file(_file(terraform), json.dumps({"schema": SCHEMA} | asdict(plan), indent=2) + "\n")
    return plan


def is_initialised(workspace: Path) -> bool:
    """Whether backend and provider are ready for what the files say."""
    stamp = _stamp(workspace)
    return stamp.exists() and stamp.read_text() == _digest_of(workspace / name for name in _INITIALISED_FOR)


def ready(terraform: Terraform, deadline_seconds: float) -> None:
    """See that backend and provider are ready; KvxError with what `init` said where they are not."""
    failed = _initialise(terraform, deadline_seconds)
    if failed is not None:
        raise troubles_of(failed)[0].error


def _initialise(terraform: Terraform, deadline_seconds: float) -> Ended | None:
    if is_initialised(terraform.workspace):
        return None
    wanted = _digest_of(terraform.workspace / name for name in _INITIALISED_FOR)
    state_move.begin(terraform)
    ended = terraform.init(deadline_seconds)
    if ended.code == 0:
        state_move.finish(terraform)
        with file_errors(terraform.workspace):
            replace_file(_stamp(terraform.workspace), wanted)
        return None
    return ended


def forget_plan(terraform: Terraform) -> None:
    """The next one is made anew."""
    _file(terraform).unlink(missing_ok=True)
    terraform.plan_file.unlink(missing_ok=True)


def digest(workspace: Path, state: State | None) -> str:
    """Changes with every file a plan is made of, and with the state."""
    files = sorted(path for pattern in _MADE_OF for path in workspace.glob(pattern))
    return _digest_of(files) + (f"-{state.serial}-{state.sha256[:16]}" if state else "-none")


def _digest_of(files: Iterable[Path]) -> str:
    content = hashlib.sha256()
    for path in files:
        content.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return content.hexdigest()[:32]


def _saved(terraform: Terraform) -> SavedPlan | None:
    try:
        values = json.loads(_file(terraform).read_text())
        values.pop("schema", None)
        plan = SavedPlan(**values)
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return None
    return plan if terraform.plan_file.exists() else None


def _stamp(workspace: Path) -> Path:
    return workspace / ".terraform" / "kvx-initialised"


def _file(terraform: Terraform) -> Path:
    return terraform.workspace / "plan.json"
