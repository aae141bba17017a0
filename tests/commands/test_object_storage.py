"""A bucket for the state is proven to lock: a second write of the same object must be refused."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from kvx.drivers.object_storage import prove_conditional_write
from kvx.errors import ExitCode, KvxError
from kvx.secret import Secret
from kvx.steps.machines import Backend

SECRET = "never-to-be-shown"


def backend(address: str, bucket: str = "states") -> Backend:
    keys = {"access_key": Secret("somebody"), "secret_key": Secret(SECRET)}
    return Backend(bucket, endpoint=address, region="us-east-1", **keys)


@contextmanager
def careless_storage(status: int) -> Iterator[tuple[str, list[str]]]:
    """Answers every call alike, conditions or not; tells what it was asked."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            asked.append(f"{self.command} {self.path} {self.headers.get('If-None-Match')}")
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_DELETE = do_PUT  # noqa: N815  the server looks for this name

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.needs("object-storage")
def test_a_bucket_that_refuses_the_second_write_will_do_and_is_left_as_it_was(object_storage: str) -> None:
    urllib.request.urlopen(
        urllib.request.Request(f"{object_storage}/states", method="PUT"), timeout=60
    ).close()
    assert prove_conditional_write(backend(object_storage)).endswith("refuses to write over what is there")
    with urllib.request.urlopen(f"{object_storage}/states?list-type=2", timeout=60) as answer:
        assert b"<Key>" not in answer.read()


@pytest.mark.needs("object-storage")
def test_a_bucket_that_is_not_there_is_named(object_storage: str) -> None:
    with pytest.raises(KvxError, match=r"the bucket nowhere at .* answers NoSuchBucket") as caught:
        prove_conditional_write(backend(object_storage, "nowhere"))
    assert caught.value.exit_code is ExitCode.MISSING


def test_a_bucket_that_writes_over_what_is_there_is_refused_and_left_as_it_was() -> None:
    with (
        careless_storage(200) as (address, asked),
        pytest.raises(KvxError, match="two kvx could work at once") as caught,
    ):
        prove_conditional_write(backend(address))
    assert caught.value.exit_code is ExitCode.MISSING
    assert [line.split()[0] for line in asked] == ["PUT", "PUT", "DELETE"]
    assert all(line.endswith(" *") for line in asked[:2])


def test_a_bucket_that_may_not_be_written_is_named_with_the_answer() -> None:
    with (
        careless_storage(403) as (address, asked),
        pytest.raises(KvxError, match="answers 403") as caught,
    ):
        prove_conditional_write(backend(address))
    assert SECRET not in f"{caught.value.message} {caught.value.fix}"
    assert len(asked) == 1


def test_a_storage_that_does_not_answer_is_named_in_time() -> None:
    with pytest.raises(KvxError, match="cannot be asked") as caught:
        prove_conditional_write(backend("http://127.0.0.1:9"))
    assert caught.value.exit_code is ExitCode.MISSING


def test_without_a_key_nothing_is_asked() -> None:
    with pytest.raises(KvxError, match="there is no key to it") as caught:
        prove_conditional_write(Backend("states", endpoint="http://127.0.0.1:9"))
    assert "AWS_SECRET_ACCESS_KEY" in caught.value.fix


@pytest.mark.needs("object-storage", "terraform")
def test_doctor_proves_the_bucket_that_is_set(object_storage: str, tmp_path: Path) -> None:
    urllib.request.urlopen(
        urllib.request.Request(f"{object_storage}/doctored", method="PUT"), timeout=60
    ).close()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KVX_", "HCLOUD_"))}
    variables = {
        "KVX_HETZNER_BUCKET": "doctored",
        "KVX_HETZNER_BUCKET_ENDPOINT": object_storage,
        "KVX_HETZNER_BUCKET_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }
    ended = subprocess.run(
        [sys.executable, "-c", "from kvx.main import run; run()", "doctor", "-t", "hetzner", "--json"],
        cwd=tmp_path,
        env=kept | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    checks = {check["name"]: check for check in json.loads(ended.stdout)["checks"]}
    assert checks["bucket"]["state"] == "ok", checks["bucket"]
    assert checks["terraform"]["state"] == "ok", checks["terraform"]
    assert (checks["token"]["state"], ended.returncode) == ("missing", 3)
    assert SECRET not in ended.stdout + ended.stderr
