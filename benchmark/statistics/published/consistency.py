"""Do the paper's printed numbers agree with one another, and with what can be recomputed? No run matters here."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from itertools import pairwise

from benchmark.statistics.published.claims import Consistency
from benchmark.statistics.published.tables import PrintedTable


def check(claim: Consistency, printed: Mapping[str, PrintedTable]) -> tuple[str, str]:
    """What the paper says, and what comes out when it is recomputed: equal where the paper is consistent.

    Args:
        claim: which cells are checked, and how.
        printed: the tables that they lie in, by name.
    """
    values = [cell.value for cell in claim.cells]
    if claim.check == "same":
        return " = ".join(values), " = ".join(values[:1] * len(values))
    if claim.check == "rises":
        falls = [f"{a} to {b}" for a, b in pairwise(values) if Decimal(b) <= Decimal(a)]
        return "rises", f"no rise from {', '.join(falls)}" if falls else "rises"
    assert claim.value
    if claim.check == "is":
        return values[0], _rounded(claim.value.value, values[0])
    cell = claim.cells[0]
    table = printed[cell.table]
    column = [Decimal(table.cell(row, cell.column).value) for row in table.rows]
    return claim.value.value, str(1 + sum(other > Decimal(cell.value) for other in column))


def _rounded(value: str, like: str) -> str:
    """A number with as many digits as another is printed with; other text as it is."""
    try:
        return str(Decimal(value).quantize(Decimal(like), ROUND_HALF_EVEN))
    except InvalidOperation:
        return value
