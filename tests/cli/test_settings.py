"""Settings: flags over environment over file over default, each with its source; wrong ones refused."""

import json
from dataclasses import asdict, fields
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from kvx.errors import ExitCode, KvxError
from kvx.secret import Secret
from kvx.settings import PoolSettings, Settings
from kvx.settings.keys import KEYS, Key
from kvx.settings.load import Source, load
from voice_api.settings import Settings as VoiceApiSettings

TEXT = st.text("abcdefghijklmnopqrstuvwxyzäß-_", min_size=1, max_size=12)


def values_of(key: Key) -> SearchStrategy[Any]:
    """Right values of a setting."""
    if key.says.choices:
        return st.sampled_from(key.says.choices)
    least = 0 if key.says.least is None else ceil(key.says.least)
    most = 10_000 if key.says.most is None else int(key.says.most)
    by_kind: dict[type, SearchStrategy[Any]] = {
        int: st.integers(least, most),
        float: st.floats(max(least, 1), most, allow_nan=False),
        bool: st.booleans(),
        Path: TEXT.map(lambda name: Path("/models") / name),
        str: TEXT,
        Secret: TEXT,
        tuple: st.lists(TEXT, min_size=1, max_size=3).map(tuple),
        PoolSettings: st.lists(TEXT, min_size=1, max_size=3).map(
            lambda names: tuple(PoolSettings(name, 3, labels=("tier=edge",)) for name in names)
        ),
    }
    return by_kind[key.kind]


def toml(name: str, value: object) -> str:
    table, _, item = name.rpartition(".")
    if KEYS[name].kind is PoolSettings:
        return "".join(f"[[{name}]]\n{_lines(pool)}\n" for pool in tables(value))
    head = f"[{table}]\n" if table else ""
    return f"{head}{item} = {json.dumps(str(value) if isinstance(value, Path) else value)}\n"


def _lines(table: dict[str, object]) -> str:
    return "\n".join(f"{name} = {json.dumps(value)}" for name, value in table.items())


def tables(pools: Any) -> list[dict[str, object]]:
    return [{key: value for key, value in asdict(pool).items() if value is not None} for pool in pools]


def variable(name: str, value: object) -> str:
    """A value as its environment variable holds it."""
    if KEYS[name].kind is PoolSettings:
        return json.dumps(tables(value))
    return ",".join(value) if isinstance(value, tuple) else str(value)


def value_in(settings: Settings, name: str) -> object:
    table, _, item = name.rpartition(".")
    value = getattr(getattr(settings, table) if table else settings, item)
    return value.reveal() if isinstance(value, Secret) else value


def refused(folder: Path, text: str = "", **environ: str) -> KvxError:
    (folder / "kvx.toml").write_text(text)
    with pytest.raises(KvxError) as raised:
        load({}, environ, folder)
    assert raised.value.exit_code is ExitCode.USAGE
    return raised.value


@pytest.mark.parametrize("name", KEYS)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_flags_win_over_environment_over_file_over_default(
    tmp_path: Path, name: str, data: st.DataObject
) -> None:
    key = KEYS[name]
    may_stand_in_file = key.kind is not Secret
    by_file, by_variable, by_flag = (
        data.draw(st.none() | values_of(key), label) for label in ("file", "variable", "flag")
    )
    in_file = by_file is not None and may_stand_in_file
    (tmp_path / "kvx.toml").write_text(toml(name, by_file) if in_file else "")
    environ = {} if by_variable is None else {key.variable: variable(name, by_variable)}
    loaded = load({name: by_flag}, environ, tmp_path)
    winner, kind = next(
        (value, kind)
        for value, kind in (
            (by_flag, "flag"),
            (by_variable, "environment"),
            (by_file if in_file else None, "file"),
            (key.default, "default"),
        )
        if value is not None or kind == "default"
    )
    assert value_in(loaded.settings, name) == winner
    assert loaded.sources[name].kind == kind
    others = {other for other, source in loaded.sources.items() if source.kind != "default"} - {name}
    assert not others


def test_the_voice_settings_are_those_of_voice_api() -> None:
    """Names, variables and bounds; only a port has no 0 here, where one left out is a free one."""
    theirs = {item.name: item.metadata for item in fields(VoiceApiSettings)}
    ours = {name.removeprefix("voice."): key for name, key in KEYS.items() if name.startswith("voice.")}
    assert ours.keys() == theirs.keys()
    for name, key in ours.items():
        assert key.variable == f"KVX_VOICE_{name.upper()}"
        assert key.says.choices == theirs[name].get("choices", ())
        assert key.says.most == theirs[name].get("most")
        assert key.says.least == (1 if name in {"port", "metrics_port"} else theirs[name].get("least"))


def test_the_source_names_the_line_the_variable_or_the_flag(tmp_path: Path) -> None:
    lines = ("# mine", 'target = "local"', "", "[voice]", "# port = 1", "port = 8484")
    several_lines = ('model = """a\\', 'port = 3"""', "threads = 2")
    (tmp_path / "kvx.toml").write_text("\n".join((*lines, *several_lines)))
    sources = load({"voice.voice": "en"}, {"KVX_VOICE_CONTEXT": "mine"}, tmp_path).sources
    assert sources["target"] == Source("file", "kvx.toml:2")
    assert sources["voice.port"] == Source("file", "kvx.toml:6")
    assert sources["voice.model"] == Source("file", "kvx.toml:7")
    assert sources["voice.threads"] == Source("file", "kvx.toml:9")
    assert sources["voice.context"] == Source("environment", "KVX_VOICE_CONTEXT")
    assert sources["voice.voice"] == Source("flag", "--voice")
    assert sources["voice.host"] == Source("default", "")


@pytest.mark.parametrize(
    "text",
    ["voice.port = 8484", "voice = { port = 8484 }", '[voice]\n"port" = 8_484', "\ufeff[voice]\nport = 8484"],
)
def test_toml_may_be_written_in_every_way(tmp_path: Path, text: str) -> None:
    (tmp_path / "kvx.toml").write_text(text)
    assert load({}, {}, tmp_path).settings.voice.port == 8484


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    assert load({}, {"KVX_VOICE_PORT": "", "KVX_TARGET": ""}, tmp_path).settings == Settings(tmp_path)


@pytest.mark.parametrize(
    ("text", "message", "fix"),
    [
        ('taget = "local"', "kvx.toml:1: there is no setting taget", "write target"),
        ("[voice]\n\nprot = 1", "kvx.toml:3: there is no setting voice.prot", "write voice.port"),
        ("port = 1", "kvx.toml:1: there is no setting port", "write voice.port"),
        ("zzz = 1", "kvx.toml:1: there is no setting zzz", "kvx config show names every setting"),
        ("voice = 1", "kvx.toml:1: there is no setting voice", "write voice."),
        ("target = 3", "kvx.toml:1: target is 3", "set target to a text"),
        (
            '[voice]\nport = "8484"',
            "kvx.toml:2: voice.port is '8484'",
            "set voice.port to a whole number from 1 to",
        ),
        ("[voice]\nport = true", "kvx.toml:2: voice.port is True", "a whole number from 1 to 65535"),
        ("[voice]\nport = 65536", "kvx.toml:2: voice.port is 65536", "a whole number from 1 to 65535"),
        ("deadline_seconds = nan", "kvx.toml:1: deadline_seconds is nan", "a number from 1 to 3600"),
        ('[voice]\nlog_level = "loud"', "voice.log_level is 'loud'", "one of debug, info, warning, error"),
        ('[hetzner]\ntoken = "abc"', "kvx.toml:2: hetzner.token is a secret", "export HCLOUD_TOKEN=..."),
    ],
)
def test_a_wrong_setting_names_its_line_and_its_fix(
    tmp_path: Path, text: str, message: str, fix: str
) -> None:
    error = refused(tmp_path, text)
    assert message in error.message
    assert fix in error.fix
    assert "abc" not in error.message + error.fix


def test_broken_toml_names_the_file_and_the_line(tmp_path: Path) -> None:
    error = refused(tmp_path, 'target = "local"\nport = \n')
    assert str(tmp_path / "kvx.toml") in error.message
    assert "line 2" in error.message


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kvx.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(KvxError, match="not text in UTF-8"):
        load({}, {}, tmp_path)


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kvx.toml").mkdir()
    with pytest.raises(KvxError, match=r"cannot be read: Is a directory"):
        load({}, {}, tmp_path)


def test_a_misspelt_variable_is_refused_with_the_one_that_was_meant(tmp_path: Path) -> None:
    error = refused(tmp_path, KVX_VOICE_PROT="1")
    assert error.message.startswith("KVX_VOICE_PROT: ")
    assert error.fix == "unset KVX_VOICE_PROT; perhaps KVX_VOICE_PORT was meant"


@pytest.mark.parametrize("name", ["KVX_DEBUG", "KVX_REQUIRE", "KVX_VOICE_SETTINGS", "HOME"])
def test_variables_that_are_no_settings_are_left_alone(tmp_path: Path, name: str) -> None:
    assert load({}, {name: "1"}, tmp_path).settings == Settings(tmp_path)


def test_the_folder_comes_from_the_flag_the_variable_or_the_place(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    assert load({}, {}, tmp_path).settings.folder == tmp_path
    assert load({}, {"KVX_FOLDER": "one"}, tmp_path).settings.folder == one
    loaded = load({"folder": other}, {"KVX_FOLDER": "one"}, tmp_path)
    assert (loaded.settings.folder, loaded.sources["folder"]) == (other, Source("flag", "--folder"))


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KvxError, match="there is no folder") as raised:
        load({"folder": "nowhere"}, {}, tmp_path)
    assert raised.value.fix == f"mkdir -p {tmp_path / 'nowhere'}"


def test_relative_paths_are_seen_from_where_they_are_written(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / "kvx.toml").write_text('[voice]\nmodel = "./model"\nkubeconfig = "config"\n')
    voice = load({"folder": there}, {"KVX_VOICE_MODELS_FOLDER": "models"}, tmp_path).settings.voice
    assert voice.model == str(there / "model")
    assert voice.kubeconfig == there / "config"
    assert voice.models_folder == tmp_path / "models"


@pytest.mark.parametrize(("written", "means"), [("none", "none"), ("./none", "{there}/none")])
def test_none_is_the_demo_cluster_and_no_file(tmp_path: Path, written: str, means: str) -> None:
    (tmp_path / "kvx.toml").write_text(f'[voice]\nkubeconfig = "{written}"\n')
    for loaded in (
        load({}, {}, tmp_path),
        load({}, {"KVX_VOICE_KUBECONFIG": written, "KVX_FOLDER": str(tmp_path)}, tmp_path),
    ):
        assert str(loaded.settings.voice.kubeconfig) == means.format(there=tmp_path)
    assert str(load({"voice.kubeconfig": Path("none")}, {}, tmp_path).settings.voice.kubeconfig) == "none"


def test_a_model_by_name_is_no_path(tmp_path: Path) -> None:
    assert load({"voice.model": "embedded"}, {}, tmp_path).settings.voice.model == "embedded"


def test_a_secret_is_never_shown(tmp_path: Path) -> None:
    loaded = load({}, {"HCLOUD_TOKEN": "very secret"}, tmp_path)
    assert "very secret" not in repr(loaded)
    assert "very secret" not in str(loaded.settings.hetzner.token)
    token = loaded.settings.hetzner.token
    assert token is not None
    assert token.reveal() == "very secret"


def test_secrets_come_from_files_of_a_folder_and_the_environment_wins(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "HCLOUD_TOKEN").write_text("from-the-file\n")
    (secrets / "..data").mkdir()  # as Kubernetes mounts them
    environ = {"KVX_SECRETS_FOLDER": str(secrets)}
    loaded = load({"folder": tmp_path}, environ)
    assert loaded.settings.hetzner.token is not None
    assert loaded.settings.hetzner.token.reveal() == "from-the-file"
    assert loaded.settings.cost.webhook_secret is None
    assert loaded.sources["hetzner.token"] == Source("environment", str(secrets / "HCLOUD_TOKEN"))
    again = load({"folder": tmp_path}, environ | {"HCLOUD_TOKEN": "from-the-environment"}).settings
    assert again.hetzner.token is not None
    assert again.hetzner.token.reveal() == "from-the-environment"


def test_a_secret_that_is_no_text_is_refused_by_its_file_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "HCLOUD_TOKEN").write_bytes(b"\xff\xfe")
    with pytest.raises(KvxError, match="HCLOUD_TOKEN") as refusal:
        load({"folder": tmp_path}, {"KVX_SECRETS_FOLDER": str(tmp_path)})
    assert refusal.value.exit_code is ExitCode.USAGE
