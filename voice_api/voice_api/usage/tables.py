"""The tables of the ledger, the same in SQLite and PostgreSQL."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, MetaData, String, Table
from sqlalchemy import UniqueConstraint as Unique

from voice_api.usage.amounts import Unit

VERSION = 2
QUARTER_MILLISECONDS = 900_000
"""Lines that are long over are folded by the quarter of an hour; months begin at one in every time zone."""

UNITS = tuple(unit.value for unit in Unit)
METADATA = MetaData()

LINES = Table(
    "usage_lines",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("idempotency_key", String(200), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("engine", String(100), nullable=False),
    Column("caller", String(200), nullable=False),
    Column("state", String(10), nullable=False),
    *(Column(f"held_{unit}", BigInteger, nullable=False) for unit in UNITS),
    *(Column(f"counted_{unit}", BigInteger, nullable=False) for unit in UNITS),
    Column("at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("over_at", BigInteger, nullable=False),
    Unique("idempotency_key", "attempt", name="usage_lines_once"),
    CheckConstraint("state IN ('held', 'sent', 'settled', 'released')", name="usage_lines_state"),
    CheckConstraint(
        " AND ".join(f"held_{unit} >= 0 AND counted_{unit} >= 0" for unit in UNITS),
        name="usage_lines_amounts",
    ),
    Index("usage_lines_over_at", "over_at", "engine", "caller"),
    Index("usage_lines_at", "at", "engine", "caller"),
)

FOLDED = Table(
    "usage_folded",
    METADATA,
    Column("engine", String(100), primary_key=True),
    Column("caller", String(200), primary_key=True),
    Column("quarter", BigInteger, primary_key=True, autoincrement=False),
    *(Column(f"counted_{unit}", BigInteger, nullable=False) for unit in UNITS),
    Index("usage_folded_quarter", "quarter", "engine", "caller"),
)

SOUND = Table(
    "usage_sound",
    METADATA,
    Column("engine", String(100), primary_key=True),
    Column("caller", String(200), primary_key=True),
    Column("quarter", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("heard_milliseconds", BigInteger, nullable=False),
    Column("spoken_milliseconds", BigInteger, nullable=False),
    Index("usage_sound_quarter", "quarter"),
)
"""What was heard and spoken, by engines here and elsewhere; a ledger without it gets it when it is opened."""

TIME = Table(
    "usage_time",
    METADATA,
    Column("version", Integer, primary_key=True),
    Column("latest_at", BigInteger, nullable=False),
)

EXHAUSTED = Table(
    "usage_exhausted",
    METADATA,
    Column("engine", String(100), primary_key=True),
    Column("until", BigInteger, nullable=False),
)
