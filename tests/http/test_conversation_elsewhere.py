"""WS /v1/conversation with an engine that answers by itself, and with the command core where it does not."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from engines_there import KEY, opened
from fake_engines.added import at_most, folder_in_memory
from talker import HEARD, Talker, after, spoken
from websockets.exceptions import ConnectionClosed

from voice_api.engines.talk import ANSWER_SECONDS

SENTENCE, HERE = "how many pods are running", "There are 24 pods"
THERE = "there are three of them"
ENGINE = "conversation.engine"
PATIENCE = 60.0
HASTY = 0.5
FAULTS = {
    "503": "failed",
    "401": "refused",
    "402": "exhausted",
    "301": "failed",
    "slow first byte": "too_late",
    "silent from the first": "too_late",
    "out of credit": "exhausted",
    "too many at once": "throttled",
    "deaf": "too_late",
    "silent": "too_late",
    "close 1000": "closed",
    "close 1008": "refused",
    "close 1013": "throttled",
    "cut off": "closed",
    "close within the answer": "failed",
    "out of credit within the answer": "exhausted",
    "no json": "failed",
    "binary": "failed",
    "no sound": "failed",
}
SERVERS = {"hume": "evi_server", "openai-realtime": "realtime_server"}


@pytest.fixture(params=["hume", "openai-realtime"])
def server(request: pytest.FixtureRequest) -> Any:
    server = request.getfixturevalue(SERVERS[request.param])
    server.kind = request.param
    return server


@pytest.fixture
def talk() -> Iterator[Callable[..., Talker]]:
    with ExitStack() as open_talks:

        def begin(url: str, query: str = "answers=engine", key: str | None = KEY) -> Talker:
            talker = Talker(url, query, key=key)
            open_talks.callback(talker.close)
            return talker

        yield begin


@pytest.fixture
def memory() -> Iterator[Path]:
    with folder_in_memory() as folder:
        yield folder


@pytest.fixture(scope="module")
def say(engines: Any) -> Callable[..., bytes]:
    return lambda text=SENTENCE, **more: spoken(engines, text, **more)


def elsewhere(
    folder: Path, server: Any, more: str = "", *, local_only: bool = False, seconds: float = PATIENCE
) -> Any:
    (folder / "keys").mkdir()
    (folder / "keys" / "other").write_text("sk-canary-of-the-engine")
    file = folder / "engines.toml"
    file.write_text(
        f'[engines.other]\nkind = "{server.kind}"\naddress = "{server.address}"\n'
        f"deadline_seconds = {seconds}\n{more}\n"
        f'[callers.ann]\nkeys_sha256 = ["{sha256(KEY.encode()).hexdigest()}"]\n'
        'policy = "cloud"\nconsents = true\n'
    )
    return replace(opened(file, local_only=local_only), answer_seconds=seconds)


def engine_of(talker: Talker) -> tuple[Any, ...]:
    told = talker.until(ENGINE)[-1]
    return told["engine"], told["degraded"], told["reason"]


def gone_on(talker: Talker) -> tuple[Any, ...]:
    """Who answers in the end: some faults show at once, others after a conversation has begun."""
    told = engine_of(talker)
    return engine_of(talker) if told[0] == "other" else told


def test_sound_goes_both_ways_and_is_written_down(
    start: Any, server: Any, tmp_path: Path, talk: Any, say: Any
) -> None:
    service = start(elsewhere=elsewhere(tmp_path, server))
    talker = talk(service.url)
    assert talker.until("session.created")[-1]["session"]["answers"] == "engine"
    talker.wish(instructions="be brief")
    talker.append(say())
    assert engine_of(talker) == ("other", False, None)
    assert talker.until(HEARD)[-1]["engine"] == "other"
    response = talker.answer()
    assert (response["status"], response["spoken"]["engine"]) == ("completed", "other")
    assert response["output"][0]["content"][0]["transcript"] == THERE
    assert len(talker.sound) == pytest.approx(2 * 0.2 * 24_000 * 2, rel=0.02), (
        "two tones of a fifth of a second"
    )
    talker.append(say())
    assert talker.answer()["output"][0]["content"][0]["transcript"] == THERE
    talker.close()
    (line,) = service.client.get("/v1/usage").json()["by_key"]
    assert (line["key"], line["engine"], line["requests"]) == ("ann", "other", 1)
    assert 'kvx_voice_answers_total{engine="other"' in service.service.figures.text().decode()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("429", "throttled"), ("cut off within the answer", "closed"), ("close 1011", "failed")],
)
def test_where_it_fails_the_command_core_answers_the_same_question(
    start: Any, server: Any, tmp_path: Path, talk: Any, say: Any, *, fault: str, reason: str
) -> None:
    server.fault = fault
    service = start(elsewhere=elsewhere(tmp_path, server))
    talker = talk(service.url)
    talker.append(say())
    assert gone_on(talker) == ("local", True, reason)
    command = next(each for each in iter(talker.answer, None) if "command" in each)["command"]
    assert command["text"] == SENTENCE
    assert command["reply"].startswith(HERE)
    talker.append(say("how many nodes are there"))
    assert talker.command()["text"] == "how many nodes are there"


@pytest.mark.parametrize(("fault", "reason"), FAULTS.items())
def test_after_each_fault_the_command_core_answers_what_was_asked(
    start: Any, scripted: Any, server: Any, tmp_path: Path, talk: Any, *, say: Any, fault: str, reason: str
) -> None:
    server.fault = fault
    seconds = HASTY if reason == "too_late" else PATIENCE
    there = elsewhere(tmp_path, server, seconds=seconds)
    service = start(listener=scripted(says=SENTENCE), proved=False, elsewhere=there)
    talker = talk(service.url)
    talker.append(say())
    assert gone_on(talker) == ("local", True, reason)
    command = next(each for each in iter(talker.answer, None) if "command" in each)["command"]
    assert (command["status"], command["text"]) == ("SUCCESS", SENTENCE)
    assert command["reply"].startswith(HERE)
    assert talker.sound, "the answer is spoken"


@pytest.mark.parametrize("fault", ["slow first byte", "silent from the first", "deaf", "a cut cable"])
def test_what_a_fault_adds_is_a_second_and_a_half_at_most(
    memory: Path,
    start: Any,
    scripted: Any,
    evi_server: Any,
    relay_to: Any,
    *,
    talk: Any,
    say: Any,
    fault: str,
) -> None:
    """With the deadlines that ship, from the last sound to who answers instead."""
    relay = relay_to(evi_server.address)
    server = SimpleNamespace(kind="hume", address=relay.address)
    begun = fault in {"deaf", "a cut cable"}
    seconds = PATIENCE if begun else 1.2
    there = elsewhere(memory, server, 'tasks = ["converse"]', seconds=seconds)
    there = replace(there, answer_seconds=ANSWER_SECONDS)
    service = start(listener=scripted(says=SENTENCE), proved=False, elsewhere=there)
    talker = talk(service.url)
    if begun:
        talker.append(bytes(4_800))
        assert engine_of(talker)[0] == "other"
    evi_server.fault = fault
    if fault == "a cut cable":
        relay.cut.set()
    sound, silence = say(silence_seconds=0.1), bytes(28_800)
    if begun:
        talker.append(sound)
        after(1)  # who speaks as fast as people do is listened to meanwhile
    with at_most(1.5):
        talker.append(silence if begun else sound + silence)
        assert engine_of(talker) == ("local", True, "too_late")
    talker.append(bytes(24_000))
    assert talker.command()["reply"].startswith(HERE)


@pytest.mark.parametrize("why", ["local_only", "no_consent"])
def test_where_sound_may_not_leave_the_command_core_answers_and_nobody_is_connected_to(
    start: Any, server: Any, tmp_path: Path, talk: Any, say: Any, *, why: str
) -> None:
    service = start(elsewhere=elsewhere(tmp_path, server, local_only=why == "local_only"))
    query, key = ("answers=engine", KEY) if why == "local_only" else ("answers=engine&engine=cloud", None)
    talker = talk(service.url, query, key)
    talker.append(say())
    assert engine_of(talker) == ("local", True, why)
    assert talker.command()["text"] == SENTENCE
    assert not server.paths


def test_who_insists_is_told_why_not_and_the_session_ends(
    start: Any, server: Any, tmp_path: Path, talk: Any, say: Any
) -> None:
    server.fault = "402"
    service = start(elsewhere=elsewhere(tmp_path, server))
    talker = talk(service.url, "answers=engine&insist=true")
    talker.append(say()[:4_800])
    assert talker.until(ENGINE)[-1]["error"]["code"] == "engine_unavailable"
    with pytest.raises(ConnectionClosed):
        talker.until("never")


def test_the_engine_of_a_caller_hears_no_command_by_itself(
    start: Any, server: Any, tmp_path: Path, talk: Any, say: Any
) -> None:
    """Who has a cloud's policy still operates the cluster, unless the engine is to answer."""
    service = start(elsewhere=elsewhere(tmp_path, server, 'tasks = ["converse"]'))
    talker = talk(service.url, "")
    talker.append(say())
    command = talker.command()
    assert command["reply"].startswith(HERE)
    assert (command["engine"], command["reason"]) == ("local", "cannot")
    assert not server.paths


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"type": "input_audio_buffer.commit"}, "unsupported_event"),
        ({"type": "response.create"}, "unsupported_event"),
        ({"type": "session.update", "session": {"wake_phrase": "hey"}}, "unsupported_value"),
        (
            {"type": "session.update", "session": {"audio": {"input": {"turn_detection": None}}}},
            "unsupported_value",
        ),
    ],
)
def test_what_an_engine_decides_by_itself_cannot_be_wished(
    start: Any, realtime_server: Any, tmp_path: Path, talk: Any, *, event: dict[str, Any], code: str
) -> None:
    realtime_server.kind = "openai-realtime"
    talker = talk(start(elsewhere=elsewhere(tmp_path, realtime_server)).url)
    talker.until("session.created")
    talker.say(**{"kind" if name == "type" else name: value for name, value in event.items()})
    assert talker.until("session.updated")[-1]["error"]["code"] == code


def test_a_conversation_that_began_cannot_be_told_otherwise(
    start: Any, server: Any, tmp_path: Path, talk: Any, say: Any
) -> None:
    talker = talk(start(elsewhere=elsewhere(tmp_path, server)).url)
    talker.append(say())
    talker.answer()
    talker.say("session.update", session={"type": "realtime", "instructions": "be long"})
    assert talker.until("session.updated")[-1]["error"]["code"] == "conversation_begun"


def test_who_leaves_leaves_no_conversation_open(
    start: Any, server: Any, tmp_path: Path, talk: Any, say: Any, *, until: Any
) -> None:
    before = set(threading.enumerate())
    service = start(elsewhere=elsewhere(tmp_path, server))
    talker = talk(service.url)
    talker.append(say())
    engine_of(talker)
    talker.close()
    until(lambda: service.service.sessions.open == 0)
    gate = service.service.elsewhere.gates["other"]
    until(lambda: gate.obstacle is None)
    until(lambda: not any("conversation" in each.name for each in set(threading.enumerate()) - before))


def test_another_kvx_can_be_the_engine_that_answers(start: Any, tmp_path: Path, talk: Any, say: Any) -> None:
    """Both ends speak OpenAI's Realtime protocol, and here each is one of ours."""

    class Other:
        kind = "openai-realtime"
        address = f"{start().url}/v1"

    service = start(elsewhere=elsewhere(tmp_path, Other()))
    talker = talk(service.url)
    talker.append(say())
    assert engine_of(talker) == ("other", False, None)
    response = talker.answer()
    assert response["spoken"]["engine"] == "other"
    assert response["output"][0]["content"][0]["transcript"].startswith(HERE)
    assert len(talker.sound) > 24_000 * 2


def test_what_does_not_begin_with_the_wake_phrase_is_heard_by_nobody_elsewhere(
    start: Any, scripted: Any, evi_server: Any, tmp_path: Path, talk: Any, *, say: Any
) -> None:
    evi_server.kind = "hume"
    service = start(elsewhere=elsewhere(tmp_path, evi_server), listener=scripted(says=SENTENCE))
    talker = talk(service.url, "")
    talker.wish(wake_phrase="hey cluster")
    talker.append(say())
    assert talker.until(HEARD)[-1]["engine"] == "local"
    assert not evi_server.paths
    talker.wish(wake_phrase="")
    talker.append(say())
    assert talker.until(HEARD)[-1]["engine"] == "other"
    assert len(evi_server.paths) == 1
