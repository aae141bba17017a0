"""Runs a playbook and says what came of it, or why not: which host, which task, what to do."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kvx.drivers import ansible_running as running
from kvx.drivers import terraform_survivors as survivors
from kvx.drivers.ansible_play import Change, Failure, HostResult, Play, Played
from kvx.drivers.inventory import read_inventory
from kvx.drivers.ssh_failures import failure_of, fix_of, last_words
from kvx.errors import ExitCode, KvxError
from kvx.world import World

__all__ = ["Change", "HostResult", "Play", "Played", "answers", "play"]

_SHOWN_FAILURES = 4
_SHOWN_LINES = 6
_AGAIN = "the same command goes on from here"


def play(play: Play, world: World) -> Played:
    """Run the playbook to its end on every host.

    Raises KvxError with exit code 1 for hosts that failed or were not reached (it names them, the task, what
    the task says, and how the others came through), 130 when asked to stop, 4 when the time is over.
    """
    ended = _ended(play, world)
    _check_asked(play, ended, world)
    failures = ended.heard.final_failures
    if failures:
        raise _failed(play, failures, ended)
    if ended.code or ended.heard.hosts is None:
        raise _broken(play, ended)
    return Played(ended.heard.hosts, tuple(ended.heard.changes), ended.seconds, ended.log)


def answers(play: Play, world: World) -> Mapping[str, Mapping[str, Any]]:
    """What the task `answers_of` came to, by host; one that did not end in time is missing.

    Raises KvxError with exit code 130 when asked to stop, and where the playbook did not come so far.
    """
    ended = _ended(play, world)
    found = ended.heard.answers
    if world.stop_requested() or not (found or ended.asked):
        _check_asked(play, ended, world)
        raise _broken(play, ended)
    return found


def _ended(play: Play, world: World) -> running.Ended:
    _check_inventory(play)
    play.place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with survivors.alone(play.place / "lock", world):
        return running.run(play, world)


def _check_inventory(play: Play) -> None:
    inventory = play.folder / "inventory.yaml"
    if not inventory.exists():
        message = f"there is no {inventory}: no machines were handed over"
        raise KvxError(message, "kvx terraform makes them", ExitCode.MISSING)
    if not play.playbook.exists():
        message = f"the playbook {play.playbook} is not there"
        fix = "run kvx from a clone of the repository, or install it again"
        raise KvxError(message, fix, ExitCode.MISSING)


def _check_asked(play: Play, ended: running.Ended, world: World) -> None:
    if not ended.asked or (ended.code == 0 and ended.heard.hosts is not None):
        return
    done = _of_others(ended.heard.hosts, ())
    if world.stop_requested():
        words = f"stopped {play.playbook.name} on request{done}"
        raise KvxError(words, _AGAIN, ExitCode.INTERRUPTED)
    words = f"{play.playbook.name} had not ended after {play.deadline_seconds:g} s and was stopped{done}"
    raise KvxError(words, f"less {ended.log}; {_AGAIN}", ExitCode.INCOMPLETE)


def _failed(play: Play, failures: Sequence[Failure], ended: running.Ended) -> KvxError:
    shown = [_sentence(failure) for failure in failures[:_SHOWN_FAILURES]]
    more = len(failures) - len(shown)
    also = f"; and {more} more hosts" if more else ""
    others = _of_others(ended.heard.hosts, {failure.host for failure in failures})
    return KvxError("; ".join(shown) + also + others, _fix(play, failures, ended.log))


def _sentence(failure: Failure) -> str:
    if failure.unreachable:
        kind = failure_of(failure.words)
        return f"{failure.host} was not reached, {kind.value}: {last_words(failure.words)}"
    of_role = f" of the role {failure.role}" if failure.role else ""
    return f"{failure.host}: the task {failure.task!r}{of_role} failed: {failure.words}"


def _fix(play: Play, failures: Sequence[Failure], log: Path) -> str:
    """A machine that is not reached comes first; what a task says holds its fix itself."""
    unreached = next((failure for failure in failures if failure.unreachable), None)
    if unreached is None:
        return f"mend that, then run the same command again; all that was said: less {log}"
    key = Path(str(play.variables.get("ansible_ssh_private_key_file", "the one in use")))
    hosts = {host.name: host.address for host in read_inventory(play.folder).hosts}
    address = hosts.get(unreached.host, unreached.host)
    return fix_of(failure_of(unreached.words), play.folder, address, key)


def _broken(play: Play, ended: running.Ended) -> KvxError:
    """It ended before it could say how the hosts came through: a mistake in a playbook or in a variable."""
    said = "; ".join(_last_lines(ended.log)) or "it said nothing"
    message = f"{play.playbook.name} ended with code {ended.code}: {said}"
    return KvxError(message, f"less {ended.log}")


def _of_others(hosts: Mapping[str, HostResult] | None, named: "set[str] | tuple[()]") -> str:
    """How the hosts came through that are not named."""
    results = [result for host, result in (hosts or {}).items() if host not in named]
    if not results:
        return ""
    changed = sum(1 for result in results if result.changed)
    head = "other hosts" if named else "hosts"
    return f" ({head}: {len(results)} without a failure, {changed} changed)"


def _last_lines(log: Path) -> list[str]:
    if not log.exists():
        return []
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line.strip() for line in lines if line.strip()][-_SHOWN_LINES:]
