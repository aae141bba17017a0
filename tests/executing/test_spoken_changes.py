"""From words to a change on a real API server and back: asked, agreed to, done, told, and taken back."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from operated import FOLLOW_SECONDS, KEY, PATIENT, Operated, bound, eventually, ready_for

from voice_api.acting import questions_store
from voice_api.cluster.kubernetes import cluster_from_kubeconfig
from voice_api.commands.audit import Audit
from voice_api.commands.conversation.acting import Acting
from voice_api.commands.conversation.turn import Turn
from voice_api.commands.core import CommandCore, Reply
from voice_api.commands.executing.executor import ClusterExecutor
from voice_api.commands.executing.outcome import Follow
from voice_api.commands.journal.file import Journal, last_records
from voice_api.commands.policy import User
from voice_api.settings import Settings

pytestmark = pytest.mark.needs("kube-apiserver", "etcd", "openssl")
PATH = "/apis/apps/v1/namespaces/bakery/deployments/oven"
ANN = User("ann", frozenset({"operator"}), frozenset({"staging"}), ("shop",))
Says = Callable[..., Reply]


@pytest.fixture(scope="module")
def bakery(operated: Operated) -> Operated:
    labels = {"kvx.dev/environment": "staging"}
    operated.apply("/api/v1/namespaces", {"metadata": {"name": "bakery", "labels": labels}})
    bound(operated.server, "shop", "admin", "bakery")
    ready_for(operated, "bakery")
    operated.deployment("bakery", "oven", 2)
    return operated


@pytest.fixture
def says(bakery: Operated, tmp_path: Path) -> Iterator[Says]:
    """Somebody says something in one conversation; the names come from the service's own look."""
    bakery.server.request("PATCH", PATH, {"spec": {"replicas": 2}})
    admin = bakery.server.kubeconfig(name="administrator")
    journal = Journal(tmp_path, KEY)
    audit = Audit(journal)
    executor = ClusterExecutor(bakery.access(), audit, follow=Follow(FOLLOW_SECONDS))
    cluster = cluster_from_kubeconfig([admin], patience=PATIENT)
    core = CommandCore(cluster, parts=Acting(executor, KEY * 2, recorder=audit))
    yield lambda text, user=ANN: core.answer(text, Turn(user, "desk", command=f"cmd_{abs(hash(text))}"))
    journal.close()


def replicas(bakery: Operated) -> int:
    return int(bakery.found(PATH)["spec"]["replicas"])


def test_what_is_said_is_asked_about_done_told_and_taken_back(bakery: Operated, says: Says) -> None:
    asked = says("scale the oven to four replicas in bakery")
    assert asked.status == "REQUIRES_CONFIRMATION", asked
    assert "scale deployment oven in bakery from 2 to 4 replicas" in asked.reply
    assert replicas(bakery) == 2
    done = says("yes")
    assert (done.status, done.reply) == ("SUCCESS", "oven in bakery has 4 of 4 replicas ready.")
    assert says("undo that").status == "REQUIRES_CONFIRMATION"
    assert says("yes").status == "SUCCESS"
    assert replicas(bakery) == 2


def test_a_no_and_words_that_are_no_answer_change_nothing(bakery: Operated, says: Says) -> None:
    for answer in ("no", "how many pods are there in bakery"):
        assert says("scale the oven to four replicas in bakery").status == "REQUIRES_CONFIRMATION"
        says(answer)
        assert says("yes").status != "SUCCESS"
    assert replicas(bakery) == 2


def test_somebody_else_cannot_agree_and_who_may_not_is_refused_before_a_question(
    bakery: Operated, says: Says, tmp_path: Path
) -> None:
    says("scale the oven to four replicas in bakery")
    assert says("yes", replace(ANN, name="bob")).status != "SUCCESS"
    viewer = replace(ANN, roles=frozenset({"viewer"}))
    assert says("scale the oven to four replicas in bakery", viewer).status == "PERMISSION_DENIED"
    elsewhere = replace(ANN, environments=frozenset({"development"}))
    assert says("scale the oven to four replicas in bakery", elsewhere).status == "PERMISSION_DENIED"
    powerless = replace(ANN, name="eve", groups=("watchers",))
    assert says("scale the oven to four replicas in bakery", powerless).status in {
        "PERMISSION_DENIED",
        "ERROR",
    }
    assert replicas(bakery) == 2
    assert any(record.get("security") for record in last_records(tmp_path, 50))


def test_what_somebody_changed_meanwhile_is_another_question(bakery: Operated, says: Says) -> None:
    says("scale the oven to four replicas in bakery")
    bakery.server.request("PATCH", PATH, {"spec": {"replicas": 3}})
    again = says("yes")
    assert again.status == "REQUIRES_CONFIRMATION"
    assert "from 3 to 4 replicas" in again.reply
    assert replicas(bakery) == 3
    assert says("yes").status == "SUCCESS"
    eventually(lambda: replicas(bakery) == 4)


@pytest.mark.needs("postgresql")
def test_an_answer_may_reach_another_replica_than_the_question_did(
    bakery: Operated, tmp_path: Path, postgresql: str
) -> None:
    bakery.server.request("PATCH", PATH, {"spec": {"replicas": 2}})
    (tmp_path / "address").write_text(postgresql)
    settings = Settings(ledger_address_file=str(tmp_path / "address"))
    admin = bakery.server.kubeconfig(name="administrator")
    cores = []
    for name in ("one", "two"):
        audit = Audit(Journal(tmp_path / name, KEY))
        executor = ClusterExecutor(bakery.access(), audit, follow=Follow(FOLLOW_SECONDS))
        parts = Acting(executor, KEY * 2, questions_store(settings))
        cores.append(CommandCore(cluster_from_kubeconfig([admin], patience=PATIENT), parts=parts))
    one, two = cores
    asked = one.answer("scale the oven to three replicas in bakery", Turn(ANN, "desk", command="cmd_a"))
    assert asked.status == "REQUIRES_CONFIRMATION"
    assert two.answer("yes", Turn(ANN, "desk", command="cmd_b")).status == "SUCCESS"
    assert one.answer("yes", Turn(ANN, "desk", command="cmd_c")).status != "SUCCESS"
    assert replicas(bakery) == 3
