"""Numbers for readers: three digits and a unit, or a measure between 0 and 1 with its uncertainty."""

from __future__ import annotations

import math
from collections.abc import Sequence

_PREFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def quantity(value: float, unit: str = "") -> str:
    """A number >= 0 to three digits, with k, M, G, T or P from 1000 on: ``84.4 G``."""
    for factor, prefix in _PREFIXES:
        # What rounds to 1000 of the smaller unit is 1 of this one.
        if value >= 0.9995 * factor:
            scaled = value / factor
            digits = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
            return f"{scaled:.{digits}f} {prefix}{unit}"
    return f"{value:.3g} {unit}".strip()


def memory(size: float) -> str:
    """Bytes in decimal units: ``1.23 GB``."""
    return quantity(size, "B")


def duration(seconds: float) -> str:
    """A time in its largest unit of days, hours, minutes and seconds: ``2.5 h``."""
    for factor, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= factor:
            return f"{seconds / factor:.1f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"


def some(names: Sequence[str], most: int = 5) -> str:
    """The first few of some names, and how many more there are: ``a, b and 3 more``."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def measure(value: float, sign: str = "") -> str:
    """A measure of the order of 1 to three digits after the point, without the sign of a negative zero.

    Args:
        value: kappa, for instance, or a difference of kappas.
        sign: ``+`` where a positive number shows its sign, too.
    """
    return f"{round(value, 3) + 0.0:{sign}.3f}"


def with_sd(value: float, sd: float | None) -> str:
    """A mean and, where there is one, ± its standard deviation: ``0.812 ± 0.013``."""
    return measure(value) if sd is None or math.isnan(sd) else f"{measure(value)} ± {measure(sd)}"


def ends(low: float, high: float, sign: str = "") -> str:
    """An interval by its ends, ``[0.790, 0.831]``; nothing where it is not defined."""
    return "" if math.isnan(low) else f"[{measure(low, sign)}, {measure(high, sign)}]"
