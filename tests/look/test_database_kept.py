"""The database of a cluster, kept and put back by PostgreSQL's own programs; how it fails is told."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from exec_stand_in import OLDER, Kubelet, running

from kvx.cluster.database import DUMP
from kvx.drivers import cluster_database
from kvx.drivers.api_server import Api, connect
from kvx.drivers.pod_exec import Container, run_in
from kvx.errors import ExitCode, KvxError
from kvx.world import real_world

ROWS = 3000
POD = Container("kvx", "postgres-0", "postgres")


@pytest.fixture
def kubelet() -> Iterator[Kubelet]:
    with running(Kubelet()) as standing:
        yield standing


@pytest.fixture
def api(kubelet: Kubelet, tmp_path: Path) -> Api:
    return connect(kubelet.kubeconfig(tmp_path), None, real_world(), attempts=1)


@pytest.fixture
def psql(kubelet: Kubelet, postgresql_server: Path) -> Iterator[Callable[[str], str]]:
    """A statement in the database kvx, which is new; the pod's programs find it as well."""
    programs = sys.modules["postgresql_component"]._programs()
    kubelet.variables |= {"PGHOST": str(postgresql_server), "PATH": f"{programs}:{os.environ['PATH']}"}

    def typed(statement: str, database: str = "kvx", user: str = "kvx") -> str:
        words = ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", user, "-d", database, "-c", statement]
        own = os.environ | kubelet.variables
        return subprocess.run(words, env=own, check=True, capture_output=True, text=True, timeout=60).stdout

    typed("CREATE ROLE kvx LOGIN", "postgres", "postgres")
    typed("CREATE DATABASE kvx OWNER kvx", "postgres", "postgres")
    yield typed
    typed("DROP DATABASE kvx WITH (FORCE)", "postgres", "postgres")
    typed("DROP ROLE kvx", "postgres", "postgres")


def fill(psql: Callable[[str], str]) -> None:
    psql("CREATE TABLE ledger (id INT PRIMARY KEY, said TEXT NOT NULL)")
    psql(f"INSERT INTO ledger SELECT n, 'grün ' || repeat('x', 50) FROM generate_series(1, {ROWS}) n")


def all_of(psql: Callable[[str], str]) -> str:
    return psql("SELECT md5(string_agg(id || said, ',' ORDER BY id)) FROM ledger")


@pytest.mark.needs("postgresql")
def test_what_was_kept_comes_back_into_an_empty_database(psql: Callable[[str], str], api: Api) -> None:
    assert cluster_database.tables(api, "kvx") == 0
    fill(psql)
    before = all_of(psql)
    dump = cluster_database.dumped(api, "kvx")
    psql("DROP TABLE ledger")
    cluster_database.put_back(api, "kvx", dump)
    assert cluster_database.tables(api, "kvx") == 1
    assert all_of(psql) == before


@pytest.mark.needs("postgresql")
def test_it_takes_the_place_of_what_is_there_or_changes_nothing(psql: Callable[[str], str], api: Api) -> None:
    fill(psql)
    dump = cluster_database.dumped(api, "kvx")
    psql("DELETE FROM ledger WHERE id > 5")
    before, _, after = dump.rpartition(b"\nALTER TABLE")
    torn = before + b"\nALTER NOTHING" + after  # the table was dropped and filled anew by then
    with pytest.raises(KvxError, match=r"psql in pod postgres-0 ended with exit code 3: .*syntax error"):
        cluster_database.put_back(api, "kvx", torn)
    assert psql("SELECT count(*) FROM ledger").strip() == "5"
    cluster_database.put_back(api, "kvx", dump)
    assert psql("SELECT count(*) FROM ledger").strip() == str(ROWS)


@pytest.mark.needs("postgresql")
def test_a_connection_that_is_cut_gives_no_half_of_a_database(
    psql: Callable[[str], str], api: Api, kubelet: Kubelet
) -> None:
    fill(psql)
    kubelet.cut_after = 50_000
    with pytest.raises(KvxError, match="the connection to pod postgres-0 ended") as cut:
        cluster_database.dumped(api, "kvx")
    assert cut.value.exit_code is ExitCode.INCOMPLETE


def test_a_dump_that_does_not_say_that_it_is_whole_is_none(
    api: Api, kubelet: Kubelet, tmp_path: Path
) -> None:
    """A program may end well and have been cut off all the same, on its way through the kubelet."""
    program = tmp_path / DUMP[0]
    program.write_text("#!/bin/sh\necho 'SET client_encoding;'\n")
    program.chmod(0o755)
    kubelet.variables["PATH"] = f"{tmp_path}:{os.environ['PATH']}"
    with pytest.raises(KvxError, match="ends early"):
        cluster_database.dumped(api, "kvx")


def test_a_database_that_is_not_ready_is_not_kept_and_the_way_out_named(api: Api, kubelet: Kubelet) -> None:
    kubelet.ready = False
    with pytest.raises(KvxError, match="postgres-0 is not ready") as told:
        cluster_database.dumped(api, "kvx")
    assert "--without-database" in told.value.fix
    assert kubelet.commands == []


def test_who_may_run_no_program_there_is_told_the_right_that_is_missing(api: Api, kubelet: Kubelet) -> None:
    kubelet.forbidden = True
    with pytest.raises(KvxError, match="no pods/exec") as told:
        run_in(api, POD, ("true",), deadline_seconds=30, most_bytes=10)
    assert (told.value.exit_code, "can-i create pods/exec" in told.value.fix) == (ExitCode.MISSING, True)


def test_input_and_output_may_be_long_at_the_same_time(api: Api) -> None:
    everything = bytes(range(256)) * 20_000
    assert run_in(api, POD, ("cat",), stdin=everything, deadline_seconds=60, most_bytes=10**8) == everything


def test_a_program_that_never_ends_is_not_waited_for_without_end(api: Api) -> None:
    with pytest.raises(KvxError, match="did not end within 1 s"):
        run_in(api, POD, ("sleep", "30"), deadline_seconds=1, most_bytes=10)


def test_what_says_more_than_is_taken_is_refused(api: Api) -> None:
    with pytest.raises(KvxError, match="has more to say"):
        run_in(api, POD, ("head", "-c", "3000000", "/dev/zero"), deadline_seconds=60, most_bytes=1_000_000)


def test_a_kubernetes_that_cannot_say_that_input_ends_is_named(tmp_path: Path) -> None:
    with running(Kubelet(protocols=(OLDER,))) as old:
        api = connect(old.kubeconfig(tmp_path), None, real_world(), attempts=1)
        with pytest.raises(KvxError, match=r"older than 1\.30"):
            run_in(api, POD, ("cat",), stdin=b"a", deadline_seconds=30, most_bytes=10)
