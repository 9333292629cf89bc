"""A published figure: what was measured, beside what, how often, under which bar."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table. The median of `samples` is judged; they come from interleaved runs."""

    name: str
    samples: Sequence[float]
    unit: str
    """`×` for a ratio to the peer."""
    peer: str = ""
    bar: float | None = None
    at_least: bool = False
    """Whether the bar is a floor rather than a ceiling."""
    absolutes: str = ""
    durability: str = ""
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def value(self) -> float:
        return median(self.samples)

    @property
    def holds(self) -> bool | None:
        """Whether the bar is met; None where there is none."""
        if self.bar is None:
            return None
        return self.value >= self.bar if self.at_least else self.value <= self.bar

    def told(self) -> dict[str, Any]:
        return asdict(self) | {"value": self.value, "holds": self.holds}


HEAD = ("figure", "median", "spread", "bar", "", "peer", "absolutes", "durability")


def table(figures: Sequence[Figure]) -> str:
    """All figures, for people."""
    rows = [HEAD, *map(_row, figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _row(figure: Figure) -> tuple[str, ...]:
    bar = "" if figure.bar is None else f"{'≥' if figure.at_least else '≤'} {number(figure.bar)}"
    verdict = {None: "", True: "holds", False: "MISSED"}[figure.holds]
    spread = f"{number(min(figure.samples))} to {number(max(figure.samples))} of {len(figure.samples)}"
    value = f"{number(figure.value)} {figure.unit}"
    return figure.name, value, spread, bar, verdict, figure.peer, figure.absolutes, figure.durability


def number(value: float) -> str:
    """Three digits that count, and no more."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
