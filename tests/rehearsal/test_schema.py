"""Every answer is held against the vendor's own client, hcloud-go, decoded strictly."""

import copy
import importlib.util
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Project

HERE = Path(__file__).parent
COMPONENT = HERE.parent / "components" / "hcloud-go"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC6WCmcYJ2wJgWGSB9GMEJOZLIy8ml8qXDMTjjtBLIwV test"

pytestmark = pytest.mark.needs("go")

specification = importlib.util.spec_from_file_location("rehearsal_tour", HERE / "tour.py")
assert specification is not None
assert specification.loader is not None
tour = importlib.util.module_from_spec(specification)
specification.loader.exec_module(tour)


@pytest.fixture(scope="session")
def checker() -> str:
    command = [str(COMPONENT / "build")]
    built = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=150)
    return built.stdout.strip()


def problems(checker: str, answered: list[tuple[str, str, dict[str, Any]]]) -> dict[str, list[str]]:
    """What hcloud-go finds wrong, by the name of the answer."""
    lines = [json.dumps({"name": name, "schema": kind, "body": body}) for name, kind, body in answered]
    run = subprocess.run(
        [checker], input="\n".join(lines), capture_output=True, text=True, timeout=60, check=True
    )
    verdicts = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(verdicts) == len(answered)
    return {verdict["name"]: verdict["problems"] for verdict in verdicts if verdict["problems"]}


def test_every_answer_is_what_hcloud_go_expects(checker: str, project: "Project") -> None:
    answered = list(tour.answers(project, KEY))
    assert len(answered) > 100
    assert problems(checker, answered) == {}


def test_a_refusal_is_what_hcloud_go_expects(checker: str, project: "Project") -> None:
    refused = [
        project.send("GET", "/servers/1"),
        project.send("POST", "/servers", {}),
        project.send("GET", "/actions"),
        project.send("GET", "/servers", token="short"),
    ]
    answered = [(str(sent.status), "ErrorResponse", sent.body or {}) for sent in refused]
    assert [name for name, _, _ in answered] == ["404", "422", "410", "401"]
    assert problems(checker, answered) == {}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda server: server.pop("locked"), "server.locked: missing"),
        (lambda server: server["public_net"].pop("firewalls"), "server.public_net.firewalls: missing"),
        (lambda server: server.update(datacenter={}), 'json: unknown field "datacenter"'),
        (lambda server: server.update(volumes=None), "server.volumes: not a list"),
        (lambda server: server.update(name=None), "server.name: null"),
        (lambda server: server.update(created="yesterday"), "parsing time"),
    ],
)
def test_the_check_would_notice(checker: str, project: "Project", change: Any, complaint: str) -> None:
    answer = copy.deepcopy({"server": project.server()})
    change(answer["server"])
    found = problems(checker, [("server", "ServerGetResponse", answer)])
    assert any(complaint in problem for problem in found["server"])


def test_the_structs_are_those_of_the_provider_the_project_pins() -> None:
    wanted = "github.com/hetznercloud/hcloud-go/v2 "
    pins = {
        line.split(wanted)[1].split()[0]
        for folder in ("hcloud-go", "hcloud-provider")
        for line in (COMPONENT.parent / folder / "go.mod").read_text().splitlines()
        if wanted in line
    }
    assert len(pins) == 1
