"""Waits until every machine of the inventory answers by SSH; what waiting cannot mend ends it at once."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from kvx.drivers.inventory import read_inventory
from kvx.drivers.ssh_failures import SshFailure, fix_of
from kvx.drivers.ssh_probe import Answer, Probe, Way
from kvx.errors import ExitCode, KvxError
from kvx.nodes.inventory import Host
from kvx.steps.nodes import AwaitNodes
from kvx.world import Outcome, World

_AT_ONCE = 10
_SLICE_SECONDS = 0.05
_PAUSE_SECONDS = 2.0
# Others that are being asked may still say what they meet, so that all of it can be mended together.
_LAST_SECONDS = 3.0
_SHOWN = 4


def usable_key(key: Path) -> Path:
    """The private key; its public half where only an agent has the other. KvxError where there is neither."""
    for path in (key, key.with_name(f"{key.name}.pub")):
        if path.exists():
            return path
    fix = "bring it back from a backup, or name the key in hetzner.ssh_public_key"
    raise KvxError(f"the SSH key {key} is not there", fix, ExitCode.MISSING)


def perform(step: AwaitNodes, world: World) -> Outcome:
    """Ask each machine until it answers; raises KvxError that names those that do not, and why."""
    _check_names(step.folder, step.key)
    inventory = read_inventory(step.folder)
    waiting = _Waiting(Way(step.folder, inventory, usable_key(step.key)), step, world)
    waiting.ask_all()
    return Outcome(changed=False, lines=tuple(waiting.notes()), data={"reached": len(inventory.hosts)})


def _check_names(*paths: Path) -> None:
    """What ssh and Ansible read in another way, and would look for elsewhere."""
    for path in paths:
        for sign in "%,":
            if sign in str(path):
                fix = "choose another folder with --folder, or give it another name"
                raise KvxError(f"{path} has a {sign} in its name, which ssh or Ansible cannot have", fix)


class _Waiting:
    """All machines being asked, each again until it answers."""

    def __init__(self, way: Way, step: AwaitNodes, world: World) -> None:
        self._way, self._step, self._world = way, step, world
        self._end = world.monotonic() + step.deadline_seconds
        self._next = {host.name: world.monotonic() for host in way.inventory.hosts}
        self._probes: dict[str, Probe] = {}
        self._answers: dict[str, Answer] = {}

    def ask_all(self) -> None:
        try:
            while not self._is_over():
                self._ask()
                self._listen()
                self._check_stop()
                self._world.sleep(_SLICE_SECONDS)
        finally:
            for probe in self._probes.values():
                probe.end()
        missing = {host.name: host for host in self._hosts if not self._is_reached(host)}
        if missing:
            raise self._not_reached(missing)

    def notes(self) -> Iterator[str]:
        """What a person should know of machines that answer."""
        for host in self._hosts:
            words = self._answers[host.name].words
            if words and words not in {"done", "disabled", "not run"}:
                yield f"{host.name}: its first start ended with a fault: cloud-init says {words}"

    @property
    def _hosts(self) -> tuple[Host, ...]:
        return self._way.inventory.hosts

    def _is_reached(self, host: Host) -> bool:
        answer = self._answers.get(host.name)
        return answer is not None and answer.failure is None

    def _is_over(self) -> bool:
        if all(map(self._is_reached, self._hosts)):
            return True
        final = [each for each in self._answers.values() if each.failure and not each.failure.may_pass]
        if final:
            self._end = min(self._end, self._world.monotonic() + (_LAST_SECONDS if self._probes else 0))
            self._next.clear()
        return self._world.monotonic() >= self._end or (bool(final) and not self._probes)

    def _ask(self) -> None:
        """Whoever is due, through a jump host only once that one answers."""
        now = self._world.monotonic()
        for host in self._hosts:
            due = self._next.get(host.name, self._end) <= now and len(self._probes) < _AT_ONCE
            if due and host.name not in self._probes and self._jump_host_is_reached(host):
                del self._next[host.name]
                self._probes[host.name] = Probe(self._way, host, self._end - now)

    def _jump_host_is_reached(self, host: Host) -> bool:
        gateways = (each for each in self._hosts if each.address == host.jump_host and each is not host)
        return all(map(self._is_reached, gateways))

    def _listen(self) -> None:
        for name, probe in tuple(self._probes.items()):
            answer = probe.answer()
            if answer is not None:
                probe.end()
                del self._probes[name]
                self._take(name, answer)

    def _take(self, name: str, answer: Answer) -> None:
        before = self._answers.get(name)
        self._answers[name] = answer
        if answer.failure is None:
            self._world.progress(f"{name}: answers")
            return
        if before != answer:
            self._world.progress(f"{name}: {'not yet: ' if answer.failure.may_pass else ''}{answer.words}")
        if answer.failure.may_pass:
            self._next[name] = self._world.monotonic() + _PAUSE_SECONDS

    def _check_stop(self) -> None:
        if self._world.stop_requested():
            raise KvxError("stopped on request", "the same command goes on from here", ExitCode.INTERRUPTED)

    def _not_reached(self, missing: Mapping[str, Host]) -> KvxError:
        """Those that waiting cannot mend count first."""
        final = {name: self._answers[name] for name in missing if self._has_final_answer(name)}
        named = list(final or missing)
        shown = "; ".join(self._sentence(missing[name]) for name in named[:_SHOWN])
        more = f"; and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
        others = len(self._hosts) - len(missing)
        tail = f" (other machines: {others} of {len(self._hosts)} answer)" if others else ""
        host = missing[named[0]]
        answer = self._answers.get(host.name)
        failure = answer.failure if answer and answer.failure else SshFailure.NO_ANSWER
        return KvxError(shown + more + tail, fix_of(failure, self._step.folder, host.address, self._way.key))

    def _has_final_answer(self, name: str) -> bool:
        failure = self._answers[name].failure if name in self._answers else None
        return failure is not None and not failure.may_pass

    def _sentence(self, host: Host) -> str:
        answer = self._answers.get(host.name)
        if answer is None or answer.failure is None or answer.failure.may_pass:
            said = (
                answer.words if answer else "its jump host does not answer" if host.jump_host else "nothing"
            )
            return f"{host.name} ({host.address}) did not answer in {self._step.deadline_seconds:g} s: {said}"
        return f"{host.name} ({host.address}) was not reached, {answer.failure.value}: {answer.words}"
