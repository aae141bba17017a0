"""Another kvx as the engine elsewhere: asked for whom it may be, told in every reply, never past a budget."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from engines_there import ANN, ENGINE_KEY, HERE, ROUTE, THERE, engines_file, heard, opened, told

from voice_api.usage.opened_later import OpenedLater
from voice_api.usage.store import SqlStore, postgresql_engine


@pytest.fixture
def two(start: Any, scripted: Any, tmp_path: Path) -> Callable[..., tuple[Any, Any, Any]]:
    """A service, the listener of the one it asks, and that one."""

    def begin(more: str = "", callers: str = "", **settings: Any) -> tuple[Any, Any, Any]:
        listener = scripted(THERE)
        there = start(listener=listener)
        local_only = settings.pop("local_only", False)
        file = engines_file(tmp_path, there.url, more, callers, settings.pop("deadline_seconds", 60))
        found = opened(file, settings.pop("store", None), local_only=local_only)
        here = start(listener=scripted(HERE), elsewhere=found, **settings)
        listener.heard = 0
        return here, listener, there

    return begin


def test_who_has_a_key_for_it_is_heard_elsewhere_and_told_so(two: Any, silence: bytes) -> None:
    here, _, _ = two()
    answer = heard(here, silence)
    assert answer.json()["text"] == THERE
    assert told(answer) == ("other", False, None)
    assert answer.headers["x-kvx-engine"] == "other"
    assert answer.headers["x-kvx-degraded"] == "false"
    assert answer.headers["x-ratelimit-limit-requests"] == "10"
    assert answer.headers["x-ratelimit-remaining-requests"] == "9"
    assert answer.headers["x-kvx-seconds-left"] == "598"
    assert answer.json()["usage"] == {"type": "duration", "seconds": 2}


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer sk-anything"}, {"Authorization": "Basic x"}]
)
def test_who_has_none_is_heard_here_and_costs_nothing(
    two: Any, silence: bytes, headers: dict[str, str]
) -> None:
    here, there, _ = two()
    answer = heard(here, silence, headers)
    assert (answer.json()["text"], told(answer)) == (HERE, ("local", False, None))
    assert "x-ratelimit-limit-requests" not in answer.headers
    assert there.heard == 0


def test_without_consent_a_wish_alone_lets_no_sound_out(two: Any, silence: bytes) -> None:
    here, there, _ = two()
    answer = heard(here, silence, {"X-Kvx-Engine": "cloud"})
    assert told(answer) == ("local", True, "no_consent")
    assert answer.headers["x-kvx-reason"] == "no_consent"
    assert there.heard == 0


def test_a_key_that_does_not_say_that_it_consents_does_not(two: Any, silence: bytes) -> None:
    bob = sha256(b"key of bob").hexdigest()
    here, there, _ = two(callers=f'[callers.bob]\nkeys_sha256 = ["{bob}"]\npolicy = "cloud"')
    answer = heard(here, silence, {"Authorization": "Bearer key of bob"})
    assert told(answer) == ("local", True, "no_consent")
    assert there.heard == 0


def test_a_request_may_name_its_engine_and_its_policy(two: Any, silence: bytes) -> None:
    here, there, _ = two()
    assert told(heard(here, silence, ANN | {"X-Kvx-Engine": "local"})) == ("local", False, None)
    assert told(heard(here, silence, ANN | {"X-Kvx-Engine": "other"})) == ("other", False, None)
    assert told(heard(here, silence, ANN | {"X-Kvx-Engine": "emotion"})) == ("local", True, "cannot")
    assert there.heard == 1
    refused = heard(here, silence, ANN | {"X-Kvx-Engine": "mars"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "X-Kvx-Engine")
    assert "other" in refused.json()["error"]["fix"]
    assert heard(here, silence, ANN | {"X-Kvx-Insist": "maybe"}).status_code == 400


def test_where_it_fails_local_answers_in_the_same_request(two: Any, silence: bytes) -> None:
    here, there, _ = two()
    there.fault = RuntimeError("broken")
    answer = heard(here, silence)
    assert (answer.status_code, answer.json()["text"]) == (200, HERE)
    assert told(answer) == ("local", True, "failed")
    insisted = heard(here, silence, ANN | {"X-Kvx-Insist": "true"})
    assert (insisted.status_code, insisted.json()["error"]["code"]) == (503, "engine_unavailable")


def test_what_comes_too_late_is_not_waited_for(two: Any, silence: bytes) -> None:
    here, there, _ = two(deadline_seconds=0.3)
    there.may_answer.clear()
    late = heard(here, silence)
    there.may_answer.set()
    assert (late.json()["text"], told(late)) == (HERE, ("local", True, "too_late"))


def test_beyond_the_budget_local_answers_and_who_insists_is_told_when_to_come_back(
    two: Any, silence: bytes
) -> None:
    here, there, _ = two("minutes = 0.05")
    assert told(heard(here, silence)) == ("other", False, None)
    over = heard(here, silence)
    assert (over.status_code, told(over)) == (200, ("local", True, "budget"))
    assert over.headers["x-kvx-seconds-left"] == "1"
    insisted = heard(here, silence, ANN | {"X-Kvx-Insist": "true"})
    assert insisted.status_code == 429
    assert 0 < int(insisted.headers["retry-after"]) <= 31 * 86_400
    assert there.heard == 1


def test_a_key_has_a_budget_of_its_own(two: Any, silence: bytes) -> None:
    here, there, _ = two(callers="[callers.ann.limits.other]\nrequests_a_minute = 1")
    assert told(heard(here, silence)) == ("other", False, None)
    limited = heard(here, silence)
    assert told(limited) == ("local", True, "rate")
    assert limited.headers["x-ratelimit-limit-requests"] == "1"
    assert 0 < int(limited.headers["x-ratelimit-reset-requests"].rstrip("s")) <= 60
    budgets = {each["name"]: each for each in here.client.get("/v1/usage").json()["budgets"]}
    assert budgets["other requests of ann"]["left"] == 0
    assert there.heard == 1


def test_the_same_request_again_is_not_paid_again(two: Any, silence: bytes) -> None:
    here, there, _ = two()
    again = ANN | {"Idempotency-Key": "order-7"}
    assert told(heard(here, silence, again)) == ("other", False, None)
    assert told(heard(here, silence, again)) == ("local", True, "repeated")
    assert there.heard == 1


def test_of_five_at_once_one_goes_out_where_it_takes_one(two: Any, silence: bytes) -> None:
    here, there, _ = two("at_once = 1")
    there.may_answer.clear()
    there.listening.clear()
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(heard, here, silence, ANN)
        assert there.listening.wait(60)
        others = [told(heard(here, silence)) for _ in range(4)]
        there.may_answer.set()
        assert told(first.result(60)) == ("other", False, None)
    assert others == [("local", True, "busy")] * 4
    assert there.heard == 1


def test_another_replica_does_not_ask_beside_the_first(
    start: Any, two: Any, scripted: Any, silence: bytes, tmp_path: Path
) -> None:
    here, there, _ = two("at_once = 1")
    replica = start(listener=scripted(HERE), elsewhere=opened(tmp_path / "engines.toml"))
    there.may_answer.clear()
    there.listening.clear()
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(heard, here, silence, ANN)
        assert there.listening.wait(60)
        assert told(heard(replica, silence)) == ("local", True, "busy")
        there.may_answer.set()
        assert told(first.result(60)) == ("other", False, None)
    assert told(heard(replica, silence)) == ("other", False, None)


def test_nobody_waits_for_a_place_to_wait_in(two: Any, silence: bytes, until: Any) -> None:
    here, there, _ = two("requests_a_minute = 100")
    there.may_answer.clear()
    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(heard, here, silence, ANN) for _ in range(8)]
        until(lambda: here.service.lanes.elsewhere.full)
        assert told(heard(here, silence)) == ("local", True, "busy")
        assert heard(here, silence, ANN | {"X-Kvx-Insist": "true"}).status_code == 429
        there.may_answer.set()
        assert {told(each.result(60))[0] for each in waiting} <= {"other", "local"}


def test_local_only_asks_nobody_whatever_is_wished(two: Any, silence: bytes) -> None:
    here, there, _ = two(local_only=True)
    assert told(heard(here, silence, ANN | {"X-Kvx-Engine": "other"})) == ("local", True, "local_only")
    usage = here.client.get("/v1/usage").json()
    assert (usage["local_only"], usage["engines"][0]["state"]) == (True, "local_only")
    assert there.heard == 0


def test_without_a_ledger_nothing_is_spent_and_the_service_answers(two: Any, silence: bytes) -> None:
    gone = OpenedLater(lambda: SqlStore(postgresql_engine("postgresql://kvx@127.0.0.1:9/kvx", 1), 1))
    here, there, _ = two(store=gone)
    assert told(heard(here, silence)) == ("local", True, "ledger_unavailable")
    usage = here.client.get("/v1/usage")
    assert (usage.status_code, usage.json()["error"]["code"]) == (503, "ledger_unavailable")
    assert b"kvx_voice_budget_used{" not in here.service.figures.text()
    assert there.heard == 0


def test_a_command_says_who_heard_it(two: Any, silence: bytes) -> None:
    here, _, _ = two()
    answer = here.client.post("/v1/commands", headers=ANN, files={"file": silence})
    assert (answer.json()["text"], told(answer)) == (THERE, ("other", False, None))
    assert answer.headers["x-kvx-engine"] == "other"
    typed = here.client.post("/v1/commands", headers=ANN, json={"text": "how many nodes are there"})
    assert told(typed) == ("local", False, None)


def test_a_stream_says_at_its_end_who_heard_it(two: Any, silence: bytes) -> None:
    here, _, _ = two()
    events = [json.loads(line[6:]) for line in heard(here, silence, stream="true").text.split("\n\n") if line]
    assert events[-1]["text"] == THERE
    assert (events[-1]["engine"], events[-1]["degraded"]) == ("other", False)


def test_verbose_json_says_it_beside_what_it_says_already(two: Any, silence: bytes) -> None:
    here, there, _ = two()
    answer = heard(here, silence, response_format="verbose_json")
    assert told(answer) == ("local", True, "cannot")
    assert there.heard == 0


@pytest.mark.parametrize("by", ["header", "query"])
def test_a_session_is_heard_elsewhere_utterance_by_utterance(two: Any, by: str) -> None:
    here, _, _ = two()
    headers = ANN if by == "header" else ANN | {"X-Kvx-Engine": ""}
    query = "" if by == "header" else "&engine=other"
    address = here.url.replace("http", "ws") + f"/v1/realtime?intent=transcription{query}"

    async def session() -> dict[str, Any]:
        connecting = websockets.connect(address, additional_headers=headers, open_timeout=60)
        async with asyncio.timeout(60), connecting as socket:
            turns = {"audio": {"input": {"turn_detection": None}}, "type": "transcription"}
            await socket.send(json.dumps({"type": "session.update", "session": turns}))
            sound = "AAAA" * 8_000
            await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": sound}))
            await socket.send(json.dumps({"type": "input_audio_buffer.commit"}))
            while True:
                event: dict[str, Any] = json.loads(await socket.recv())
                assert event["type"] != "error", event
                if event["type"].endswith("completed"):
                    return event

    event = asyncio.run(session())
    assert (event["transcript"], event["engine"], event["degraded"]) == (THERE, "other", False)


def test_a_session_that_wishes_what_is_not_there_is_refused(two: Any) -> None:
    here, _, _ = two()
    address = here.url.replace("http", "ws") + "/v1/realtime?intent=transcription&engine=mars"

    async def session() -> None:
        async with websockets.connect(address, open_timeout=60):
            pass

    with pytest.raises(websockets.InvalidStatus) as caught:
        asyncio.run(session())
    assert caught.value.response.status_code == 400


def test_usage_is_told_by_engine_and_key_and_never_the_keys(two: Any, silence: bytes) -> None:
    here, _, _ = two("euros_a_minute = 0.06\nreset_day = 31\nreset_zone = 'Europe/Berlin'")
    heard(here, silence)
    answer = here.client.get("/v1/usage")
    usage = answer.json()
    assert usage["schema"] == "kvx.usage/1"
    line = {"requests": 1, "milliseconds": 2_000, "characters": 0, "microeuros": 2_000}
    line |= {"spoken_milliseconds": 0}
    assert usage["by_engine"] == [{"engine": "other", **line}]
    assert usage["by_key"] == [{"key": "ann", "engine": "other", **line}]
    assert usage["engines"] == [{"name": "other", "state": "ready", "until": None}]
    minutes = next(each for each in usage["budgets"] if each["name"] == "other minutes")
    assert (minutes["limit"], minutes["used"], minutes["left"]) == (600_000, 2_000, 598_000)
    assert (minutes["held"], minutes["percent"], minutes["window"]) == (0, 0, "month")
    assert minutes["resets_at"] > usage["time"]
    assert here.client.get("/v1/usage?month=2020-02").json()["by_engine"] == []
    assert here.client.get("/v1/usage?month=yesterday").status_code == 400
    assert "canary" not in answer.text


def test_without_engines_there_is_nothing_to_tell_and_no_ledger(running: Any) -> None:
    usage = running.client.get("/v1/usage").json()
    assert (usage["engines"], usage["budgets"], usage["by_key"]) == ([], [], [])


def test_the_figures_tell_budgets_and_who_answered(two: Any, silence: bytes) -> None:
    here, _, _ = two("minutes = 0.05")
    for _ in range(2):
        heard(here, silence)
    text = here.service.figures.text().decode()
    minutes = 'engine="other",key="all",unit="milliseconds",window="month"'
    assert f"kvx_voice_budget_limit{{{minutes}}} 3000.0" in text
    assert f"kvx_voice_budget_used{{{minutes}}} 2000.0" in text
    assert 'kvx_voice_engine_ready{engine="other",state="ready"} 1.0' in text
    by = 'kvx_voice_answers_total{engine="%s",reason="%s",task="listen",wished="other"} 1.0'
    assert by % ("other", "none") in text
    assert by % ("local", "budget") in text
    assert "canary" not in text


def test_a_key_of_an_engine_that_is_not_there_is_said_and_put_there_without_a_restart(
    two: Any, silence: bytes, tmp_path: Path
) -> None:
    here, _, _ = two()
    key = tmp_path / "keys" / "other"
    key.unlink()
    assert told(heard(here, silence)) == ("local", True, "no_key")
    assert here.client.get("/v1/usage").json()["engines"][0]["state"] == "no_key"
    key.write_text("sk-another")
    assert told(heard(here, silence)) == ("other", False, None)


def test_the_program_itself_keeps_the_ledger_and_tells_no_key(
    begin: Any, two: Any, silence: bytes, tmp_path: Path
) -> None:
    _, there, other = two()
    engines = str(engines_file(tmp_path, other.url, "key_variable = 'OTHER_KEY'"))
    ledger = str(tmp_path / "of the program.sqlite")
    program = begin(
        *("--engines-file", engines, "--ledger-file", ledger, "--log-level", "debug"),
        environment={"OTHER_KEY": ENGINE_KEY},
    )
    answer = httpx.post(program.url + ROUTE, headers=ANN, files={"file": silence}, timeout=80)
    assert told(answer) == ("other", False, None)
    assert httpx.get(program.url + "/v1/usage", timeout=80).json()["by_key"][0]["key"] == "ann"
    assert "canary" not in program.log.read_text() + httpx.get(program.metrics_url, timeout=80).text
    asked = httpx.post(f"{program.url}/v1/commands", json={"text": "how much budget is left"}, timeout=80)
    assert asked.json()["reply"].startswith("Of 10 minutes of other, 9.97 minutes are left, until")
    assert Path(ledger).stat().st_mode & 0o077 == 0
    assert there.heard == 1


def hume_file(folder: Path, address: str) -> Path:
    file = engines_file(folder, address)
    told = file.read_text().replace("engines.other", "engines.hume").replace('"openai"', '"hume"')
    file.write_text(told.replace(f"{address}/v1", address).replace('tasks = ["listen"]', ""))
    (folder / "keys" / "hume").write_text(ENGINE_KEY)
    return file


def test_how_it_was_said_is_passed_on_where_an_engine_tells_it(
    start: Any, scripted: Any, evi_server: Any, recording: Any, tmp_path: Path
) -> None:
    sound = recording()
    far = opened(hume_file(tmp_path, evi_server.address))
    here = start(listener=scripted(HERE), elsewhere=far)
    answer = heard(here, sound, ANN | {"X-Kvx-Engine": "emotion"})
    assert told(answer) == ("hume", False, None)
    assert answer.json()["emotions"]["Joy"] == 0.5
    assert "emotions" not in heard(here, sound, {}).json()
    command = here.client.post("/v1/commands", headers=ANN, files={"file": sound}).json()
    assert command["heard"]["emotions"]["Joy"] == 0.5


def test_an_engine_that_is_out_of_credit_is_asked_no_more_until_its_month_begins_anew(
    start: Any, scripted: Any, evi_server: Any, silence: bytes, tmp_path: Path
) -> None:
    file = hume_file(tmp_path, evi_server.address)
    here = start(listener=scripted(HERE), elsewhere=opened(file))
    evi_server.fault = "out of credit"
    assert told(heard(here, silence)) == ("local", True, "exhausted")
    evi_server.fault = "none"
    after_a_restart = start(listener=scripted(HERE), elsewhere=opened(file))
    assert told(heard(after_a_restart, silence)) == ("local", True, "exhausted")
    (engine,) = here.client.get("/v1/usage").json()["engines"]
    assert (engine["state"], engine["until"][8:]) == ("exhausted", "01T00:00:00Z")
    insisted = heard(here, silence, ANN | {"X-Kvx-Insist": "true"})
    assert (insisted.status_code, int(insisted.headers["retry-after"]) > 0) == (429, True)
    assert evi_server.chats == 1
    assert b'kvx_voice_engine_ready{engine="hume",state="exhausted"} 0.0' in here.service.figures.text()
