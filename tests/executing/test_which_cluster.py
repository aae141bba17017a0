"""A cluster is known by one uid: whoever cannot be told it now is told so, and never another one."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from voice_api.cluster.access import Access
from voice_api.cluster.requests import Answered, Sent
from voice_api.commands.audit import Audit
from voice_api.commands.executing.executor import ClusterExecutor
from voice_api.commands.journal.file import Journal
from voice_api.errors import VoiceApiError


@dataclass
class Answering:
    """A connection on which every request is answered with this status."""

    status: int
    name: str = "edge"

    def send(self, request: Sent) -> Answered:
        assert request.path == "/api/v1/namespaces/kube-system"
        return Answered(self.status, {"metadata": {"uid": "uid-1"}} if self.status == 200 else {})


def uid(folder: Path, status: int) -> str:
    access = Access(Answering(status))  # type: ignore[arg-type]
    return ClusterExecutor(access, Audit(Journal(folder, b"key"))).cluster_uid()


def test_it_is_that_of_a_namespace_that_every_cluster_has(tmp_path: Path) -> None:
    assert uid(tmp_path, 200) == "uid-1"


@pytest.mark.parametrize("status", [403, 404])
def test_whoever_may_never_see_it_knows_the_cluster_by_its_name(tmp_path: Path, status: int) -> None:
    assert uid(tmp_path, status) == "edge"


@pytest.mark.parametrize("status", [401, 429, 500, 503, 504])
def test_a_cluster_that_fails_now_has_no_other_uid(tmp_path: Path, status: int) -> None:
    with pytest.raises(VoiceApiError, match="kube-system"):
        uid(tmp_path, status)
