"""A state in a bucket whose terraform is killed: the next run takes its lock away, and no stranger's."""

import json
import os
import signal
import time
import urllib.request
from contextlib import suppress
from dataclasses import replace
from typing import Any

import botocore.session
import pytest
from botocore.config import Config

from kvx.errors import ExitCode, KvxError
from kvx.secret import Secret
from kvx.steps.machines import Backend

pytestmark = [
    pytest.mark.needs("terraform", "hcloud-provider", "object-storage"),
    pytest.mark.timeout(300),
]

SOMEBODYS = json.dumps(
    {
        "version": 4,
        "terraform_version": "1.11.4",
        "serial": 7,
        "lineage": "6d3c1a52-0000-4000-8000-000000000000",
        "outputs": {},
        "resources": [
            {
                "mode": "managed",
                "type": "terraform_data",
                "name": "theirs",
                "provider": 'provider["terraform.io/builtin/terraform"]',
                "instances": [{"schema_version": 0, "attributes": {"id": "1"}}],
            }
        ],
    }
).encode()


@pytest.fixture
def in_bucket(cluster: Any, object_storage: str, tmp_path: Any) -> Any:
    return in_bucket_of(cluster, object_storage)


def in_bucket_of(cluster: Any, object_storage: str) -> Any:
    """The cluster, its state from now on in a new bucket."""
    name = f"bucket-{os.getpid()}-{time.time_ns()}"
    request = urllib.request.Request(f"{object_storage}/{name}", method="PUT")
    urllib.request.urlopen(request, timeout=60).close()
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

    cluster.simulation.scenario(durations={"create_server": 1000.0})
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


def test_a_local_state_moves_into_a_bucket_and_writes_over_nobodys(cluster: Any, object_storage: str) -> None:
    cluster.deploy()
    in_bucket_of(cluster, object_storage)
    storage = botocore.session.get_session().create_client(
        "s3",
        region_name=cluster.backend.region,
        endpoint_url=object_storage,
        aws_access_key_id="somebody",
        aws_secret_access_key="secret",
        config=Config(s3={"addressing_style": "path"}),
    )
    place = {"Bucket": cluster.backend.bucket, "Key": cluster.backend.key}
    storage.put_object(**place, Body=SOMEBODYS)
    with pytest.raises(KvxError, match="the local state cannot move to") as refused:
        cluster.deploy()
    assert refused.value.exit_code is ExitCode.INCOMPLETE
    assert storage.get_object(**place)["Body"].read() == SOMEBODYS
    cluster.backend = replace(cluster.backend, key="mine.tfstate")
    ids = {each["id"] for each in cluster.simulation.resources("server")}
    cluster.deploy()
    assert {each["id"] for each in cluster.simulation.resources("server")} == ids


def test_the_lock_of_somebody_else_is_left_alone(in_bucket: Any) -> None:
    kill_while_it_applies(in_bucket)
    guard = in_bucket.folder / "state-guard.json"
    guard.write_text(json.dumps(json.loads(guard.read_text()) | {"writing": False}))
    with pytest.raises(KvxError, match="the state is locked by") as refused:
        in_bucket.deploy()
    assert refused.value.exit_code is ExitCode.MISSING
    assert "terraform force-unlock" in refused.value.fix
