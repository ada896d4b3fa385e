"""The paper's comparison with other systems, row by row, and the systems that are run here part by part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmark.common.terms import EVALUATED, Arm
from benchmark.common.units import quantity
from benchmark.report.captions import caption, inferred_sentence, other_data_sentence
from benchmark.report.csv_fields import data_fields, measured_fields, plain
from benchmark.report.inputs import Inputs
from benchmark.report.notes import run_texts
from benchmark.report.results import Results
from benchmark.report.table import Cell, Kappa, Row, Table, Text, kappa_number, status
from benchmark.report.tables.ablation import _Builder, _records
from benchmark.report.tables.registry import TableInfo
from benchmark.settings.params import Params
from benchmark.statistics.intervals import Side
from benchmark.statistics.rivals import PlaceRow, controls, ladder
from models.systems.registry import SYSTEMS

ABOUT = TableInfo(order=2)

ADDED = "added here: not in the paper's comparison"
"""Title of the rows that the paper does not list."""
SEEN = {
    "eyes": "eyes, ours",
    "nets": "nets",
    "passes": "passes",
    "px": "px",
    "macs_per_eye": "MACs per eye",
    "blend_rows": "blend fitted on",
}
"""Title by name of what ours is made of."""


def make(inputs: Inputs) -> Table:
    """The paper's comparison, row by row, rows added to it, what each number is from, and each system part by part."""
    printed, added = inputs.printed["comparison"], inputs.printed["added"]
    params, results = inputs.params, inputs.results
    build = _Builder(params, results)
    rows = []
    kappas: list[Row] = []
    for group, table in (("", printed), (ADDED, added)):
        for name in table.rows:
            val, test = (table.cell(name, column) for column in table.columns)
            ours = (build.kappa(val, "val", beside=False), build.kappa(test, "test", beside=False))
            cells = (build.paper(val), ours[0], build.paper(test), ours[1])
            made_of = tuple(map(Text, _words(seen(results, ours[0].arm))))
            rows.append(Row(group, name, (*cells, *made_of, Text(str(val.inputs or "")))))
            kappas.append(Row(group, name, ours))
    steps = [row for system in params.systems for row in _steps(system, build)]
    return Table(
        name="comparison",
        title="Comparison with other algorithms",
        caption=caption(
            "Quadratic weighted kappa of the paper's comparison, and ours for the rows that are trained here.",
            params,
            results,
            other_data_sentence(),
            *_meaning(params),
            f"Added here, not listed in the paper, and not ranked among its rows: {', '.join(added.rows)}.",
            *rank_sentences(inputs.places),
            inferred_sentence(printed),
        ),
        columns=(
            "algorithm",
            "val, paper",
            "val, ours",
            "test, paper",
            "test, ours",
            *SEEN.values(),
            "inputs of the published number",
        ),
        rows=(*rows, *steps),
        notes=tuple(build.notes.texts),
        records=(
            *(record | seen(results, cell.arm) for record, cell in _with_cells(kappas, results)),
            *(record for system in params.systems for record in _step_records(system, results)),
        ),
    )


def seen(results: Results, arm: Arm | None) -> dict[str, Any]:
    """What an arm's answer to an eye is made of, by the names of :data:`SEEN`; empty where it did not run."""
    runs = results.runs_of(*arm) if arm else results.runs.iloc[:0]
    if runs.empty:
        return dict.fromkeys((*SEEN, "blend_images"), "")
    run = runs.iloc[0]
    found = {name: run[name] for name in ("eyes", "nets", "passes", "px", "blend_rows", "blend_images")}
    return found | {"macs_per_eye": int(run["macs_per_image"]), "blend_images": int(run["blend_images"]) or ""}


def _words(facts: dict[str, Any]) -> list[str]:
    """The same as the table shows it."""
    if not facts["eyes"]:
        return ["-"] * len(SEEN)
    held_out = f"{facts['blend_images']} held-out train images" if facts["blend_rows"] else "-"
    shown = facts | {
        "px": facts["px"].replace(" ", ", "),
        "macs_per_eye": quantity(facts["macs_per_eye"]),
        "blend_rows": held_out,
    }
    return [str(shown[name]) for name in SEEN]


def _with_cells(rows: Sequence[Row], results: Results) -> list[tuple[dict[str, Any], Kappa]]:
    cells = [cell for row in rows for cell in row.cells if isinstance(cell, Kappa)]
    records = _records("comparison", list(rows), results)
    return [
        (record | {"step": "", "added": plain(cell.printed.table == "added")}, cell)
        for record, cell in zip(records, cells, strict=True)
    ]


def _sides(system: str) -> list[tuple[Side, str]]:
    """Rows of a system and their titles, its ladder before its controls."""
    rows = SYSTEMS[system].rows
    steps = [(side, rows[side[0].name].title) for side in ladder(system)]
    return [*steps, *((side, f"control: {rows[side[0].name].title}") for side in controls(system))]


def _steps(system: str, build: _Builder) -> list[Row]:
    """A line per row of a system."""
    lines = []
    for (arm, head), title in _sides(system):
        cells: list[Cell] = []
        for split in EVALUATED:
            marks = build.notes.number(*run_texts(build.params, build.results, arm, head))
            cells += [Text("-"), kappa_number(build.results.measured(*arm, head, split), marks)]
        made_of = map(Text, _words(seen(build.results, arm)))
        lines.append(Row(f"{SYSTEMS[system].title}, part by part", title, (*cells, *made_of, Text("-")), (arm,)))
    return lines


def _step_records(system: str, results: Results) -> list[dict[str, Any]]:
    """The same for the csv."""
    records = []
    for (arm, head), title in _sides(system):
        for split in EVALUATED:
            measured = results.measured(*arm, head, split)
            runs = results.runs_of(*arm)
            records.append(
                {
                    "table": "comparison",
                    "row": SYSTEMS[system].title,
                    "column": f"{split} set",
                    "split": split,
                    "head": head,
                    "decoder": measured.interval.decoder if measured and measured.interval else "",
                    "pixels": "" if runs.empty else int(runs["pixels"].iloc[0]),
                    "paper_px": "",
                    "published": "",
                    "published_mark": "",
                    "split_mark": "",
                    **measured_fields(measured),
                    "status": status(measured),
                    **data_fields(results, measured),
                    "stage": arm.stage,
                    "arm": arm.name,
                    "runs": measured.runs if measured else "",
                    "inputs": "",
                    "step": title,
                    "added": "",
                    **seen(results, arm),
                }
            )
    return records


def _meaning(params: Params) -> list[str]:
    """What else must be said of ours."""
    told = [
        "Ours grade one image by one net, once, unless the line says otherwise; rows with other inputs (both eyes, "
        "several nets, test-time augmentation) solve another task. Marks: stated, printed in a source; inferred, our "
        "reading."
    ]
    ran = [system for system, settings in params.systems.items() if settings.seeds]
    for system in ran:
        entry, settings = SYSTEMS[system], params.systems[system]
        listed = ", ".join(map(str, params.seeds_of(system)))
        told.append(
            f"{entry.title} is {entry.unlike}: {len(settings.nets)} nets, of seeds {listed}, that never see "
            f"{settings.holdout_fraction:.0%} of the train patients, on whom its blends are fitted"
            + (" and its cuts tuned." if entry.tuned else "; its scores are rounded.")
        )
        if entry.left_out:
            told.append(f"Left out of {entry.title}: {entry.left_out}.")
    if ran:
        told.append("No system here uses pseudo-labels.")
    return told


def rank_sentences(rows: Sequence[PlaceRow]) -> list[str]:
    """How often the paper's method has each rank on test."""
    told = []
    for among in dict.fromkeys(row.among for row in rows):
        found = [row for row in rows if row.among == among and row.split == "test"]
        shares = ", ".join(f"{row.rank} in {row.share:.0%}" for row in found if row.share >= 0.005)
        first = found[0]
        told.append(
            f"Rank of {first.title} on test (n = {first.images}) among {first.entrants} rows, {among}: {shares} of "
            f"{first.replicates:,} joint resamples of patients and seeds."
        )
    return told
