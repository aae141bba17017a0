"""The file of engines: what is wrong in it is named, and what the documentation shows is read."""

import re
from pathlib import Path
from typing import get_args

import pytest
from engines_there import HASH, opened

from voice_api.engines.choice import Barred, Broken, Occupied, Spent
from voice_api.engines.file import EngineTable, read_engines
from voice_api.errors import VoiceApiError


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[engines.hume]\nkind = 'hume'\nminute = 3", "engines.hume.minute"),
        ("[engines.hume]\nkind = 'hume'\nminutes = -1", "engines.hume.minutes"),
        ("[engines.hume]\nkind = 'hume'\nreset_zone = 'Mars'", "Europe/Berlin"),
        ("[engines.hume]\nkind = 'telepathy'", "telepathy"),
        ("[engines.local]\nkind = 'openai'", "local"),
        ("[callers.ann]\nkeys_sha256 = ['plain-canary']", "keys_sha256"),
        ("[callers.ann.limits.hume]\nminutes = 1", "hume"),
        (f"[callers.a]\nkeys_sha256 = ['{HASH}']\n[callers.b]\nkeys_sha256 = ['{HASH}']", "two callers"),
        ("kind = ", "TOML"),
    ],
)
def test_a_wrong_file_is_refused_by_the_name_of_what_is_wrong(
    tmp_path: Path, content: str, said: str
) -> None:
    file = tmp_path / "engines.toml"
    file.write_text(content)
    with pytest.raises(VoiceApiError) as caught:
        opened(file)
    assert said in f"{caught.value.message} {caught.value.fix}"
    assert "canary" not in caught.value.message


def _documented() -> str:
    return (Path(__file__).parents[2] / "docs" / "engines.md").read_text()


def test_the_file_in_the_documentation_is_read(tmp_path: Path) -> None:
    file = tmp_path / "engines.toml"
    file.write_text(_documented().split("```toml\n")[2].partition("```")[0])
    tables = read_engines(file).tables
    assert {name: table.most_at_once for name, table in tables.engines.items()} == {
        "hume": 1,
        "other-kvx": None,
    }
    assert tables.callers["ann"].limits["hume"].minutes == 5


def test_every_reason_is_documented_and_every_setting_of_an_engine() -> None:
    groups = [set(get_args(each)) for each in (Spent, Occupied, Barred, Broken)]
    rows = [
        set(re.findall(r"`(\w+)`", line.split("|")[1]))
        for line in _documented().splitlines()
        if "|" in line[1:]
    ]
    assert all(group in rows for group in groups)
    assert EngineTable.model_fields.keys() <= set(re.findall(r"\w+", _documented()))
