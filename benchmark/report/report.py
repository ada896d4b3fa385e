"""The report: the paper's tables with our numbers in them, the figures, and a page that holds both.

Everything is made from ``data/gates.csv``, ``evaluation/``, ``statistics/``, ``architecture/``, ``records/`` (timings
alone) and the published numbers; nothing is trained, decoded or measured here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.common.files import write_text
from benchmark.settings.params import Params
from benchmark.statistics.published.tables import load_published

if TYPE_CHECKING:
    from benchmark.report.results import Results
    from benchmark.report.table import Table

REPORTS = Path("reports")
TABLES = REPORTS / "tables"


def run(params: Params) -> None:
    """Write ``reports/``: ``tables/`` (each as md, csv and tex), ``figures/`` and ``index.html``.

    Raises:
        InputError: a step before this one has not run, or the published numbers break a rule.
    """
    from benchmark.report.figures.figures import draw_all
    from benchmark.report.page import to_page
    from benchmark.report.results import load_results
    from benchmark.statistics.transfer import read_transfers

    results = load_results()
    tables = make_tables(params, results)
    write_tables(tables)
    figures = draw_all(tables[0], results, read_transfers(), REPORTS / "figures")
    write_text(REPORTS / "index.html", to_page(tables, figures, results))


def write_tables(tables: list[Table]) -> None:
    """Write ``reports/tables/``: each as md, csv and tex. A table that there is no more leaves nothing behind."""
    from benchmark.report.render import to_csv, to_markdown, to_tex

    names = {table.name for table in tables}
    for old in TABLES.glob("*.*"):
        if old.stem not in names:
            old.unlink()
    for table in tables:
        for ending, render in (("md", to_markdown), ("csv", to_csv), ("tex", to_tex)):
            write_text(TABLES / f"{table.name}.{ending}", render(table))


def make_tables(params: Params, results: Results) -> list[Table]:
    """Every table of the report, in reading order; the ablation is the first, and what is not declared has none.

    Raises:
        InputError: as in :func:`run`.
    """
    from benchmark.common.csv_rows import read_rows
    from benchmark.data.findings import FINDINGS, GateRow
    from benchmark.evaluation.architecture import read_networks
    from benchmark.evaluation.evaluate import METRICS_FILE, MetricRow
    from benchmark.report.run_columns import with_origin
    from benchmark.report.tables.ablation import ablation, paper_pixels
    from benchmark.report.tables.comparison import comparison
    from benchmark.report.tables.comparisons import comparisons_table
    from benchmark.report.tables.confound import confound
    from benchmark.report.tables.cost import cost
    from benchmark.report.tables.cost_time import cost_time
    from benchmark.report.tables.decoding import decoding_table
    from benchmark.report.tables.gates import gate_table
    from benchmark.report.tables.makers import makers_table
    from benchmark.report.tables.metrics import metrics_table
    from benchmark.report.tables.spatial import spatial
    from benchmark.report.tables.transfer import transfer
    from benchmark.report.tables.verdicts import verdict_table
    from benchmark.statistics.decoder_effect import DECODING, SPREAD, DecodedRow, SpreadRow
    from benchmark.statistics.intervals import COMPARISONS, ArmComparison
    from benchmark.statistics.published.claims import load_claims
    from benchmark.statistics.published.makers import read_makers
    from benchmark.statistics.transfer import read_transfers
    from benchmark.statistics.verdict_row import VerdictRow
    from benchmark.statistics.verdicts import VERDICTS

    printed = load_published()
    networks = read_networks()
    transfers = read_transfers()
    pixels = paper_pixels(printed["ablation"])
    metrics = read_rows(METRICS_FILE, MetricRow, "fundusbench evaluate")
    makers = read_makers(params.data.source)
    compared = read_rows(COMPARISONS, ArmComparison, "fundusbench statistics")
    tables = [
        ablation(printed["ablation"], params, results),
        comparison(printed["comparison"], params, results),
        confound(pixels, compared, params, results),
        *([comparisons_table(compared, params, results)] if compared else []),
        decoding_table(
            read_rows(DECODING, DecodedRow, "fundusbench statistics"),
            read_rows(SPREAD, SpreadRow, "fundusbench statistics"),
            printed["ablation"],
            load_claims(published=printed),
            params,
            results,
        ),
        metrics_table(metrics, params, results),
        *([makers_table(makers, metrics, params, results)] if makers else []),
        cost(pixels, params, results, networks),
        cost_time(pixels, params, results),
        spatial(printed["spatial"], networks),
        *([transfer(transfers, params, results)] if transfers else []),
        verdict_table(read_rows(VERDICTS, VerdictRow, "fundusbench statistics"), results),
        gate_table(read_rows(FINDINGS, GateRow, "fundusbench fetch"), results.data, results.synthetic),
    ]
    return [with_origin(table, results) for table in tables]
