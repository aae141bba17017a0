"""Rows with their columns under each other; of one too wide for the terminal, some stand in a line below."""

from collections.abc import Sequence
from dataclasses import dataclass

_GAP, _INDENT, _BESIDE_INDENT = "  ", "  ", " " * 6

Cells = Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """Columns as wide as their widest cell; from `beside` on, cells are put below in a narrow terminal."""

    head: Cells
    rows: Sequence[Cells]
    beside: int
    width: int | None = None

    @property
    def lines(self) -> list[str]:
        return [line for cells in (self.head, *self.rows) for line in self.row(cells)]

    def row(self, cells: Cells) -> list[str]:
        """One row as one line, or as two."""
        padded = [cell.ljust(width) for cell, width in zip(cells, self._widths, strict=True)]
        if not self._is_too_wide:
            return [f"{_INDENT}{_GAP.join(padded)}".rstrip()]
        below = _GAP.join(filter(None, cells[self.beside :]))
        first = f"{_INDENT}{_GAP.join(padded[: self.beside])}".rstrip()
        return [first, *([f"{_BESIDE_INDENT}{below}"] if below else [])]

    @property
    def _widths(self) -> list[int]:
        return [max(map(len, column)) for column in zip(self.head, *self.rows, strict=True)]

    @property
    def _is_too_wide(self) -> bool:
        whole = len(_INDENT) + sum(self._widths) + len(_GAP) * (len(self.head) - 1)
        return self.width is not None and whole > self.width
