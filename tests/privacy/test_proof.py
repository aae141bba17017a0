"""Without a network a spoken question is heard and answered, and what it tried to reach is told."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import voice_api

SOURCES = Path(voice_api.__file__).parents[1]
SENTENCE = "how many pods are running"
KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: far
clusters: [{name: far, cluster: {server: "https://10.77.1.2:6443"}}]
contexts: [{name: far, context: {cluster: far, user: me}}]
users: [{name: me, user: {token: kanarienvogel-4711}}]
"""
ENGINES = """
[engines.far]
kind = "openai"
key_file = "{key}"
[callers.anyone]
policy = "cloud"
consents = true
"""


def privacy(folder: Path, *arguments: str, begin: str = "") -> tuple[int, dict[str, Any], str]:
    """Its exit code, what it told, and what it said beside; `begin` is run in it first."""
    code = f"import sys\nfrom voice_api.__main__ import main\n{begin}\nsys.exit(main(sys.argv[1:]))"
    environment = {"PYTHONPATH": str(SOURCES), "HOME": str(folder), "PATH": "/usr/bin:/bin"}
    ended = subprocess.run(
        [sys.executable, "-c", code, "privacy", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    return ended.returncode, json.loads(ended.stdout), ended.stderr


@pytest.fixture
def far(tmp_path: Path) -> tuple[str, ...]:
    """A cluster and an engine of which nothing is near."""
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    (tmp_path / "key").write_text("kanarienvogel-4712")
    (tmp_path / "engines.toml").write_text(ENGINES.format(key=tmp_path / "key"))
    return (
        "--kubeconfig",
        str(tmp_path / "kubeconfig"),
        "--engines-file",
        str(tmp_path / "engines.toml"),
    )


@pytest.mark.needs("network namespaces")
def test_a_spoken_question_needs_nothing_from_outside(tmp_path: Path) -> None:
    code, told, _ = privacy(tmp_path, "--kubeconfig", "none")
    assert code == 0
    assert told["proof"]["heard"] == SENTENCE
    assert told["proof"]["engine"] == "local"
    assert told["proof"]["replied"].startswith("There are")
    assert (told["proof"]["attempts"], told["proof"]["sent_bytes"]) == ([], 0)
    assert not [each for each in tmp_path.rglob("*") if each.is_file()], "it leaves nothing behind"


@pytest.mark.needs("network namespaces")
def test_what_settings_open_is_tried_and_expected_and_no_key_is_told(
    tmp_path: Path, far: tuple[str, ...]
) -> None:
    code, told, said = privacy(tmp_path, *far)
    assert code == 0, said
    assert {each["host"] for each in told["proof"]["attempts"]} == {"10.77.1.2", "api.openai.com"}
    assert told["proof"]["heard"] == SENTENCE, "where nobody answers, the local engine does"
    assert told["proof"]["unexpected"] == []
    assert "kanarienvogel" not in json.dumps(told) + said


@pytest.mark.needs("network namespaces")
def test_an_identity_provider_and_a_language_model_are_told_of_and_expected(tmp_path: Path) -> None:
    users = tmp_path / "users.json"
    add = [sys.executable, "-m", "voice_api", "user", "add", "ann", "--users-file", str(users)]
    subprocess.run(add, check=True, capture_output=True, timeout=120, cwd=SOURCES)
    code, told, said = privacy(
        tmp_path,
        *("--kubeconfig", "none", "--users-file", str(users)),
        *("--oidc-issuer", "https://login.example/kvx", "--oidc-audience", "kvx"),
        *("--language-model-address", "https://models.example"),
    )
    assert code == 0, said
    opened = {each["name"]: each["host"] for each in told["ways"] if each["open"]}
    assert opened == {"oidc_issuer": "login.example", "language_model_address": "models.example"}
    # The model is looked after on a thread of its own, which may be late; the keys are fetched at the start.
    tried = {each["host"] for each in told["proof"]["attempts"]}
    assert {"login.example"} <= tried <= {"login.example", "models.example"}
    assert (told["proof"]["heard"], told["proof"]["unexpected"]) == (SENTENCE, [])


@pytest.mark.needs("network namespaces")
def test_what_is_closed_is_not_even_tried(tmp_path: Path, far: tuple[str, ...]) -> None:
    code, told, said = privacy(tmp_path, *far, "--local-only", "true")
    assert code == 0, said
    assert {each["host"] for each in told["proof"]["attempts"]} == {"10.77.1.2"}


@pytest.mark.needs("network namespaces")
def test_something_that_calls_home_is_found(tmp_path: Path) -> None:
    """A library that does so, as soon as the service begins to be put together."""
    library = tmp_path / "calls_home.py"
    library.write_text(
        "import socket\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'voice_api.assemble':\n"
        "            try:\n"
        "                socket.create_connection(('telemetry.example', 443), 1)\n"
        "            except OSError:\n"
        "                pass\n"
    )
    begin = (
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "import calls_home\n"
        "sys.meta_path.insert(0, calls_home.Finder())"
    )
    code, told, said = privacy(tmp_path, "--kubeconfig", "none", begin=begin)
    assert code == 1
    assert [each["host"] for each in told["proof"]["unexpected"]] == ["telemetry.example"]
    assert "telemetry.example" in said
    assert "Traceback" not in said


def test_what_settings_say_is_told_without_a_proof_too(tmp_path: Path, far: tuple[str, ...]) -> None:
    code, told, _ = privacy(tmp_path, "--no-proof", *far)
    assert (code, told["schema"], told["proof"]) == (0, "kvx.privacy/1", None)
    assert {each["name"] for each in told["ways"] if each["open"]} == {"cluster", "engine far"}
