"""A text spoken by an engine elsewhere as far as its characters last, and by the local one after that."""

import base64
from pathlib import Path
from typing import Any

import httpx
import pytest
from engines_there import ANN, engines_file, opened

SAID = {"model": "tts-1", "input": "There are three pods. All are ready.", "response_format": "wav"}


def spoken(service: Any, headers: dict[str, str] = ANN) -> tuple[httpx.Response, int]:
    """The answer, and how long the sound is in milliseconds."""
    answer: httpx.Response = service.client.post("/v1/audio/speech", headers=headers, json=SAID)
    sound = answer.content[44:]
    return answer, len(sound) // 2 * 1000 // int.from_bytes(answer.content[24:28], "little")


def speaking_file(folder: Path, address: str, more: str = "") -> Path:
    file = engines_file(folder, address, more)
    file.write_text(file.read_text().replace('tasks = ["listen"]', 'tasks = ["speak"]'))
    return file


def test_a_text_is_spoken_elsewhere_and_its_characters_are_counted(
    start: Any, speech_server: Any, tmp_path: Path
) -> None:
    here = start(elsewhere=opened(speaking_file(tmp_path, speech_server.address)))
    answer, milliseconds = spoken(here)
    assert answer.headers["x-kvx-engine"] == "other"
    assert answer.headers["x-kvx-characters-left"] == str(10_000 - len(SAID["input"]))
    assert milliseconds == 500, "the stand-in's own tone, and nothing of ours"
    (line,) = here.client.get("/v1/usage").json()["by_key"]
    assert (line["key"], line["characters"], line["requests"]) == ("ann", len(SAID["input"]), 1)
    assert line["spoken_milliseconds"] == milliseconds


@pytest.mark.parametrize(("fault", "reason"), [("500", "failed"), ("out of credit", "exhausted")])
def test_where_it_does_not_speak_local_speaks_in_the_same_request(
    start: Any, speech_server: Any, tmp_path: Path, fault: str, reason: str
) -> None:
    here = start(elsewhere=opened(speaking_file(tmp_path, speech_server.address)))
    speech_server.fault = fault
    answer, milliseconds = spoken(here)
    assert (answer.status_code, answer.headers["x-kvx-reason"]) == (200, reason)
    assert milliseconds > 1_000
    insisted, _ = spoken(here, ANN | {"X-Kvx-Insist": "true"})
    assert insisted.status_code == (429 if reason == "exhausted" else 503)


def test_beyond_its_characters_local_speaks(start: Any, speech_server: Any, tmp_path: Path) -> None:
    here = start(elsewhere=opened(speaking_file(tmp_path, speech_server.address, "characters = 40")))
    assert spoken(here)[0].headers["x-kvx-degraded"] == "false"
    assert spoken(here)[0].headers["x-kvx-reason"] == "budget"
    assert len(speech_server.asked) == 1


def replied(service: Any, headers: dict[str, str] = ANN) -> tuple[Any, int]:
    """The reply to a typed command, and how long its sound is in milliseconds."""
    wish = {"text": "how many nodes are there", "speak": True}
    reply = service.client.post("/v1/commands", headers=headers, json=wish).json()
    file = base64.b64decode(reply["audio"]["content"])
    return reply, len(file[44:]) // 2 * 1000 // int.from_bytes(file[24:28], "little")


def test_the_reply_to_a_command_is_spoken_elsewhere_where_that_is_wished(
    start: Any, speech_server: Any, tmp_path: Path
) -> None:
    here = start(elsewhere=opened(speaking_file(tmp_path, speech_server.address)))
    reply, milliseconds = replied(here)
    assert (reply["audio"]["engine"], reply["engine"]) == ("other", "local")
    assert milliseconds == 500
    assert speech_server.asked[0]["input"] == reply["reply"]
    own, milliseconds = replied(here, {})
    assert own["audio"]["engine"] == "local"
    assert milliseconds > 1_000
    assert len(speech_server.asked) == 1


def test_what_was_done_is_told_by_another_voice_rather_than_not_even_where_the_caller_insists(
    start: Any, speech_server: Any, tmp_path: Path
) -> None:
    here = start(elsewhere=opened(speaking_file(tmp_path, speech_server.address)))
    speech_server.fault = "500"
    reply, milliseconds = replied(here, ANN | {"X-Kvx-Insist": "true"})
    assert (reply["status"], reply["audio"]["reason"]) == ("SUCCESS", "failed")
    assert milliseconds > 1_000
