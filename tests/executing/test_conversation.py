"""Words, a question, a yes, and a change in a real cluster: as the user, verified, and taken back."""

from collections.abc import Callable
from typing import Any

import pytest
from operated import PATIENT, Operated, Session, eventually

from voice_api.cluster.kubernetes import cluster_from_kubeconfig
from voice_api.commands.conversation.acting import Acting
from voice_api.commands.conversation.turn import Turn
from voice_api.commands.core import CommandCore, Reply
from voice_api.commands.journal.file import last_records
from voice_api.commands.policy import User
from voice_api.commands.registry.declaring import EVERYWHERE

pytestmark = pytest.mark.needs("kube-apiserver", "etcd", "openssl")
ANN = User("ann", frozenset({"operator"}), EVERYWHERE, groups=("shop", "watchers"))
BOB = User("bob", frozenset({"operator"}), EVERYWHERE, groups=("watchers",))


@pytest.fixture
def say(operated: Operated, ann: Session) -> Callable[..., Reply]:
    """What ann says, in a conversation of hers."""
    cluster = cluster_from_kubeconfig([operated.server.kubeconfig()], patience=PATIENT)
    core = CommandCore(cluster, parts=Acting(ann.executor, b"k" * 32))

    def answer(text: str, user: User = ANN) -> Reply:
        return core.answer(text, Turn(user, "kitchen", command="cmd_7"))

    return answer


def deployed(operated: Operated, space: str, name: str) -> dict[str, Any]:
    operated.deployment(space, name, 2)
    path = f"/apis/apps/v1/namespaces/{space}/deployments/{name}"
    eventually(lambda: operated.found(path).get("status", {}).get("readyReplicas") == 2)
    return operated.found(path)


def replicas(operated: Operated, space: str, name: str) -> int:
    return int(operated.found(f"/apis/apps/v1/namespaces/{space}/deployments/{name}")["spec"]["replicas"])


def test_a_change_is_said_agreed_to_made_verified_and_taken_back(
    operated: Operated, space: str, ann: Session, say: Callable[..., Reply]
) -> None:
    deployed(operated, space, "kettle")
    asked = say("scale kettle to four replicas")
    assert asked.status == "REQUIRES_CONFIRMATION", asked
    assert asked.reply == f"Shall I scale deployment kettle in {space} from 2 to 4 replicas?"
    assert replicas(operated, space, "kettle") == 2
    done = say("yes")
    assert (done.status, done.reply) == ("SUCCESS", f"kettle in {space} has 4 of 4 replicas ready.")
    assert replicas(operated, space, "kettle") == 4
    stages = [each.get("stage") for each in last_records(ann.folder, 10) if each.get("stage")]
    assert stages == ["before", "after"]
    assert "from 4 to 2 replicas" in say("undo that").reply
    assert say("yes").status == "SUCCESS"
    assert replicas(operated, space, "kettle") == 2


def test_what_the_cluster_does_not_let_a_user_do_is_not_asked_about(
    operated: Operated, space: str, say: Callable[..., Reply]
) -> None:
    deployed(operated, space, "teapot")
    assert say("describe teapot", BOB).status == "SUCCESS"
    refused = say("scale teapot to four replicas", BOB)
    assert (refused.status, refused.data["error"]["code"]) == ("PERMISSION_DENIED", "cluster_forbidden")
    assert replicas(operated, space, "teapot") == 2


def test_what_somebody_else_changed_after_the_question_is_asked_about_anew(
    operated: Operated, space: str, say: Callable[..., Reply]
) -> None:
    deployed(operated, space, "samovar")
    assert say("scale samovar to four replicas").status == "REQUIRES_CONFIRMATION"
    path = f"/apis/apps/v1/namespaces/{space}/deployments/samovar/scale"
    operated.server.request("PATCH", path, {"spec": {"replicas": 3}})
    again = say("yes")
    assert again.status == "REQUIRES_CONFIRMATION", again
    assert "from 3 to 4 replicas" in again.reply
    assert replicas(operated, space, "samovar") == 3
    assert say("yes").status == "SUCCESS"
    assert replicas(operated, space, "samovar") == 4
