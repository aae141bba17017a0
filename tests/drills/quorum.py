"""What the three members of etcd said while something was done to the cluster."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from systemd_hosts.fleet import Host

PROGRAM = Path(__file__).with_name("etcd_watch.py")


@dataclass(frozen=True, slots=True)
class Said:
    """One answer of one member; times in seconds of the clock that all share."""

    what: str
    value: bool
    asked: float
    answered: float


@dataclass(slots=True)
class Quorum:
    """What was heard, by the name of the server."""

    said: dict[str, list[Said]] = field(default_factory=dict)

    def outages(self, server: str) -> list[tuple[float, float]]:
        """From when to when it was down for sure, once it had been up; a busy machine asks late."""
        answers = [each for each in self.said[server] if each.what == "up"]
        while answers and not answers[0].value:
            answers.pop(0)
        found: list[tuple[float, float]] = []
        down: list[Said] = []
        for each in answers:
            if not each.value:
                down.append(each)
            elif down:
                found.append((down[0].answered, down[-1].asked))
                down = []
        return [*found, (down[0].answered, down[-1].asked)] if down else found

    def restarted(self) -> list[str]:
        return [server for server in self.said if self.outages(server)]

    def down_together(self) -> list[tuple[str, str]]:
        """Pairs of servers that were down at the same moment."""
        return [
            (one, other)
            for one, other in combinations(self.said, 2)
            for begin, end in self.outages(one)
            for from_, until in self.outages(other)
            if begin < until and from_ < end
        ]

    def longest_silence(self) -> float:
        """For how many seconds nobody could read what needs the majority, once somebody had."""
        agreed = sorted(
            each.answered
            for answers in self.said.values()
            for each in answers
            if each.what == "agrees" and each.value
        )
        ended = max(each.answered for answers in self.said.values() for each in answers)
        return max(later - earlier for earlier, later in pairwise([*agreed, ended]))


@contextmanager
def watched(servers: Sequence[Host]) -> Iterator[Quorum]:
    """Asks each server five times a second while the block runs; what it found is there after it."""
    quorum = Quorum()
    with TemporaryDirectory() as folder:
        logs = {host.name: Path(folder) / host.name for host in servers}
        asking = [_ask(host, logs[host.name]) for host in servers]
        try:
            yield quorum
        finally:
            for process in asking:
                process.kill()
                process.wait(10)
            for name, log in logs.items():
                lines = log.read_text().splitlines(keepends=True)
                quorum.said[name] = [Said(**json.loads(line)) for line in lines if line.endswith("\n")]


def _ask(host: Host, log: Path) -> subprocess.Popen[bytes]:
    command = ["ip", "netns", "exec", host.namespace, sys.executable, "-I", "-S", str(PROGRAM)]
    with log.open("wb") as output:
        return subprocess.Popen(command, stdout=output)
