"""The voice API talks to nobody but its callers, and writes nowhere but where it was told to.

onnxruntime 1.31 as it comes keeps a device id and a database of events in the home folder, and sends them,
with the processor, the system and the path of the program, to its maker.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WATCHED = "network,openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,symlink,link"
PLACE = r'\((?:[^<,"]*<(?P<folder>[^>]*)>, )?"(?P<path>[^"]*)"'
WRITING = re.compile(rf"\b(?:openat|open){PLACE}, [^)]*O_(?:WRONLY|RDWR|CREAT)")
CHANGING = re.compile(rf"\b(?:creat|mkdir|mkdirat|rename\w*|unlink\w*|symlink|link){PLACE}")
FAILED = re.compile(r"= -1 E")
OUTWARD = ("socket", "connect", "bind")
# No files: devices, and what keeps memory out of core dumps (voice_api/core_dumps).
NO_FILES = ("/dev/null", "/dev/tty", "/proc/self/coredump_filter")
SOUND_SECONDS = 2.0
PACKAGE = Path(__file__).parents[2] / "voice_api"
RUN_SECONDS = 150
VOICE_API = (sys.executable, "-m", "voice_api")
ONLY_IMPORTED = (sys.executable, "-c", "import onnxruntime")


class Watch:
    """What a program and all it started asked of the system."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir()
        self.record = folder / "strace"

    def command(self, *program: str) -> list[str]:
        strace = ["strace", "--seccomp-bpf", "-f", "-y", "-qq", "-s", "200", "-e", f"trace={WATCHED}"]
        return [*strace, "-o", str(self.record), *program]

    @property
    def environment(self) -> dict[str, str]:
        """A user who asks for telemetry is not heard either."""
        return {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "PYTHONDONTWRITEBYTECODE": "1",
            "ORT_DISABLE_TELEMETRY": "0",
        }

    def run(self, *program: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self.command(*program),
            check=False,  # how it ended is the test's matter
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
        )

    def calls(self, *names: str) -> list[str]:
        wanted = tuple(f"{name}(" for name in names)
        calls = (line.split(maxsplit=1)[1] for line in self.record.read_text().splitlines())
        return [call for call in calls if call.startswith(wanted)]

    def written(self, *allowed: Path) -> set[str]:
        """Paths written, made or removed, but for those below `allowed`."""
        return {
            path
            for line in self.record.read_text().splitlines()
            for found in (WRITING.search(line), CHANGING.search(line))
            if found and not FAILED.search(line)
            if (path := str(self.folder / (found["folder"] or "") / found["path"])) not in NO_FILES
            if not any(Path(path).is_relative_to(folder) for folder in allowed)
        }


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    return Watch(tmp_path)


@pytest.mark.needs("strace", "unshare", "root")
def test_the_watch_sees_what_onnxruntime_would_do_by_itself(watch: Watch) -> None:
    """Without a network, so that even this run sends nothing."""
    environment = {**watch.environment, "ORT_DISABLE_TELEMETRY": "0"}
    command = ["unshare", "--net", *watch.command(*ONLY_IMPORTED)]
    subprocess.run(command, env=environment, cwd=watch.folder, timeout=RUN_SECONDS, check=True)
    assert any("deviceid" in path for path in watch.written())
    assert any(watch.home.rglob("onnxruntime.db"))


@pytest.mark.needs("strace")
def test_compiling_and_checking_a_model_opens_no_socket_and_writes_only_the_model(
    watch: Watch, small_published_folder: Path
) -> None:
    compiled = watch.folder / "compiled"
    places = ("compiled", ".compiling-compiled", ".compiling-compiled.lock")
    for words in (
        ("compile", str(small_published_folder), "--output", str(compiled)),
        ("check", str(compiled)),
    ):
        done = watch.run(*VOICE_API, "model", *words)
        assert done.returncode in (0, 1), done.stderr  # a random model is not expected to hear right
        assert watch.calls(*OUTWARD) == []
        assert watch.written(*(compiled.with_name(name) for name in places)) == set()
    assert list(watch.home.iterdir()) == []


@pytest.mark.needs("strace")
def test_a_service_that_is_given_its_socket_opens_no_other_and_writes_nothing(
    watch: Watch, start_program: Callable[..., Any]
) -> None:
    program = start_program("--metrics-port", "0", wrap=watch.command, environment=watch.environment)
    for _ in range(20):
        answer = program.hear(SOUND_SECONDS)
        assert answer.status_code == 200, answer.text
    os.kill(program.client.get("/health").json()["pid"], signal.SIGTERM)
    program.process.wait(RUN_SECONDS)
    accepted = [call for call in watch.calls("accept4") if " = -1 " not in call]
    assert accepted
    assert all('inet_addr("127.0.0.1")' in call or "127.0.0.1:" in call for call in accepted)
    assert watch.calls(*OUTWARD) == []
    assert watch.written() == set()
    assert list(watch.home.iterdir()) == []


@pytest.mark.needs("root", "unshare")
def test_on_a_read_only_file_system_nothing_is_missed(tmp_path: Path) -> None:
    read_only = 'mount -o remount,bind,ro / && exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", read_only, "sh", *VOICE_API, "model", "check", "embedded"]
    environment = {"HOME": str(tmp_path / "missing"), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        command, check=False, env=environment, capture_output=True, text=True, timeout=RUN_SECONDS
    )
    assert done.returncode == 0, done.stderr
    assert "heard: how many pods are running" in done.stdout
    assert done.stderr == ""


def test_onnxruntime_is_imported_in_one_place_which_turns_its_telemetry_off() -> None:
    """Whatever program is started, and whatever it imports first."""
    importing = re.compile(r"^\s*(?:import|from) onnxruntime\b", re.MULTILINE)
    found = [path for path in PACKAGE.rglob("*.py") if importing.search(path.read_text())]
    assert found == [PACKAGE / "voice_api" / "speech" / "runtime.py"]
