"""Terraform on one workspace: the command lines are python-terraform's, the processes are watched here."""

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from python_terraform import IsFlagged  # type: ignore[import-untyped]
from python_terraform import Terraform as CommandLines

from kvx.drivers import terraform_survivors as survivors
from kvx.drivers.terraform_environment import environment
from kvx.drivers.terraform_running import Command, Ended, run
from kvx.errors import ExitCode, KvxError
from kvx.machines.fleet import Account
from kvx.steps.machines import Backend
from kvx.world import World

_SHORT_SECONDS = 60
_LOCK_TIMEOUT = "10s"  # of a state in a bucket: somebody's plan takes seconds


@dataclass(frozen=True, slots=True)
class Terraform:
    """Terraform in `workspace`, a folder `terraform` beside which its logs and notes lie."""

    workspace: Path
    account: Account
    backend: Backend
    world: World

    @property
    def folder(self) -> Path:
        return self.workspace.parent

    @property
    def state_file(self) -> Path:
        """Where a local state lies; one in a bucket has no file."""
        return self.workspace / "terraform.tfstate"

    @property
    def plan_file(self) -> Path:
        return self.workspace / "plan.bin"

    @property
    def note(self) -> Path:
        return self.folder / "terraform.pid.json"

    def init(self, deadline_seconds: float) -> Ended:
        """Make backend and provider ready; no state is moved."""
        return self._long("init", deadline_seconds, input=False, reconfigure=IsFlagged)

    def plan(self, deadline_seconds: float, *, locked: bool = True) -> Ended:
        """A plan saved in `plan_file`; the code is 0 without changes and 2 with some.

        A lock on a local state makes an empty file where there was none, which a kill would leave behind;
        `alone` keeps others out there.
        """
        return self._long(
            "plan",
            deadline_seconds,
            json=IsFlagged,
            input=False,
            out=str(self.plan_file),
            detailed_exitcode=IsFlagged,
            **self._lock(locked=locked and self.backend.bucket is not None),
        )

    def apply(self, deadline_seconds: float, enough: Callable[[], bool]) -> Ended:
        """Exactly the saved plan."""
        options = {"json": IsFlagged, "input": False, **self._lock()}
        return self._long("apply", deadline_seconds, str(self.plan_file), enough=enough, **options)

    def destroy(self, deadline_seconds: float, enough: Callable[[], bool]) -> Ended:
        """Everything in the state."""
        options = {"json": IsFlagged, "input": False, "auto_approve": IsFlagged, **self._lock()}
        return self._long("destroy", deadline_seconds, enough=enough, **options)

    def show_json(self) -> str:
        """The saved plan as Terraform's JSON; it is never written to a file."""
        return self._short("show", str(self.plan_file), json=IsFlagged)

    def state_content(self) -> bytes | None:
        """The state as it lies there, whole or not; None where there is none."""
        if self.backend.bucket is not None:
            return self._short("state pull").encode() or None
        try:
            return self.state_file.read_bytes()
        except FileNotFoundError:
            return None

    def push_state(self, content: Path, *, force: bool = False) -> None:
        """Put a state into the bucket; without `force`, not in place of another or a newer one."""
        self._short("state push", str(content), **({"force": IsFlagged} if force else {}))

    def unlock(self, lock_id: str) -> None:
        """Take the lock of the state away."""
        self._short("force-unlock", lock_id, force=IsFlagged)

    @contextlib.contextmanager
    def alone(self, *, wait: bool = True) -> Iterator[bool]:
        """Whether no other terraform works here; with `wait`, what an earlier run left is ended first."""
        with survivors.alone(self.folder / "terraform.lock", self.world, wait=wait) as held:
            if held and wait:
                survivors.settle(self.note, self.workspace, self.world)
            yield held and not survivors.lives(self.note, self.workspace)

    def _lock(self, *, locked: bool = True) -> dict[str, Any]:
        return {"lock_timeout": _LOCK_TIMEOUT} if locked else {"lock": False}

    def _long(
        self,
        verb: str,
        deadline_seconds: float,
        *arguments: str,
        enough: Callable[[], bool] = lambda: False,
        **options: Any,
    ) -> Ended:
        log = self.folder / "logs" / f"{verb}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.jsonl"
        command = Command(
            verb, self._line(verb, *arguments, **options), self.workspace, self._environment(), log, self.note
        )
        return run(command, deadline_seconds, self.world, enough)

    def _short(self, verb: str, *arguments: str, **options: Any) -> str:
        try:
            ended = subprocess.run(
                self._line(verb, *arguments, **options),
                cwd=self.workspace,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_SHORT_SECONDS,
                check=False,
                umask=0o077,
            )
        except subprocess.TimeoutExpired:
            message = f"terraform {verb} did not end within {_SHORT_SECONDS} s"
            raise KvxError(message, "run the same command again") from None
        if ended.returncode:
            message = f"terraform {verb} failed: {_plain(ended.stderr)}"
            raise KvxError(message, "mend that, then run the same command again", ExitCode.INCOMPLETE)
        return ended.stdout

    def _line(self, verb: str, *arguments: str, **options: Any) -> list[str]:
        # Its constructor reads a state file and fails on a damaged one: it is given one that is not there.
        lines = CommandLines(terraform_bin_path=_program(), state="no-state-is-read")
        return list(lines.generate_cmd_string(verb, *arguments, no_color=IsFlagged, **options))

    def _environment(self) -> dict[str, str]:
        return environment(self.account, self.backend)


def _program() -> str:
    found = shutil.which("terraform")
    if found is None:
        message = "terraform is not on PATH"
        raise KvxError(message, "install terraform 1.10 or newer: https://developer.hashicorp.com/terraform/install",
                       ExitCode.MISSING)  # fmt: skip
    return found


def _plain(text: str) -> str:
    return re.sub(r"[│╷╵\s]+", " ", text).strip()[:400]
