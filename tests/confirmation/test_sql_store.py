"""Questions wait in a database as they do in memory: any replica settles one, and only one does."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from voice_api.commands.confirmation.pending import Bound, Pending, Speaker, State, Target, staged
from voice_api.commands.confirmation.settle import Heard, Refused, Settled
from voice_api.commands.confirmation.sql_store import KEPT_SECONDS, SqlPendings
from voice_api.commands.confirmation.store import PendingsInMemory, PendingStore, answered
from voice_api.commands.registry.declaring import Confirmation
from voice_api.errors import VoiceApiError

KEY = b"k" * 32
NOW = 1_795_262_400.125
SPEAKER = Speaker("ada", "kitchen", "lab", "uid-of-the-cluster")
TARGET = Target("deployment", "shop", "cart", "uid-1", 3, "1234")
BOUND = Bound(SPEAKER, "restart", '{"name":"cart","namespace":"shop"}', "WRITE_SAFE", TARGET, "ab" * 32)


def question(identifier: str = "one", now: float = NOW, bound: Bound = BOUND) -> Pending:
    return staged(bound, Confirmation.YES, "Shall I?", identifier=identifier, code="47", now=now, key=KEY)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))])
def engines(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Engine, Engine]]:
    """The same database, as two replicas of a service open it."""
    waits: dict[str, float] = {}
    if request.param == "sqlite":
        address, waits = f"sqlite:///{tmp_path / 'pendings.sqlite'}", {"timeout": 60.0}
    else:
        given: str = request.getfixturevalue("postgresql")
        address = given.replace("postgresql://", "postgresql+psycopg://", 1)
    opened = (create_engine(address, connect_args=waits), create_engine(address, connect_args=waits))
    yield opened
    for each in opened:
        each.dispose()


def test_a_question_comes_back_as_it_was(engines: tuple[Engine, Engine]) -> None:
    here, there = map(SqlPendings, engines)
    here.add(question())
    assert there.with_id("one") == question()
    assert there.of_session("ada", "kitchen") == (question(),)
    assert there.of_session("ada", "cellar") == there.of_session("bob", "kitchen") == ()
    assert there.with_id("two") is None


def test_an_id_is_never_given_twice(engines: tuple[Engine, Engine]) -> None:
    here, there = map(SqlPendings, engines)
    here.add(question())
    with pytest.raises(ValueError, match="twice"):
        there.add(question())


def test_of_many_answers_at_once_one_settles_it(engines: tuple[Engine, Engine]) -> None:
    stores: list[PendingStore] = [SqlPendings(each) for each in engines]
    stores[0].add(question())
    heard = Heard("yes", SPEAKER, NOW + 5, "one", spoken=False)
    with ThreadPoolExecutor(8) as pool:
        verdicts = list(pool.map(lambda turn: answered(stores[turn % 2], heard, KEY), range(16)))
    assert sum(isinstance(each, Settled) for each in verdicts) == 1
    assert sum(each == Refused("used", security=True) for each in verdicts) == 15
    settled = stores[1].with_id("one")
    assert settled is not None
    assert settled.state is State.USED


def test_what_was_changed_in_the_database_is_not_settled(engines: tuple[Engine, Engine]) -> None:
    store = SqlPendings(engines[0])
    store.add(question())
    with engines[1].begin() as connection:
        changed = text("UPDATE command_pendings SET content = replace(content, 'cart', 'bank')")
        connection.execute(changed)
    heard = Heard("yes", SPEAKER, NOW + 5, "one", spoken=False)
    assert answered(store, heard, KEY) == Refused("tampered", security=True)


def test_settled_questions_are_forgotten_after_an_hour_and_not_before(engines: tuple[Engine, Engine]) -> None:
    store = SqlPendings(engines[0])
    store.add(question())
    store.add(question("two", NOW + KEPT_SECONDS - 1))
    assert store.with_id("one") is not None
    store.add(question("three", NOW + KEPT_SECONDS + 1))
    assert store.with_id("one") is None
    assert store.with_id("two") is not None


def test_what_is_exchanged_was_there(engines: tuple[Engine, Engine]) -> None:
    store, memory = SqlPendings(engines[0]), PendingsInMemory()
    asked = question()
    used = replace(asked, state=State.USED)
    for each in (store, memory):
        each.add(asked)
        assert not each.exchange(used, asked)
        assert each.exchange(asked, used)
        assert not each.exchange(asked, used)


def test_a_database_that_is_gone_is_told_of_and_settles_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "there"
    folder.mkdir()
    engine = create_engine(f"sqlite:///{folder / 'pendings.sqlite'}")
    store = SqlPendings(engine)
    engine.dispose()
    (folder / "pendings.sqlite").unlink()
    folder.rmdir()
    with pytest.raises(VoiceApiError, match="change nothing") as caught:
        store.add(question())
    assert caught.value.status == 503
