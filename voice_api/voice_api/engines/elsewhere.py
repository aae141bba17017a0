"""The engines that are not on this machine, put together from their file: who may use them, and how far."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from voice_api.engines.asking import now_milliseconds
from voice_api.engines.callers import ANYONE, Caller, Callers
from voice_api.engines.conversing import Conversing
from voice_api.engines.engine import Engine, Price
from voice_api.engines.failure import Key
from voice_api.engines.file import EnginesFile, EngineTable, Tables
from voice_api.engines.gate import Gate
from voice_api.engines.hearing import Hearing
from voice_api.engines.keys import key_in, no_key
from voice_api.engines.speaking import Speaking
from voice_api.engines.talk import ANSWER_SECONDS
from voice_api.errors import VoiceApiError
from voice_api.usage.counting import SoundCount, Uncounted
from voice_api.usage.ledger import Ledger
from voice_api.usage.opened_later import OpenedLater, no_store
from voice_api.usage.policy import EnginePolicy, Policy

Variable = Callable[[str], str | None]
"""The value of an environment variable."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Engines in the order of their file; without any, local does everything.

    keys            what each engine's key is asked of
    answer_seconds  for which an answer within a conversation is waited
    sound           counts what is heard and spoken, here too
    """

    ledger: Ledger
    callers: Callers
    policy: Policy = field(default_factory=Policy)
    engines: tuple[Engine, ...] = ()
    gates: Mapping[str, Gate] = field(default_factory=dict)
    keys: Mapping[str, Key] = field(default_factory=dict)
    local_only: bool = False
    answer_seconds: float = ANSWER_SECONDS
    sound: SoundCount | Uncounted = field(default_factory=Uncounted)
    end: Callable[[], None] = lambda: None

    def hearing(self, local: Engine, only: str | None = None) -> Hearing:
        """What hears, with local beside; `only` is the one engine that is asked beside it."""
        return Hearing(self._with(local, only), self.ledger, self.gates, self.local_only)

    def speaking(self, local: Engine, only: str | None = None) -> Speaking:
        """The same for what speaks."""
        return Speaking(self._with(local, only), self.ledger, self.gates, self.local_only)

    def conversing(self, local: Engine, only: str | None = None) -> Conversing:
        """The same for what converses."""
        engines = self._with(local, only)
        return Conversing(
            engines, self.ledger, self.gates, self.local_only, answer_seconds=self.answer_seconds
        )

    def close(self) -> None:
        for engine in self.engines:
            engine.close()
        self.sound.close()
        self.end()

    def _with(self, local: Engine, only: str | None) -> tuple[Engine, ...]:
        return (*(each for each in self.engines if only in (None, each.name)), local)


def nothing_elsewhere() -> Elsewhere:
    """Nothing leaves the machine, and nothing is written down."""
    return Elsewhere(Ledger(OpenedLater(no_store), Policy().budgets, now_milliseconds), Callers({}))


def only_counted(store: OpenedLater) -> Elsewhere:
    """Nothing leaves the machine, and what is heard and spoken is counted."""
    ledger = Ledger(store, Policy().budgets, now_milliseconds)
    return Elsewhere(ledger, Callers({}), sound=SoundCount(store, now_milliseconds), end=store.close)


def elsewhere(
    file: EnginesFile, store: OpenedLater, keys_folder: Path | None, variable: Variable, *, local_only: bool
) -> Elsewhere:
    """What the file says; VoiceApiError for a kind that nobody knows. No engine is called, no key read."""
    policy, keys = policy_of(file.tables), keys_of(file.tables, keys_folder, variable)
    engines = tuple(_engine(name, table, keys[name]) for name, table in file.tables.engines.items())
    return Elsewhere(
        ledger=Ledger(store, policy.budgets, now_milliseconds),
        callers=callers_of(file.tables),
        policy=policy,
        engines=engines,
        gates={engine.name: Gate(engine.at_once) for engine in engines},
        keys=keys,
        local_only=local_only,
        sound=SoundCount(store, now_milliseconds),
        end=store.close,
    )


def policy_of(tables: Tables) -> Policy:
    """The budgets."""
    return Policy(
        {
            name: EnginePolicy(
                month=table.month,
                whole=table.bounds(),
                each_caller=table.each_caller.bounds(),
                at_once=table.most_at_once,
                callers={
                    caller: asked.limits[name].bounds()
                    for caller, asked in tables.callers.items()
                    if name in asked.limits
                },
            )
            for name, table in tables.engines.items()
        }
    )


def callers_of(tables: Tables) -> Callers:
    """The callers by the hashes of their keys."""
    named = {name: Caller(name, table.policy, table.consents) for name, table in tables.callers.items()}
    hashes = {each: named[name] for name, table in tables.callers.items() for each in table.keys_sha256}
    return Callers(hashes, named.get(ANYONE, Caller()))


def keys_of(tables: Tables, folder: Path | None, variable: Variable) -> dict[str, Key]:
    """For each engine where its key is: a file, a variable, or the file of its name in the folder of keys."""

    def key_of(name: str, table: EngineTable) -> Key:
        if table.key_file is not None:
            return partial(key_in, table.key_file)
        if table.key_variable is not None:
            return partial(_in_variable, table.key_variable, variable)
        return partial(_nowhere, name) if folder is None else partial(key_in, folder / name)

    return {name: key_of(name, table) for name, table in tables.engines.items()}


def has_key(key: Key) -> bool:
    """Whether there is a key just now."""
    with suppress(VoiceApiError):
        return bool(key())
    return False


def _engine(name: str, table: EngineTable, key: Key) -> Engine:
    # Its libraries take long to import, and most services ask nobody elsewhere.
    from voice_api.engines.kinds import Description, engine_of  # noqa: PLC0415

    price = Price(table.euros_a_minute, table.euros_a_thousand_characters, table.euros_a_request)
    return engine_of(
        Description(
            name=name,
            kind=table.kind,
            key=key,
            address=table.address,
            models=table.models,
            tasks=table.tasks,
            voice=table.voice,
            price=price,
            quality=table.quality,
            at_once=table.most_at_once,
            deadline_seconds=table.deadline_seconds,
        )
    )


def _in_variable(name: str, variable: Variable) -> str:
    key = (variable(name) or "").strip()
    if not key or not all("!" <= each <= "~" for each in key):
        raise no_key(f"the environment variable {name} holds no key")
    return key


def _nowhere(name: str) -> str:
    raise no_key(f"the engine {name} has neither key_file nor key_variable, and there is no folder of keys")
