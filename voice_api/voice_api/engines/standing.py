"""How engines and their budgets stand: what GET /v1/usage tells, and the figures are made of."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from voice_api.engines.callers import ANYONE
from voice_api.engines.elsewhere import Elsewhere, has_key
from voice_api.engines.engine import LOCAL, Engine
from voice_api.usage.amounts import Unit
from voice_api.usage.counting import Sounds
from voice_api.usage.policy import UNBOUNDED
from voice_api.usage.runway import Outlook, percent_used
from voice_api.usage.sums import Sum, amounts_of
from voice_api.usage.windows import AtOnce, Month

SCHEMA = "kvx.usage/1"
AMOUNTS = ("requests", "milliseconds", "characters", "microeuros", "spoken_milliseconds")
WORDS = {Unit.MILLISECONDS: "minutes", Unit.MICROEUROS: "euros"}


@dataclass(frozen=True, slots=True)
class Standing:
    """A budget of an engine; key is a caller's name, None for all together."""

    engine: str
    key: str | None
    outlook: Outlook

    @property
    def window(self) -> str:
        return "month" if isinstance(self.outlook.use.budget.window, Month) else "minute"

    @property
    def unit(self) -> str:
        return self.outlook.use.budget.unit.value


def standings(elsewhere: Elsewhere) -> Iterator[Standing]:
    """Every budget there is; VoiceApiError 503 without a ledger."""
    for engine in elsewhere.engines:
        for caller in ("", *_limited(elsewhere, engine.name)):
            for outlook in elsewhere.ledger.outlooks(engine.name, caller):
                budget = outlook.use.budget
                if budget.caller == (caller or None) and not isinstance(budget.window, AtOnce):
                    yield Standing(engine.name, caller or None, outlook)


def state(elsewhere: Elsewhere, engine: Engine) -> tuple[str, int | None]:
    """How an engine is, in a word, and until when, where that is known."""
    if elsewhere.local_only:
        return "local_only", None
    if until := elsewhere.ledger.exhausted_until(engine.name):
        return "exhausted", until
    if not has_key(elsewhere.keys[engine.name]):
        return "no_key", None
    return elsewhere.gates[engine.name].obstacle or "ready", None


def usage(elsewhere: Elsewhere, year: int, month: int) -> dict[str, object]:
    """The document; sums are of a calendar month in UTC, budgets of the engine's own."""
    begin = datetime(year, month, 1, tzinfo=UTC)
    end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    month_long = _milliseconds(begin), _milliseconds(end)
    sums = elsewhere.ledger.sums(*month_long) if elsewhere.engines else ()
    rows = _rows(sums, elsewhere.sound.sums(*month_long))
    return {
        "schema": SCHEMA,
        "time": _time(elsewhere.ledger.now()) if elsewhere.engines else told(datetime.now(UTC)),
        "month": f"{year:04}-{month:02}",
        "local_only": elsewhere.local_only,
        "engines": [_engine(elsewhere, engine) for engine in elsewhere.engines],
        "budgets": [_budget(each) for each in standings(elsewhere)],
        "by_engine": [{"engine": engine, **amounts} for engine, amounts in _together(rows).items()],
        "by_key": [{"key": key, "engine": engine, **amounts} for (engine, key), amounts in rows.items()],
    }


def told(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _limited(elsewhere: Elsewhere, engine: str) -> tuple[str, ...]:
    """Callers with bounds of their own."""
    policy = elsewhere.policy.engines[engine]
    names = {ANYONE, *(each.name for each in elsewhere.callers.by_hash.values()), *policy.callers}
    return tuple(each for each in sorted(names) if policy.callers.get(each, policy.each_caller) != UNBOUNDED)


def _engine(elsewhere: Elsewhere, engine: Engine) -> dict[str, object]:
    word, until = state(elsewhere, engine)
    return {"name": engine.name, "state": word, "until": None if until is None else _time(until)}


def _budget(standing: Standing) -> dict[str, object]:
    use, runway = standing.outlook.use, standing.outlook.runway
    words = WORDS.get(use.budget.unit, standing.unit)
    return {
        "name": " ".join(filter(None, (standing.engine, words, standing.key and f"of {standing.key}"))),
        "engine": standing.engine,
        "key": standing.key,
        "unit": standing.unit,
        "window": standing.window,
        "limit": use.budget.most,
        "used": use.used,
        "held": standing.outlook.held,
        "left": use.left,
        "percent": percent_used(use),
        "resets_at": _time(runway.resets_at) if runway else None,
        "empty_at": _time(runway.empty_at) if runway and runway.empty_at is not None else None,
    }


def _rows(sums: Iterable[Sum], sounds: Iterable[Sounds]) -> dict[tuple[str, str], dict[str, int]]:
    """By engine and caller: what others heard as the ledger has it, what was heard here as it was counted."""
    rows: dict[tuple[str, str], dict[str, int]] = {
        (each.engine, each.caller): dict(zip(AMOUNTS, (*amounts_of(each), 0), strict=True)) for each in sums
    }
    for each in sounds:
        row = rows.setdefault((each.engine, each.caller), dict.fromkeys(AMOUNTS, 0))
        row["spoken_milliseconds"] += each.spoken_milliseconds
        if each.engine == LOCAL:
            row["requests"] += each.number
            row["milliseconds"] += each.heard_milliseconds
    return dict(sorted(rows.items()))


def _together(rows: Mapping[tuple[str, str], Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """Of all callers."""
    engines: dict[str, dict[str, int]] = {}
    for (engine, _), amounts in rows.items():
        whole = engines.setdefault(engine, dict.fromkeys(AMOUNTS, 0))
        engines[engine] = {name: whole[name] + more for name, more in amounts.items()}
    return engines


def _time(milliseconds: int) -> str:
    return told(datetime.fromtimestamp(milliseconds // 1000, UTC))


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp()) * 1000
