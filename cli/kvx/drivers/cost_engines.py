"""What the voice API says its cloud engines were used for: asked, and kept in the ledger of costs."""

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from kvx.cost.times import Month, text_of
from kvx.cost.usage import UNITS, Allowance, Usage, Used, read_usage
from kvx.drivers.api_server import Api
from kvx.drivers.cost_ledger import opened
from kvx.drivers.port_forward import forwarded, why_not
from kvx.errors import ExitCode, KvxError
from kvx.secret import Secret

PATH = "/v1/usage"
NAMESPACE, PORT = "kvx", 8484
ASK_SECONDS = 10.0


def ask(address: str, month: Month, key: Secret | None) -> Usage:
    """From a running voice API; raises a KvxError where it does not tell."""
    headers = {"Authorization": f"Bearer {key.reveal()}"} if key is not None else {}
    url = f"{address.rstrip('/')}{PATH}"
    try:
        with httpx.Client(timeout=ASK_SECONDS, trust_env=False, headers=headers) as client:
            answer = client.get(url, params={"month": str(month)})
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        message = f"the voice API at {address} does not say what it was used for ({type(error).__name__})"
        raise KvxError(message, f"curl {url}", ExitCode.INCOMPLETE) from None
    if answer.is_error:
        raise _refused(answer, key)
    return _read(answer.content)


def ask_pod(api: Api, pod: str, month: Month, key: Secret | None) -> Usage:
    """Through a port of the pod that is forwarded; every replica tells the same ledger."""
    with forwarded(api, NAMESPACE, pod, PORT) as tunnel:
        try:
            return ask(tunnel.address, month, key)
        except KvxError as error:
            raise why_not(tunnel, pod, error) from None


def read_file(path: Path) -> Usage:
    """An answer that lies in a file; raises a KvxError."""
    try:
        return _read(path.read_bytes())
    except OSError as error:
        raise KvxError(f"{path} cannot be read: {error.strerror}", f"ls -l {path}", ExitCode.USAGE) from None


def keep(folder: Path, usage: Usage) -> None:
    """Write down what was told, as it was told."""
    with opened(folder) as connection:
        for each in usage.used:
            _add(connection, usage.month, each)
        allowances = [_document(each) for each in usage.allowances]
        connection.execute("INSERT OR REPLACE INTO allowances VALUES (1, ?)", (json.dumps(allowances),))


def kept(folder: Path, month: Month) -> tuple[tuple[Used, ...], tuple[Allowance, ...]]:
    """All that was told of a month, oldest first; and the bounds as they were told last."""
    with opened(folder) as connection:
        query = "SELECT engine, key, at, told FROM used WHERE month = ? ORDER BY at"
        rows = connection.execute(query, (str(month),)).fetchall()
        found = connection.execute("SELECT document FROM allowances").fetchone()
        bounds = json.loads(found[0]) if found else []
        return tuple(Used(*row[:3], **json.loads(row[3])) for row in rows), _allowances(bounds)


def _add(connection: sqlite3.Connection, month: Month, used: Used) -> None:
    """A row only where something is new. Counts may fall: what was held for a call is given back."""
    name = (str(month), used.engine, used.key)
    told = json.dumps({unit: getattr(used, unit) for unit in UNITS})
    query = "SELECT told FROM used WHERE month = ? AND engine = ? AND key = ? ORDER BY at DESC LIMIT 1"
    if connection.execute(query, name).fetchone() != (told,):
        row = (*name, used.at, told)
        connection.execute("INSERT OR REPLACE INTO used VALUES (?, ?, ?, ?, ?)", row)


def _document(allowance: Allowance) -> Mapping[str, object]:
    times = {
        name: None if second is None else text_of(second)
        for name, second in (("resets_at", allowance.resets_at), ("empty_at", allowance.empty_at))
    }
    plain = ("name", "engine", "key", "unit", "limit", "left")
    return {**{name: getattr(allowance, name) for name in plain}, **times}


def _allowances(rows: list[Mapping[str, Any]]) -> tuple[Allowance, ...]:
    document = {"schema": "kvx.usage/1", "time": "1970-01-01T00:00:00Z", "month": "1970-01", "budgets": rows}
    return read_usage(document).allowances


def _read(content: bytes) -> Usage:
    try:
        document = json.loads(content)
    except ValueError:
        document = None
    return read_usage(document)


def _refused(answer: httpx.Response, key: Secret | None) -> KvxError:
    if answer.status_code in {401, 403}:
        known = "does not take this key" if key is not None else "wants a key"
        fix = "export KVX_COST_VOICE_KEY=..., a key that may read what was used"
        return KvxError(f"the voice API {known} to say what it was used for", fix, ExitCode.MISSING)
    if answer.status_code == httpx.codes.NOT_FOUND:
        message = "the voice API is too old to say what its cloud engines were used for"
        return KvxError(message, "kvx deploy", ExitCode.MISSING)
    message = f"the voice API does not say what it was used for: it answers {answer.status_code}"
    return KvxError(message, "kvx status", ExitCode.INCOMPLETE)
