"""The paper's comparison with other systems, row by row, and the systems that are run here, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from benchmark.common.terms import EVALUATED, Arm
from benchmark.common.units import quantity
from benchmark.report.captions import caption, inferred_sentence, other_data_sentence
from benchmark.report.csv_fields import plain
from benchmark.report.inputs import Inputs
from benchmark.report.notes import run_texts
from benchmark.report.printed import PrintedCells, kappa_record
from benchmark.report.results import Results
from benchmark.report.table import Cell, Row, Table, Text, estimate_cell
from benchmark.report.tables.registry import TableInfo
from benchmark.settings.params import Params
from benchmark.statistics.estimates import Estimate, Side
from benchmark.statistics.systems import controls, steps
from models.systems.registry import SYSTEMS

ABOUT = TableInfo(order=2)

ADDED = "added here: not in the paper's comparison"
"""Title of the rows that are not in the paper."""
SEEN = {
    "eyes": "eyes, ours",
    "nets": "nets",
    "tta_views": "tta_views",
    "px": "px",
    "macs_per_eye": "MACs per eye",
    "blend_rows": "blend fitted on",
}
"""Columns that describe how a system grades an eye, and their titles."""


def make(inputs: Inputs) -> Table:
    """The paper's comparison, rows added to it, the inputs of each number, and each system step by step."""
    printed, added = inputs.printed["comparison"], inputs.printed["added"]
    params, results = inputs.params, inputs.results
    build = PrintedCells(inputs)
    rows, records = [], []
    for group, table in (("", printed), (ADDED, added)):
        for name in table.rows:
            val, test = (table.cell(name, column) for column in table.columns)
            ours = (build.ours(val, "val", beside=False), build.ours(test, "test", beside=False))
            facts = seen(results, ours[0].arm)
            cells: tuple[Cell, ...] = (build.paper(val), ours[0], build.paper(test), ours[1], *map(Text, _words(facts)))
            rows.append(Row(group, name, (*cells, Text(str(val.inputs or "")))))
            own = {"step": "", "added": plain(table is added)}
            records += [
                build.record("comparison", cell, split) | own | facts
                for cell, split in zip((val, test), EVALUATED, strict=True)
            ]
    for system in params.systems:
        for side, title in _sides(system):
            rows.append(_step(system, side, title, build))
            records += _step_records(system, side, title, results)
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
            *rank_sentences(inputs.estimates("system rank"), printed.rows[-1]),
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
        rows=tuple(rows),
        notes=tuple(build.notes.texts),
        records=tuple(records),
    )


def seen(results: Results, arm: Arm | None) -> dict[str, Any]:
    """Return how an arm grades an eye, by the names of :data:`SEEN`; empty where it did not run."""
    runs = results.runs_of(*arm) if arm else results.runs.iloc[:0]
    if runs.empty:
        return dict.fromkeys((*SEEN, "blend_images"), "")
    run = runs.iloc[0]
    found = {name: run[name] for name in ("eyes", "nets", "tta_views", "px", "blend_rows", "blend_images")}
    return found | {"macs_per_eye": int(run["macs_per_image"]), "blend_images": int(run["blend_images"]) or ""}


def _words(facts: dict[str, Any]) -> list[str]:
    """Return the same as the table shows it."""
    if not facts["eyes"]:
        return ["-"] * len(SEEN)
    held_out = f"{facts['blend_images']} held-out train images" if facts["blend_rows"] else "-"
    shown = facts | {
        "px": facts["px"].replace(" ", ", "),
        "macs_per_eye": quantity(facts["macs_per_eye"]),
        "blend_rows": held_out,
    }
    return [str(shown[name]) for name in SEEN]


def _sides(system: str) -> list[tuple[Side, str]]:
    """Return the rows of a system and their titles, its steps before its controls."""
    rows = SYSTEMS[system].steps
    own = [(side, rows[side[0].name].title) for side in steps(system)]
    return [*own, *((side, f"control: {rows[side[0].name].title}") for side in controls(system))]


def _step(system: str, side: Side, title: str, build: PrintedCells) -> Row:
    """Return the line of a step or control."""
    (arm, head), inputs = side, build.inputs
    cells: list[Cell] = []
    for split in EVALUATED:
        marks = build.notes.number(*run_texts(inputs.params, inputs.results, arm, head))
        cells += [Text("-"), estimate_cell(inputs.results.measured(arm, head, split), marks)]
    made_of = map(Text, _words(seen(inputs.results, arm)))
    return Row(f"{SYSTEMS[system].title}, part by part", title, (*cells, *made_of, Text("-")), (arm,))


def _step_records(system: str, side: Side, title: str, results: Results) -> Iterator[dict[str, Any]]:
    """Return the same for the csv."""
    (arm, head), own = side, dict[str, Any](step=title, added="")
    runs = results.runs_of(*arm)
    own["pixels"] = "" if runs.empty else int(runs["pixels"].iloc[0])
    for split in EVALUATED:
        measured = results.measured(arm, head, split)
        record = kappa_record("comparison", SYSTEMS[system].title, f"{split} set", split, arm, measured, head)
        yield record | own | seen(results, arm)


def _meaning(params: Params) -> list[str]:
    """Return what else must be said of our numbers."""
    sentences = [
        "Ours grade one image by one net, once, unless the line says otherwise; rows with other inputs (both eyes, "
        "several nets, test-time augmentation) solve another task. Marks: stated, printed in a source; inferred, our "
        "reading."
    ]
    ran = [system for system, settings in params.systems.items() if settings.seeds]
    for system in ran:
        entry, settings = SYSTEMS[system], params.systems[system]
        listed = ", ".join(map(str, params.seeds_of(system)))
        sentences.append(
            f"{entry.title} is {entry.our_version}: {len(settings.nets)} nets, of seeds {listed}, that never see "
            f"{settings.holdout_fraction:.0%} of the train patients, on whom its blends are fitted"
            + (" and its thresholds tuned." if entry.tuned else "; its scores are rounded.")
        )
        if entry.left_out:
            sentences.append(f"Left out of {entry.title}: {entry.left_out}.")
    if ran:
        sentences.append("No system here uses pseudo-labels.")
    return sentences


def rank_sentences(rows: Sequence[Estimate], title: str) -> list[str]:
    """Return how probable each rank of the paper's method is on test."""
    sentences = []
    for among in dict.fromkeys(row.about for row in rows):
        found = [row for row in rows if row.about == among and row.split == "test"]
        listed = ", ".join(f"{row.rank} in {row.estimate:.0%}" for row in found if row.estimate >= 0.005)
        first = found[0]
        sentences.append(
            f"Rank of {title} on test (n = {first.n_images}) among {len(found)} rows, {among}: {listed} of "
            f"{first.n_resamples:,} joint resamples of patients and seeds."
        )
    return sentences
