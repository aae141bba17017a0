"""Whoever changes a byte of the journal is found out."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from voice_api.commands.journal.chain import Broken, Head, head_of, record_of, sealed, verified

KEY = b"a key of the journal"
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
RECORDS = st.lists(
    st.dictionaries(st.sampled_from(["command", "heard", "level"]), st.text(max_size=30) | st.integers()),
    min_size=1,
    max_size=6,
)


def written(records: list[dict[str, Any]], key: bytes = KEY) -> tuple[list[str], list[Head]]:
    lines, heads = [], [Head()]
    for record in records:
        line, head = sealed(heads[-1], record, key)
        lines.append(line)
        heads.append(head)
    return lines, heads


THREE, HEADS = written([{"command": f"cmd-{number}", "heard": "restart web"} for number in range(3)])


def broken(lines: list[str], **more: Any) -> Broken:
    verdict = verified(lines, KEY, **more)
    assert isinstance(verdict, Broken)
    return verdict


@PATIENT
@given(RECORDS)
def test_what_was_written_is_whole_and_reads_as_it_was(records: list[dict[str, Any]]) -> None:
    lines, heads = written(records)
    assert verified(lines, KEY) == heads[-1] == head_of(lines[-1])
    assert [record_of(line) for line in lines] == records
    assert all(line.isascii() and "\n" not in line for line in lines)


@given(RECORDS, st.data())
@settings(PATIENT, max_examples=300)
def test_one_byte_changed_anywhere_is_found_in_its_line(
    records: list[dict[str, Any]], data: st.DataObject
) -> None:
    lines, _ = written(records)
    at = data.draw(st.integers(0, len(lines) - 1))
    place = data.draw(st.integers(0, len(lines[at]) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda letter: letter != lines[at][place]))
    lines[at] = lines[at][:place] + other + lines[at][place + 1 :]
    assert broken(lines).line == at + 1


def test_a_record_that_is_gone_moved_or_put_in_is_found() -> None:
    assert broken([THREE[0], THREE[2]]).line == 2
    assert broken([THREE[1], THREE[0], THREE[2]]).line == 1
    assert broken([THREE[0], THREE[0], THREE[1]]).line == 2
    foreign, _ = sealed(HEADS[1], {"command": "mine"}, b"another key")
    assert broken([THREE[0], foreign]) == Broken(2, "it was changed")


def test_spaces_that_change_nothing_but_the_bytes_are_found() -> None:
    loose = json.dumps(json.loads(THREE[1]), sort_keys=True)
    assert broken([THREE[0], loose, THREE[2]]) == Broken(2, "it is not written as the journal writes")


def test_a_chain_that_was_cut_or_made_anew_does_not_lead_through_its_checkpoint() -> None:
    assert verified(THREE[:2], KEY) == HEADS[2], "a chain alone cannot show that its end is missing"
    assert broken(THREE[:2], checkpoint=HEADS[3]).why == "the chain does not lead through the checkpoint"
    anew, _ = written([{"command": "harmless"}] * 3)
    assert isinstance(verified(anew, KEY), Head)
    assert isinstance(verified(anew, KEY, checkpoint=HEADS[2]), Broken)
    assert verified(THREE, KEY, checkpoint=HEADS[2]) == HEADS[3]


def test_a_piece_is_verified_from_the_head_it_goes_on_from() -> None:
    assert verified(THREE[1:], KEY, start=HEADS[1]) == HEADS[3]
    assert isinstance(verified(THREE[1:], KEY), Broken)


@pytest.mark.parametrize("line", ["", "null", "3", "[]", "{}", "{", '{"number":4}', "x" * 1000])
def test_what_is_no_record_is_found(line: str) -> None:
    assert broken([*THREE, line]) == Broken(4, "it is no record")


def test_a_record_cannot_chain_itself() -> None:
    with pytest.raises(ValueError, match="of its own"):
        sealed(Head(), {"seal": "x"}, KEY)
