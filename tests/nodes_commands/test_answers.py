"""What nodes answered to a command: told apart, and told as data that one can search in."""

from typing import Any

import pytest

from kvx.commands.nodes_run import endings, lines_of
from kvx.nodes.answers import Answer, answer_from
from kvx.nodes.inventory import Host

HOST = Host("edge-1", "agent", "192.0.2.1")


def answer(**result: Any) -> Answer:
    return answer_from(HOST, result, 30)


def test_an_exit_code_comes_with_what_was_printed() -> None:
    found = answer(rc=3, stdout="out", stderr="err")
    assert (found.node, found.code, found.stdout, found.stderr, found.wrong) == (
        "edge-1",
        3,
        "out",
        "err",
        None,
    )
    assert not found.good
    assert answer(rc=0, stdout="", stderr="").good


def test_a_node_that_was_not_reached_has_no_exit_code_and_says_why() -> None:
    found = answer(unreachable=True, msg="it does not answer:\n  No route to host")
    assert (found.code, found.wrong) == (None, "it does not answer: No route to host")
    assert not found.good


def test_no_answer_at_all_is_one_that_came_too_late() -> None:
    assert answer_from(HOST, None, 30).wrong == "it did not answer in time"


def test_a_command_that_was_ended_by_its_timeout_is_told_so() -> None:
    assert answer(rc=124, stdout="half").wrong == "it did not end within 30 s"


def test_a_module_that_fails_itself_says_so_as_an_error() -> None:
    assert answer(rc=2, msg="Error executing command.").stderr == "Error executing command."
    assert answer(msg="sudo: a password is required").wrong == "sudo: a password is required"


def test_each_line_stands_behind_its_node() -> None:
    assert lines_of("edge-1", "a\n\nb", 8) == ["edge-1    a", "edge-1    ", "edge-1    b"]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([Answer("a", 0)], ["exit code 0"]),
        ([Answer("a", 0), Answer("b", 0)], ["exit code 0 on all 2 nodes"]),
        (
            [Answer("a", 0), Answer("b", 3), Answer("c", None, wrong="gone"), Answer("d", 0)],
            ["exit code 0: a, d", "exit code 3: b", "c: gone"],
        ),
        ([Answer("a", 1)], ["exit code 1: a"]),
    ],
)
def test_how_they_ended_is_summed_up(found: list[Answer], said: list[str]) -> None:
    assert list(endings(found)) == said
