"""A file of engines for tests, callers' keys, and what an answer tells of who gave it."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx

from voice_api.engines.elsewhere import Elsewhere, elsewhere
from voice_api.engines.file import read_engines
from voice_api.usage.opened_later import OpenedLater
from voice_api.usage.store import SqlStore, sqlite_engine

KEY = "kvx-canary-of-ann"
ENGINE_KEY = "sk-canary-of-the-engine"
HASH = sha256(KEY.encode()).hexdigest()
ANN = {"Authorization": f"Bearer {KEY}"}
ROUTE = "/v1/audio/transcriptions"
THERE = "list the pods in the namespace kube system"
HERE = "how many pods are running"


def engines_file(
    folder: Path, address: str, more: str = "", callers: str = "", deadline_seconds: float = 60
) -> Path:
    (folder / "keys").mkdir(exist_ok=True)
    (folder / "keys" / "other").write_text(ENGINE_KEY)
    file = folder / "engines.toml"
    file.write_text(
        f'[engines.other]\nkind = "openai"\naddress = "{address}/v1"\ntasks = ["listen"]\n'
        f"deadline_seconds = {deadline_seconds}\n{more}\n"
        f'[callers.ann]\nkeys_sha256 = ["{HASH}"]\npolicy = "cloud"\nconsents = true\n{callers}\n'
    )
    return file


def opened(file: Path, store: OpenedLater | None = None, *, local_only: bool = False) -> Elsewhere:
    folder = file.parent
    ledger = store or OpenedLater(lambda: SqlStore(sqlite_engine(folder / "usage.sqlite")))
    return elsewhere(read_engines(file), ledger, folder / "keys", lambda _: None, local_only=local_only)


def heard(service: Any, sound: bytes, headers: dict[str, str] = ANN, **fields: str) -> httpx.Response:
    answer: httpx.Response = service.client.post(ROUTE, headers=headers, files={"file": sound}, data=fields)
    return answer


def told(answer: httpx.Response) -> tuple[Any, ...]:
    content = answer.json()
    return content["engine"], content["degraded"], content["reason"]
