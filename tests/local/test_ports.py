"""Ports: a free one chosen and remembered, a wanted one taken, a changed one."""

import os
import signal
import socket
from typing import Any

import pytest

from kvx.errors import ExitCode, KvxError


def test_a_wanted_port_that_is_taken_is_named_with_its_owner(deployed: Any, taken_port: int) -> None:
    with pytest.raises(KvxError) as failure:
        deployed.start(step_port=taken_port)
    assert f"port {taken_port} on 127.0.0.1 is taken" in failure.value.message
    assert f"(process {os.getpid()})" in failure.value.message
    assert failure.value.fix.startswith("kvx deploy --port ")
    assert failure.value.exit_code is ExitCode.MISSING
    deployed.until(lambda: not deployed.processes())


def test_a_taken_port_leaves_the_service_on_its_old_one(deployed: Any, taken_port: int) -> None:
    deployed.start(answer="old")
    port = deployed.state().port
    with pytest.raises(KvxError, match="still serves"):
        deployed.start(answer="old", step_port=taken_port)
    assert deployed.state().port == port
    assert deployed.ask()["answer"] == "old"


def test_a_free_port_is_remembered_after_a_stop(deployed: Any) -> None:
    deployed.start(answer="one")
    ports = deployed.state().port, deployed.state().metrics_port
    deployed.stop()
    deployed.start(answer="one")
    assert (deployed.state().port, deployed.state().metrics_port) == ports


def test_a_remembered_port_that_was_taken_is_replaced_and_said(deployed: Any) -> None:
    deployed.start(answer="one")
    port = deployed.state().port
    deployed.stop()
    with socket.create_server(("127.0.0.1", port)):
        outcome = deployed.start(answer="one")
    assert deployed.state().port != port
    assert f"its port was {port} before; now it is {deployed.state().port}" in outcome.lines
    assert deployed.ask()["answer"] == "one"


def test_a_changed_port_is_opened_and_the_old_one_closed(deployed: Any) -> None:
    deployed.start(answer="one")
    old = deployed.state().port
    with socket.create_server(("127.0.0.1", 0)) as free:
        wanted = free.getsockname()[1]
    deployed.start(answer="one", step_port=wanted)
    assert deployed.state().port == wanted
    assert deployed.ask()["answer"] == "one"

    def refused() -> bool:
        with socket.socket() as trial:
            return trial.connect_ex(("127.0.0.1", old)) != 0

    deployed.until(refused)


def test_a_host_that_is_not_of_this_machine_is_refused(deployed: Any) -> None:
    with pytest.raises(KvxError) as failure:
        deployed.start(step_host="192.0.2.1")
    assert "192.0.2.1" in failure.value.message
    assert failure.value.exit_code is ExitCode.USAGE


def test_ports_survive_the_death_of_the_supervisor(deployed: Any) -> None:
    deployed.start(answer="one")
    port = deployed.state().port
    os.kill(deployed.supervisor_pid, signal.SIGKILL)
    deployed.until(lambda: not deployed.processes())
    deployed.start(answer="two")
    assert deployed.state().port == port
