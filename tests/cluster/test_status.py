"""kvx status of pods that run: what the autoscaler measures, and what the adviser would request."""

import json
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.needs("node", "images", "kubectl"), pytest.mark.timeout(420)]

Kvx = Callable[..., subprocess.CompletedProcess[str]]
DEADLINE_SECONDS = 300.0


@pytest.fixture
def status(kvx: Kvx, all_answer: Any, served: Any, tmp_path: Path) -> Callable[..., str]:
    (tmp_path / "kvx.toml").write_text(f'[kubernetes]\nkubeconfig = "{served.kubeconfig}"\n')
    typed = partial(kvx, "status", "--target", "cluster", cwd=tmp_path, timeout=120)
    return lambda *more: str(all_answer(partial(typed, *more)).stdout)


def test_it_shows_the_measured_load_and_the_advice_on_requests(status: Callable[..., str]) -> None:
    end = time.monotonic() + DEADLINE_SECONDS
    while True:
        document = json.loads(status("--json"))
        metrics = [each["current"] for scaler in document["scaling"] or () for each in scaler["metrics"]]
        if document["state"] == "ready" and document["advice"] and metrics and all(metrics):
            break
        assert time.monotonic() < end, document
        time.sleep(2)
    assert {each["resource"] for each in document["advice"]} == {"cpu", "memory"}
    assert {each["requested"] for each in document["advice"]} == {"100m", "128Mi"}
    shown = status()
    assert "state     ready: voice-api " in shown
    assert "scaling   " in shown
    assert "unknown" not in shown
    assert all(pod["ready"] for pod in document["pods"] if not pod["leaving"])


def test_a_pod_whose_image_nobody_has_says_so_while_the_others_serve(
    status: Callable[..., str], served: Any
) -> None:
    gone = "localhost/voice-api@sha256:" + "00" * 32
    served.kubectl("-n", "kvx", "set", "image", "deployment/voice-api", f"voice-api={gone}")
    try:
        end = time.monotonic() + DEADLINE_SECONDS
        while "cannot get its image" not in (shown := status()):
            assert time.monotonic() < end, shown
            time.sleep(1)
        assert "state     degraded" in shown
    finally:
        served.kubectl("-n", "kvx", "rollout", "undo", "deployment/voice-api")
        served.kubectl(
            "-n", "kvx", "rollout", "status", "deployment/voice-api", "--timeout=170s", seconds=180
        )
