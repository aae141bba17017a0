"""Measures the figures of the foundation on this machine, and prints them as a Markdown table.

Run by hand, on an idle machine: .venv/bin/python tests/bench/foundation.py
"""

import datetime
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

BIN = Path(sys.executable).parent
ROUNDS = 15
COMMANDS = 40
SENTENCE = "how many pods are not ready in the production namespace"


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.0f} ({min(values):.0f} to {max(values):.0f})"


def milliseconds(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return (time.perf_counter() - start) * 1000


def run(*argv: str) -> None:
    # No time-out here: with one, subprocess polls, and the figure is rounded to its steps.
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def help_beside_typer() -> tuple[list[float], list[float]]:
    """Milliseconds of `kvx --help` and of importing typer, alternating."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(milliseconds(lambda: run(str(BIN / "kvx"), "--help")))
        theirs.append(milliseconds(lambda: run(sys.executable, "-c", "import typer")))
    return ours, theirs


class Service:
    """A voice API of its own on a free port, ended when the block ends."""

    def __init__(self, *flags: str) -> None:
        self._flags = flags

    def __enter__(self) -> "Service":
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(f"\0kvx-bench-{os.getpid()}-{time.monotonic_ns()}")
        notify.settimeout(60)
        listener = socket.create_server(("127.0.0.1", 0))
        listener.set_inheritable(True)
        self.address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        environment = {**os.environ, "NOTIFY_SOCKET": "@" + notify.getsockname()[1:].decode()}
        start = time.perf_counter()
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "voice_api", "serve", "--fd", str(listener.fileno())),
                *("--metrics-port", "0", *self._flags),
            ],
            env=environment,
            pass_fds=[listener.fileno()],
            stderr=subprocess.DEVNULL,
        )
        while b"READY=1" not in notify.recv(4096):
            pass
        self.ready_milliseconds = (time.perf_counter() - start) * 1000
        listener.close()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(20)

    def memory_mib(self, field: str) -> float:
        """`VmRSS` (now) or `VmHWM` (most ever) of the process."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) / 1024
        raise LookupError(field)

    def processor_seconds(self) -> float:
        """Processor time of the process until now, in steps of 10 ms."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")

    def post(self, path: str, body: bytes, content_type: str) -> bytes:
        request = urllib.request.Request(self.address + path, body, {"Content-Type": content_type})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return bytes(answer.read())

    def speech(self, text: str) -> bytes:
        return self.post(
            "/v1/audio/speech",
            json.dumps({"model": "espeak-ng", "input": text, "voice": "en-us"}).encode(),
            "application/json",
        )

    def command(self, sound: bytes) -> dict[str, object]:
        answer = json.loads(self.post("/v1/commands", sound, "audio/wav"))
        assert isinstance(answer, dict)
        return answer


def main() -> None:
    ours, theirs = help_beside_typer()
    readiness = []
    for _ in range(5):
        with Service() as service:
            readiness.append(service.ready_milliseconds)
    with Service() as service:
        idle = service.memory_mib("VmRSS")
        sound = service.speech(SENTENCE)
        answers = [service.command(sound) for _ in range(3)]
        durations = [milliseconds(lambda: service.command(sound)) for _ in range(COMMANDS)]
        most = service.memory_mib("VmHWM")
    heard = answers[-1]["heard"]
    assert isinstance(heard, dict)
    print(f"{datetime.date.today()}, {platform.machine()}, {len(os.sched_getaffinity(0))} cores, ", end="")
    print(f"Python {platform.python_version()}, {heard['duration_seconds']:.1f} s of sound\n")
    print("| what | median (least to most) |\n|---|---|")
    print(f"| `kvx --help` | {spread(ours)} ms |")
    print(f"| `python -c 'import typer'` | {spread(theirs)} ms |")
    print(f"| start to ready | {spread(readiness)} ms |")
    print(f"| memory, idle | {idle:.0f} MiB |")
    print(f"| memory, most while answering | {most:.0f} MiB |")
    print(f"| a spoken command, sound to reply text | {spread(durations)} ms |")
    print(f"\nStages of the last answer in ms: {json.dumps(answers[-1]['timings_ms'])}")


if __name__ == "__main__":
    main()
