"""What Ansible would change, for people: hosts that change alike together, and differences kept short."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from kvx.commands.nodes_changes import MOST_WITH_LINES, NodesChanges
from kvx.errors import ExitCode, KvxError
from kvx.nodes.changes import MOST_LETTERS, MOST_LINES, NodeChange, alike, short

SSHD = """--- before: /etc/ssh/sshd_config.d/kvx.conf
+++ after: /etc/ssh/sshd_config.d/kvx.conf
@@ -1,3 +1,3 @@
 # By kvx.
-PasswordAuthentication yes
+PasswordAuthentication no
 ListenAddress 10.0.1.3"""


def change(host: str, task: str = "Write the settings", diff: str = SSHD) -> NodeChange:
    return NodeChange(host, "base", task, diff)


def test_a_difference_is_the_file_and_the_lines_that_come_and_go() -> None:
    assert list(short(SSHD)) == [
        "/etc/ssh/sshd_config.d/kvx.conf",
        "-PasswordAuthentication yes",
        "+PasswordAuthentication no",
    ]


@given(st.lists(st.text("ab+- @", max_size=200), max_size=60))
def test_no_difference_is_longer_than_a_few_short_lines(lines: Sequence[str]) -> None:
    shown = list(short("\n".join(f"+{line}" for line in lines)))
    assert len(shown) <= MOST_LINES + 1
    assert all(len(line) <= MOST_LETTERS for line in shown)


def test_what_was_cut_off_is_counted() -> None:
    diff = "\n".join(f"+{number}" for number in range(MOST_LINES + 3))
    assert list(short(diff))[-1] == "... 3 more lines"


def test_hosts_that_would_change_alike_stand_together_though_what_is_around_the_change_differs() -> None:
    other = SSHD.replace("10.0.1.3", "10.0.1.4")
    groups = alike([change("a"), change("b", diff=other), change("c", task="Another")], ["a", "b", "c", "d"])
    assert [group.hosts for group in groups] == [("a", "b"), ("c",), ("d",)]
    assert groups[-1].changes == ()


hosts = st.lists(st.sampled_from("abcd"), unique=True)
changes = st.lists(st.builds(NodeChange, st.sampled_from("abcd"), st.just("r"), st.sampled_from("xyz")))


@given(changes, hosts)
def test_every_host_is_told_once_with_all_its_changes(found: list[NodeChange], every: list[str]) -> None:
    groups = alike(found, every)
    told = [host for group in groups for host in group.hosts]
    assert sorted(told) == sorted({*every, *(each.host for each in found)})
    for group in groups:
        for host in group.hosts:
            assert [task for _, task, _ in group.changes] == [
                each.task for each in found if each.host == host
            ]


def test_the_paragraph_names_hosts_tasks_and_lines() -> None:
    known = NodesChanges(("a", "b", "c"), (change("a"), change("b")))
    assert known.paragraph.splitlines() == [
        "What that changes on the machines:",
        "  a and b:",
        "    base: Write the settings",
        "      /etc/ssh/sshd_config.d/kvx.conf",
        "      -PasswordAuthentication yes",
        "      +PasswordAuthentication no",
        "  c: nothing",
    ]


def test_a_machine_that_changes_in_all_things_is_told_without_each_line() -> None:
    many = tuple(change("a", task=f"Task {number}") for number in range(MOST_WITH_LINES + 1))
    said = NodesChanges(("a",), many).paragraph
    assert f"base: Task {MOST_WITH_LINES}" in said
    assert "PasswordAuthentication" not in said
    assert "kvx ansible --check --json" in said


def test_without_machines_it_is_said_when_it_will_show() -> None:
    nothing = NodesChanges(None)
    assert "once they are made" in nothing.paragraph
    assert (nothing.data, nothing.refusal) == (None, None)


def test_nothing_to_change_is_said_with_the_names() -> None:
    assert NodesChanges(("a", "b")).paragraph == "Nothing has to be changed on the machines: a and b."


def test_what_could_not_be_told_is_said_in_the_plan_and_ends_with_exit_code_4() -> None:
    unknown = NodesChanges(("a",), wrong=KvxError("a was not reached", "kvx drift"))
    assert unknown.paragraph.endswith("could not be told: a was not reached.")
    assert unknown.refusal is not None
    assert (unknown.refusal.exit_code, unknown.refusal.fix) == (ExitCode.INCOMPLETE, "kvx drift")
