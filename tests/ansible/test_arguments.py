"""Every role refuses a variable of the wrong type before its first task."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ANSIBLE = Path(__file__).parents[2] / "ansible"
INVENTORY = """[k3s_server]
localhost private_ip=10.0.0.2 ansible_host=10.0.0.2 ansible_python_interpreter="{{ ansible_playbook_python }}"
[k3s_agent]
"""
WRONG = {"int": "many", "bool": "perhaps", "list": {"a": 1}, "dict": "none"}


def _wrong(options: dict[str, dict[str, object]]) -> dict[str, object]:
    """A wrong value for every option that can have one."""
    return {
        name: "something-else" if "choices" in option else WRONG[str(option["type"])]
        for name, option in options.items()
        if "choices" in option or option["type"] in WRONG
    }


def _entries() -> dict[str, dict[str, object]]:
    """For each way into a role that takes such options, a wrong value for each of them."""
    specs = {path.parts[-3]: path for path in sorted(ANSIBLE.glob("roles/*/meta/argument_specs.yml"))}
    found = {
        f"{role} {entry}": _wrong(spec.get("options", {}))
        for role, path in specs.items()
        for entry, spec in yaml.safe_load(path.read_text())["argument_specs"].items()
    }
    return {name: wrong for name, wrong in found.items() if wrong}


def _attempt(name: str, wrong: dict[str, object], complaints: Path) -> dict[str, Any]:
    """Includes the role with its wrong values, and writes down why it was refused."""
    role, entry = name.split()
    include = {"name": "Include", "vars": wrong} | {
        "ansible.builtin.include_role": {"name": role, "tasks_from": entry}
    }
    said = "([ansible_failed_task.name] + ansible_failed_result.argument_errors)"
    keep = {
        "name": "Keep",
        "ansible.builtin.copy": {
            "dest": str(complaints / name),
            "content": f"{{{{ {said} | join('\n') }}}}",
            "mode": "0600",
        },
        "check_mode": False,
    }
    return {"name": name, "block": [include], "rescue": [keep]}


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What each role said, in a file of its name: one run of Ansible for all."""
    folder = tmp_path_factory.mktemp("arguments")
    said = folder / "said"
    said.mkdir()
    tasks = [_attempt(name, wrong, said) for name, wrong in _entries().items()]
    play = {"hosts": "localhost", "connection": "local", "gather_facts": True, "tasks": tasks}
    (folder / "playbook.yml").write_text(yaml.safe_dump([play]))
    (folder / "inventory.ini").write_text(INVENTORY)
    given = json.dumps({"handover_folder": str(folder), "cluster_name": "a"})
    program = Path(sys.executable).with_name("ansible-playbook")
    done = subprocess.run(
        [program, "-i", folder / "inventory.ini", "--check", "-e", given, folder / "playbook.yml"],
        env=os.environ
        | {
            "ANSIBLE_ROLES_PATH": str(ANSIBLE / "roles"),
            "ANSIBLE_LIBRARY": str(ANSIBLE / "library"),
            "ANSIBLE_NOCOLOR": "1",
        },
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return said


def test_every_role_says_what_it_takes() -> None:
    roles = {path.name for path in (ANSIBLE / "roles").iterdir()}
    assert roles == {path.parts[-3] for path in ANSIBLE.glob("roles/*/meta/argument_specs.yml")}


@pytest.mark.parametrize("name", _entries())
def test_a_wrong_type_is_refused_by_its_name(name: str, complaints: Path) -> None:
    task, *said = (complaints / name).read_text().splitlines()
    assert task.startswith("Validating arguments against arg spec"), task
    for option in _entries()[name]:
        assert any(f"'{option}'" in line or f"of {option} must be one of" in line for line in said), (
            option,
            said,
        )
