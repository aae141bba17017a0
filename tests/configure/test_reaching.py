"""Machines are asked by real SSH before they are configured; each way to fail has its words and fix."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from systemd_hosts import power

from kvx.drivers import perform
from kvx.drivers.ansible import play
from kvx.errors import ExitCode, KvxError

pytestmark = pytest.mark.needs("hosts")

OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE"


@pytest.fixture
def killed(pair: Any) -> Any:
    """The second host, without power."""
    host = pair.fleet.hosts[1]
    power.kill(host)
    yield host
    power.start(host)
    power.await_login(pair.fleet, host)


def test_machines_that_answer_are_said_to(pair: Any) -> None:
    outcome = perform(pair.waiting(), pair.world)
    assert (outcome.changed, outcome.data) == (False, {"reached": 2})
    assert sorted(pair.said) == [f"{name}: answers" for name in sorted(pair.names)]


def test_a_wrong_host_key_ends_the_waiting_at_once(pair: Any) -> None:
    address = pair.addresses[1]
    pair.show_host_key(address, f"{address} {OTHER_KEY}\n")
    begin = time.monotonic()
    with pytest.raises(KvxError) as raised:
        perform(pair.waiting(120), pair.world)
    assert time.monotonic() - begin < 100
    words = "it shows another host key than the one that was handed over"
    assert raised.value.message.startswith(f"{pair.names[1]} ({address}) was not reached, {words}")
    answered = f"{pair.names[0]}: answers" in pair.said  # a busy machine may be too late
    assert raised.value.message.endswith("(other machines: 1 of 2 answer)") == answered
    assert f"rm {pair.folder}/known_hosts.d/{address}" in raised.value.fix
    assert raised.value.exit_code is ExitCode.FAILED


def test_a_machine_without_a_host_key_that_was_handed_over_is_not_trusted(pair: Any) -> None:
    (pair.folder / "known_hosts").write_text("")
    with pytest.raises(KvxError, match="none of its host keys was handed over") as raised:
        perform(pair.waiting(120), pair.world)
    assert raised.value.fix == "kvx terraform hands over the host keys again"


def test_a_refused_key_is_told_from_a_machine_that_does_not_answer(pair: Any, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    other = Ed25519PrivateKey.generate()
    pair.key.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    with pytest.raises(KvxError, match=r"it refuses the key: .*Permission denied") as raised:
        perform(pair.waiting(120), pair.world)
    assert str(pair.key) in raised.value.fix


def test_a_key_that_is_not_there_is_named_before_anything_is_asked(pair: Any) -> None:
    pair.key.unlink()
    with pytest.raises(KvxError, match=f"the SSH key {pair.key} is not there"):
        perform(pair.waiting(), pair.world)


@pytest.mark.parametrize("name", ["100%", "this, that"])
def test_a_name_that_ssh_or_ansible_reads_otherwise_is_refused(pair: Any, name: str) -> None:
    pair.move_to(name)
    with pytest.raises(KvxError, match="in its name"):
        perform(pair.waiting(), pair.world)


def test_a_machine_that_does_not_answer_in_time_is_named_and_the_others_are_counted(
    pair: Any, killed: Any
) -> None:
    with pytest.raises(KvxError) as raised:
        perform(pair.waiting(20), pair.world)
    start = f"{pair.names[1]} ({pair.addresses[1]}) did not answer in 20 s: "
    assert raised.value.message.startswith(start)
    assert raised.value.message.endswith("(other machines: 1 of 2 answer)")
    assert "kvx drift" in raised.value.fix


def test_a_machine_that_comes_later_is_waited_for(pair: Any, killed: Any) -> None:
    threading.Timer(3, power.start, (killed,)).start()
    perform(pair.waiting(120), pair.world)
    assert any(words.startswith(f"{pair.names[1]}: not yet: ") for words in pair.said)
    assert pair.said[-1] == f"{pair.names[1]}: answers"


def test_waiting_ends_when_asked_to_stop(pair: Any, killed: Any) -> None:
    pair.stop = lambda: len(pair.said) > 1
    with pytest.raises(KvxError, match="stopped on request") as raised:
        perform(pair.waiting(120), pair.world)
    assert raised.value.exit_code is ExitCode.INTERRUPTED


@pytest.mark.parametrize("name", ["folder", "my other folder"])
def test_a_private_machine_is_reached_through_its_jump_host_alone(pair: Any, name: str) -> None:
    """And however the folder is called, which shell and ssh both read."""
    pair.move_to(name)
    first, second = pair.fleet.hosts
    path = pair.folder / "inventory.yaml"
    inventory = json.loads(path.read_text())
    agents = inventory["all"]["children"]["pool_workers"]["hosts"]
    agents[second.name] |= {"ansible_host": second.private_ip, "jump_host": first.public_ip}
    path.write_text(json.dumps(inventory))
    perform(pair.waiting(), pair.world)
    assert pair.said == [f"{first.name}: answers", f"{second.name}: answers"]
    seen = pair.play({"name": "Ask", "ansible.builtin.command": "true"})
    assert [result.ok for result in seen.hosts.values()] == [1, 1]


@pytest.mark.parametrize(("code", "expected"), [("exec sleep 2", None), ("exit 1", "error")])
def test_the_first_start_is_waited_for_and_its_fault_is_told(
    pair: Any, code: str, expected: str | None
) -> None:
    host = pair.fleet.hosts[0]
    program = host.root / "usr/local/bin/cloud-init"
    program.write_text(
        f'#!/bin/sh\n[ "$2" = --wait ] && {{ {code}; }}\necho "status: {expected or "done"}"\n'
    )
    program.chmod(0o755)
    try:
        begin = time.monotonic()
        outcome = perform(pair.waiting(), pair.world)
    finally:
        program.unlink()
    told = [f"{host.name}: its first start ended with a fault: cloud-init says error"] if expected else []
    assert list(outcome.lines) == told
    assert expected or time.monotonic() - begin >= 2


def test_a_first_start_that_does_not_end_is_named(pair: Any) -> None:
    host = pair.fleet.hosts[0]
    program = host.root / "usr/local/bin/cloud-init"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    try:
        with pytest.raises(KvxError, match="did not answer in 6 s"):
            perform(pair.waiting(6), pair.world)
    finally:
        program.unlink()


def test_of_a_playbook_too_each_way_not_to_be_reached_has_its_fix(pair: Any) -> None:
    address = pair.addresses[1]
    pair.show_host_key(address, f"{address} {OTHER_KEY}\n")
    with pytest.raises(KvxError) as raised:
        pair.play({"name": "Ask", "ansible.builtin.command": "true"})
    words = "it shows another host key than the one that was handed over: Host key verification failed."
    others = "(other hosts: 1 without a failure, 1 changed)"
    assert raised.value.message == f"{pair.names[1]} was not reached, {words} {others}"
    assert f"rm {pair.folder}/known_hosts.d/{address}" in raised.value.fix


def test_a_host_that_dies_in_the_middle_leaves_the_others_their_results(pair: Any, killed: Any) -> None:
    wanted = pair.of({"name": "Ask", "ansible.builtin.command": "true"})
    with pytest.raises(KvxError) as raised:
        play(replace(wanted, deadline_seconds=200), pair.world)
    assert raised.value.message.startswith(f"{pair.names[1]} was not reached, it does not answer: ")
    assert f"{pair.names[0]}: Ask: changed" in pair.said


def test_connections_are_shared_and_gone_when_the_run_is(pair: Any) -> None:
    """Whatever lies in ~/.ssh/config or is called HOME, and however long the folder's name is."""
    ask = {"name": "Ask", "ansible.builtin.command": "sh -c 'echo $SSH_CONNECTION'", "register": "asked"}
    tell = {"name": "Tell", "ansible.builtin.debug": {"msg": "{{ asked.stdout }}"}}
    log = pair.play(ask, {**ask, "register": "again"}, tell).log.read_text()
    sockets = Path((pair.folder / "ansible" / "sockets").read_text().strip())
    assert not sockets.exists()
    assert "ok: [" in log
    assert len(str(sockets)) + 28 < 108
    assert [line for line in command_lines() if str(sockets) in line] == []


def command_lines() -> Iterator[str]:
    """Of every process on this machine."""
    for each in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            yield " ".join(each.cmdline())
