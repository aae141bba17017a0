"""Asks one machine by SSH whether it answers, and whether it has ended its first start."""

import shlex
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from kvx.drivers.ssh_failures import SshFailure, failure_of, last_words
from kvx.errors import ExitCode, KvxError
from kvx.nodes.inventory import Host, Inventory

_CONNECT_SECONDS = 10
_SSH_FAILED = 255
_STILL_STARTING = 75
# https://docs.cloud-init.io/en/latest/reference/cli.html#status: it waits as long as it takes.
_QUESTION = """
command -v cloud-init >/dev/null || exit 0
timeout {seconds} cloud-init status --wait >/dev/null 2>&1
[ $? -ne 124 ] || exit {still_starting}
cloud-init status 2>/dev/null | sed -n 's/^status: //p'
exit 0
"""


@dataclass(frozen=True, slots=True)
class Way:
    """How the machines of an inventory are reached: the folder of known hosts, the key, who logs in."""

    folder: Path
    inventory: Inventory
    key: Path

    def argv(self, host: Host) -> tuple[str, ...]:
        """The command line of ssh, up to what is to be run there."""
        user = ("-l", self.inventory.user)
        if host.jump_host is None:
            return (*self._ssh(host.address), *user, host.address)
        before = shlex.join((*self._ssh(host.jump_host), *user, "-W", "%h:%p", host.jump_host))
        through = f"ProxyCommand={before}"
        return (*self._ssh(host.address), *user, "-o", through, host.address)

    def _ssh(self, address: str) -> tuple[str, ...]:
        """Nothing of the user's own configuration of ssh counts, and no other key."""
        alone = self.folder / "known_hosts.d" / address
        known = alone if alone.exists() else self.folder / "known_hosts"
        settings = (
            "BatchMode=yes",
            "IdentitiesOnly=yes",
            "StrictHostKeyChecking=yes",
            f'UserKnownHostsFile="{known}"',
            "GlobalKnownHostsFile=none",
            "UpdateHostKeys=no",
            f"ConnectTimeout={_CONNECT_SECONDS}",
            "ServerAliveInterval=5",
            "ServerAliveCountMax=3",
        )
        options = (word for setting in settings for word in ("-o", setting))
        return ("ssh", "-F", "none", "-i", str(self.key), *options)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking once: `failure` None is a machine that answers; `words` say more."""

    failure: SshFailure | None
    words: str = ""


class Probe:
    """One ssh at work; what it prints goes to files, so that no pipe fills up."""

    def __init__(self, way: Way, host: Host, starting_seconds: float) -> None:
        self._output, self._talk = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
        question = _QUESTION.format(seconds=max(1, round(starting_seconds)), still_starting=_STILL_STARTING)
        try:
            self._child = subprocess.Popen(
                (*way.argv(host), question), stdin=subprocess.DEVNULL, stdout=self._output, stderr=self._talk
            )
        except FileNotFoundError:
            message = "there is no program ssh on this machine"
            raise KvxError(message, "install OpenSSH's client", ExitCode.MISSING) from None

    def answer(self) -> Answer | None:
        """None while it is still at work."""
        code = self._child.poll()
        if code is None:
            return None
        if code == _STILL_STARTING:
            return Answer(SshFailure.NO_ANSWER, "cloud-init is still at work")
        talk = _text(self._talk)
        if code == 0:
            return Answer(None, _text(self._output).strip())
        failure = failure_of(talk) if code == _SSH_FAILED else SshFailure.NO_ANSWER
        return Answer(failure, last_words(talk))

    def end(self) -> None:
        self._child.kill()
        self._child.wait()
        self._output.close()
        self._talk.close()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
