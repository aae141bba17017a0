"""kvx as people and programs meet it: help, words, exit codes, and what happens when things are broken."""

import json
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from kvx.commands.last_lines import NODES, SPOKEN, last_lines
from kvx.main import COMMANDS, ImportedWhenCalled

Kvx = Callable[..., subprocess.CompletedProcess[str]]
PROGRAM = [sys.executable, "-c", "from kvx.main import run; run()"]
HEAVY = (
    *("rich", "httpx", "psutil", "pydantic", "kubernetes", "docker", "hcloud", "numpy", "asyncio", "hashlib"),
    *("kvx.execute", "kvx.targets", "kvx.drivers", "kvx.report", "kvx.commands.deploy"),
)
LIST_MODULES = "import sys, atexit; atexit.register(lambda: print(*sys.modules, sep='\\n'))\n"


def two_lines(ended: subprocess.CompletedProcess[str]) -> tuple[str, str]:
    """What happened and the fix: the only two lines on stderr."""
    lines = ended.stderr.splitlines()
    assert len(lines) == 2, ended.stderr
    assert lines[1].startswith("fix: ")
    return lines[0], lines[1].removeprefix("fix: ")


@pytest.mark.parametrize("arguments", [(), ("-h",), ("--help",)])
def test_help_names_every_command(kvx: Kvx, arguments: tuple[str, ...]) -> None:
    ended = kvx(*arguments)
    assert ended.returncode == 0
    assert all(f"  {name} " in ended.stdout for name in COMMANDS)
    assert ended.stderr == ""


def test_a_fix_is_typed_as_kvx_was_called(kvx: Kvx) -> None:
    message, fix = two_lines(kvx("ansible", KVX_CALLED_AS="./deploy.sh"))
    assert message.startswith("there are no machines yet: ")
    assert fix == "./deploy.sh terraform"


def test_help_imports_nothing_heavy(tmp_path: Path, clean_environment: dict[str, str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LIST_MODULES + PROGRAM[2], "--help"],
        cwd=tmp_path,
        env=clean_environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded = set(ended.stdout.splitlines())
    assert "kvx.main" in loaded
    assert loaded.isdisjoint(HEAVY)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_line_of_the_table_leads_to_a_command_with_help(name: str) -> None:
    command = ImportedWhenCalled()[name]
    assert isinstance(command, typer.core.TyperCommand | typer.core.TyperGroup)
    assert str(command.help).strip()
    assert COMMANDS[name][2].endswith(".")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_answers_to_h(kvx: Kvx, name: str) -> None:
    ended = kvx(name, "-h")
    assert ended.returncode == 0
    assert ended.stdout.startswith(f"Usage: kvx {name} ")


def test_completion_is_offered(kvx: Kvx) -> None:
    ended = kvx(_KVX_COMPLETE="complete_bash", COMP_WORDS="kvx de", COMP_CWORD="1")
    assert "deploy" in ended.stdout.split()


def test_completion_knows_the_targets(kvx: Kvx) -> None:
    ended = kvx(_KVX_COMPLETE="complete_bash", COMP_WORDS="kvx deploy --target ", COMP_CWORD="3")
    assert ended.stdout.split() == ["cluster", "hetzner", "local"]


def test_a_mistyped_command_is_met_with_the_nearest(kvx: Kvx) -> None:
    ended = kvx("deplyo")
    assert ended.returncode == 2
    assert two_lines(ended) == ("No such command 'deplyo'. Did you mean 'deploy'?", "kvx --help")


def test_a_mistyped_flag_names_the_help_of_its_command(kvx: Kvx) -> None:
    ended = kvx("deploy", "--targt", "local")
    assert ended.returncode == 2
    said, fix = two_lines(ended)
    assert "--target" in said
    assert fix == "kvx deploy --help"


def test_a_target_that_is_none_is_met_with_those_there_are(kvx: Kvx) -> None:
    ended = kvx("deploy", "--target", "lokal")
    assert ended.returncode == 2
    assert all(name in ended.stderr for name in ("cluster", "hetzner", "local"))


def test_a_target_in_kvx_toml_is_checked_too(kvx: Kvx, tmp_path: Path) -> None:
    (tmp_path / "kvx.toml").write_text('target = "lokal"\n')
    ended = kvx("deploy", "--dry-run")
    assert ended.returncode == 2
    assert two_lines(ended)[1] == "kvx deploy --target local"


DRY_RUN = """\
kvx deploys the target local in 2 phases. Nothing has been done yet.

Phase service: the voice API as a supervised process on this machine
  1. write voice-api.toml
       printf '%s\\n' \\
         '# Written by kvx; change kvx.toml instead.' \\
         'model = "embedded"' \\
         'threads = 0' |
         install -D -m 600 /dev/stdin FOLDER/.kvx/local/voice-api.toml
  2. check the speech model embedded
       VOICE_API model check embedded
  3. start the voice API on 127.0.0.1, a free port
       VOICE_API serve --settings FOLDER/.kvx/local/voice-api.toml

Phase verify: a spoken question, answered
  4. speak "how many pods are not ready" to it, and compare what it heard and did
       kvx verify

To take it away again, kvx cleanup will:
  1. stop the voice API
       kvx cleanup
  2. remove FOLDER/.kvx/local
       rm -r FOLDER/.kvx/local
"""


def test_a_dry_run_of_local_is_a_letter_and_touches_nothing(kvx: Kvx, tmp_path: Path) -> None:
    ended = kvx("deploy", "--dry-run")
    program = str(Path(sys.executable).with_name("voice-api"))
    assert ended.stdout.replace(str(tmp_path), "FOLDER").replace(program, "VOICE_API") == DRY_RUN
    assert (ended.returncode, ended.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []


def test_the_file_that_a_dry_run_shows_can_be_pasted(kvx: Kvx, tmp_path: Path) -> None:
    (tmp_path / "kvx.toml").write_text('[voice]\ncontext = "it\'s $HOME"\n')
    letter = kvx("deploy", "--dry-run").stdout
    command = letter.partition("1. write voice-api.toml\n")[2].partition("  2. ")[0]
    subprocess.run(["/bin/sh", "-c", command], check=True, timeout=60)
    written = (tmp_path / ".kvx/local/voice-api.toml").read_text()
    assert written.splitlines()[1:] == ['model = "embedded"', "threads = 0", 'context = "it\'s $HOME"']


def test_a_dry_run_for_programs_is_one_object(kvx: Kvx) -> None:
    plan = json.loads(kvx("deploy", "--dry-run", "--json").stdout)
    assert (plan["schema"], plan["event"], plan["target"]) == ("kvx/deploy/v1", "plan", "local")
    assert [phase["phase"] for phase in plan["phases"]] == ["service", "verify"]
    assert [step["kind"] for step in plan["phases"][0]["undo"]] == ["StopService", "RemoveFolder"]


def test_a_dry_run_of_a_cluster_shows_its_plan_and_writes_nothing(kvx: Kvx, tmp_path: Path) -> None:
    ended = kvx("deploy", "--dry-run", "--target", "cluster")
    assert ended.returncode == 0
    assert "kubectl kustomize" in ended.stdout
    assert "kubectl apply --server-side --field-manager=kvx" in ended.stdout
    assert list(tmp_path.iterdir()) == []


def test_without_machines_there_is_nothing_to_configure_and_nothing_is_written(
    kvx: Kvx, tmp_path: Path
) -> None:
    ended = kvx("ansible")
    assert ended.returncode == 3
    message, fix = two_lines(ended)
    assert message.startswith("there are no machines yet: ")
    assert fix == "kvx terraform"
    assert list(tmp_path.iterdir()) == []


def test_a_phase_that_the_chosen_target_lacks_is_named(kvx: Kvx) -> None:
    ended = kvx("terraform", "--target", "local")
    assert ended.returncode == 3
    assert two_lines(ended)[0] == "the target local has no phase provision"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("target = ", "kvx.toml is not valid TOML"),
        ("zzz = 1", "there is no setting zzz"),
        ("[voice]\nport = 0", "port"),
    ],
)
def test_a_wrong_kvx_toml_is_two_lines_and_exit_2(kvx: Kvx, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "kvx.toml").write_text(text)
    for command in ("deploy", "status", "cleanup", "doctor"):
        ended = kvx(command, *(["--yes"] if command == "cleanup" else []))
        assert ended.returncode == 2
        assert said in two_lines(ended)[0]


def test_an_error_for_programs_is_one_object_on_stdout(kvx: Kvx, tmp_path: Path) -> None:
    (tmp_path / "kvx.toml").write_text("zzz = 1")
    error = json.loads(kvx("config", "show", "--json").stdout)
    assert error == {
        "schema": "kvx/config/v1",
        "event": "error",
        "error": "kvx.toml:1: there is no setting zzz",
        "fix": "kvx config show names every setting",
        "exit_code": 2,
    }


def test_even_a_usage_error_is_an_object_for_programs(kvx: Kvx) -> None:
    ended = kvx("deploy", "--json", "--targt")
    assert json.loads(ended.stdout)["exit_code"] == ended.returncode == 2


def test_config_show_names_the_source_of_every_value(kvx: Kvx, tmp_path: Path) -> None:
    (tmp_path / "kvx.toml").write_text("[voice]\nthreads = 2\n")
    ended = kvx("config", "show", KVX_VOICE_PORT="8484", HCLOUD_TOKEN="very secret")
    rows = [line.split() for line in ended.stdout.splitlines()]
    assert ["voice.threads", "2", "kvx.toml:2"] in rows
    assert ["voice.port", "8484", "KVX_VOICE_PORT"] in rows
    assert ["target", "local", "default"] in rows
    assert ["hetzner.token", "(secret)", "HCLOUD_TOKEN"] in rows
    assert "very secret" not in ended.stdout


def test_config_show_for_programs_hides_secrets_too(kvx: Kvx) -> None:
    shown = kvx("config", "show", "--json", HCLOUD_TOKEN="very secret").stdout
    rows = {row["name"]: row for row in json.loads(shown)["settings"]}
    assert rows["hetzner.token"] == {
        "name": "hetzner.token",
        "value": "(secret)",
        "source": "environment",
        "where": "HCLOUD_TOKEN",
    }
    assert rows["voice.port"]["value"] is None


def test_version_tells_people_and_programs_the_same(kvx: Kvx) -> None:
    versions = json.loads(kvx("version", "--json").stdout)
    assert versions.pop("schema") == "kvx/version/v1"
    text = kvx("version").stdout
    assert all(str(version) in text for version in versions.values())


def test_cleanup_without_a_terminal_names_the_flag(kvx: Kvx) -> None:
    ended = kvx("cleanup")
    assert ended.returncode == 3
    assert two_lines(ended)[1] == "kvx cleanup --yes"


def test_cleanup_of_nothing_says_so_and_writes_nothing(kvx: Kvx, tmp_path: Path) -> None:
    ended = kvx("cleanup", "--yes")
    assert ended.returncode == 0
    assert ended.stdout == "There is nothing to take away: the target local is not deployed here.\n"
    assert list(tmp_path.iterdir()) == []


def on_a_terminal(
    arguments: list[str], folder: Path, environment: dict[str, str], typed: str
) -> tuple[int, str]:
    """Exit code and screen of kvx, when a person types on a terminal."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, *arguments], cwd=folder, env=environment, stdin=follower, stdout=follower, stderr=follower
    )
    os.close(follower)
    os.write(leader, typed.encode())
    screen = b""
    while True:
        try:
            screen += os.read(leader, 4096)
        except OSError:  # the other end is closed
            break
    return process.wait(60), screen.decode()


@pytest.mark.parametrize("typed", ["\n", "n\n", "maybe\n", "\x04"])
def test_anything_but_yes_removes_nothing(
    tmp_path: Path, clean_environment: dict[str, str], typed: str
) -> None:
    kept = tmp_path / ".kvx" / "local" / "kept"
    kept.parent.mkdir(parents=True)
    kept.touch()
    code, screen = on_a_terminal(["cleanup"], tmp_path, clean_environment, typed)
    assert code == 1
    assert f"  remove {kept.parent}" in screen
    assert "nothing was removed" in screen
    assert kept.exists()


def test_yes_on_a_terminal_removes_what_is_there(tmp_path: Path, clean_environment: dict[str, str]) -> None:
    (tmp_path / ".kvx" / "local").mkdir(parents=True)
    code, screen = on_a_terminal(["cleanup"], tmp_path, clean_environment, "yes\n")
    assert code == 0, screen
    assert "The target local is taken away; nothing is left of it." in screen
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_at_a_question_is_130_and_two_lines(tmp_path: Path, clean_environment: dict[str, str]) -> None:
    (tmp_path / ".kvx" / "local").mkdir(parents=True)
    leader, follower = pty.openpty()
    # Where the tests run in the background of a shell, Ctrl-C is ignored, and children inherit that.
    process = subprocess.Popen(
        ["env", "--default-signal=INT", *PROGRAM, "cleanup"],
        cwd=tmp_path,
        env=clean_environment,
        stdin=follower,
        stdout=follower,
        stderr=subprocess.PIPE,
    )
    os.close(follower)
    assert process.stderr is not None
    told = b""
    while b"[y/N] " not in told:
        told += os.read(process.stderr.fileno(), 4096)
    process.send_signal(signal.SIGINT)
    told += process.communicate(timeout=60)[1]
    os.close(leader)
    assert process.returncode == 130
    assert told.decode().splitlines()[-2:] == ["interrupted", "fix: run the command again"]


def test_doctor_checks_what_the_plan_needs_and_writes_nothing(kvx: Kvx, tmp_path: Path) -> None:
    (tmp_path / ".kvx/local").mkdir(parents=True)
    document: dict[str, Any] = json.loads(kvx("doctor", "--json").stdout)
    assert document["schema"] == "kvx/doctor/v1"
    states = {check["name"]: check["state"] for check in document["checks"]}
    assert states.keys() == {"python", "processor", "program", "model", "port", "folder", "space"}
    assert states["program"] == states["port"] == states["folder"] == "ok"
    assert list((tmp_path / ".kvx/local").iterdir()) == []


def test_doctor_names_a_taken_port_with_a_fix(kvx: Kvx) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = kvx("doctor", KVX_VOICE_PORT=str(port))
    assert ended.returncode == 3
    lines = [line.split(maxsplit=2) for line in ended.stdout.splitlines()]
    assert ["missing", "port", f"127.0.0.1:{port} is taken by another program"] in lines
    assert "kvx deploy --port" in ended.stdout


def test_doctor_names_a_model_that_is_not_there(kvx: Kvx, tmp_path: Path) -> None:
    ended = kvx("doctor", KVX_VOICE_MODEL=str(tmp_path / "nowhere"))
    assert ended.returncode == 3
    assert "model" in two_lines(ended)[0]
    assert "missing" in ended.stdout


def test_doctor_of_a_cluster_says_what_is_missing(kvx: Kvx, tmp_path: Path) -> None:
    ended = kvx("doctor", "--target", "cluster", KUBECONFIG=str(tmp_path / "nowhere"))
    assert ended.returncode == 3
    assert "kubeconfig" in two_lines(ended)[0]


@pytest.mark.parametrize(
    "arguments", [("--help",), ("version",), ("config", "show"), ("deploy", "--dry-run")]
)
def test_a_full_disk_behind_stdout_is_two_lines(
    tmp_path: Path, clean_environment: dict[str, str], arguments: tuple[str, ...]
) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*PROGRAM, *arguments],
            cwd=tmp_path,
            env=clean_environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 1
    assert two_lines(ended)[0] == "the disk is full"


def test_a_reader_that_leaves_ends_kvx_quietly(tmp_path: Path, clean_environment: dict[str, str]) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "deploy", "--dry-run"],
        cwd=tmp_path,
        env=clean_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait(60) == 1


# A limit on the size of files stands for a full disk: the same error, at the same calls.
LIMITED = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
LIMITED += "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))\n"


def test_a_full_disk_under_deploy_is_two_lines_and_exit_1(
    tmp_path: Path, clean_environment: dict[str, str]
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LIMITED + PROGRAM[2], "deploy"],
        cwd=tmp_path,
        env=clean_environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert two_lines(ended)[0].startswith("the disk is full")
    assert list((tmp_path / ".kvx/local").glob("lock*")) == []


@pytest.mark.needs("setpriv", "root")
@pytest.mark.parametrize("command", ["deploy", "doctor"])
def test_a_folder_of_somebody_else_is_named_with_a_fix(
    tmp_path: Path, clean_environment: dict[str, str], command: str
) -> None:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]
    ended = subprocess.run(
        [*nobody, *PROGRAM, command],
        cwd=tmp_path,
        env=clean_environment | {"HOME": "/nonexistent", "USER": "nobody"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in ended.stderr
    assert ended.returncode == (1 if command == "deploy" else 3), ended.stderr
    assert "--folder" in ended.stdout + ended.stderr
    assert list(tmp_path.iterdir()) == []


BUG = """
import typer
from kvx.commands.ending import end
app = typer.Typer()
@app.command()
def broken() -> None:
    {}["no such key"]
raise SystemExit(end(app, [], ()))
"""


def run_bug(folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BUG.replace("[], ()", '["--"], ()')],
        cwd=folder,
        env=environment | {"TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_bug_is_two_lines_and_leaves_its_traceback_in_a_file(
    tmp_path: Path, clean_environment: dict[str, str]
) -> None:
    ended = run_bug(tmp_path, clean_environment)
    assert ended.returncode == 1
    said, fix = two_lines(ended)
    assert said == "kvx met a bug: KeyError: 'no such key'"
    assert "Traceback" in Path(fix.removeprefix("report it with ")).read_text()


def test_a_bug_shows_its_traceback_to_who_asks_for_it(
    tmp_path: Path, clean_environment: dict[str, str]
) -> None:
    ended = run_bug(tmp_path, clean_environment | {"KVX_DEBUG": "1"})
    assert "Traceback (most recent call last)" in ended.stderr
    assert ended.returncode == 1


def test_a_deploy_ends_with_heard_intent_answer_address_and_next() -> None:
    data = {
        "heard": "list pods",
        "intent": "list_pods",
        "reply": "Two pods.",
        "address": "http://h:1",
        "pid": 5,
    }
    assert last_lines(True, data | {"notice": None}, SPOKEN) == (
        "heard     list pods",
        "intent    list_pods",
        "answer    Two pods.",
        "address   http://h:1",
        'next      kvx say "how many pods are not ready"',
    )
    assert last_lines(False, data, SPOKEN)[0] == "Nothing had to be changed."


def test_configured_nodes_end_with_how_many_were_changed_and_the_way_in() -> None:
    data = {"nodes": {"hosts": 5, "changed": ["kvx-workers-1"]}, "kubeconfig": "/x/kubeconfig"}
    lines = last_lines(True, data, NODES)
    assert lines[:2] == ("nodes     5, 1 changed", "access    /x/kubeconfig")
    nothing = last_lines(False, {"nodes": {"hosts": 5, "changed": []}}, NODES)
    assert nothing[:2] == ("Nothing had to be changed.", "nodes     5, none changed")
