"""The example extension really asks Docker's API, through the program and the protocol that docs describe."""

import json
import shutil
from pathlib import Path

import pytest
from docker_there import SECRET, DockerThere
from extending import EXAMPLE, OPERATOR, Opened

from voice_api.commands.core import CommandCore
from voice_api.commands.language.check import operations_check
from voice_api.commands.registry.builtin import BUILT_IN
from voice_api.extensions.adding import added
from voice_api.extensions.manifest import in_folder, read_manifest


@pytest.fixture(scope="module")
def shared(docker_extension: Path, core_with: Opened) -> CommandCore:
    """Reading the grammar takes a second."""
    return core_with(*in_folder(docker_extension.parents[1]))


@pytest.fixture
def core(shared: CommandCore, docker: DockerThere) -> CommandCore:
    docker.asked.clear()
    return shared


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        ("list the docker containers", "Web runs; nightly-job (exited) does not run."),
        ("which containers are stopped", "Nightly-job (exited) does not run."),
        (
            "describe the container web",
            "The container web is running, from nginx 1.27, its health is healthy.",
        ),
        (
            "why has the container nightly job stopped",
            (
                "The container nightly-job is exited, from nginx 1.27, it ended with 137, out of memory, "
                "it was restarted 2 times."
            ),
        ),
        (
            "show the last two lines of the container web",
            "The last line of web says: DB_PASSWORD=(hidden) was wrong.",
        ),
    ],
)
def test_containers_are_told_of(core: CommandCore, said: str, reply: str) -> None:
    answered = core.answer(said, OPERATOR)
    assert (answered.status, answered.reply) == ("SUCCESS", reply)
    assert answered.data["untrusted"] is True


def test_a_name_that_was_misheard_is_repaired_and_one_that_is_none_is_not_made_up(core: CommandCore) -> None:
    assert core.answer("how is the container nightly jobs", OPERATOR).intent.arguments == {  # type: ignore[union-attr]
        "container": "nightly-job"
    }
    assert core.answer("how is the container elephants", OPERATOR).status == "NEEDS_CLARIFICATION"


def test_questions_about_the_cluster_are_answered_as_before(core: CommandCore, docker: DockerThere) -> None:
    assert core.answer("describe checkout").reply.startswith("The deployment checkout in shop")
    assert core.answer("how many pods are there").status == "SUCCESS"
    assert docker.asked == []


def test_nothing_but_gets_are_sent_and_no_secret_comes_through(
    core: CommandCore, docker: DockerThere
) -> None:
    for said in ("list the containers", "describe the container web", "show the logs of the container web"):
        reply = core.answer(said, OPERATOR)
        assert SECRET not in json.dumps([reply.reply, dict(reply.data)])
    assert {method for method, _ in docker.asked} == {"GET"}


def test_who_lacks_the_role_is_not_told(core: CommandCore, docker: DockerThere) -> None:
    assert core.answer("list the containers").status == "PERMISSION_DENIED"
    assert docker.asked == []


def test_without_docker_it_is_said_so_and_the_cluster_still_answers(
    docker_extension: Path, core_with: Opened, tmp_path: Path
) -> None:
    file = Path(shutil.copytree(docker_extension.parent, tmp_path / "copy")) / docker_extension.name
    file.write_text(file.read_text().replace("docker.sock", "nobody.sock"))
    core = core_with(read_manifest(file))
    assert core.answer("list the containers", OPERATOR).reply == "Docker cannot be asked: FileNotFoundError."
    assert core.answer("describe the container web", OPERATOR).reply.startswith("Docker cannot be asked")
    assert core.answer("describe checkout", OPERATOR).status == "SUCCESS"


def test_its_grammar_has_no_problem() -> None:
    example = added([read_manifest(EXAMPLE / "extension.yaml")])
    assert operations_check(example.grammar, {**BUILT_IN, **example.functions}) == ()
