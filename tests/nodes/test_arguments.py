"""Every role refuses a variable of the wrong type before its first task."""

import json
import os
import subprocess
from pathlib import Path

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


def _wrongs() -> list[tuple[str, str, dict[str, object]]]:
    specs = {path.parts[-3]: path for path in sorted(ANSIBLE.glob("roles/*/meta/argument_specs.yml"))}
    found = [
        (role, entry, _wrong(spec.get("options", {})))
        for role, path in specs.items()
        for entry, spec in yaml.safe_load(path.read_text())["argument_specs"].items()
    ]
    return [each for each in found if each[2]]


def test_every_role_says_what_it_takes() -> None:
    roles = {path.name for path in (ANSIBLE / "roles").iterdir()}
    assert roles == {path.parts[-3] for path in ANSIBLE.glob("roles/*/meta/argument_specs.yml")}


@pytest.mark.needs("ansible-playbook")
@pytest.mark.parametrize(("role", "entry", "wrong"), _wrongs(), ids=lambda value: str(value)[:40])
def test_a_wrong_type_is_refused_by_its_name(
    role: str, entry: str, wrong: dict[str, object], tmp_path: Path
) -> None:
    include = {"name": "Include", "ansible.builtin.include_role": {"name": role, "tasks_from": entry}}
    playbook = tmp_path / "playbook.yml"
    inventory = tmp_path / "inventory.ini"
    inventory.write_text(INVENTORY)
    play = {"hosts": "localhost", "connection": "local", "gather_facts": True, "tasks": [include]}
    playbook.write_text(yaml.safe_dump([play]))
    given = {"handover_folder": str(tmp_path), "cluster_name": "a"} | wrong
    done = subprocess.run(
        ["ansible-playbook", "-i", inventory, "--check", "-e", json.dumps(given), playbook],
        env=os.environ | {"ANSIBLE_ROLES_PATH": str(ANSIBLE / "roles"), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 2, done.stdout
    for name in wrong:
        assert f"'{name}'" in done.stdout or f"of {name} must be one of" in done.stdout, (name, done.stdout)
