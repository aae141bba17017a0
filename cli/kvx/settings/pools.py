"""The node pools of kvx.toml, [[hetzner.pools]], or of their variable as JSON."""

import difflib
import json
from collections.abc import Mapping
from pathlib import Path

from kvx.errors import ExitCode, KvxError
from kvx.settings import PoolSettings
from kvx.settings.keys import POOL_KEYS, convert


def pools_of(value: object, where: str) -> tuple[PoolSettings, ...]:
    """The pools; raises a KvxError with exit code 2 that names `where` and what is wrong."""
    tables = _parsed(value, where) if isinstance(value, str) else value
    if isinstance(tables, tuple):  # a flag brings pools that are made already
        return tables
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise _wrong(where, "hetzner.pools is no list of tables", "begin each pool with [[hetzner.pools]]")
    return tuple(_pool(table, where) for table in tables)


def _parsed(text: str, where: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        fix = """export KVX_HETZNER_POOLS='[{"name": "workers", "count": 2}]'"""
        raise _wrong(where, f"it is not JSON: {error}", fix) from None


def _pool(table: Mapping[str, object], where: str) -> PoolSettings:
    if not table.get("name"):
        raise _wrong(where, "a pool of hetzner.pools has no name", 'add a line: name = "workers"')
    for name in table:
        if name not in POOL_KEYS:
            near = difflib.get_close_matches(name, POOL_KEYS, 1) or ["name"]
            message = f"the pool {table['name']} has no setting {name}"
            raise _wrong(where, message, f"write {near[0]}; a pool has {', '.join(POOL_KEYS)}")
    return PoolSettings(**{name: _value(name, value, table, where) for name, value in table.items()})  # type: ignore[arg-type]


def _value(name: str, value: object, table: Mapping[str, object], where: str) -> object:
    key = POOL_KEYS[name]
    typed = convert(key, value, Path(), textual=False)
    if typed is None or not key.allows(typed):
        message = f"{name} of the pool {table['name']} is {value!r}"
        raise _wrong(where, message, f"set {name} to {key.expected}")
    return typed


def _wrong(where: str, message: str, fix: str) -> KvxError:
    return KvxError(f"{where}: {message}", fix, ExitCode.USAGE)
