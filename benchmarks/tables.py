"""Tables of figures, as Markdown."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

Cell = str | int | float


class Table(NamedTuple):
    """Figures under column names; each column name gives its unit. `notes` say how they were measured."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    notes: str = ""

    def markdown(self) -> str:
        """Write the table in Markdown, after its notes."""
        lines = [_line(self.columns), "|---" * len(self.columns) + "|", *map(_line, self.rows)]
        return "\n".join([self.notes, ""] * bool(self.notes) + lines)


def _line(cells: Iterable[Cell]) -> str:
    return "| " + " | ".join(_shown(cell) for cell in cells) + " |"


def _shown(cell: Cell) -> str:
    """Format a cell: three significant digits for fractions, thousands separated."""
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:.3g}"
    return f"{cell:,}" if isinstance(cell, int) else cell
