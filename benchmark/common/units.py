"""Formatting of numbers: quantities with units, and measures between 0 and 1 with their uncertainty."""

from __future__ import annotations

import math
from collections.abc import Sequence

_PREFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def quantity(value: float, unit: str = "") -> str:
    """Format a number >= 0 to three digits, with the prefix k, M, G, T or P from 1000 on: ``84.4 G``."""
    for factor, prefix in _PREFIXES:
        # A value that rounds to 1000 of the smaller unit is 1 of this one.
        if value >= 0.9995 * factor:
            scaled = value / factor
            digits = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
            return f"{scaled:.{digits}f} {prefix}{unit}"
    return f"{value:.3g} {unit}".strip()


def memory(size: float) -> str:
    """Format bytes in decimal units: ``1.23 GB``."""
    return quantity(size, "B")


def duration(seconds: float) -> str:
    """Format a time in its largest unit of days, hours, minutes and seconds: ``2.5 h``."""
    for factor, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= factor:
            return f"{seconds / factor:.1f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"


def some(names: Sequence[str], most: int = 5) -> str:
    """List the first names and the number of the others: ``a, b and 3 more``."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def format_measure(value: float, sign: str = "") -> str:
    """Format a measure to three decimals, without the sign of a negative zero; ``+`` shows every other sign."""
    return f"{round(value, 3) + 0.0:{sign}.3f}"


def with_sd(value: float, sd: float | None) -> str:
    """Format a mean and, if it is defined, its standard deviation: ``0.812 ± 0.013``."""
    return format_measure(value) if sd is None or math.isnan(sd) else f"{format_measure(value)} ± {format_measure(sd)}"


def percent(probability: float) -> str:
    """Format a probability as a percentage that is never rounded up to 100 %."""
    return ">99%" if 0.995 <= probability < 1 else f"{probability:.0%}"


def ends(low: float, high: float, sign: str = "") -> str:
    """Format an interval by its ends, ``[0.790, 0.831]``; an undefined one is empty."""
    return "" if math.isnan(low) else f"[{format_measure(low, sign)}, {format_measure(high, sign)}]"
