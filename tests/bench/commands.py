"""Measures commands among 5,000 objects of a real API server, and prints the tables of docs/benchmarks.md.

Run by hand, on an idle machine, in three minutes: .venv/bin/python tests/bench/commands.py
It starts an API server (tests/components/environment kubernetes builds it), fills it, and ends it again.
"""

import argparse
import datetime
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "components" / "kubernetes"))

from api_time import BareClient, covered, requests
from first_sound import SOUND_HEADER, sound_rows
from fixtures import running_api_server
from foundation import Service
from population import population, put
from understanding import HEADER, percentile, rows

from voice_api.cluster.protocol import Named

STARTS, SETTLED_SECONDS, WAIT_SECONDS = 3, 1.0, 60.0
WARM_UP = 3
NAMED = (
    "describe {}",
    "what version is {} running",
    "rollout status of {}",
    "how often has {} restarted",
    "what is wrong with {}",
    "rollout history of {}",
)
PLACED = ("how many pods are in {}", "list the deployments in {}", "which pods are not ready in {}")
EVERYWHERE = "how many pods are not ready"
TEXT_HEADER = (
    "| text commands over HTTP | count | goal | p50 ms | p95 | API server's own, p50 | without it, p50 "
    "| the API alone, p50 | without that, p50 | processor time of the service, mean |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)
HOW = """\
A real API server with its etcd on the same machine holds the objects. Commands come with a user's key, are
done as that user and written into the journal. What the API server needs its audit log says; "the API alone"
is what Python's own HTTP client waits for the same answers, asked once more: that is the API's own time as
whoever asks it sees it. hassil is given the same sentences, and live
names and numbers as lists of its own; "at first" is each sentence for the first time, else it is the median
of several. Sound is espeak-ng's, heard by the embedded model, and no reply is spoken twice.
""".replace("\n", " ").strip()
SEES = {"apiGroups": ["", "apps", "batch"], "resources": ["*"], "verbs": ["get", "list", "watch"]}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a key, on one connection to one service. Plain bytes: a client of Python's takes long."""

    connection: socket.socket
    key: str

    def say(self, text: str) -> dict[str, Any]:
        body = json.dumps({"text": text})
        self.connection.sendall(
            f"POST /v1/commands HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {self.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode("ascii")
        )
        answer: dict[str, Any] = json.loads(self._answered())
        assert answer["status"] == "SUCCESS", answer
        return answer

    def _answered(self) -> bytes:
        """The body of the next answer, whose length the service tells."""
        received = b""
        while b"\r\n\r\n" not in received:
            received += self.connection.recv(65_536)
        head, _, body = received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(body) < length:
            body += self.connection.recv(65_536)
        return body


@dataclass(frozen=True, slots=True)
class Bench:
    """The API server, who speaks, and how the service is started."""

    server: Any
    key: str
    flags: tuple[str, ...]

    def person(self, service: Service) -> Person:
        host, _, port = service.address.removeprefix("http://").partition(":")
        return Person(socket.create_connection((host, int(port)), WAIT_SECONDS), self.key)


def opened(server: Any, folder: Path) -> Bench:
    """A user who sees everything, and everything as it is in use: as the user, and into the journal."""
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    server.request("POST", f"{rbac}/clusterroles", {"metadata": {"name": "bench"}, "rules": [SEES]})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "bench"}
    subject = {"kind": "Group", "name": "bench", "apiGroup": "rbac.authorization.k8s.io"}
    binding = {"metadata": {"name": "bench"}, "roleRef": reference, "subjects": [subject]}
    server.request("POST", f"{rbac}/clusterrolebindings", binding)
    users = ("--users-file", str(folder / "users.json"))
    adding = ("user", "add", "ada", "--role", "viewer", "--environment", "production", "--group", "bench")
    command = [sys.executable, "-m", "voice_api", *adding, *users]
    key = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    where = ("--kubeconfig", str(server.kubeconfig()), "--journal-folder", str(folder / "journal"))
    return Bench(server, key, (*users, *where))


def memory(bench: Bench) -> float:
    """MiB of a service that was just started and follows all names there are: the median of some."""
    found = []
    for _ in range(STARTS):
        with Service(*bench.flags) as service:
            person = bench.person(service)
            for _ in range(WARM_UP):
                person.say("describe checkout in shop")
            time.sleep(SETTLED_SECONDS)
            found.append(service.memory_mib("VmRSS"))
    return statistics.median(found)


def texts(names: Sequence[Named], count: int) -> Iterator[str]:
    """Questions about one deployment and questions about one namespace, in turn."""
    kinds = [(each, "name") for each in NAMED] + [(each, "namespace") for each in PLACED]
    deployments = [each for each in names if each.kind == "deployment"]
    for number in range(count):
        template, field = kinds[number % len(kinds)]
        named = deployments[number * 7 % len(deployments)]
        yield template.format(str(getattr(named, field)).replace("-", " "))


@dataclass(frozen=True, slots=True)
class Asked:
    """Milliseconds of one command, by the client's clock.

    api   of those, the API server's own by its audit log
    bare  what a bare client waits for the same answers of the API server
    """

    whole: float
    api: float
    bare: float


def asked(bench: Bench, person: Person, every: Sequence[str]) -> list[Asked]:
    """One after the other, and then their requests to the API server once more."""
    moments = []
    for text in every:
        began = time.time()
        person.say(text)
        moments.append((began, time.time()))
    found, client = requests(bench.server), BareClient(bench.server)
    return [
        Asked((end - start) * 1000, covered(found, start, end), client.again(found, start, end))
        for start, end in moments
    ]


def text_row(bench: Bench, service: Service, what: str, goal: str, every: Sequence[str]) -> str:
    person, before = bench.person(service), service.processor_seconds()
    found = asked(bench, person, every)
    worked = (service.processor_seconds() - before) * 1000 / len(every)
    whole = [each.whole for each in found]
    figures = (
        statistics.median(whole),
        percentile(whole, 95),
        statistics.median(each.api for each in found),
        statistics.median(each.whole - each.api for each in found),
        statistics.median(each.bare for each in found),
    )
    cells = " | ".join(f"{each:.1f}" for each in figures)
    own = statistics.median(each.whole - each.bare for each in found)
    return f"| {what} | {len(found)} | {goal} | {cells} | **{own:.1f}** | {worked:.1f} |"


def tables(objects: int, sentences: int, rounds: int, commands: int, sounds: int) -> Iterator[str]:
    """Line by line, as they are measured."""
    yield from (HEADER, *rows(objects, sentences, rounds), "")
    names = population(objects)
    first = [each for each in names if each.namespace == "shop" or each.name == "shop"][:2]
    with tempfile.TemporaryDirectory() as folder, running_api_server(Path(folder)) as server:
        bench = opened(server, Path(folder))
        put(server, first)
        none = memory(bench)
        put(server, names)
        followed = memory(bench)
        with Service(*bench.flags) as service:
            yield from commanded(bench, service, names, commands, sounds)
            most = service.memory_mib("VmHWM")
    yield "| memory of the service | MiB |\n|---|---|"
    yield f"| {len(first)} objects are followed | {none:.0f} |"
    more = f"{followed:.0f}: **{followed - none:+.0f}**"
    yield f"| {len(names)} objects are followed (goal: at most 29 more, which are 30 MB) | {more} |"
    yield f"| at most, after everything above | {most:.0f} |"


def commanded(
    bench: Bench, service: Service, names: Sequence[Named], commands: int, sounds: int
) -> Iterator[str]:
    """What the two ways in take, by text and by voice."""
    person = bench.person(service)
    for text in texts(names, WARM_UP * len((*NAMED, *PLACED))):
        person.say(text)
    yield TEXT_HEADER
    told = list(texts(names, commands))
    yield text_row(bench, service, "about one deployment or namespace", "under 5 without the API", told)
    everywhere = [EVERYWHERE] * max(1, commands // 30)
    yield text_row(bench, service, f'"{EVERYWHERE}": all of them are listed', "", everywhere)
    yield f"\n{SOUND_HEADER}"
    yield from sound_rows(service.address, bench.key, sounds)
    yield ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    counts = {"objects": 5_000, "sentences": 600, "rounds": 3, "commands": 300, "sounds": 40}
    for name, count in counts.items():
        parser.add_argument(f"--{name}", type=int, default=count, help=f"{count} unless told")
    wished = vars(parser.parse_args())
    cores = len(os.sched_getaffinity(0))
    where = f"{platform.machine()}, {cores} cores, Python {platform.python_version()}"
    print(f"`.venv/bin/python tests/bench/commands.py`, {datetime.date.today()}, {where}. {HOW}\n")
    for line in tables(**wished):
        print(line, flush=True)


if __name__ == "__main__":
    main()
