"""Measures what ten callers at once wait for: nine with commands of 3 s, one with a file of 10 minutes.

Run by hand, on an idle machine: .venv/bin/python tests/bench/many_callers.py [--model NAME] [--seconds 45]

Paced callers speak as people do: a command every 3 s, each with a phase of its own. Callers in a burst send
the next command as soon as they have the answer, which nobody's voice can do; it shows what the machine does
when there is always more to do than it can.
"""

import argparse
import http.client
import io
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from voice_api.speech.speakers.espeak import EspeakSpeaker

SENTENCE = "how many pods are not ready in the production namespace"
COMMAND_SECONDS, LONG_SECONDS, RATE = 3.0, 600.0, 16_000
CALLERS, EVERY_SECONDS = 9, 3.0
ALONE = 60


@dataclass
class Waited:
    """What callers waited, in milliseconds, and what was answered otherwise than alone."""

    milliseconds: list[float] = field(default_factory=list)
    wrong: int = 0
    span: float = 1.0

    def row(self, name: str, alone: "Waited") -> str:
        median, high = self.percentile(50), self.percentile(95)
        ratio = high / alone.percentile(95)
        count = len(self.milliseconds)
        cells = [f"{count}", f"{median:.0f}", f"{high:.0f}", f"{ratio:.1f}", f"{count / self.span:.1f}"]
        return f"| {name} | {' | '.join(cells)} | {self.wrong} |"

    def percentile(self, percent: int) -> float:
        return statistics.quantiles(self.milliseconds, n=100)[percent - 1]


def recorded(sound: NDArray[np.float32]) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, sound, RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()


def recordings() -> tuple[bytes, bytes]:
    """A command of 3 s with silence around it, and 10 minutes of such speech."""
    speaker = EspeakSpeaker()
    spoken = np.concatenate(list(speaker.speak(SENTENCE, None, 1.1))).astype(np.float32) / 32_768
    sound = soxr.resample(spoken, speaker.sample_rate, RATE)
    whole = np.zeros(round(COMMAND_SECONDS * RATE), np.float32)
    count = min(sound.size, whole.size)
    start = (whole.size - count) // 2
    whole[start : start + count] = sound[:count]
    return recorded(whole), recorded(np.tile(whole, round(LONG_SECONDS / COMMAND_SECONDS)))


@contextmanager
def service(*flags: str) -> Iterator[tuple[str, int]]:
    """A voice API of its own on a free port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    listener.set_inheritable(True)
    command = [
        sys.executable,
        "-m",
        "voice_api",
        "serve",
        "--fd",
        str(listener.fileno()),
        "--metrics-port",
        "0",
    ]
    command += ["--kubeconfig", "none", "--log-level", "warning", "--request-seconds", "600", *flags]
    process = subprocess.Popen(command, pass_fds=[listener.fileno()])
    address = listener.getsockname()[:2]
    try:
        ask(address, "GET", "/ready", b"", {})
        yield address
    finally:
        process.terminate()
        process.wait(30)
        listener.close()


def ask(
    address: tuple[str, int], method: str, path: str, body: bytes, headers: dict[str, str]
) -> dict[str, object]:
    connection = http.client.HTTPConnection(*address, timeout=600)
    try:
        connection.request(method, path, body, headers)
        answer: dict[str, object] = json.loads(connection.getresponse().read())
        return answer
    finally:
        connection.close()


def command(address: tuple[str, int], sound: bytes, waited: Waited, expected: str | None = None) -> str:
    started = time.perf_counter()
    answer = ask(address, "POST", "/v1/commands", sound, {"Content-Type": "audio/wav"})
    waited.milliseconds.append((time.perf_counter() - started) * 1000)
    text = str(answer.get("text"))
    waited.wrong += expected is not None and text != expected
    return text


def alone(address: tuple[str, int], sound: bytes) -> tuple[Waited, str]:
    waited, text = Waited(), ""
    started = time.perf_counter()
    for _ in range(ALONE):
        text = command(address, sound, waited)
        time.sleep(0.1)
    waited.span = time.perf_counter() - started
    return waited, text


def crowd(seconds: float, each: Callable[[int, float], None]) -> None:
    """Nine callers until the time is up."""
    end = time.perf_counter() + seconds
    threads = [threading.Thread(target=each, args=(number, end)) for number in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def paced(address: tuple[str, int], sound: bytes, seconds: float, expected: str) -> Waited:
    waited, chance = Waited(span=seconds), random.Random(9)
    phases = [chance.uniform(0, EVERY_SECONDS) for _ in range(CALLERS)]

    def speak(number: int, end: float) -> None:
        due = time.perf_counter() + phases[number]
        while due < end:
            time.sleep(max(0.0, due - time.perf_counter()))
            command(address, sound, waited, expected)
            due += EVERY_SECONDS

    crowd(seconds, speak)
    return waited


def burst(address: tuple[str, int], sound: bytes, seconds: float, expected: str) -> Waited:
    waited = Waited(span=seconds)

    def speak(_: int, end: float) -> None:
        while time.perf_counter() < end:
            command(address, sound, waited, expected)

    crowd(seconds, speak)
    return waited


@contextmanager
def long_file(address: tuple[str, int], body: bytes, told: list[str]) -> Iterator[None]:
    """The tenth caller: sends the file again and again while the block lasts, and is then cut off."""
    going, connections = threading.Event(), []

    def send() -> None:
        boundary = "many-callers"
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="long.wav"\r\n\r\n'
        form = head.encode() + body + f"\r\n--{boundary}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        while going.is_set():
            started = time.perf_counter()
            connections.append(http.client.HTTPConnection(*address, timeout=600))
            try:
                connections[-1].request("POST", "/v1/audio/transcriptions", form, headers)
                words = len(str(json.loads(connections[-1].getresponse().read()).get("text")).split())
            except (OSError, http.client.HTTPException, AttributeError):
                return
            told.append(f"{time.perf_counter() - started:.0f} s, {words} words")

    going.set()
    sending = threading.Thread(target=send)
    sending.start()
    time.sleep(1.5)
    try:
        yield
    finally:
        going.clear()
        if connections[-1].sock is not None:
            connections[-1].sock.shutdown(socket.SHUT_RDWR)
        sending.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=45.0, help="how long each crowd speaks")
    parsed, flags = parser.parse_known_args()
    short, long = recordings()
    told: dict[str, list[str]] = {"paced": [], "burst": []}
    with service(*flags) as address:
        for _ in range(5):
            command(address, short, Waited())
        single, expected = alone(address, short)
        rows = [single.row("one caller alone", single)]
        rows.append(burst(address, short, parsed.seconds / 3, expected).row("9 in a burst", single))
        with long_file(address, long, told["paced"]):
            rows.append(
                paced(address, short, parsed.seconds, expected).row("9 paced, and a long file", single)
            )
        time.sleep(3)
        with long_file(address, long, told["burst"]):
            rows.append(
                burst(address, short, parsed.seconds / 3, expected).row(
                    "9 in a burst, and a long file", single
                )
            )
        rate = ask(address, "GET", "/health", b"", {})
    print(f"{os.cpu_count()} cores; heard alone: {expected}\n")
    print("| callers | commands | p50 ms | p95 ms | p95 to alone | a second | other words |")
    print("|---|---|---|---|---|---|---|")
    print("\n".join(rows))
    print(
        f"\nlong files of 10 min finished meanwhile: {told}; memory {rate['memory']}; queue {rate['queue']}"
    )


if __name__ == "__main__":
    main()
