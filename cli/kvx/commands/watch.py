"""Shows something again and again: redrawn on a terminal, one look below the other elsewhere."""

import shutil
import sys
from collections.abc import Callable, Sequence

from kvx.settings.load import dumb_terminal
from kvx.world import World

EVERY_SECONDS = 2.0
_OTHER_SCREEN, _FIRST_SCREEN = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"

Lines = Sequence[str]


def watch(look: Callable[[], Lines], world: World, every_seconds: float = EVERY_SECONDS) -> None:
    """Until Ctrl-C, which is how one leaves; the last look stays on the screen."""
    last: Lines = ()
    redraws = sys.stdout.isatty() and not dumb_terminal()
    try:
        if redraws:
            print(_OTHER_SCREEN, end="", flush=True)
        while True:
            last = look()
            print(
                _drawn(last) if redraws else "\n".join((*last, "")), flush=True, end="" if redraws else "\n"
            )
            world.sleep(every_seconds)
    except KeyboardInterrupt:
        pass
    finally:
        if redraws:
            print(_FIRST_SCREEN, end="", flush=True)
    if redraws:
        print("\n".join(last))


def _drawn(lines: Lines) -> str:
    """From the top of the screen, no longer and no wider than it, for what scrolls away stays below."""
    size = shutil.get_terminal_size()
    shown = (
        lines if len(lines) <= size.lines else (*lines[: size.lines - 1], f"... {len(lines)} lines in all")
    )
    rows = [f"{line[: size.columns]}{_CLEAR_LINE}" for line in shown]
    return _HOME + "\r\n".join(rows) + _CLEAR_BELOW
