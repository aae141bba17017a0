"""Why no pod is made: the API server's sentences, as it writes them."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvx.cluster.refused_pods import MOST_CHARACTERS, refusal

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

PREFIX = 'pods "voice-api-7d9c-x2x4z" is forbidden: '
AMOUNTS = (
    "requested: limits.cpu=500m,requests.cpu=100m, "
    "used: limits.cpu=2,requests.cpu=400m, limited: limits.cpu=2,requests.cpu=2"
)
READ_AMOUNTS = "limits.cpu 500m more, with 2 of 2 used; requests.cpu 100m more, with 400m of 2 used"
SENTENCES = {
    "quota": (
        f"{PREFIX}exceeded quota: voice-api, {AMOUNTS}",
        f"the quota voice-api has no room for another pod: {READ_AMOUNTS}",
    ),
    "limit_range": (
        f"{PREFIX}maximum cpu usage per Container is 500m, but limit is 1",
        "no pod is made: maximum cpu usage per Container is 500m, but limit is 1",
    ),
    "pod_security": (
        f'{PREFIX}violates PodSecurity "restricted:latest": runAsNonRoot != true (pod must not)',
        "pod security (restricted:latest) lets no such pod in: runAsNonRoot != true (pod must not)",
    ),
    "admission": (
        'admission webhook "policy.example" denied the request: no latest tags here',
        "the admission webhook policy.example refuses the pod: no latest tags here",
    ),
    "no_pod": (
        f"{PREFIX}no PriorityClass with name kvx-voice-api was found",
        "no pod is made: no PriorityClass with name kvx-voice-api was found",
    ),
}


@pytest.mark.parametrize("kind", SENTENCES)
def test_each_reason_is_told_without_the_noise_around_it(kind: str) -> None:
    said, words = SENTENCES[kind]
    trouble = refusal(said)
    assert (trouble.kind, trouble.words) == (kind, words)


def test_what_a_quota_wants_to_be_said_is_named() -> None:
    said = f"{PREFIX}failed quota: voice-api: must specify limits.memory for: sidecar"
    assert refusal(said).words.endswith("do not say their limits.memory for: sidecar")


def test_a_webhook_that_does_not_answer_is_given_more_time_than_one_that_refuses() -> None:
    silent = refusal('Internal error occurred: failed calling webhook "policy.example": connection refused')
    refusing = refusal(SENTENCES["admission"][0])
    assert silent.kind == refusing.kind == "admission"
    assert (silent.patience_seconds or 0) > (refusing.patience_seconds or 0)


@PATIENT
@given(st.text())
def test_any_sentence_becomes_one_line_with_a_fix(said: str) -> None:
    trouble = refusal(said)
    assert trouble.fix
    assert len(trouble.words.splitlines()) == 1
    assert len(trouble.words) < MOST_CHARACTERS * 3
