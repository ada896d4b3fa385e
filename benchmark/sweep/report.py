"""``reports/sweep/<study>/``: the reading with both tables and the figures, and each table as csv and LaTeX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.common.files import write_text
from benchmark.report.captions import PHANTOM
from benchmark.report.render import to_csv, to_markdown, to_tex
from benchmark.report.table import Table
from benchmark.sweep.evidence import Evidence, gather
from benchmark.sweep.figures import draw_all
from benchmark.sweep.tables import reading, retraining_table, trials_table

if TYPE_CHECKING:
    from optuna import Study

    from benchmark.settings.params import Params
    from benchmark.sweep.retrain import Retrained

REPORTS = Path("reports/sweep")


def write(study: Study, params: Params, best: Retrained, published: Retrained) -> None:
    """Write the report of a study that has been searched and retrained."""
    evidence = gather(study, params, (best, published))
    folder = REPORTS / params.sweep.study
    tables = [retraining_table(evidence), trials_table(evidence)]
    for table in tables:
        write_text(folder / f"{table.name}.csv", to_csv(table))
        write_text(folder / f"{table.name}.tex", to_tex(table))
    captions = draw_all(evidence, study, folder)
    write_text(folder / "sweep.md", to_page(evidence, tables, captions))
    print(f"wrote {folder}/sweep.md")


def to_page(evidence: Evidence, tables: Sequence[Table], captions: Mapping[str, str]) -> str:
    """The reading, the tables and the figures as one Markdown page."""
    data = evidence.params.data
    blocks = [f"# Sweep {evidence.params.sweep.study} on {data.name}"]
    blocks += [f"**{PHANTOM.capitalize()}.**"] if data.synthetic else []
    blocks.append("\n".join(f"* {sentence}" for sentence in reading(evidence)))
    pictures = [f"![{caption}]({name})\n\n{caption}" for name, caption in captions.items()]
    return "\n\n".join([*blocks, pictures[0], *(to_markdown(table).rstrip() for table in tables), *pictures[1:]]) + "\n"
