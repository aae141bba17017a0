"""How good all workloads are together, and what is told of jobs that run by a clock."""

from typing import Any

import pytest

from kvx.cluster.overview_jobs import job_lines
from kvx.cluster.overview_pods import health_of, workloads

LABELS = {"app": "voice-api"}
SERVICE = {
    "kind": "Service",
    "metadata": {"name": "voice-api", "namespace": "kvx"},
    "spec": {"selector": LABELS, "ports": [{"name": "http", "port": 80, "targetPort": 8484}]},
}


def workload(kind: str, name: str, available: int, labels: dict[str, str] | None = None) -> dict[str, Any]:
    """Of one that is wanted."""
    container = {"name": name, "image": name}
    template = {"metadata": {"labels": labels or {"app": name}}, "spec": {"containers": [container]}}
    counts = ("replicas", "updatedReplicas") if kind != "DaemonSet" else ("updatedNumberScheduled",)
    more = {"availableReplicas": available, "numberAvailable": available, "desiredNumberScheduled": 1}
    return {
        "kind": kind,
        "metadata": {"name": name, "namespace": "kvx", "generation": 1},
        "spec": {"replicas": 1, "template": template},
        "status": {"observedGeneration": 1, **dict.fromkeys(counts, 1), **more},
    }


@pytest.mark.parametrize(
    ("voice_api", "database", "agent", "health"),
    [
        (1, 1, 1, "ready"),
        (1, 0, 1, "degraded"),
        (1, 1, 0, "degraded"),
        (0, 1, 1, "not-ready"),
        (0, 0, 0, "not-ready"),
    ],
)
def test_it_is_as_good_as_what_answers_people(voice_api: int, database: int, agent: int, health: str) -> None:
    found = workloads(
        [
            workload("DaemonSet", "agent", agent),
            workload("StatefulSet", "postgres", database),
            workload("Deployment", "voice-api", voice_api, LABELS),
        ],
        [SERVICE],
    )
    assert [each.name for each in found] == ["voice-api", "agent", "postgres"]
    assert [each.speaks for each in found] == [True, False, False]
    assert health_of(found) == health


def cron_job(last: str | None, well: str | None, *, active: int = 0, suspend: bool = False) -> dict[str, Any]:
    status = {"lastScheduleTime": last, "lastSuccessfulTime": well, "active": [{}] * active}
    return {
        "metadata": {"name": "cleaning"},
        "spec": {"schedule": "41 */6 * * *", "suspend": suspend},
        "status": status,
    }


EARLIER, LATER = "2026-11-21T12:41:09Z", "2026-11-21T18:41:00Z"
BAD = f"its run of {LATER} came to no good end"


@pytest.mark.parametrize(
    ("job", "why"),
    [
        (cron_job(None, None), None),
        (cron_job(EARLIER, LATER), None),
        (cron_job(LATER, EARLIER, active=1), None),
        (cron_job(LATER, EARLIER), f"{BAD}; the last that did ended at {EARLIER}"),
        (cron_job(LATER, None), BAD),
        (cron_job(EARLIER, LATER, suspend=True), "is suspended, and does not run"),
    ],
)
def test_a_job_is_well_while_its_last_run_was(job: dict[str, Any], why: str | None) -> None:
    assert [line.why for line in job_lines([job])] == [why]
