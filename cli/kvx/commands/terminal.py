"""How wide the screen is that a person reads."""

import shutil
import sys


def width_of_stdout() -> int | None:
    """Columns of the terminal; None where nobody reads on one, and a row is one line whatever its length."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
