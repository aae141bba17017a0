"""A state in a bucket whose terraform is killed: the next run takes its lock away, and no stranger's."""

import json
import os
import signal
import time
import urllib.request
from contextlib import suppress
from typing import Any

import pytest

from kvx.errors import ExitCode, KvxError
from kvx.secret import Secret
from kvx.steps.machines import Backend

pytestmark = [
    pytest.mark.needs("terraform", "hcloud-provider", "object-storage"),
    pytest.mark.timeout(300),
]


@pytest.fixture
def in_bucket(cluster: Any, object_storage: str, tmp_path: Any) -> Any:
    name = f"bucket-{os.getpid()}-{time.time_ns()}"
    request = urllib.request.Request(f"{object_storage}/{name}", method="PUT")
    urllib.request.urlopen(request, timeout=10).close()
    keys = {"access_key": Secret("somebody"), "secret_key": Secret("secret")}
    cluster.backend = Backend(name, endpoint=object_storage, region="us-east-1", **keys)
    return cluster


def kill_while_it_applies(cluster: Any) -> None:
    """The deploy meets the kill as a failure; the lock stays in the bucket, and the note beside it."""
    import threading

    def kill() -> None:
        end = time.monotonic() + 60
        while not cluster.simulation.resources("server") and time.monotonic() < end:
            time.sleep(0.01)
        with suppress(OSError, ValueError):
            note = json.loads((cluster.folder / "terraform.pid.json").read_text())
            os.kill(note["pid"], signal.SIGKILL)

    cluster.simulation.scenario(durations={"create_server": 200.0})
    killer = threading.Thread(target=kill)
    killer.start()
    with suppress(KvxError):
        cluster.deploy()
    killer.join()
    cluster.simulation.scenario()
    guard = cluster.folder / "state-guard.json"
    guard.write_text(json.dumps(json.loads(guard.read_text()) | {"writing": True}))


def test_the_lock_of_a_killed_terraform_does_not_stop_the_next(in_bucket: Any) -> None:
    kill_while_it_applies(in_bucket)
    in_bucket.deploy()
    assert any("the lock is taken away" in line for line in in_bucket.said)
    names = [each["name"] for each in in_bucket.simulation.resources("server")]
    assert sorted(names) == ["kvx-control-plane-1", "kvx-workers-1", "kvx-workers-2"]
    assert in_bucket.deploy() == []


def test_the_lock_of_somebody_else_is_left_alone(in_bucket: Any) -> None:
    kill_while_it_applies(in_bucket)
    guard = in_bucket.folder / "state-guard.json"
    guard.write_text(json.dumps(json.loads(guard.read_text()) | {"writing": False}))
    with pytest.raises(KvxError, match="the state is locked by") as refused:
        in_bucket.deploy()
    assert refused.value.exit_code is ExitCode.MISSING
    assert "terraform force-unlock" in refused.value.fix
