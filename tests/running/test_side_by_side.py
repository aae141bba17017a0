"""tests/run runs parts of the tests at the same time, and none is lost."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("side_by_side.py")
SECONDS = 120


def python(*lines: str) -> list[str]:
    return [sys.executable, "-c", "\n".join(("import sys, time, pathlib", *lines))]


NAMES = ("quick", "slow", "slower")


def command(*sides: list[str]) -> list[str]:
    words = [word for name, side in zip(NAMES, sides, strict=True) for word in ("--", name, *side)]
    return [sys.executable, str(PROGRAM), *words[1:]]


def run(*sides: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*sides), capture_output=True, text=True, timeout=SECONDS, check=False)


def test_they_run_at_the_same_time_and_each_is_read_as_a_whole(tmp_path: Path) -> None:
    """Each waits until the others have begun."""
    meet = [
        f"folder = pathlib.Path({str(tmp_path)!r})",
        "def meet(mine):",
        "    end = time.monotonic() + 100",
        "    (folder / mine).touch()",
        "    while len(list(folder.iterdir())) < 3: time.sleep(0.01); assert time.monotonic() < end",
        "    print('it is', mine); print('and also', mine)",
    ]
    ended = run(*(python(*meet, f"meet('{name}')") for name in ("one", "two", "three")))
    assert ended.returncode == 0, ended.stderr
    told = [line for line in ended.stdout.splitlines() if line.startswith(("it is", "and also"))]
    assert told == [f"{words} {name}" for name in ("one", "two", "three") for words in ("it is", "and also")]
    assert ended.stdout.endswith("== quick: in order\n== slow: in order\n== slower: in order\n")


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_one_that_fails_fails_all_and_is_told_last(failing: int) -> None:
    sides = [python("print('fine')") for _ in NAMES]
    summary = "==== short test summary info ====\nFAILED this one\n"
    sides[failing] = python(f"print({summary!r}, end='')", "sys.exit(3)")
    ended = run(*sides)
    assert ended.returncode == 1
    assert f"== {NAMES[failing]}: ended with 3\n{summary}" in ended.stdout


def test_what_others_say_after_the_first_has_ended_is_shown_at_once(tmp_path: Path) -> None:
    waiting = python(
        "print('waiting', flush=True)",
        "end = time.monotonic() + 100",
        "while not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.01); assert time.monotonic() < end",
    )
    sides = [python("print('first')"), [*waiting, str(tmp_path / "seen")], python("print('third')")]
    with subprocess.Popen(command(*sides), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert "waiting\n" in lines  # it does not end before this is seen
        (tmp_path / "seen").touch()
        assert process.wait(SECONDS) == 0


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def test_asked_to_end_it_lets_all_tidy_up(tmp_path: Path) -> None:
    tidying = [
        "name = pathlib.Path(sys.argv[1])",
        "try: name.with_suffix('.begun').touch(); time.sleep(150)",
        "finally: name.with_suffix('.tidy').touch()",
    ]
    sides = [[*python(*tidying), str(tmp_path / name)] for name in NAMES]
    with subprocess.Popen(command(*sides), stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            until(lambda: len(list(tmp_path.glob("*.begun"))) == 3)
            process.send_signal(signal.SIGTERM)
            assert process.wait(SECONDS) == 1
        finally:
            process.kill()
    assert len(list(tmp_path.glob("*.tidy"))) == 3


def test_the_sides_are_all_tests_and_share_none() -> None:
    def chosen(*options: str) -> list[str]:
        collect = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
        folders = ["tests/rehearse", "tests/drills", "tests/cluster", "tests/apply"]
        ended = subprocess.run(
            [*collect, *options, *folders],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
        return sorted(line for line in ended.stdout.splitlines() if "::" in line)

    sides = {side: chosen(f"--side={side}") for side in ("hosts", "node", "api-server", "others")}
    assert any("test_hosts.py" in each for each in sides["hosts"])
    assert any("test_deploy.py" in each for each in sides["node"])
    assert any("test_killed.py" in each for each in sides["api-server"])
    assert any("test_rehearse.py" in each for each in sides["others"])
    assert sorted(each for side in sides.values() for each in side) == chosen()
