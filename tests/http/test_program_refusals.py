"""The voice-api program where it does not serve: refusals, exit codes, models, grammar, help."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

WAIT_SECONDS = 80
ALONE = ("--metrics-port", "0", "--kubeconfig", "none")


def fails(
    *flags: str, environment: dict[str, str] | None = None, descriptors: tuple[int, ...] = ()
) -> tuple[int, list[str]]:
    """Exit code and stderr of a start that cannot work."""
    ended = subprocess.run(
        [sys.executable, "-m", "voice_api", *flags],
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
        pass_fds=descriptors,
        env=os.environ | (environment or {}),
    )
    return ended.returncode, ended.stderr.splitlines()


@pytest.mark.parametrize(
    ("flags", "environment", "says"),
    [
        (("serve", "--port", "none"), {}, "port in command line is 'none'"),
        (("serve", "--settings", "/nowhere.toml"), {}, "no settings file /nowhere.toml"),
        (("serve",), {"KVX_VOICE_PROT": "1"}, "unknown setting prot"),
        (("serve", "--port", "0", *ALONE, "--voice", "nobody"), {}, "voice is 'nobody'"),
        (("model", "list", "--threads", "many"), {}, "threads in command line is 'many'"),
    ],
)
def test_wrong_settings_end_with_two_lines_and_exit_code_2(
    flags: tuple[str, ...], environment: dict[str, str], says: str
) -> None:
    code, lines = fails(*flags, environment=environment)
    assert code == 2
    assert len(lines) == 2
    assert says in lines[0]
    assert lines[1].startswith("fix: ")


def test_an_unknown_flag_is_wrong_usage() -> None:
    assert fails("serve", "--prot", "1")[0] == 2
    assert fails("sing")[0] == 2


def test_what_is_missing_or_damaged_ends_with_two_lines_and_exit_code_3(tmp_path: Path) -> None:
    free = ("--port", "0", *ALONE)
    empty = tmp_path / "empty"
    empty.mkdir()
    kubeconfig = ("--kubeconfig", str(tmp_path / "none-here"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for flags, says in (
            ((*free, "--model", "nobody"), "nobody"),
            ((*free, "--model", str(empty)), "empty"),
            ((*free, "--port", port), f"port {port} on 127.0.0.1 is taken"),
            ((*free, "--metrics-port", port), f"port {port} on 127.0.0.1 is taken"),
            ((*free, "--host", "192.0.2.1"), "192.0.2.1"),
            ((*free, "--fd", "77"), "descriptor 77"),
            ((*free, "--fd", "0"), "descriptor 0"),
            ((*free, *kubeconfig), "none-here"),
        ):
            code, lines = fails("serve", *flags)
            lines = [line for line in lines if not line.startswith("{")]
            assert (code, len(lines)) == (3, 2), lines
            assert says in lines[0]
            assert lines[1].startswith("fix: ")


def test_an_inherited_socket_must_be_one_that_listens() -> None:
    with socket.socket() as idle:
        idle.bind(("127.0.0.1", 0))
        number = idle.fileno()
        code, lines = fails("serve", "--fd", str(number), *ALONE, descriptors=(number,))
    assert (code, len(lines)) == (3, 2)
    assert "does not listen" in lines[0]


def test_help_names_every_setting_and_needs_nothing_heavy() -> None:
    script = (
        "import sys; from voice_api.__main__ import main\n"
        "try: main(['serve', '--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit(', '.join({'numpy', 'fastapi', 'onnxruntime', 'uvicorn'} & set(sys.modules)) or 0)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "--max-audio-seconds" in ended.stdout


def test_models_are_added_checked_and_listed(tmp_path: Path, embedded_folder: Path) -> None:
    kept = ("--models-folder", str(tmp_path / "models"))

    def voice_api(*flags: str) -> str:
        command = [sys.executable, "-m", "voice_api", "model", *flags, *kept]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    voice_api("add", str(embedded_folder), "--name", "mine", "--as-is")
    assert (tmp_path / "models" / "mine" / "config.json").is_file()
    assert voice_api("check", "mine").startswith("")
    assert [line.split("\t")[0] for line in voice_api("list").splitlines()] == ["embedded", "mine"]
    code, lines = fails("model", "add", str(embedded_folder), "--name", "mine", "--as-is", *kept)
    assert (code, len(lines)) == (3, 2)
    (tmp_path / "models" / "mine" / "config.json").write_text("{")
    code, lines = fails("model", "check", "mine", *kept)
    assert (code, len(lines)) == (3, 2)


def test_a_grammar_with_a_mistake_is_named(tmp_path: Path) -> None:
    assert fails("grammar-check")[0] == 0
    mistake = tmp_path / "mistake.yaml"
    mistake.write_text("language: en\nintents:\n  sing:\n    data:\n      - sentences: ['sing a song']\n")
    command = [sys.executable, "-m", "voice_api", "grammar-check", str(mistake)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False)
    assert ended.returncode == 1
    assert ended.stdout.startswith("unknown_intent\t")
    mistake.write_text("{")
    assert fails("grammar-check", str(mistake))[0] == 3
