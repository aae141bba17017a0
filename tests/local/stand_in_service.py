"""StandInService: takes the flags of `voice-api serve`, and behaves as its settings file says.

start_seconds      how long it takes until it is ready
start_after        and until this file is there
never_ready        it lives, and neither answers nor says that it is ready
exit_before_ready  it says why and ends with this code
live_seconds       how long after being ready it dies with exit code 7
ignore_sigterm     it goes on until it is killed
answer             what it answers to every request
answer_seconds     how long an answer takes
answer_after       and until this file is there
chatter_bytes      how much it writes to its log once it is ready
"""

import argparse
import json
import os
import signal
import socket
import sys
import threading
import time
import tomllib
from pathlib import Path


class StandInService:
    def __init__(self, settings: dict, api: int, metrics: int) -> None:
        self.settings = settings
        self.api = socket.socket(fileno=api)
        self.metrics = socket.socket(fileno=metrics)
        self.leaving = threading.Event()
        self.at_work: list[threading.Thread] = []

    def run(self) -> int:
        print("stand-in: starting", flush=True)
        if code := self.settings.get("exit_before_ready"):
            print("voice-api: the stand-in was told to fail\nfix: tell it otherwise", file=sys.stderr)
            return code
        if not self.settings.get("ignore_sigterm"):
            signal.signal(signal.SIGTERM, lambda *_: self.leaving.set())
        else:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(self.settings.get("start_seconds", 0))
        wait_for(self.settings.get("start_after"))
        if self.settings.get("never_ready"):
            self.leaving.wait(60)
            return 0
        notify("READY=1")
        for _ in range(self.settings.get("chatter_bytes", 0) // 100):
            print("x" * 99)
        sys.stdout.flush()
        return self.serve()

    def serve(self) -> int:
        end = time.monotonic() + self.settings.get("live_seconds", 1e9)
        self.api.settimeout(0.05)
        while not self.leaving.is_set():
            if time.monotonic() > end:
                print("stand-in: dying as told", flush=True)
                return 7
            try:
                connection, _ = self.api.accept()
            except TimeoutError:
                continue
            worker = threading.Thread(target=self.answer, args=(connection,))
            worker.start()
            self.at_work.append(worker)
        for worker in self.at_work:
            worker.join()
        return 0

    def answer(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(60)
            data = b""
            while b"\r\n\r\n" not in data and (more := connection.recv(65536)):
                data += more
            if not data:
                return
            time.sleep(self.settings.get("answer_seconds", 0))
            wait_for(self.settings.get("answer_after"))
            body = json.dumps({"status": "alive", "answer": self.settings.get("answer"), "pid": os.getpid()})
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
            connection.sendall(f"{head}Content-Type: application/json\r\n\r\n{body}".encode())


def wait_for(path: str | None) -> None:
    while path is not None and not Path(path).exists():
        time.sleep(0.02)


def notify(words: str) -> None:
    address = os.environ["NOTIFY_SOCKET"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(words.encode(), "\0" + address[1:] if address.startswith("@") else address)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--metrics-fd", type=int, required=True)
    flags = parser.parse_args()
    service = StandInService(tomllib.loads(flags.settings.read_text()), flags.fd, flags.metrics_fd)
    # Threads at work have been waited for; nothing else may hold the process.
    os._exit(service.run())
