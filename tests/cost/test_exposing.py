"""The figures of the last report, served to Prometheus: always those of the file, until asked to stop."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from kvx.drivers.cost_exposing import MOST_BYTES, exposed

FIGURES = (
    "# HELP kvx_cost_hourly_euros Net.\n# TYPE kvx_cost_hourly_euros gauge\nkvx_cost_hourly_euros 0.0168\n"
)
SOON_SECONDS = 90.0


@contextmanager
def serving(file: Path) -> Iterator[httpx.Client]:
    with exposed(file, "127.0.0.1", 0) as address:
        base = address.removesuffix("/metrics")
        with httpx.Client(base_url=base, timeout=SOON_SECONDS, trust_env=False) as client:
            yield client


def test_each_answer_is_the_file_as_it_is_now_and_empty_before_the_first_report(tmp_path: Path) -> None:
    file = tmp_path / "figures.prom"
    with serving(file) as client:
        assert (client.get("/health").status_code, client.get("/metrics").content) == (200, b"")
        file.write_text(FIGURES)
        first = client.get("/metrics")
        assert first.text == FIGURES
        assert first.headers["content-type"].startswith("text/plain; version=0.0.4")
        file.write_text(FIGURES.replace("0.0168", "0.0200"))
        assert client.get("/metrics").text.endswith("0.0200\n")
        assert client.get("/figures.prom").status_code == 404


def test_what_cannot_be_read_or_is_too_long_is_an_error_and_no_figures(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with serving(tmp_path / "folder") as client:
        assert client.get("/metrics").status_code == 500
    long = tmp_path / "long"
    long.write_bytes(b"#" * (MOST_BYTES + 1))
    with serving(long) as client:
        assert client.get("/metrics").status_code == 500
        assert client.get("/health").status_code == 200


def test_who_says_nothing_keeps_nobody_waiting_for_long(tmp_path: Path) -> None:
    file = tmp_path / "figures.prom"
    file.write_text(FIGURES)
    with exposed(file, "127.0.0.1", 0) as address:
        host, port = address.split("/")[2].split(":")
        with socket.create_connection((host, int(port))):
            assert httpx.get(address, timeout=SOON_SECONDS, trust_env=False).text == FIGURES


@pytest.mark.needs("promtool")
def test_what_is_served_is_clean_to_promtool(tmp_path: Path) -> None:
    file = tmp_path / "figures.prom"
    file.write_text(FIGURES)
    with serving(file) as client:
        told = client.get("/metrics").text
    words = ["promtool", "check", "metrics"]
    assert subprocess.run(words, input=told, text=True, capture_output=True, check=False).returncode == 0


def test_the_command_serves_until_it_is_asked_to_stop(tmp_path: Path) -> None:
    file = tmp_path / "figures.prom"
    file.write_text(FIGURES)
    words = [sys.executable, "-m", "kvx", "cost", "expose", str(file), "--host", "127.0.0.1", "--port", "0"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as program:
        try:
            assert program.stderr is not None
            address = program.stderr.readline().split()[-1]
            assert httpx.get(address, timeout=SOON_SECONDS, trust_env=False).text == FIGURES
            program.send_signal(signal.SIGTERM)
            assert program.wait(SOON_SECONDS) == 0
        finally:
            program.kill()


def test_a_port_that_is_taken_is_said_with_a_fix(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words = [sys.executable, "-m", "kvx", "cost", "expose", str(tmp_path), "--host", "127.0.0.1"]
        done = subprocess.run([*words, "--port", port], text=True, capture_output=True, check=False)
    assert done.returncode == 3
    assert "cannot be served" in done.stderr
    assert "fix: name another --port" in done.stderr
