"""However a service dies, there is no act in the cluster without a record of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from operated import KEY, Operated

from voice_api.commands.journal.chain import Head
from voice_api.commands.journal.file import last_records, verified_folder

pytestmark = pytest.mark.needs("kube-apiserver", "etcd", "openssl")
# A third of them between record and act, a third between act and outcome, a third anywhere.
# KVX_TEST_JOURNAL_KILLS=600 makes that 200 each, in about two minutes; with pytest -s the counts are told.
ROUNDS = int(os.environ.get("KVX_TEST_JOURNAL_KILLS", "18"))


@pytest.mark.timeout(900)
def test_there_is_no_act_without_a_record_however_often_it_is_killed(
    operated: Operated, space: str, tmp_path: Path
) -> None:
    operated.deployment(space, "web", 1)
    program = [sys.executable, str(Path(__file__).with_name("killed.py"))]
    arguments = [str(operated.service), space, str(tmp_path), str(ROUNDS)]
    ended = subprocess.run([*program, *arguments], capture_output=True, text=True, timeout=800, check=False)
    assert ended.returncode == 0, ended.stderr
    journal = tmp_path / "journal"
    assert isinstance(verified_folder(journal, KEY), Head)
    records = last_records(journal, 1_000_000)
    intended = {str(each["command"]) for each in records if each.get("stage") == "before"}
    told = {str(each["command"]) for each in records if each.get("stage") == "after"}
    done = {
        str(entry["userAgent"]).rpartition(" ")[2]
        for entry in operated.server.audited("kvx-voice-api cmd_")
        if f"/{space}/" in entry["requestURI"] and entry["responseStatus"]["code"] == 200
    }
    print(
        f"\n{ROUNDS} kills: {len(intended - done)} changes recorded and not made, {len(done)} made, "
        f"{len(done - told)} of them without an outcome, {len(done - intended)} without a record"
    )
    assert done <= intended, "an act without a record"
    assert len(intended - done) >= ROUNDS // 3, "it was never killed between record and act"
    assert len(done - told) >= ROUNDS // 3, "it was never killed between act and outcome"
