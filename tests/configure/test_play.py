"""What a run of a playbook comes to, told by real runs of Ansible on this machine."""

import json
import os
import stat
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from kvx.drivers.ansible import Change, HostResult, play
from kvx.errors import ExitCode, KvxError
from kvx.secret import Secret

CANARY = "canary7secret"


def write(path: object, content: str = "hello\n", **more: Any) -> dict[str, Any]:
    task = {
        "name": "Write it",
        "ansible.builtin.copy": {"content": content, "dest": str(path), "mode": "0644"},
    }
    return {**task, **more}


def fail(message: str, **more: Any) -> dict[str, Any]:
    return {"name": "It is as it should be", "ansible.builtin.fail": {"msg": message}, **more}


def test_what_changed_is_told_line_by_line_and_what_is_all_right_is_not(ground: Any, tmp_path: Path) -> None:
    here = tmp_path / "of {{ inventory_hostname }}"
    tasks = (write(here), {"name": "Nothing", "ansible.builtin.debug": {"msg": "nothing"}})
    played = ground.play(*tasks)
    assert played.hosts == {host: HostResult(ok=2, changed=1) for host in ("one", "two", "three")}
    assert sorted(ground.said) == [
        "A play",
        *(f"{host}: Write it: changed" for host in ("one", "three", "two")),
    ]
    assert sorted(change.host for change in played.changes) == ["one", "three", "two"]
    assert played.changed
    assert "TASK [Nothing]" in played.log.read_text()
    ground.said.clear()
    again = ground.play(*tasks)
    assert (again.changed, again.changes, ground.said) == (False, (), ["A play"])


def test_a_check_changes_nothing_and_tells_the_difference(ground: Any, tmp_path: Path) -> None:
    ground.hosts("one")
    (tmp_path / "file").write_text("before\n")
    played = ground.play(write(tmp_path / "file", "after\n"), check=True)
    (change,) = played.changes
    assert (change.host, change.task) == ("one", "Write it")
    assert "-before\n+after" in change.diff
    assert (tmp_path / "file").read_text() == "before\n"


def test_a_failing_task_names_host_and_task_and_says_what_the_task_says(ground: Any, tmp_path: Path) -> None:
    message = "There is no way out. Fix: open port 443."
    tasks = (write(tmp_path / "{{ inventory_hostname }}"), fail(message, when="inventory_hostname == 'two'"))
    with pytest.raises(KvxError) as raised:
        ground.play(*tasks)
    words = raised.value.message
    assert words.startswith(f"two: the task 'It is as it should be' failed: {message}")
    assert words.endswith("(other hosts: 2 without a failure, 2 changed)")
    assert raised.value.exit_code is ExitCode.FAILED
    log = Path(raised.value.fix.rpartition(" ")[2])
    assert message in log.read_text()
    assert f"two: It is as it should be: failed: {message}" in ground.said


def test_of_many_hosts_that_fail_some_are_named_and_the_rest_is_counted(ground: Any) -> None:
    ground.hosts(*(f"host{number}" for number in range(7)))
    with pytest.raises(KvxError) as raised:
        ground.play(fail("no"))
    assert raised.value.message.count("the task") == 4
    assert raised.value.message.endswith("; and 3 more hosts")


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (
            {
                "ansible.builtin.command": {
                    "argv": ["sh", "-c", "echo first >&2; echo the reason >&2; exit 3"]
                }
            },
            "non-zero return code: the reason",
        ),
        (
            {"ansible.builtin.fail": {"msg": "item {{ item }} is wrong"}, "loop": [1, 2]},
            "item 1 is wrong; item 2 is wrong",
        ),
        ({"ansible.builtin.file": {"path": "/proc/nothing", "state": "touch"}}, "/proc/nothing"),
    ],
)
def test_the_reason_is_found_wherever_the_task_says_it(ground: Any, task: dict[str, Any], words: str) -> None:
    ground.hosts("one")
    with pytest.raises(KvxError) as raised:
        ground.play(task)
    assert words in raised.value.message


def test_what_is_ignored_or_rescued_is_no_failure(ground: Any, tmp_path: Path) -> None:
    rescued = {"block": [fail("rescued")], "rescue": [write(tmp_path / "{{ inventory_hostname }}")]}
    played = ground.play(fail("ignored", ignore_errors=True), rescued)
    assert all(result.good for result in played.hosts.values())
    assert not any("ignored" in words for words in ground.said)


def test_a_task_that_is_tried_again_is_told_once(ground: Any) -> None:
    ground.hosts("one")
    task = {
        "name": "Wait",
        "ansible.builtin.command": "false",
        "register": "it",
        "until": "it is success",
        "retries": 3,
        "delay": 0.1,
        "ignore_errors": True,
        "changed_when": False,
    }
    ground.play(task)
    assert [words for words in ground.said if "Wait" in words] == ["one: Wait: not yet, asked again"]


def test_roles_are_named_with_their_tasks(ground: Any, tmp_path: Path) -> None:
    ground.hosts("one")
    tasks = tmp_path / "roles" / "base" / "tasks"
    tasks.mkdir(parents=True)
    (tasks / "main.yml").write_text(json.dumps([write(tmp_path / "file")]))
    played = ground.play({"ansible.builtin.import_role": {"name": "base"}})
    assert played.changes == (Change("one", "base", "Write it"),)
    assert "one: Write it (base): changed" in ground.said


def test_a_mistake_in_the_playbook_is_told_in_ansibles_words(ground: Any) -> None:
    with pytest.raises(KvxError, match="no_such_module") as raised:
        ground.play({"name": "Wrong", "no_such_module": {}})
    assert raised.value.message.startswith("playbook.yml ended with code")


def test_a_limit_that_no_host_matches_is_told(ground: Any) -> None:
    with pytest.raises(KvxError, match="nobody"):
        ground.play(fail("no"), limit=("nobody",))


def test_a_limit_leaves_the_others_alone(ground: Any, tmp_path: Path) -> None:
    played = ground.play(write(tmp_path / "{{ inventory_hostname }}"), limit=("one", "three"))
    assert sorted(played.hosts) == ["one", "three"]


def test_variables_reach_the_playbook_and_those_of_the_users_file_count_more(
    ground: Any, tmp_path: Path
) -> None:
    ground.hosts("one")
    (tmp_path / "more.yml").write_text("second: of the file\n")
    task = write(tmp_path / "file", "{{ first.deep[1] }}, {{ second }}\n")
    variables = {"first": {"deep": [1, "two words"]}, "second": "of kvx"}
    ground.play(task, variables=variables, variables_file=tmp_path / "more.yml")
    assert (tmp_path / "file").read_text() == "two words, of the file\n"


def test_a_secret_reaches_the_playbook_and_lies_in_no_file(ground: Any, tmp_path: Path) -> None:
    ground.hosts("one")
    digest = "{{ lookup('ansible.builtin.env', 'KVX_CANARY') | hash('sha256') }}\n"
    ground.play(write(tmp_path / "digest", digest), secrets={"KVX_CANARY": Secret(CANARY)})
    assert (tmp_path / "digest").read_text().strip() == sha256(CANARY.encode()).hexdigest()
    files = dict(ground.written())
    assert len(files) > 5
    assert [path for path, text in files.items() if CANARY in text] == []
    assert stat.S_IMODE((ground.folder / "ansible").stat().st_mode) == 0o700


def test_nothing_of_the_users_own_ansible_counts(
    ground: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The surroundings are a parameter of the whole program, so they are set as a shell would."""
    ground.hosts("one")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ansible.cfg").write_text("[defaults]\nforks = not a number\n")
    monkeypatch.setenv("ANSIBLE_FORKS", "not a number")
    monkeypatch.setenv("ANSIBLE_STRATEGY", "no_such_strategy")
    monkeypatch.setenv("ANSIBLE_CONFIG", str(tmp_path / ".ansible.cfg"))
    monkeypatch.setenv("HCLOUD_TOKEN", CANARY)
    monkeypatch.setenv("https_proxy", f"http://me:{CANARY}@proxy")
    environment = write(tmp_path / "environment", "{{ lookup('ansible.builtin.pipe', 'env') }}\n")
    played = ground.play(environment)
    assert played.hosts["one"].good
    seen = (tmp_path / "environment").read_text()
    assert "HCLOUD_TOKEN" not in seen
    assert f"https_proxy=http://me:{CANARY}@proxy" in seen
    assert [path for path, text in ground.written() if CANARY in text] == []


def test_the_logs_of_ten_runs_are_kept_for_their_owner_alone(ground: Any) -> None:
    ground.hosts("one")
    artifacts = ground.folder / "ansible" / "artifacts"
    for number in range(12):
        (artifacts / f"2025-{number:02}").mkdir(parents=True)
        os.utime(artifacts / f"2025-{number:02}", (number, number))
    log = ground.play({"ansible.builtin.debug": {"msg": "x"}}).log
    kept = {path.name for path in artifacts.iterdir()}
    assert len(kept) == 10
    assert log.parent.name in kept
    assert "2025-00" not in kept
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert list(log.parent.glob("job_events/*")) == []


def test_without_an_inventory_the_way_to_one_is_named(ground: Any) -> None:
    (ground.folder / "inventory.yaml").unlink()
    with pytest.raises(KvxError, match="no machines were handed over") as raised:
        ground.play(fail("no"))
    assert (raised.value.exit_code, raised.value.fix) == (ExitCode.MISSING, "kvx terraform makes them")


def test_a_playbook_that_is_not_there_is_named(ground: Any, tmp_path: Path) -> None:
    wanted = ground.of(fail("no"))
    wanted.playbook.unlink()
    with pytest.raises(KvxError, match=r"playbook\.yml is not there"):
        play(wanted, ground.world)
