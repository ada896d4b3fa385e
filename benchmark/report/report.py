"""The report: the paper's tables with our numbers, the figures, and a page with both.

Its inputs are ``data/checks.csv``, ``evaluation/``, ``statistics/``, ``architecture/``, ``records/`` (timings and
commits), the parameters of the runs, and the published numbers; nothing is trained or measured here. Photographs and
the maps of ``saliency/`` are shown if they are on this machine.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.common.files import write_text
from benchmark.report import PAGE, REPORTS, TABLES
from benchmark.report.answer import answer_text
from benchmark.report.inputs import Inputs
from benchmark.report.render import FORMATS
from benchmark.report.table import Table
from benchmark.report.tables.registry import make_tables
from benchmark.settings.params import Params


def run(params: Params) -> None:
    """Write ``reports/``: ``tables/`` (each as md, csv and tex), ``figures/``, ``photographs/`` and ``index.html``.

    The main results are printed at the end.

    Raises InputError if an earlier stage has not run, or the published numbers break a rule.
    """
    from benchmark.report.figures.registry import draw_all
    from benchmark.report.page.page import to_page

    inputs = Inputs(params)
    tables = make_tables(inputs)
    write_tables(tables)
    captions = draw_all(inputs, REPORTS / "figures", REPORTS / "photographs")
    write_text(PAGE, to_page(tables, captions, inputs))
    print(answer_text(inputs))


def write_tables(tables: Sequence[Table]) -> None:
    """Write ``reports/tables/``, each table as md, csv and tex, and remove the files of other tables."""
    names = {table.name for table in tables}
    for old in TABLES.glob("*.*"):
        if old.stem not in names:
            old.unlink()
    for table in tables:
        for ending, render in FORMATS.items():
            write_text(TABLES / f"{table.name}.{ending}", render(table))
