"""What is left of cloud engines is asked of one replica, and of another one where that is out of reach."""

from collections.abc import Mapping
from typing import Any

import pytest

from kvx.drivers.cluster_usage import first_told
from kvx.errors import ExitCode, KvxError

GONE = KvxError("nothing answers", "kvx deploy", ExitCode.MISSING)
WRONG = KvxError("month cannot be 'soon'", "write it as 2026-11", ExitCode.USAGE)


class Replicas:
    """Pods by name, each with what it tells, or why it does not."""

    def __init__(self, **pods: Mapping[str, Any] | KvxError) -> None:
        self.pods, self.asked = pods, list[str]()

    def ask(self, pod: str) -> Mapping[str, Any]:
        self.asked.append(pod)
        told = self.pods[pod]
        if isinstance(told, KvxError):
            raise told
        return told


@pytest.mark.parametrize(
    ("first", "asked"), [({"month": "2026-11"}, ["a"]), (GONE, ["a", "b"])], ids=["there", "out of reach"]
)
def test_a_replica_that_is_out_of_reach_is_not_waited_for(first: Any, asked: list[str]) -> None:
    replicas = Replicas(a=first, b={"month": "2026-11"})
    assert first_told(["a", "b"], replicas.ask) == {"month": "2026-11"}
    assert replicas.asked == asked


def test_what_is_asked_wrongly_is_asked_once() -> None:
    replicas = Replicas(a=WRONG, b={})
    with pytest.raises(KvxError, match="soon"):
        first_told(["a", "b"], replicas.ask)
    assert replicas.asked == ["a"]


def test_where_none_tells_it_the_last_one_says_why() -> None:
    replicas = Replicas(a=KvxError("late", "again"), b=GONE)
    with pytest.raises(KvxError, match="nothing answers"):
        first_told(["a", "b"], replicas.ask)
