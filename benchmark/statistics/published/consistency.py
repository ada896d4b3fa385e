"""Consistency of the paper's printed numbers with one another and with recomputed values, without any run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from itertools import pairwise

from benchmark.common.errors import InputError
from benchmark.evaluation.architecture import NETWORKS, Architecture, format_side
from benchmark.statistics.published.claims import Consistency
from benchmark.statistics.published.tables import Printed, PrintedTable


def check(claim: Consistency, printed: Mapping[str, PrintedTable], networks: Sequence[Architecture]) -> tuple[str, str]:
    """Return the paper's statement and the recomputed one; they are equal if the paper is consistent.

    Args:
        claim: cells to check, and the property to check.
        printed: tables that contain the cells, by name.
        networks: measurements of the paper's networks.

    Raises InputError if a required network was not measured.
    """
    values = [cell.value for cell in claim.cells]
    if claim.check == "same":
        return " = ".join(values), " = ".join(values[:1] * len(values))
    if claim.check == "rises":
        falls = [f"{a} to {b}" for a, b in pairwise(values) if Decimal(b) <= Decimal(a)]
        return "rises", f"no rise from {', '.join(falls)}" if falls else "rises"
    if claim.check == "network":
        return values[0], _feature_map(claim.cells[0], printed[claim.cells[0].table], networks)
    assert claim.value
    if claim.check == "is":
        return values[0], _rounded(claim.value.value, values[0])
    cell = claim.cells[0]
    table = printed[cell.table]
    column = [Decimal(table.cell(row, cell.column).value) for row in table.rows]
    return claim.value.value, str(1 + sum(other > Decimal(cell.value) for other in column))


def _feature_map(cell: Printed, table: PrintedTable, networks: Sequence[Architecture]) -> str:
    """Return the feature map of the paper's network with the most cells at the input size of a cell."""
    found = [network for network in networks if network.of == "paper" and network.pixels == cell.pixels]
    if not found:
        rule = f"{NETWORKS} must contain the paper's network at {cell.pixels} px, but lacks it"
        msg = f"{rule}: run `fundusbench architecture`"
        raise InputError(msg)
    deepest = max(found, key=lambda network: network.n_cells)
    return format_side(deepest.before if cell.row == table.rows[0] else deepest.after)


def _rounded(value: str, like: str) -> str:
    """Round a number to the digits of another; return other text unchanged."""
    try:
        return str(Decimal(value).quantize(Decimal(like), ROUND_HALF_EVEN))
    except InvalidOperation:
        return value
