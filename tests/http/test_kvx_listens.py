"""kvx listen --continuous against a running service: a recording is answered as it is said."""

import io
import json
import os
import threading
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from talker import RATE, spoken

from kvx.commands.listen_on import Listening, listen_on
from kvx.drivers.conversing import Wish
from kvx.drivers.playing import Kept, Pipe
from kvx.drivers.voice_api import SOMEBODY, Speaker
from kvx.errors import ExitCode, KvxError

FIRST, SECOND = "how many pods are running", "how many nodes are there"
HEARD = "conversation.item.input_audio_transcription"
COMMAND = {"text": FIRST, "reply": "There are 24 pods", "intent": None}


@pytest.fixture(scope="module")
def recorded(engines: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    def record(*sentences: str, rate: int = RATE) -> Path:
        path = tmp_path_factory.mktemp("sound") / "said.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(b"".join(spoken(engines, each) for each in sentences))
        return path

    return record


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_each_sentence_of_a_recording_is_answered(
    running: Any, recorded: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    listen_on(running.url, (str(recorded(FIRST, SECOND)), None), Wish(), SOMEBODY, None, as_json=False)
    told = lines(capsys)
    assert [line for line in told if line.startswith("heard")] == [
        f"heard     {FIRST}",
        f"heard     {SECOND}",
    ]
    answers = [line for line in told if line.startswith("answer")]
    assert answers[0].startswith("answer    There are 24 pods")
    assert answers[1].startswith("answer    There are three nodes")


def test_answers_are_kept_as_sound_and_told_to_programs(
    running: Any, recorded: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "answers.wav"
    source = (str(recorded(FIRST)), None)
    listen_on(running.url, source, Wish(aloud=True), Speaker(session="desk"), kept, as_json=True)
    (told,) = [json.loads(line) for line in lines(capsys)]
    assert (told["schema"], told["text"], told["session"]) == ("kvx/conversation/v1", FIRST, "desk")
    assert (told["status"], told["interrupted"]) == ("SUCCESS", False)
    with wave.open(str(kept)) as file:
        assert (file.getframerate(), file.getnframes() > RATE) == (RATE, True)


class Slow:
    """A conversation whose service hears for longer than a client waits for nothing."""

    def __init__(self, heard: dict[str, Any]) -> None:
        self.events_left: list[dict[str, Any] | None] = [
            {"type": "input_audio_buffer.committed", "item_id": "item_1"},
            None,
            heard,
            {"type": "response.created", "response": {"id": "resp_1"}},
            None,
            {"type": "response.done", "response": {"id": "resp_1", "command": COMMAND}},
        ]

    def say(self, pcm: bytes) -> None: ...

    def tell(self, kind: str, **members: Any) -> None: ...

    def events(self) -> Iterator[dict[str, Any] | None]:
        for thread in threading.enumerate():
            if thread.name == "microphone":
                thread.join(60)
        while self.events_left:
            yield self.events_left.pop(0)
        while True:
            yield None


@pytest.mark.parametrize(
    "how", [{"type": f"{HEARD}.completed", "transcript": FIRST}, {"type": f"{HEARD}.failed"}]
)
def test_what_is_still_being_heard_is_waited_for(how: dict[str, Any]) -> None:
    talk, told = Slow({"item_id": "item_1", **how}), list[str]()
    Listening(talk, Kept(), told.append, as_json=True, quiet_seconds=0.0).on([bytes(480)])
    assert talk.events_left == []
    assert [json.loads(line)["text"] for line in told] == [FIRST]


def test_only_who_says_the_wake_phrase_is_answered(
    start: Any, scripted: Any, recorded: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    service = start(listener=scripted(says=FIRST))
    source = (str(recorded(FIRST)), None)
    listen_on(service.url, source, Wish(wake_phrase="hey cluster"), SOMEBODY, None, as_json=False)
    assert lines(capsys) == [f"heard     {FIRST}"]


@pytest.mark.parametrize(
    ("wish", "message"),
    [(Wish(voice="nobody"), "nobody"), (Wish(wake_phrase="x" * 65), "wake_phrase")],
)
def test_what_the_service_refuses_is_told_in_its_words(
    running: Any, recorded: Any, wish: Wish, message: str
) -> None:
    with pytest.raises(KvxError, match=message):
        listen_on(running.url, (str(recorded(FIRST)), None), wish, SOMEBODY, None, as_json=False)


def test_where_nothing_converses_it_is_told_so(recorded: Any) -> None:
    with pytest.raises(KvxError, match="nothing converses") as caught:
        listen_on("http://127.0.0.1:9", (str(recorded(FIRST)), None), Wish(), SOMEBODY, None, as_json=False)
    assert caught.value.exit_code is ExitCode.MISSING


def test_a_service_that_goes_away_ends_it(start: Any, recorded: Any) -> None:
    service = start()
    threading.Timer(1.0, service.service.sessions.ending.set).start()
    with pytest.raises(KvxError, match=r"ending|ended"):
        listen_on(service.url, (str(recorded(FIRST, SECOND)), None), Wish(), SOMEBODY, None, as_json=False)


@pytest.mark.parametrize(
    "content", [b"", b"RIFF", b"OggS" + bytes(40), b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + bytes(16)]
)
def test_what_is_no_sound_that_can_be_said_is_refused(running: Any, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "sound"
    file.write_bytes(content)
    with pytest.raises(KvxError, match="no wav") as caught:
        listen_on(running.url, (str(file), None), Wish(), SOMEBODY, None, as_json=False)
    assert caught.value.exit_code is ExitCode.USAGE


def test_sound_of_another_rate_is_refused_with_what_to_type(running: Any, recorded: Any) -> None:
    with pytest.raises(KvxError, match="11025 Hz") as caught:
        listen_on(
            running.url, (str(recorded(FIRST, rate=11_025)), None), Wish(), SOMEBODY, None, as_json=False
        )
    assert "--raw-rate 16000" in caught.value.fix


def test_a_reply_is_played_as_fast_as_it_is_heard_and_told_when_it_has_ended(until: Any) -> None:
    file, ended = io.BytesIO(), list[Any]()
    started = time.monotonic()
    pipe = Pipe(file, lambda item: ended.append((item, time.monotonic() - started)))
    pipe.take("one", bytes(RATE))
    pipe.done("one")
    until(lambda: ended)
    assert (ended[0][0], file.getvalue()) == ("one", bytes(RATE))
    assert ended[0][1] >= 0.5, "half a second of sound takes half a second"


class HeldOutput(io.BytesIO):
    """Takes each piece only when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may = threading.Semaphore(0)

    def write(self, piece: Any) -> int:
        assert self.may.acquire(timeout=60)
        return super().write(piece)


class SlowSound(bytes):
    """What `meanwhile` does happens before it can be taken apart."""

    meanwhile: Callable[[], None]

    def __getitem__(self, part: Any) -> Any:
        self.meanwhile()
        return super().__getitem__(part)


def test_the_last_reply_is_awaited_although_it_came_as_the_one_before_it_ended() -> None:
    file = HeldOutput()
    pipe = Pipe(file, lambda _: None)

    def the_first_ends() -> None:
        file.may.release()
        pipe.finish(60)

    pipe.take("first", b"1" * 480)
    last = SlowSound(b"2" * 480)
    last.meanwhile = the_first_ends
    pipe.take("last", last)
    finishing = threading.Thread(target=pipe.finish, args=(60,), daemon=True)
    finishing.start()
    finishing.join(0.5)
    assert finishing.is_alive(), "the last is not played yet"
    file.may.release()
    finishing.join(60)
    assert (finishing.is_alive(), file.getvalue()) == (False, b"1" * 480 + b"2" * 480)


def test_what_is_cut_off_is_not_played_to_its_end(until: Any) -> None:
    file, ended = io.BytesIO(), list[Any]()
    pipe = Pipe(file, ended.append)
    pipe.take("long", bytes(RATE * 2 * 60))
    pipe.done("long")
    until(file.getvalue)
    assert pipe.cut() == "long"
    pipe.finish(60)
    assert (len(file.getvalue()) < RATE * 2 * 60, ended) == (True, [])
    pipe.take("next", bytes(480))
    pipe.done("next")
    until(lambda: ended)
    assert ended == ["next"]


def test_a_player_that_went_away_holds_up_nobody() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb", buffering=0) as file:
        pipe = Pipe(file, lambda _: None)
        pipe.take("one", bytes(RATE))
        pipe.finish(60)
        pipe.take("two", bytes(RATE))
        started = time.monotonic()
        pipe.finish(100)
        assert time.monotonic() - started < 60
