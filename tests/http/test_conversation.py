"""A conversation over HTTP: sound in and sound out, questions about names and changes, answers to them."""

import base64
import io
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
import soundfile

from voice_api.commands.conversation.acting import Acting
from voice_api.commands.core import CommandCore
from voice_api.commands.policy import User
from voice_api.commands.registry.declaring import EVERYWHERE
from voice_api.errors import VoiceApiError

ROUTE = "/v1/commands"
SOUND = {"content-type": "audio/wav"}
SPEAKS = Path(__file__).with_name("spoken_first.py")
WAIT_SECONDS = 120
SPOKEN = {
    "how many pods are not ready": "unready_pods",
    "how many nodes are there": "count",
    "which pods are not ready in shop": "unready_pods",
    "list the deployments in staging": "list_deployments",
    "list the services in production": "list_objects",
    "show me the services in shop": "list_objects",
    "list the nodes": "list_objects",
    "list the namespaces": "count",
    "describe checkout": "describe",
    "describe node edge one": "describe",
    "is grafana healthy": "describe",
    "what is wrong with checkout": "what_is_wrong",
    "show me the logs of checkout": "logs",
    "what happened to checkout": "events",
    "events in staging": "events",
    "show me the events in shop": "events",
    "top pods": "top",
    "top nodes in production": "top",
    "which pods use the most memory": "top",
    "show the restarts": "restarts",
    "how often has checkout restarted": "restarts",
    "what version is cart running": "images",
    "rollout status of payments": "rollout_status",
    "is the rollout of frontend done": "rollout_status",
    "what can i say": "what_can_i_say",
    "what did i do": "what_did_i_do",
    "switch to namespace staging": "switch_namespace",
}


def _lab() -> Any:
    """The cluster of the conversations' own tests."""
    spec = spec_from_file_location("lab", Path(__file__).parents[1] / "conversation" / "lab.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["lab"] = module
    spec.loader.exec_module(module)
    return module.Lab()


class Ada:
    """Knows one user, by a key of hers."""

    def speaker_of(self, authorization: str | None) -> User:
        if authorization != "Bearer ada":
            raise VoiceApiError("unauthorised", "I do not know you.", "Send a key.", 401)
        return User("ada", frozenset({"operator"}), EVERYWHERE)


@pytest.fixture
def lab(start: Any) -> tuple[Any, Any]:
    """A service in which ada may change things, and the cluster they are changed in."""
    cluster = _lab()
    commands = CommandCore(cluster, parts=Acting(cluster, b"k" * 32, recorder=cluster))
    service = start(commands=commands, users=Ada())
    service.client.headers["authorization"] = "Bearer ada"
    return service, cluster


def spoken(service: Any, sound: bytes, **texts: Any) -> Any:
    return service.client.post(ROUTE, content=sound, headers=SOUND, params=texts).json()


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Each of SPOKEN as sound."""
    folder = tmp_path_factory.mktemp("recordings")
    subprocess.run([sys.executable, SPEAKS, folder, *SPOKEN], check=True, timeout=WAIT_SECONDS)
    return {said: (folder / f"{number}.wav").read_bytes() for number, said in enumerate(SPOKEN)}


@pytest.mark.parametrize(("said", "function"), SPOKEN.items())
def test_a_spoken_command_is_heard_understood_answered_and_spoken(
    running: Any, recordings: dict[str, bytes], said: str, function: str
) -> None:
    answer = spoken(running, recordings[said], speak="true")
    assert (answer["status"], answer["intent"]["name"]) == ("SUCCESS", function), answer["text"]
    sound = io.BytesIO(base64.b64decode(answer["audio"]["content"]))
    with soundfile.SoundFile(sound) as file:
        assert file.frames / file.samplerate > 0.5


def test_a_change_is_asked_about_and_agreed_to_by_voice(
    lab: tuple[Any, Any], recording: Callable[..., bytes]
) -> None:
    service, cluster = lab
    asked = spoken(service, recording("scale checkout to five replicas"), session="kitchen", speak="true")
    assert asked["status"] == "REQUIRES_CONFIRMATION", asked
    assert asked["reply"] == "Shall I scale checkout in shop from 3 to 5 replicas?"
    yes = recording("yes")
    early = spoken(service, yes, session="kitchen")
    assert early["data"]["error"]["code"] == "answer_too_early"
    assert cluster.orders == []
    time.sleep(1)  # who says that the question was heard before it was asked is not believed
    done = spoken(service, yes, session="kitchen", since_question_seconds="0.6")
    assert done["status"] == "SUCCESS", done
    assert cluster.objects["shop", "checkout"].replicas == 5


def test_a_change_is_agreed_to_by_a_click(lab: tuple[Any, Any]) -> None:
    service, cluster = lab
    wish = {"text": "delete the deployment checkout", "session": "kitchen"}
    asked = service.client.post(ROUTE, json=wish).json()
    about = asked["data"]["confirmation"]
    assert (about["needs"], about["name"]) == ("name_or_code", "checkout")
    click = {"text": about["code"], "session": "kitchen", "confirm": about["id"]}
    assert service.client.post(ROUTE, json=click).json()["status"] == "SUCCESS"
    assert ("shop", "checkout") not in cluster.objects
    again = service.client.post(ROUTE, json=click).json()
    assert again["data"]["error"]["code"] == "answer_used"


def test_a_change_without_a_session_is_not_made(lab: tuple[Any, Any]) -> None:
    service, cluster = lab
    answer = service.client.post(ROUTE, json={"text": "restart checkout"}).json()
    assert (answer["status"], answer["session"]) == ("PERMISSION_DENIED", None)
    assert cluster.orders == []


def test_who_is_not_known_gets_no_answer_at_all(lab: tuple[Any, Any]) -> None:
    service, _ = lab
    wish = {"text": "how many pods are there"}
    refused = service.client.post(ROUTE, json=wish, headers={"authorization": "Bearer eve"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "unauthorised")


@pytest.mark.parametrize(
    "wish",
    [
        {"text": "x", "session": "s" * 129},
        {"text": "x", "session": "a\nb"},
        {"text": "x", "confirm": "c" * 129},
    ],
)
def test_odd_sessions_are_refused_by_name(running: Any, wish: dict[str, str]) -> None:
    answer = running.client.post(ROUTE, json=wish)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unsupported_value")


@pytest.mark.parametrize("since", ["soon", "-1", "nan", "inf", "1e9"])
def test_a_time_since_the_question_is_a_time(running: Any, silence: bytes, since: str) -> None:
    answer = spoken(running, silence, since_question_seconds=since)
    assert answer["error"]["param"] == "since_question_seconds"
