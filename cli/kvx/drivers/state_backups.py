"""Copies of the state: the last ten that were good, one for each serial."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from kvx.drivers.files import replace_file
from kvx.drivers.state_file import State, parse

KEPT = 10
_NAME = "terraform.tfstate"


def keep(folder: Path, state: State) -> Path:
    """Copy a good state, unless that is done already; the oldest copies make room."""
    copies = folder / "state-backups"
    copies.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = copies / f"{_NAME}.{state.serial}"
    if not path.exists() or path.read_bytes() != state.content:
        replace_file(path, state.content.decode())
    newest_first = sorted(copies.glob(f"{_NAME}.*"), key=lambda each: each.stat().st_mtime, reverse=True)
    for old in newest_first[KEPT:]:
        old.unlink(missing_ok=True)
    return path


def good_ones(folder: Path, lineage: str) -> Iterator[tuple[Path, State]]:
    """Whole copies of that lineage, highest serial first."""
    found = []
    for path in (folder / "state-backups").glob(f"{_NAME}.*"):
        state = parse(path.read_bytes())
        if isinstance(state, State) and state.lineage == lineage:
            found.append((path, state))
    yield from sorted(found, key=lambda pair: pair[1].serial, reverse=True)


def set_aside(folder: Path, path: Path, now: float) -> Path | None:
    """Move a damaged state out of the way, where a person can still look at it."""
    if not path.exists():
        return None
    copies = folder / "state-backups"
    copies.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = copies / f"set-aside-{now:.0f}"
    shutil.move(path, aside)
    return aside
