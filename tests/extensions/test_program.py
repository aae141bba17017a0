"""Whatever a program does, whoever asked it has an answer in time, and nothing of it is left."""

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from voice_api.errors import VoiceApiError
from voice_api.extensions.child import Child, Program

GOOD = """
import json, os, sys
for line in sys.stdin:
    asked = json.loads(line)
    told = {"pid": os.getpid(), "method": asked["method"], "environment": dict(os.environ)}
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": told}), flush=True)
"""
BAD = {
    "does not answer in time": "import time; time.sleep(600)",
    "has ended": "",
    "answers something else than one line of JSON": "input(); print('hello', flush=True); input()",
    "answers more than can be listened to": "input(); print('x' * 1_000_000, flush=True); input()",
    "answers something else than it was asked": (
        'input(); print(\'{"jsonrpc": "2.0", "id": 99, "result": 1}\', flush=True); input()'
    ),
}
SLEEPS = "import time; time.sleep(600)"
Makes = Callable[..., Child]


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Makes]:
    made: list[Child] = []

    def make(code: str, deadline_seconds: float = 60.0) -> Child:
        (tmp_path / "program.py").write_text(code)
        command = (sys.executable, "program.py")
        made.append(Child(Program("weather", command, tmp_path, {"ZONE": "x"}, deadline_seconds)))
        return made[-1]

    yield make
    for each in made:
        each.close()


def gone(pid: int) -> bool:
    """Also where it is still to be waited for by whoever takes over orphans."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


def test_one_process_answers_one_question_after_the_other(child: Makes) -> None:
    asked = child(GOOD)
    first, second = asked.ask("names", {"kind": "sky"}), asked.ask("answer", {})
    assert (first["method"], second["method"]) == ("names", "answer")
    assert first["pid"] == second["pid"]


def test_it_has_no_variable_that_its_file_does_not_name(child: Makes) -> None:
    there = child(GOOD).ask("names", {})["environment"]
    assert there.pop("ZONE") == "x"
    assert there.keys() <= {"LC_CTYPE"}  # which Python sets for itself


@pytest.mark.parametrize("why", list(BAD))
def test_what_goes_wrong_is_told_in_time(child: Makes, why: str) -> None:
    asked = child(BAD[why], deadline_seconds=0.5 if "time" in why else 600.0)
    started = time.monotonic()
    with pytest.raises(VoiceApiError, match=f"The extension weather {why}"):
        asked.ask("answer", {})
    assert time.monotonic() - started < 60


def test_after_a_failure_it_rests_and_is_started_anew(tmp_path: Path) -> None:
    now = [0.0]
    (tmp_path / "program.py").write_text("import sys; sys.exit(1)")
    program = Program("weather", (sys.executable, "program.py"), tmp_path, deadline_seconds=60)
    asked = Child(program, lambda: now[0])
    with pytest.raises(VoiceApiError, match="has ended"):
        asked.ask("answer", {})
    (tmp_path / "program.py").write_text(GOOD)
    with pytest.raises(VoiceApiError, match="failed a moment ago"):
        asked.ask("answer", {})
    now[0] = 60.0
    assert asked.ask("answer", {})["method"] == "answer"
    asked.close()


def test_who_waited_for_another_has_the_whole_time_all_the_same(tmp_path: Path) -> None:
    now = [0.0]
    waits = "for line in sys.stdin:\n    while not os.path.exists('go'): time.sleep(0.02)"
    code = GOOD.replace("import json", "import json, time").replace("for line in sys.stdin:", waits)
    (tmp_path / "program.py").write_text(code)
    asked = Child(
        Program("weather", (sys.executable, "program.py"), tmp_path, deadline_seconds=60), lambda: now[0]
    )
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(asked.ask, "answer", {}) for _ in range(2)]
        wait(answers, 0.5)  # the second one is there
        now[0] = 100.0
        (tmp_path / "go").touch()
        assert [each.result(60)["method"] for each in answers] == ["answer", "answer"]
    asked.close()


def test_it_and_what_it_started_are_gone_when_it_is_closed(tmp_path: Path) -> None:
    code = GOOD.replace('"pid": os.getpid()', '"pids": [os.getpid(), helper.pid]').replace(
        "for line",
        f"import subprocess\nhelper = subprocess.Popen([sys.executable, '-c', '{SLEEPS}'])\nfor line",
        1,
    )
    (tmp_path / "program.py").write_text(code)
    asked = Child(Program("weather", (sys.executable, "program.py"), tmp_path, deadline_seconds=60))
    pids = asked.ask("answer", {})["pids"]
    assert not any(map(gone, pids))
    asked.close()
    until = time.monotonic() + 60
    while not all(map(gone, pids)) and time.monotonic() < until:
        time.sleep(0.02)
    assert all(map(gone, pids))


def test_its_own_error_is_told_without_secrets_and_does_not_end_it(child: Makes) -> None:
    code = GOOD.replace('"result": told', '"error": {"message": "password=hunter2hunter2 is wrong"}')
    asked = child(code)
    for _ in range(2):
        with pytest.raises(VoiceApiError, match=r"password=\(hidden\) is wrong"):
            asked.ask("answer", {})


def test_a_flood_for_its_owner_does_not_stop_it(child: Makes) -> None:
    code = GOOD.replace("for line", "sys.stderr.write('x' * 5_000_000)\nfor line", 1)
    assert child(code).ask("answer", {})["method"] == "answer"


def test_more_than_a_pipe_holds_is_not_asked(child: Makes) -> None:
    asked = child(SLEEPS, 600.0)
    started = time.monotonic()
    with pytest.raises(VoiceApiError, match="too many words"):
        asked.ask("answer", {"x": "y" * 100_000})
    assert time.monotonic() - started < 60
