"""Labels without photographs: a table of grades on which predictions of other programs are evaluated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmark.common.errors import InputError
from benchmark.common.tables import read_text_table
from benchmark.common.terms import EVALUATED, Counts, Split
from benchmark.common.units import some
from benchmark.sources._labels import yield_photographs
from benchmark.sources.csv import ColumnNames, read_graded_files
from benchmark.sources.csv import expected as expected
from benchmark.sources.registry import OnProgress, Photograph, SourceInfo, SourceParams

ABOUT = SourceInfo(
    title="Labels without photographs",
    homepage="",
    terms="the owner of the labels decides on their use",
    citation="the publication of the data set that the labels belong to",
    has_photographs=False,
)


class Params(SourceParams):
    """Parameters of labels under ``data:``; ``root`` is the file of their table."""

    columns: ColumnNames = ColumnNames()
    expected: dict[Split, Counts] | None = None
    """Expected images per grade 0-4 of some or all splits, for the check ``counts``."""


def photographs(params: SourceParams, folder: Path, progress: OnProgress) -> Iterator[Photograph]:
    """Yield the rows of the table in order, each without a file.

    Repeated images and labels that are not grades are passed on: the data checks report them. Raises InputError if the
    table, a column, the split of a row, val or test is missing, or the name of a split or an eye is unknown.
    """
    assert isinstance(params, Params)
    _, found = read_graded_files(read_text_table(Path(params.root)), params.columns, folder)
    rows = [replace(row, path=Path()) for row in found]
    if unassigned := [row.image_id for row in rows if row.split is None]:
        msg = (
            f"labels without photographs must have a split (train, val or test; Public or Private), but {params.root} "
            f"has none for {some(unassigned)}: add a column `split`"
        )
        raise InputError(msg)
    if absent := [split for split in EVALUATED if all(row.split != split for row in rows)]:
        msg = (
            f"labels without photographs must have images of val and of test, because decision rules are tuned on val "
            f"and every table shows both, but {params.root} has none of {' and '.join(absent)}: assign some patients "
            "to it, or use `fundusbench score`, which takes one split"
        )
        raise InputError(msg)
    yield from yield_photographs(rows, progress)
