"""Settings: which source wins, and what a wrong one is told."""

from pathlib import Path

import pytest

from voice_api.settings import Settings, SettingsError, Value, load_settings, surroundings


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "voice-api.toml"
    file.write_text(
        'port = 1111\nhost = "127.0.0.2"\nthreads = 3\nlog_transcripts = true\ndrain_seconds = 4\n'
    )
    environment = {"KVX_VOICE_HOST": "127.0.0.3", "KVX_VOICE_THREADS": "4", "OTHER": "x"}
    settings = load_settings(file, {"threads": "5"}, environment)
    assert (settings.port, settings.host, settings.threads) == (1111, "127.0.0.3", 5)
    assert settings.log_transcripts is True
    assert settings.drain_seconds == 4.0
    assert settings.voice == Settings().voice


def test_the_environment_can_name_the_file(tmp_path: Path) -> None:
    file = tmp_path / "voice-api.toml"
    file.write_text("port = 1111\n")
    assert load_settings(None, {}, {"KVX_VOICE_SETTINGS": str(file)}).port == 1111


@pytest.mark.parametrize(
    ("flags", "says", "fix"),
    [
        ({"prot": "1"}, "unknown setting prot", "did you mean port?"),
        ({"zzzz": "1"}, "unknown setting zzzz", "use one of"),
        ({"port": "eighty"}, "port in command line is 'eighty'", "a whole number"),
        ({"port": "70000"}, "port in command line is 70000", "from 0 to 65535"),
        ({"max_audio_seconds": "nan"}, "max_audio_seconds", "from 1"),
        ({"log_format": "xml"}, "log_format", "auto, json, text"),
        ({"log_transcripts": "perhaps"}, "log_transcripts", "true or false"),
    ],
)
def test_a_wrong_setting_is_named_with_its_fix(flags: dict[str, Value], says: str, fix: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(None, flags, {})
    assert says in caught.value.message
    assert fix in caught.value.fix


@pytest.mark.parametrize(
    "content", ["port = ", "port = true", "port = 1.5", 'port = "x"', "[port]\na = 1", "host = 3"]
)
def test_a_wrong_file_is_named(content: str, tmp_path: Path) -> None:
    file = tmp_path / "voice-api.toml"
    file.write_text(content)
    with pytest.raises(SettingsError) as caught:
        load_settings(file, {}, {})
    assert str(file) in caught.value.message


@pytest.mark.parametrize("kind", ["missing", "folder", "bytes"])
def test_a_file_that_cannot_be_read_is_named(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "voice-api.toml"
    if kind == "folder":
        file.mkdir()
    elif kind == "bytes":
        file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError) as caught:
        load_settings(file, {}, {})
    assert str(file) in caught.value.message


def test_the_surroundings_are_read_from_the_environment() -> None:
    environment = {"HOME": "/home/ada", "KUBECONFIG": "/a:/b", "NOTIFY_SOCKET": "@x"}
    around = surroundings(environment)
    assert around.models_folder == Path("/home/ada/.local/share/kvx/models")
    assert (around.kubeconfig_files, around.notify_socket) == ("/a:/b", "@x")
    assert surroundings({"XDG_DATA_HOME": "/data"}).models_folder == Path("/data/kvx/models")
