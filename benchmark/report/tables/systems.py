"""Compared systems: what each step of a system adds, what its controls show, how M2CNN compares with it, and ranks."""

from __future__ import annotations

from itertools import groupby
from math import isnan
from typing import cast

from benchmark.common.terms import Arm, Head
from benchmark.report.captions import HEADS, caption
from benchmark.report.csv_fields import fields_of
from benchmark.report.inputs import Inputs
from benchmark.report.table import Cell, Number, Row, Table, Text
from benchmark.report.tables.comparisons import COMPARED, difference_number, p_text
from benchmark.report.tables.registry import TableInfo
from benchmark.statistics.estimates import Estimate

ABOUT = TableInfo(order=3)

COLUMNS = ("first - second", "difference of kappas", "interval over", "n", "seeds", "p, new networks", "detectable")


def make(inputs: Inputs) -> Table | None:
    """A line per pair and split, and the ranks of the paper's method; None where no system ran."""
    rows, ranked = inputs.estimates("system comparison"), inputs.estimates("system rank")
    if not rows:
        return None
    tests = sum(not isnan(row.p_retrained_holm) for row in rows)
    fields = [
        [list(same) for _, same in groupby(field, lambda row: row.split)]
        for _, field in groupby(ranked, lambda row: row.about)
    ]
    title = inputs.printed["comparison"].rows[-1]
    groups = {_group(found, title): ("rank", *(f"{one.rank}" for one in found[0])) for found in fields}
    return Table(
        name="systems",
        title="Compared systems, step by step",
        caption=caption(
            "Paired differences of the mean quadratic weighted kappa, first arm minus second, on the same images, each "
            "arm by its own decision rule. p, new networks: two-sided p-value of no difference between networks "
            "trained with other seeds and tested on other patients, adjusted by Holm's method for the "
            f"{tests} such tests of this table; there is none where a single seed ran. Detectable: the smallest true "
            "difference that this many patients and runs would find in four of five cases. A whole system reads both "
            "eyes, by several networks and passes, where M2CNN reads one eye once. Ranks: probability of each rank of "
            "the paper's method, over joint resamples of patients and seeds.",
            inputs.params,
            inputs.results,
        ),
        columns=COLUMNS,
        rows=(*map(_row, rows), *(line for found in fields for line in _rank_rows(found, title))),
        notes=(),
        records=tuple({"table": "systems"} | fields_of(row, "kind", "rank", *COMPARED) for row in (*rows, *ranked)),
        titles=groups,
    )


def _row(row: Estimate) -> Row:
    seeds = " | ".join(str(len(side.split())) for side in row.seeds.split("|"))
    cells: tuple[Cell, ...] = (
        difference_number(row),
        Text(row.resampled),
        Number(str(row.n_images), row.n_images),
        Text(seeds),
        Text(p_text(row.p_retrained_holm)),
        Text("-")
        if isnan(row.min_detectable_difference)
        else Number(f"{row.min_detectable_difference:.3f}", row.min_detectable_difference),
    )
    path, _, head = row.versus.partition(" ")
    arm = Arm(row.method, row.arm)
    sides = f"{'/'.join(arm)} {HEADS[cast('Head', row.head)]} - {path} {HEADS[cast('Head', head)]}"
    return Row(row.about, f"{sides}, {row.split}", cells, (arm, Arm.parse(path)))


def _group(field: list[list[Estimate]], title: str) -> str:
    return f"rank of {title} among {len(field[0])}: {field[0][0].about}"


def _rank_rows(field: list[list[Estimate]], title: str) -> list[Row]:
    return [
        Row(
            _group(field, title),
            f"{found[0].split} (n = {found[0].n_images})",
            tuple(Number(f"{row.estimate:.1%}", row.estimate) for row in found),
        )
        for found in field
    ]
