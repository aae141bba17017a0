"""Minutes heard and spoken on the own machine are told for each key, as those of engines elsewhere are."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from engines_there import ANN, HASH, HERE, KEY, engines_file, heard, opened

from voice_api.assemble import engines_elsewhere
from voice_api.settings import Settings, surroundings

BOB_KEY = "kvx-canary-of-bob"
BOB = {"Authorization": f"Bearer {BOB_KEY}"}
CALLERS = f"""
[callers.ann]
keys_sha256 = ["{HASH}"]
[callers.bob]
keys_sha256 = ["{sha256(BOB_KEY.encode()).hexdigest()}"]
"""
SECONDS = 2


@pytest.fixture
def counting(start: Any, scripted: Any, tmp_path: Path) -> Callable[[], Any]:
    """A service whose file names callers and no engine; begun twice, it has the same ledger."""

    def begin() -> Any:
        file = tmp_path / "callers.toml"
        file.write_text(CALLERS)
        return start(listener=scripted(HERE), elsewhere=opened(file))

    return begin


def rows(service: Any) -> dict[tuple[str, str], Any]:
    found = service.client.get("/v1/usage").json()["by_key"]
    return {(each["engine"], each["key"]): each for each in found}


def test_each_key_has_its_own_minutes_without_any_engine_elsewhere(
    counting: Callable[[], Any], silence: bytes
) -> None:
    here = counting()
    for headers in (ANN, ANN, BOB, {}):
        assert heard(here, silence, headers).status_code == 200
    said = here.client.post(
        "/v1/audio/speech", headers=BOB, json={"model": "tts-1", "input": HERE, "response_format": "wav"}
    )
    found = rows(here)
    assert {key: each["milliseconds"] for (_, key), each in found.items()} == {
        "ann": 2 * SECONDS * 1000,
        "bob": SECONDS * 1000,
        "anyone": SECONDS * 1000,
    }
    spoken = len(said.content[44:]) / 2 / int.from_bytes(said.content[24:28], "little") * 1000
    assert abs(found["local", "bob"]["spoken_milliseconds"] - spoken) <= 1
    assert found["local", "ann"] == {
        "key": "ann",
        "engine": "local",
        "requests": 2,
        "milliseconds": 4_000,
        "characters": 0,
        "microeuros": 0,
        "spoken_milliseconds": 0,
    }
    document = here.client.get("/v1/usage").json()
    assert [each["engine"] for each in document["by_engine"]] == ["local"]
    assert document["by_engine"][0]["requests"] == 5
    assert KEY not in json.dumps(document)


def test_a_command_counts_what_is_heard_and_what_is_answered_aloud(
    counting: Callable[[], Any], silence: bytes
) -> None:
    here = counting()
    answer = here.client.post(
        "/v1/commands", headers=ANN, files={"file": silence}, data={"speak": "true"}, timeout=60
    )
    assert answer.status_code == 200
    row = rows(here)["local", "ann"]
    assert (row["milliseconds"], row["requests"]) == (SECONDS * 1000, 2)
    assert row["spoken_milliseconds"] > 500


def test_a_service_that_ended_and_began_again_goes_on_counting(
    counting: Callable[[], Any], silence: bytes
) -> None:
    first = counting()
    heard(first, silence)
    first.service.close()
    again = counting()
    heard(again, silence)
    assert rows(again)["local", "ann"]["milliseconds"] == 2 * SECONDS * 1000


def test_where_another_engine_falls_out_both_have_what_they_heard(
    start: Any, scripted: Any, silence: bytes, tmp_path: Path
) -> None:
    there = start(listener=scripted("there"))
    file = engines_file(tmp_path, there.url, "minutes = 0.04")
    here = start(listener=scripted(HERE), elsewhere=opened(file))
    engines = [heard(here, silence).json()["engine"] for _ in range(2)]
    assert engines == ["other", "local"]
    found = rows(here)
    assert {each: row["milliseconds"] for each, row in found.items()} == {
        ("other", "ann"): SECONDS * 1000,
        ("local", "ann"): SECONDS * 1000,
    }


@pytest.mark.parametrize(("named", "counts"), [(True, True), (False, False)])
def test_without_a_file_of_engines_a_ledger_that_is_named_counts_for_anyone(
    start: Any, scripted: Any, silence: bytes, tmp_path: Path, *, named: bool, counts: bool
) -> None:
    ledger = tmp_path / "usage.sqlite"
    settings = Settings(ledger_file=str(ledger) if named else "")
    around = surroundings({"HOME": str(tmp_path / "home")})
    here = start(listener=scripted(HERE), elsewhere=engines_elsewhere(settings, around))
    heard(here, silence, {})
    assert [(key, each["milliseconds"]) for (_, key), each in rows(here).items()] == (
        [("anyone", SECONDS * 1000)] if counts else []
    )
    assert ledger.exists() is counts
    assert not (tmp_path / "home").exists()
