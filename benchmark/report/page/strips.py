"""Small SVG drawings of intervals: a line with a dot, on a scale that a column shares.

A strip is 100 wide and stretched to its cell. Lines and dots keep their width, because a dot is a line of length zero
with round ends. The page's style sets the colours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from benchmark.report.table import Ends

TICKS = 4
"""Approximate number of ticks of an axis."""
MARGIN = 0.04
"""Fraction of a scale that stays free at either end."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Linear scale from values to positions on a strip."""

    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Scale | None:
        """Return a scale of all finite values; None without such a value."""
        known = [value for value in values if value is not None and math.isfinite(value)]
        if not known:
            return None
        low, high = min(known), max(known)
        free = MARGIN * (high - low) or 0.5
        return cls(low - free, high + free)

    def at(self, value: float) -> float:
        """Return the position of a value in per cent."""
        return round(100 * (value - self.low) / (self.high - self.low), 2)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Positions and texts of round numbers."""
        raw = (self.high - self.low) / TICKS
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [(self.at(place * step), f"{place * step + 0.0:.{digits}f}") for place in range(first, last + 1)]

    @property
    def zero(self) -> float | None:
        """Position of 0, if the scale contains it."""
        return self.at(0) if self.low < 0 < self.high else None


def strip(
    scale: Scale, value: float | None, ends: Ends = None, printed: float | None = None, margin: float | None = None
) -> Markup:
    """Draw a value (dot), its interval (line), a published value (bar) and a verdict's margin (dotted) on their scale.

    The drawing is hidden from screen readers, because the page also has its numbers.
    """
    lines = [] if scale.zero is None else [("zero", f"M{scale.zero:g} 0V12")]
    lines += [] if margin is None else [("margin", f"M{scale.at(margin):g} 0V12")]
    lines += [] if ends is None else [("interval", f"M{scale.at(ends[0]):g} 6H{scale.at(ends[1]):g}")]
    lines += [] if printed is None else [("printed", f"M{scale.at(printed):g} 1V11")]
    lines += [] if value is None else [("dot", f"M{scale.at(value):g} 6h0")]
    paths = Markup("").join(Markup('<path class="{}" d="{}"/>').format(*line) for line in lines)
    return Markup(
        '<svg class="strip" viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">{}</svg>'
    ).format(paths)
