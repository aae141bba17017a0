"""The real voice API on this machine, as a person meets it: deploy, status, verify, say, listen, cleanup."""

import json
import struct
import tomllib
from pathlib import Path
from typing import Any

import psutil
import pytest

from kvx.drivers import voice_api
from kvx.phases.verify import SENTENCE as QUESTION
from kvx.phases.verify import UNSEEN_VOICE

TRAINING = Path(__file__).parents[2] / "voice_api" / "training"


@pytest.fixture(scope="module")
def first(program: Any) -> Any:
    """What the first deploy of this module came to."""
    return program.run("deploy")


@pytest.fixture
def running(program: Any, first: Any) -> Any:
    assert first.returncode == 0, first.stderr.decode()
    return program


@pytest.fixture(scope="module")
def question(program: Any, first: Any) -> bytes:
    """The question as a wav file, by a voice that the model was not trained on."""
    assert first.returncode == 0, first.stderr.decode()
    return voice_api.speech(program.json("status")["address"], QUESTION, UNSEEN_VOICE, 20)


def look_of(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in sorted(folder.rglob("*"))
        if "voice-api.log" not in path.name
    }


def test_the_voice_of_the_verification_was_never_trained_on() -> None:
    voices = tomllib.loads((TRAINING / "voices.toml").read_text())["espeak"]
    _, variant = UNSEEN_VOICE.split("+")
    assert variant in voices["unseen_variants"]
    assert variant not in voices["variants"]


def test_a_deploy_prints_what_it_heard_the_intent_the_answer_and_the_address(first: Any) -> None:
    assert first.returncode == 0, first.stderr.decode()
    printed = dict(line.split(None, 1) for line in first.stdout.decode().splitlines())
    assert printed["heard"] == QUESTION
    assert printed["intent"] == "unready_pods"
    assert "not ready" in printed["answer"]
    assert printed["address"].startswith("http://127.0.0.1:")
    assert printed["next"].startswith("kvx say")


def test_a_deploy_with_nothing_changed_writes_nothing_and_restarts_nothing(running: Any) -> None:
    before = look_of(running.local), running.json("status")["pid"]
    again = running.run("deploy")
    assert again.returncode == 0, again.stderr.decode()
    assert "Nothing had to be changed." in again.stdout.decode()
    assert (look_of(running.local), running.json("status")["pid"]) == before


def test_status_is_one_json_document_with_every_key(running: Any) -> None:
    found = running.json("status")
    assert found["schema"] == "kvx/status/v1"
    assert (found["target"], found["state"], found["reason"]) == ("local", "ready", None)
    assert found["healthy"]
    assert found["ready"]
    assert found["not_ready_because"] is None
    assert found["engine"] == {"listener": "embedded", "speaker": "espeak-ng"}
    assert found["cluster"] == {"name": "demo", "demo": True}
    assert found["memory"]["service_bytes"] > found["memory"]["supervisor_bytes"] > 0
    assert found["figures"]["requests"] >= 1
    assert found["figures"]["heard_seconds"] > 0
    assert found["budget"]["seconds_left"] is None
    assert found["restarts"] == 0
    assert Path(found["log"]).is_file()
    keys = {"version", "model", "generation", "address", "metrics_address", "port", "metrics_port", "pid"}
    assert keys | {"supervisor_pid", "uptime_seconds", "exit_code"} <= found.keys()


def test_status_for_people_names_address_memory_and_log(running: Any) -> None:
    printed = running.run("status").stdout.decode()
    for words in ("ready", "http://127.0.0.1:", "MB voice API", "kept in memory: not a real one", ".log"):
        assert words in printed


def test_verify_hears_the_words_and_shows_where_the_time_went(running: Any) -> None:
    verified = running.run("verify")
    assert verified.returncode == 0, verified.stderr.decode()
    printed = verified.stdout.decode()
    assert f"heard     {QUESTION}" in printed
    for stage in ("vad", "features", "encode", "decode", "interpret", "act", "speak", "total"):
        assert f"\n{stage} " in printed
    found = running.json("verify")
    assert found["same"]
    assert found["timings_ms"]["total"] > found["timings_ms"]["encode"] > 0


def test_say_prints_intent_and_answer_and_says_that_it_is_a_demo(running: Any) -> None:
    said = running.run("say", "how", "many", "nodes")
    assert said.returncode == 0
    assert (
        said.stdout.decode() == "intent    count (kind nodes)\nanswer    There are three nodes, all ready.\n"
    )
    assert "demo cluster" in said.stderr.decode()
    assert running.json("say", "how many nodes")["data"]["count"] == 3


def test_words_that_mean_nothing_are_asked_back_with_exit_code_4(running: Any) -> None:
    asked = running.run("say", "purple elephants sing", "--json")
    assert asked.returncode == 4
    assert json.loads(asked.stdout)["status"] == "NEEDS_CLARIFICATION"


def test_the_spoken_answer_is_written_where_asked(running: Any, tmp_path: Path) -> None:
    file = tmp_path / "answer.wav"
    assert running.run("say", "how many nodes", "--speak", str(file)).returncode == 0
    assert file.read_bytes()[:4] == b"RIFF"
    assert running.run("say", "how many nodes", "--speak", str(tmp_path / "no" / "x.wav")).returncode == 1


def test_a_recording_of_an_unseen_voice_is_understood(running: Any, question: bytes, tmp_path: Path) -> None:
    file = tmp_path / "question.wav"
    file.write_bytes(question)
    heard = running.run("listen", str(file))
    assert heard.returncode == 0, heard.stderr.decode()
    assert f"heard     {QUESTION}" in heard.stdout.decode()
    assert "intent    unready_pods" in heard.stdout.decode()


def test_sound_from_a_pipe_is_understood_whatever_its_header_says(running: Any, question: bytes) -> None:
    piped = bytearray(question)
    struct.pack_into("<I", piped, 4, 0xFFFFFFFF)
    struct.pack_into("<I", piped, piped.index(b"data") + 4, 0xFFFFFFFF)
    heard = running.run("listen", "-", "--json", stdin=bytes(piped))
    assert json.loads(heard.stdout)["heard"]["text"] == QUESTION


def test_samples_without_a_header_are_understood(running: Any, question: bytes) -> None:
    rate = struct.unpack_from("<I", question, 24)[0]
    samples = question[question.index(b"data") + 8 :]
    heard = running.run("listen", "-", "--raw-rate", str(rate), "--json", stdin=samples)
    assert json.loads(heard.stdout)["heard"]["text"] == QUESTION


def test_silence_is_asked_back_with_exit_code_4(running: Any) -> None:
    heard = running.run("listen", "-", "--raw-rate", "16000", stdin=bytes(64_000))
    assert heard.returncode == 4
    assert "heard     nothing" in heard.stdout.decode()


def test_a_conversation_from_a_pipe_is_answered_until_the_sound_ends(running: Any, question: bytes) -> None:
    heard = running.run("listen", "-", "--continuous", "--speak", "-", stdin=question)
    assert heard.returncode == 0, heard.stderr.decode()
    assert f"heard     {QUESTION}" in heard.stderr.decode()
    assert len(heard.stdout) > 24_000, "half a second of sound"


def test_what_is_for_conversations_is_refused_elsewhere(running: Any) -> None:
    refused = running.run("listen", "-", "--wake-phrase", "hey cluster", stdin=bytes(64_000))
    assert refused.returncode == 2
    assert "--continuous" in refused.stderr.decode()


@pytest.mark.parametrize(
    ("name", "content"), [("missing.wav", None), ("empty.wav", b""), ("text.wav", b"no sound at all" * 20)]
)
def test_what_is_no_sound_is_refused_in_two_lines(
    running: Any, tmp_path: Path, name: str, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    refused = running.run("listen", str(tmp_path / name))
    lines = refused.stderr.decode().splitlines()
    assert refused.returncode == 2
    assert len(lines) == 2, lines
    assert lines[1].startswith("fix: ")


def test_changed_settings_are_served_and_a_model_that_is_not_there_is_not(running: Any) -> None:
    before = running.json("status")
    assert running.run("deploy", "--threads", "1").returncode == 0
    after = running.json("status")
    assert after["pid"] != before["pid"]
    assert after["port"] == before["port"]
    refused = running.run("deploy", "--model", "no-such-model")
    assert refused.returncode == 3
    assert "no-such-model" in refused.stderr.decode()
    assert running.json("status")["pid"] == after["pid"]
    assert running.run("deploy").returncode == 0


def test_nothing_deployed_is_a_document_and_exit_code_3(own_program: Any) -> None:
    ended = own_program.run("status", "--json")
    assert ended.returncode == 3
    found = json.loads(ended.stdout)
    assert (found["state"], found["fix"], found["exit_code"]) == ("not-deployed", "kvx deploy", 3)
    for command in (("verify",), ("say", "how many nodes"), ("status",)):
        ended = own_program.run(*command)
        assert (ended.returncode, ended.stdout) == (3, b"")
        assert ended.stderr.decode() == "no voice API is deployed here\nfix: kvx deploy\n"
    assert not own_program.local.exists()


def test_cleanup_leaves_no_process_no_port_and_no_file(running: Any) -> None:
    """The last one of this module: it takes away what the others share."""
    found = running.json("status")
    cleaned = running.run("cleanup", "--yes")
    assert cleaned.returncode == 0, cleaned.stderr.decode()
    assert not running.processes()
    listening = {each.laddr.port for each in psutil.net_connections("tcp") if each.status == "LISTEN"}
    assert not listening & {found["port"], found["metrics_port"]}
    assert not (running.folder / ".kvx").exists()
