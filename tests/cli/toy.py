"""A toy plan, and a driver that carries it out on real files; run as a program, it deploys or cleans up.

usage: toy.py FOLDER (deploy | cleanup) [TROUBLE STEP]
"""

import os
import shutil
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from kvx.deployment import Deployment
from kvx.errors import ExitCode, KvxError
from kvx.execute import Call, execute, undo
from kvx.plan import Phase, Plan, Step, step_digest, step_kind
from kvx.report import Lines
from kvx.settings import Settings
from kvx.steps.service import CheckModel, RemoveFolder, SpeakAndCompare, StartService, StopService, WriteFile
from kvx.world import Outcome, World, real_world


def toy_deployment(folder: Path) -> Deployment:
    return Deployment("local", Settings(folder))


def toy_plan(deployment: Deployment, content: str = "port = 1\n") -> Plan:
    """The shape of the target local, with programs that do not exist."""
    folder = deployment.folder
    write = WriteFile(deployment.service_settings, content)
    start = StartService(
        folder=folder,
        argv=("toy", "serve"),
        settings_file=write.path,
        host="127.0.0.1",
        port=1,
        metrics_host="127.0.0.1",
        metrics_port=2,
        model="toy",
        version="1",
    )
    service = Phase(
        "service",
        "keep the toy running",
        (write, CheckModel(folder, ("toy",), "toy"), start),
        (StopService(folder), RemoveFolder(folder)),
    )
    speak = SpeakAndCompare(folder, "how many pods are there", "count_pods", "toy", deadline_seconds=1)
    return Plan("local", (service, Phase("verify", "speak to it", (speak,))))


@dataclass(slots=True)
class RecordingDriver:
    """Keeps its world on the disk beside `.kvx/`: a mark per step that was done, a line per performance.

    `trouble` maps a kind of step to what goes wrong in it: fail, bug, full,
    hang, wait, stubborn, die or die after.
    """

    folder: Path
    trouble: dict[str, str] = field(default_factory=dict)

    def is_done(self, step: Step, world: World) -> bool:
        match step:
            case WriteFile():
                return step.path.exists() and step.path.read_text() == step.content
            case StopService():
                return not self._marks("StartService")
            case RemoveFolder():
                return not step.folder.exists()
        return self._mark(step).exists()

    def perform(self, step: Step, world: World) -> Outcome:
        with (self.folder / "performed").open("a") as file:
            file.write(step_kind(step) + "\n")
        trouble = self.trouble.get(step_kind(step), "")
        self._go_wrong(trouble, world)
        self._change(step)
        if trouble == "die after":
            os.kill(os.getpid(), signal.SIGKILL)
        return Outcome(changed=not isinstance(step, SpeakAndCompare), data={"address": "http://toy"})

    @property
    def performed(self) -> list[str]:
        """Kinds of the steps performed so far, by any process."""
        path = self.folder / "performed"
        return path.read_text().split() if path.exists() else []

    def _change(self, step: Step) -> None:
        match step:
            case WriteFile():
                step.path.parent.mkdir(parents=True, exist_ok=True)
                step.path.write_text(step.content)
            case RemoveFolder():
                shutil.rmtree(step.folder)
            case StopService():
                for mark in self._marks("StartService"):
                    mark.unlink()
            case SpeakAndCompare():
                pass
            case _:
                self._mark(step).parent.mkdir(exist_ok=True)
                self._mark(step).touch()

    def _mark(self, step: Step) -> Path:
        return self.folder / "marks" / f"{step_kind(step)}-{step_digest(step)}"

    def _marks(self, kind: str) -> list[Path]:
        return list((self.folder / "marks").glob(f"{kind}-*"))

    def _go_wrong(self, trouble: str, world: World) -> None:
        match trouble:
            case "fail":
                raise KvxError("the toy broke", "wind it up")
            case "bug":
                raise ZeroDivisionError("a bug")
            case "full":
                Path("/dev/full").write_text("x")
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "hang" | "wait" | "stubborn":
                self._take_long(trouble, world)

    def _take_long(self, trouble: str, world: World) -> None:
        """Hang without an end, wait for the wish to stop, or hear it and go on."""
        print("waiting", flush=True)
        while trouble == "hang":
            world.sleep(1)
        while not world.stop_requested():
            time.sleep(0.02)
        if trouble == "stubborn":
            print("heard", flush=True)
            time.sleep(60)
        raise KvxError("the toy stopped", "wind it up again", ExitCode.INTERRUPTED)


def main(folder: Path, act: str, *trouble: str) -> None:
    deployment = toy_deployment(folder)
    driver = RecordingDriver(folder, {trouble[1]: trouble[0]} if trouble else {})
    perform = execute if act == "deploy" else undo
    report = Lines(sys.stderr)
    call = Call(f"kvx {act}")
    try:
        perform(toy_plan(deployment), deployment, driver, report, real_world(), call=call)
    except KvxError as error:
        print(f"{error.message}\nfix: {error.fix}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
