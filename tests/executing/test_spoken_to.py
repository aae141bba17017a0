"""Sound in, sound out: spoken to the service as it is started, by a user, over a real API server."""

import base64
import io
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from operated import Operated, bound, cluster_binding, cluster_role, eventually
from served import served, voice_api

from voice_api.cluster.identity import Identity
from voice_api.cluster.reviews import Attempt
from voice_api.speech.speakers.espeak import EspeakSpeaker

pytestmark = pytest.mark.needs("kube-apiserver", "etcd", "openssl")
APPS = "/apis/apps/v1/namespaces/shop/deployments"
NODE = "/api/v1/nodes/edge-one"
RBAC = "rbac.authorization.k8s.io"
SPEAKS = [
    {"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"], "resourceNames": ["olga"]},
    {"apiGroups": [""], "resources": ["groups"], "verbs": ["impersonate"], "resourceNames": ["speakers"]},
]
SEES = {"apiGroups": ["", "apps", "batch"], "resources": ["*"], "verbs": ["get", "list", "watch"]}
CORDONS = {"apiGroups": [""], "resources": ["nodes"], "verbs": ["patch", "update"]}
READ = {
    "how many pods are in shop": ("count", "pods"),
    "how many deployments are in shop": ("count", "two deployments"),
    "list the deployments in shop": ("list_deployments", "checkout"),
    "list the services in shop": ("list_objects", "till"),
    "list the nodes": ("list_objects", "edge-one"),
    "which pods are not ready in shop": ("unready_pods", "ready"),
    "describe checkout": ("describe", "checkout"),
    "is cart healthy": ("describe", "cart"),
    "describe node edge one": ("describe", "edge-one"),
    "what is wrong with checkout": ("what_is_wrong", "checkout"),
    "what happened to checkout": ("events", ""),
    "show me the events in shop": ("events", "shop"),
    "how often has checkout restarted": ("restarts", "checkout"),
    "what version is cart running": ("images", "1.0"),
    "rollout status of checkout": ("rollout_status", "checkout"),
    "rollout history of cart": ("rollout_history", "cart"),
    "how many nodes are there": ("count", "node"),
    "show me the services in shop": ("list_objects", "till"),
    "what can i say": ("what_can_i_say", ""),
    "what did i do": ("what_did_i_do", ""),
    "switch to namespace shop": ("switch_namespace", "shop"),
}


@dataclass(frozen=True, slots=True)
class Talking:
    """A service, who speaks to it, and with which voice."""

    address: str
    key: str
    voice: EspeakSpeaker

    def say(self, words: str, session: str, **texts: str) -> dict[str, Any]:
        """What comes back for the sound of some words."""
        headers = {"Authorization": f"Bearer {self.key}", "content-type": "audio/wav"}
        query = {"session": session, "speak": "true", **texts}
        address = f"{self.address}/v1/commands"
        answer = httpx.post(address, content=self.sound(words), headers=headers, params=query, timeout=300)
        answer.raise_for_status()
        return dict(answer.json())

    def sound(self, words: str) -> bytes:
        file = io.BytesIO()
        soundfile.write(file, self.spoken(words), self.voice.sample_rate, format="WAV", subtype="PCM_16")
        return file.getvalue()

    def spoken(self, words: str) -> NDArray[np.int16]:
        return np.concatenate(list(self.voice.speak(words, None, 1.0)))

    def agreed(self, words: str, session: str) -> dict[str, Any]:
        """What comes of a change, once its question was heard and "yes" was said."""
        asked = self.say(words, session)
        assert asked["status"] == "REQUIRES_CONFIRMATION", (asked["text"], asked["reply"])
        self.tells(asked)
        time.sleep(1)  # who says that the question was heard before it was asked is not believed
        return self.say("yes", session, since_question_seconds="0.6")

    def tells(self, answer: dict[str, Any]) -> None:
        """The sound that came is that of the reply in words."""
        with soundfile.SoundFile(io.BytesIO(base64.b64decode(answer["audio"]["content"]))) as file:
            heard, rate = file.read(dtype="int16"), file.samplerate
        assert rate == self.voice.sample_rate
        wanted = loudness(self.spoken(answer["reply"]))
        told = loudness(heard)
        least = min(told.size, wanted.size)
        assert max(told.size, wanted.size) - least <= 1
        assert np.corrcoef(told[:least], wanted[:least])[0, 1] > 0.8, answer["reply"]


def loudness(sound: NDArray[np.int16]) -> NDArray[np.float64]:
    """Of every 50 ms: espeak-ng's hiss and pauses are others each time.

    Of 2,700 pairs of the same sentence none was less alike than 0.9, none of 36 of two more than 0.71.
    """
    steps = sound[: sound.size // 1_102 * 1_102].astype(np.float64).reshape(-1, 1_102)
    return np.sqrt((steps**2).mean(axis=1))


@pytest.fixture(scope="module")
def talking(operated: Operated, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Talking]:
    folder = tmp_path_factory.mktemp("spoken")
    _shop(operated)
    _rights(operated)
    adding = ("user", "add", "olga", "--role", "operator", "--environment", "staging", "--group", "speakers")
    key = subprocess.run(
        voice_api(folder, *adding), capture_output=True, text=True, timeout=60, check=True
    ).stdout.strip()
    more = ("--journal-folder", str(folder / "journal"), "--follow-seconds", "90")
    stays = (
        "--request-seconds",
        "300",
        "--cluster-environment",
        "staging",
        "--kubeconfig",
        str(operated.service),
    )
    with served(folder, *more, *stays) as service:
        yield Talking(service.address, key, EspeakSpeaker())
    operated.server.request("DELETE", NODE, {"gracePeriodSeconds": 0})


def _shop(operated: Operated) -> None:
    labels = {"kvx.dev/environment": "staging"}
    operated.apply("/api/v1/namespaces", {"metadata": {"name": "shop", "labels": labels}})
    operated.apply("/api/v1/nodes", {"metadata": {"name": "edge-one"}})
    for name in ("checkout", "cart"):
        operated.deployment("shop", name, 3)
    service = {"metadata": {"name": "till"}, "spec": {"ports": [{"port": 80}]}}
    operated.apply("/api/v1/namespaces/shop/services", service)


def _rights(operated: Operated) -> None:
    """Olga sees everything, changes what is in the shop, and cordons nodes."""
    cluster_role(operated.server, "speaks-for-olga", SPEAKS)
    subject = {"kind": "User", "name": "kvx-service", "apiGroup": RBAC}
    cluster_binding(operated.server, "speaks-for-olga", "speaks-for-olga", subject)
    cluster_role(operated.server, "speakers-see", [SEES, CORDONS])
    subject = {"kind": "Group", "name": "speakers", "apiGroup": RBAC}
    cluster_binding(operated.server, "speakers-see", "speakers-see", subject)
    subject = {"kind": "User", "name": "kvx-service", "apiGroup": RBAC}
    cluster_binding(operated.server, "service-sees-for-speakers", "speakers-see", subject)
    bound(operated.server, "speakers", "admin", "shop")
    olga = Identity("olga", ("speakers",))
    for attempt in (
        Attempt("patch", "apps", "deployments", "any", "shop", "scale"),
        Attempt("patch", "", "nodes", "any"),
    ):
        eventually(lambda each=attempt: _may(operated, olga, each))


def _may(operated: Operated, who: Identity, attempt: Attempt) -> bool:
    way = operated.access().of(who)
    return way.as_user and way.may(attempt)


@pytest.mark.parametrize(("words", "function", "told"), [(said, *each) for said, each in READ.items()])
def test_a_question_is_heard_answered_from_the_cluster_and_spoken(
    talking: Talking, words: str, function: str, told: str
) -> None:
    answer = talking.say(words, "reading")
    name = (answer["intent"] or {}).get("name")
    assert (answer["status"], name) == ("SUCCESS", function), (answer["text"], answer["reply"])
    assert told in answer["reply"].lower()
    talking.tells(answer)


def test_a_change_is_spoken_agreed_to_made_and_taken_back(operated: Operated, talking: Talking) -> None:
    done = talking.agreed("scale checkout to five replicas", "scaling")
    assert (done["status"], done["reply"]) == ("SUCCESS", "checkout in shop has 5 of 5 replicas ready.")
    talking.tells(done)
    assert replicas(operated) == 5
    back = talking.agreed("undo that", "scaling")
    assert (back["status"], replicas(operated)) == ("SUCCESS", 3), back["reply"]


def test_what_is_paused_cordoned_and_restarted_by_voice_is_so(operated: Operated, talking: Talking) -> None:
    assert talking.agreed("restart cart", "working")["status"] == "SUCCESS"
    annotations = operated.found(f"{APPS}/cart")["spec"]["template"]["metadata"]["annotations"]
    assert "kubectl.kubernetes.io/restartedAt" in annotations
    assert talking.agreed("pause the rollout of cart", "working")["status"] == "SUCCESS"
    assert operated.found(f"{APPS}/cart")["spec"]["paused"] is True
    assert talking.agreed("resume the rollout of cart", "working")["status"] == "SUCCESS"
    assert not operated.found(f"{APPS}/cart")["spec"].get("paused")
    assert talking.agreed("cordon node edge one", "working")["status"] == "SUCCESS"
    assert operated.found(NODE)["spec"]["unschedulable"] is True


def test_a_spoken_no_changes_nothing(operated: Operated, talking: Talking) -> None:
    assert talking.say("restart checkout", "no")["status"] == "REQUIRES_CONFIRMATION"
    before = operated.found(f"{APPS}/checkout")["metadata"]["generation"]
    time.sleep(1)
    talking.tells(talking.say("no", "no", since_question_seconds="0.6"))
    assert talking.say("yes", "no", since_question_seconds="0.6")["status"] != "SUCCESS"
    assert operated.found(f"{APPS}/checkout")["metadata"]["generation"] == before


def replicas(operated: Operated) -> int:
    return int(operated.found(f"{APPS}/checkout")["spec"]["replicas"])
