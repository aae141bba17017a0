"""WS /v1/conversation: sound in, partial words, questions and answers, sound out, and who interrupts."""

import base64
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import openai
import pytest
from talker import HEARD, WAIT_SECONDS, Talker, after, spoken
from websockets.exceptions import ConnectionClosed, InvalidStatus

from voice_api.cluster.demo import DemoCluster
from voice_api.cluster.protocol import Pod
from voice_api.commands.conversation.acting import Acting
from voice_api.commands.core import CommandCore
from voice_api.commands.policy import User
from voice_api.commands.registry.declaring import EVERYWHERE
from voice_api.errors import VoiceApiError

SENTENCE = "how many pods are running"
REPLY = "There are 24 pods"


class Ada:
    """Knows one user, by a key of hers."""

    def speaker_of(self, authorization: str | None) -> User:
        if authorization != "Bearer ada":
            raise VoiceApiError("unauthorised", "I do not know you.", "Send a key.", 401)
        return User("ada", frozenset({"operator"}), EVERYWHERE)


@pytest.fixture
def talk() -> Iterator[Callable[..., Talker]]:
    with ExitStack() as open_talks:

        def begin(url: str, query: str = "", **more: Any) -> Talker:
            talker = Talker(url, query, **more)
            open_talks.callback(talker.close)
            return talker

        yield begin


@pytest.fixture(scope="module")
def say(engines: Any) -> Callable[..., bytes]:
    return lambda text, **more: spoken(engines, text, **more)


class Names:
    """Stands for what is known of a cluster."""

    def likely(self) -> tuple[str, ...]:
        return ("grafana",)

    def namespaces(self) -> tuple[str, ...]:
        return ("shop",)

    def said(self, names: Any) -> None: ...


class SlowCluster(DemoCluster):
    """Answers once it may."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.may_answer.set()
        super().__init__()
        self.may_answer.clear()

    def pods(self, namespace: str | None) -> tuple[Pod, ...]:
        assert self.may_answer.wait(WAIT_SECONDS)
        return super().pods(namespace)


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
def lab(start: Any) -> tuple[Any, Any]:
    """A service in which ada may change things, and the cluster they are changed in."""
    spec = spec_from_file_location("lab", Path(__file__).parents[1] / "conversation" / "lab.py")
    assert spec is not None
    assert spec.loader is not None
    sys.modules["lab"] = module = module_from_spec(spec)
    spec.loader.exec_module(module)
    cluster = module.Lab()
    return start(
        commands=CommandCore(cluster, parts=Acting(cluster, b"k" * 32, recorder=cluster)), users=Ada()
    ), cluster


def test_a_question_is_heard_answered_and_spoken(running: Any, talk: Any, say: Any) -> None:
    talker = talk(running.url)
    session = talker.until("session.created")[-1]["session"]
    assert (session["type"], session["answers"], session["user"]) == ("realtime", "commands", "anybody")
    talker.append(say(SENTENCE))
    response = talker.answer()
    command = response["command"]
    assert (command["text"], command["status"], command["engine"]) == (SENTENCE, "SUCCESS", "local")
    assert command["reply"].startswith(REPLY)
    assert command["session"] == session["session"]
    assert response["output"][0]["content"] == [{"type": "output_audio", "transcript": command["reply"]}]
    assert len(talker.sound) > 24_000 * 2, "more than a second of sound"
    kinds = [event["type"] for event in talker.events]
    assert kinds.index(HEARD) < kinds.index("response.created") < kinds.index("response.output_audio.delta")
    assert kinds[-1] == "response.done"


def test_a_conversation_remembers_what_was_spoken_of(start: Any, scripted: Any, talk: Any, say: Any) -> None:
    listener = scripted(says="describe checkout")
    talker = talk(start(listener=listener).url)
    talker.wish(output_modalities=["text"])
    talker.append(say(SENTENCE))
    assert talker.command()["intent"]["name"] == "describe"
    listener.says = "show me the logs of it"
    talker.append(say(SENTENCE))
    command = talker.command()
    assert (command["intent"]["name"], command["intent"]["arguments"]["name"]) == ("logs", "checkout")


def test_openais_own_client_converses(running: Any, say: Any) -> None:
    with (
        openai.OpenAI(base_url=f"{running.url}/v1", api_key="none", max_retries=0) as client,
        client.realtime.connect(model="gpt-realtime") as connection,
    ):
        connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        connection.input_audio_buffer.append(audio=base64.b64encode(say(SENTENCE)).decode())
        for event in connection:
            assert event.type != "error"
            if event.type == "response.output_text.done":
                break
    assert event.text.startswith(REPLY)


def test_a_change_is_asked_about_agreed_to_and_made(lab: Any, talk: Any, say: Any) -> None:
    service, cluster = lab
    talker = talk(service.url, key="ada")
    talker.append(say("scale checkout to five replicas"))
    asked = talker.command()
    assert (asked["status"], asked["reply"]) == (
        "REQUIRES_CONFIRMATION",
        "Shall I scale checkout in shop from 3 to 5 replicas?",
    )
    after(len(talker.sound) / 48_000 + 4)  # what comes at once is taken to have been said before it came
    talker.append(say("yes"))
    assert talker.command()["status"] == "SUCCESS"
    assert cluster.objects["shop", "checkout"].replicas == 5


def test_a_yes_before_the_question_was_heard_does_nothing_and_the_question_is_asked_again(
    lab: Any, talk: Any, say: Any
) -> None:
    service, cluster = lab
    talker = talk(service.url, key="ada")
    talker.append(say("scale checkout to five replicas"))
    question = talker.command()["reply"]
    talker.append(say("yes", silence_seconds=0.6))
    early = talker.answer()
    assert early["command"]["data"]["error"]["code"] == "answer_too_early"
    assert cluster.orders == []
    told = early["output"][0]["content"][0]["transcript"]
    assert told == f"Please answer after I have asked. {question}"
    before = len(talker.sound)
    talker.append(say("yes"))
    assert talker.command()["status"] != "SUCCESS", "it was cut off, and nobody has heard it"
    assert cluster.orders == []
    assert before < len(talker.sound)


def test_who_may_change_nothing_changes_nothing(running: Any, talk: Any, say: Any) -> None:
    talker = talk(running.url)
    talker.append(say("delete the deployment checkout"))
    assert talker.command()["status"] in {"ERROR", "PERMISSION_DENIED"}


def test_who_is_not_known_is_refused_at_the_door(lab: Any, talk: Any) -> None:
    service, _ = lab
    with pytest.raises(InvalidStatus) as caught:
        talk(service.url, key="eve")
    assert caught.value.response.status_code == 401


def test_who_begins_to_speak_cuts_off_what_is_being_said(
    start: Any, scripted: Any, slow_speaker: Any, talk: Any, say: Any
) -> None:
    service = start(listener=scripted(says=SENTENCE), speaker=slow_speaker(600, 0.05), proved=False)
    talker = talk(service.url)
    talker.append(say(SENTENCE))
    talker.until("response.output_audio.delta")
    talker.append(say("list the nodes", silence_seconds=0.2))
    response = talker.answer()
    assert response["status"] == "cancelled"
    assert response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert response["command"]["status"] == "SUCCESS", "what was asked is answered in words nevertheless"
    assert "input_audio_buffer.speech_started" in [event["type"] for event in talker.events]
    assert service.service.engines.speaker.spoken < 600


@pytest.mark.parametrize("how", ["speech", "response.cancel"])
def test_what_is_cut_off_while_it_is_being_done_is_told_in_words_alone(
    start: Any, scripted: Any, talk: Any, say: Any, how: str
) -> None:
    cluster = SlowCluster()
    talker = talk(start(listener=scripted(says=SENTENCE), commands=CommandCore(cluster)).url)
    talker.append(say(SENTENCE))
    talker.until("response.created")
    if how == "speech":
        talker.append(say(SENTENCE, silence_seconds=0.2))
        talker.until("input_audio_buffer.speech_started")
    else:
        talker.say(how)
        talker.say("input_audio_buffer.clear")
        talker.until("input_audio_buffer.cleared")
    cluster.may_answer.set()
    response = talker.answer()
    assert (response["status"], response["command"]["status"]) == ("cancelled", "SUCCESS")
    assert response["output"][0]["content"][0]["transcript"].startswith(REPLY)
    assert talker.sound == b""


def test_who_wants_to_hear_all_is_not_cut_off(
    start: Any, scripted: Any, slow_speaker: Any, talk: Any, say: Any
) -> None:
    service = start(listener=scripted(says=SENTENCE), speaker=slow_speaker(20, 0.05))
    talker = talk(service.url)
    detection = {"type": "server_vad", "interrupt_response": False}
    session = talker.wish(audio={"input": {"turn_detection": detection}})
    assert session["audio"]["input"]["turn_detection"]["interrupt_response"] is False
    talker.append(say(SENTENCE))
    talker.until("response.output_audio.delta")
    talker.append(say(SENTENCE))
    assert [talker.answer()["status"] for _ in range(2)] == ["completed", "completed"]


def test_what_the_loudspeaker_says_is_no_command(start: Any, scripted: Any, talk: Any, say: Any) -> None:
    listener = scripted(says=SENTENCE)
    service = start(listener=listener)
    talker = talk(service.url)
    talker.wish(audio={"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}})
    talker.append(say(SENTENCE))
    listener.says = talker.command()["reply"]
    talker.append(say(SENTENCE, silence_seconds=0.6))
    assert talker.until(HEARD)[-1]["transcript"] == listener.says
    listener.says = "list the nodes"
    talker.append(say(SENTENCE))
    assert talker.command()["text"] == "list the nodes", "the echo has no answer of its own"


def test_only_what_begins_with_the_wake_phrase_is_answered(
    start: Any, scripted: Any, talk: Any, say: Any
) -> None:
    listener = scripted(says="how many nodes are there")
    service = start(listener=listener)
    talker = talk(service.url)
    assert talker.wish(wake_phrase="hey cluster", output_modalities=["text"])["wake_phrase"] == "hey cluster"
    talker.append(say(SENTENCE))
    talker.until(HEARD)
    listener.says = f"Hey, cluster, {SENTENCE}"
    talker.append(say(SENTENCE))
    assert talker.command()["text"] == SENTENCE
    listener.says = "how many nodes are there"
    talker.append(say(SENTENCE))
    assert talker.command()["text"] == "how many nodes are there", "who was answered just now is listened to"


def test_names_are_favoured_in_what_follows_the_wake_phrase(
    start: Any, scripted: Any, names: Any, talk: Any, *, say: Any
) -> None:
    listener = scripted(says=SENTENCE)
    talker = talk(start(listener=listener, names=names).url)
    talker.wish(wake_phrase="hey cluster")
    talker.append(say(SENTENCE))
    talker.until(HEARD)
    understanding = listener.options.live.understanding
    assert understanding.settled("hey cluster how many pods are in shop")
    assert understanding.settled("how many pods are in shop")
    assert not understanding.settled("hey cluster how many pods are in grafana")


def test_what_is_not_to_be_answered_by_itself_is_answered_when_it_is_asked_for(
    start: Any, scripted: Any, talk: Any, say: Any
) -> None:
    service = start(listener=scripted(says=SENTENCE))
    talker = talk(service.url)
    talker.wish(
        output_modalities=["text"],
        audio={"input": {"turn_detection": {"type": "server_vad", "create_response": False}}},
    )
    talker.say("response.create")
    assert talker.until("error")[-1]["error"]["code"] == "nothing_to_answer"
    talker.append(say(SENTENCE))
    talker.until(HEARD)
    talker.say("response.create")
    assert talker.command()["status"] == "SUCCESS"


def test_what_was_not_heard_well_is_asked_back_and_silence_is_not(
    start: Any, scripted: Any, talk: Any, say: Any
) -> None:
    listener = scripted(says="")
    service = start(listener=listener)
    talker = talk(service.url)
    talker.wish(output_modalities=["text"])
    talker.append(say(SENTENCE))
    talker.until(HEARD)
    listener.says, listener.doubtful = "delete all pods", True
    talker.append(say(SENTENCE))
    command = talker.command()
    assert (command["status"], command["intent"]) == ("NEEDS_CLARIFICATION", None)


def test_a_session_that_ends_while_it_speaks_leaves_nothing_running(
    start: Any, slow_speaker: Any, talk: Any, say: Any, until: Any
) -> None:
    service = start(speaker=slow_speaker(2_000, 0.02), proved=False)
    talker = talk(service.url)
    talker.append(say(SENTENCE))
    talker.until("response.output_audio.delta")
    talker.close()
    until(lambda: service.service.sessions.open == 0)
    until(service.service.lanes.speaking.idle.is_set)
    assert service.service.engines.speaker.spoken < 2_000


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        ({"tools": [{"type": "function", "name": "x"}]}, "session.tools"),
        ({"type": "transcription"}, "session.type"),
        ({"output_modalities": ["video"]}, "output_modalities"),
        ({"audio": {"output": {"format": {"type": "audio/pcmu"}}}}, "output.format.type"),
        ({"audio": {"output": {"format": {"type": "audio/pcm", "rate": 8_000}}}}, "output.format.rate"),
        ({"audio": {"output": {"speed": 9}}}, "output.speed"),
        ({"audio": {"output": {"voice": "nobody"}}}, None),
        ({"audio": {"output": {"voice": 7}}}, "voice"),
        ({"audio": {"input": {"turn_detection": {"create_response": 1}}}}, "turn_detection.create_response"),
        ({"wake_phrase": "x" * 65}, "wake_phrase"),
        ({"wake_phrase": "a\nb"}, "wake_phrase"),
    ],
)
def test_what_cannot_be_had_is_told_and_changes_nothing(
    running: Any, talk: Any, wish: dict[str, Any], param: str | None
) -> None:
    talker = talk(running.url)
    talker.say("session.update", session={"type": "realtime", "instructions": "be brief", **wish})
    assert talker.until("session.updated")[-1].get("error", {"param": "none"})["param"] == param
    assert talker.wish()["instructions"] == ""


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("answers=nobody", 400, "unsupported_value"),
        ("model=gpt-17", 404, "model_not_found"),
        ("engine=nobody", 400, "unsupported_value"),
        ("session=" + "s" * 129, 400, "unsupported_value"),
    ],
)
def test_what_cannot_be_begun_is_refused_at_the_door(
    running: Any, talk: Any, query: str, status: int, code: str
) -> None:
    with pytest.raises(InvalidStatus) as caught:
        talk(running.url, query)
    assert caught.value.response.status_code == status
    assert json.loads(caught.value.response.body)["error"]["code"] == code


def test_a_service_that_ends_tells_the_conversation(start: Any, talk: Any) -> None:
    service = start()
    talker = talk(service.url)
    talker.until("session.created")
    service.service.sessions.ending.set()
    talker.say("input_audio_buffer.clear")
    assert talker.until("error")[-1]["error"]["code"] == "stopping"
    with pytest.raises(ConnectionClosed):
        talker.until("never")
