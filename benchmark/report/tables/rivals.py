"""Other systems part by part: what each part adds, what controls say, how M2CNN stands to them, and ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from math import isnan
from typing import Any

from benchmark.report.captions import HEADS, caption
from benchmark.report.csv_fields import plain
from benchmark.report.inputs import Inputs
from benchmark.report.run_columns import arms_of
from benchmark.report.table import Cell, Number, Row, Table, Text
from benchmark.report.tables.comparisons import difference_number, p_text
from benchmark.report.tables.registry import TableInfo
from benchmark.statistics.rivals import PlaceRow, RivalRow

ABOUT = TableInfo(order=3)

COLUMNS = ("first - second", "difference of kappas", "interval over", "n", "seeds", "p, trained anew", "resolvable")


def make(inputs: Inputs) -> Table | None:
    """A line per pair and split, and the ranks of the paper's method; None where no system ran."""
    rows, ranked = inputs.rivals, inputs.places
    if not rows:
        return None
    tests = sum(not isnan(row.p_retrained_holm) for row in rows)
    groups = {_group(found): ("rank", *(f"{one.rank}" for one in found[0])) for found in _ranks(ranked)}
    return Table(
        name="rivals",
        title="Other systems, part by part",
        caption=caption(
            "Paired differences of the mean quadratic weighted kappa, first arm minus second, on the same images, each "
            "arm by its own rule. p, trained anew: two-sided, of no difference between networks trained anew with "
            "other seeds and tested on other patients, adjusted by Holm's rule for the "
            f"{tests} such tests of this table; there is none where a single seed ran. Resolvable: the true difference "
            "that this many patients and runs would tell from 0 four times in five. A whole system reads both eyes, by "
            "several networks and passes, where M2CNN reads one eye once. Ranks: share of joint resamples of patients "
            "and seeds in which the paper's method has each.",
            inputs.params,
            inputs.results,
        ),
        columns=COLUMNS,
        rows=(*map(_row, rows), *(line for found in _ranks(ranked) for line in _rank_rows(found))),
        notes=(),
        records=(*map(_record, rows), *map(_rank_record, ranked)),
        titles=groups,
    )


def _row(row: RivalRow) -> Row:
    seeds = " | ".join(str(len(side.split())) for side in row.seeds.split("|"))
    cells: tuple[Cell, ...] = (
        difference_number(row),
        Text(row.over),
        Number(str(row.images), row.images),
        Text(seeds),
        Text(p_text(row.p_retrained_holm)),
        Text("-") if isnan(row.resolvable) else Number(f"{row.resolvable:.3f}", row.resolvable),
    )
    return Row(row.about, f"{_said(row.a)} - {_said(row.b)}, {row.split}", cells, arms_of(asdict(row)))


def _said(side: str) -> str:
    arm, _, head = side.partition(" ")
    return f"{arm} {HEADS[head]}"  # type: ignore[index]


def _ranks(rows: Sequence[PlaceRow]) -> list[list[list[PlaceRow]]]:
    """Ranks by field and split."""
    fields = [list(found) for _, found in groupby(rows, lambda row: row.among)]
    return [[list(found) for _, found in groupby(field, lambda row: row.split)] for field in fields]


def _group(field: list[list[PlaceRow]]) -> str:
    first = field[0][0]
    return f"rank of {first.title} among {first.entrants}: {first.among}"


def _rank_rows(field: list[list[PlaceRow]]) -> list[Row]:
    return [
        Row(
            _group(field),
            f"{found[0].split} (n = {found[0].images})",
            tuple(Number(f"{row.share:.1%}", row.share) for row in found),
        )
        for found in field
    ]


_EMPTY: Mapping[str, str] = dict.fromkeys((*RivalRow.__dataclass_fields__, *PlaceRow.__dataclass_fields__), "")


def _record(row: RivalRow) -> dict[str, Any]:
    return {"table": "rivals", "kind": "difference", **_EMPTY, **{key: plain(v) for key, v in asdict(row).items()}}


def _rank_record(row: PlaceRow) -> dict[str, Any]:
    return {"table": "rivals", "kind": "rank", **_EMPTY, **{key: plain(v) for key, v in asdict(row).items()}}
