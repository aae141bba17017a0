"""The playbooks keep the rules of ansible-lint for production and yamllint, and Ansible understands them."""

import subprocess
import sys
from pathlib import Path

import pytest

ANSIBLE = Path(__file__).parents[2] / "ansible"
PROGRAMS = Path(sys.executable).parent


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    program = str(PROGRAMS / command[0])
    return subprocess.run(
        [program, *command[1:]], cwd=ANSIBLE, capture_output=True, text=True, timeout=280, check=False
    )


def test_ansible_lint_finds_nothing_by_its_strictest_profile() -> None:
    done = _run("ansible-lint", "--offline", "--nocolor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Profile 'production' was required, and it passed" in done.stdout + done.stderr


def test_yamllint_finds_nothing() -> None:
    done = _run("yamllint", "--strict", ".")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("playbook", sorted(path.name for path in ANSIBLE.glob("*.yml")))
def test_ansible_understands_each_playbook(playbook: str) -> None:
    done = _run("ansible-playbook", "--syntax-check", "-i", "localhost,", playbook)
    assert done.returncode == 0, done.stderr
    assert f"playbook: {playbook}" in done.stdout
