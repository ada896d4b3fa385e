"""The paper's comparison with other systems, rows added to it, and the systems that are run here, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from benchmark.common.terms import EVALUATED, Arm
from benchmark.common.units import quantity
from benchmark.report.captions import HEAD_NAMES, caption, inferred_sentence, other_data_sentence
from benchmark.report.inputs import Inputs
from benchmark.report.printed import PrintedCells, kappa_record
from benchmark.report.results import Results
from benchmark.report.table import Cell, Row, Table, Text
from benchmark.report.tables.registry import TableInfo
from benchmark.settings.params import PREDICTIONS, Params
from benchmark.statistics.estimates import Estimate, Side
from benchmark.statistics.systems import controls, steps
from models.systems.registry import SYSTEMS

ABOUT = TableInfo(keys=("row", "step", "column"), order=2)

_ELSEWHERE = "measured elsewhere, from files of predictions"
"""Title of the rows that are neither the paper's nor trained here."""
_ADDED = "added here: not in the paper's comparison"
"""Title of the rows that are not in the paper."""
GRADING = {
    "eyes": "eyes, ours",
    "nets": "nets",
    "tta_views": "views",
    "px": "px",
    "macs_per_eye": "MACs per eye",
    "blend_images": "blend fitted on",
}
"""Titles of the columns that describe how a system grades an eye."""


def make(inputs: Inputs) -> Table:
    """Make the table: the paper's comparison, the added rows, and each system step by step."""
    printed, added = inputs.printed["comparison"], inputs.printed["added"]
    params, results = inputs.params, inputs.results
    build = PrintedCells(inputs)
    rows, records = [], []
    for group, table in (("", printed), (_ADDED, added)):
        for name in table.rows:
            val, test = (table.cell(name, column) for column in table.columns)
            ours = (build.ours(val, "val", with_published=False), build.ours(test, "test", with_published=False))
            facts = grading_facts(results, ours[0].arm)
            inputs_of = f"Inputs of the published number: {val.inputs}." if val.inputs else ""
            cells: tuple[Cell, ...] = (
                build.paper(val, inputs_of),
                ours[0],
                build.paper(test),
                ours[1],
                *_grading_cells(facts),
            )
            rows.append(Row(group, name, cells))
            records += [
                build.record(cell, split) | {"step": "", "added": table is added} | facts
                for cell, split in zip((val, test), EVALUATED, strict=True)
            ]
    for system in params.systems:
        for side, title in _sides(system):
            rows.append(_step_row(f"{SYSTEMS[system].title}, part by part", side, title, build))
            records += _step_records(SYSTEMS[system].title, side, title, results)
    for name in params.predicted:
        for head in results.heads_of(Arm(name, PREDICTIONS)):
            side, title = (Arm(name, PREDICTIONS), head), f"{name}: {HEAD_NAMES[head]}"
            rows.append(_step_row(_ELSEWHERE, side, title, build))
            records += _step_records(name, side, title, results)
    return Table(
        name="comparison",
        title="Comparison with other algorithms",
        caption=caption(
            "Quadratic weighted kappa of the systems in the paper's comparison, as published and as measured here.",
            params,
            results,
            other_data_sentence(),
            *_system_sentences(params),
            f"Added here, not listed in the paper, and not ranked among its rows: {', '.join(added.rows)}.",
            *rank_sentences(inputs.estimates("system rank"), printed.rows[-1]),
            inferred_sentence(printed),
        ),
        columns=("algorithm", "val, paper", "val, ours", "test, paper", "test, ours", *GRADING.values()),
        rows=rows,
        notes=build.notes.texts,
        records=records,
    )


def grading_facts(results: Results, arm: Arm | None) -> dict[str, Any]:
    """Return how an arm grades an eye, by the names of :data:`GRADING`; empty if it did not run."""
    runs = results.runs_of(*arm) if arm else results.runs.iloc[:0]
    if runs.empty:
        return dict.fromkeys((*GRADING, "blend_rows"), "")
    run = runs.iloc[0]
    facts = {name: run[name] for name in ("eyes", "nets", "tta_views", "px", "blend_rows")}
    return facts | {"blend_images": int(run["blend_images"]) or "", "macs_per_eye": int(run["macs_per_image"]) or ""}


def _grading_cells(facts: dict[str, Any]) -> list[Text]:
    if not facts["eyes"]:
        return [Text("-")] * len(GRADING)
    shown = facts | {
        "px": facts["px"].replace(" ", ", ") or "-",
        "macs_per_eye": quantity(facts["macs_per_eye"]) if facts["macs_per_eye"] else "-",
        "blend_images": str(facts["blend_images"] or "-"),
    }
    return [Text(str(shown[name])) for name in GRADING]


def _sides(system: str) -> list[tuple[Side, str]]:
    """Return the arms of a system and their titles, its steps before its controls."""
    rows = SYSTEMS[system].steps
    own = [(side, rows[side[0].name].title) for side in steps(system)]
    return [*own, *((side, f"control: {rows[side[0].name].title}") for side in controls(system))]


def _step_row(group: str, side: Side, title: str, build: PrintedCells) -> Row:
    """Return the row of a step, a control, or a system that was measured elsewhere."""
    arm, head = side
    kappas: list[Cell] = []
    for split in EVALUATED:
        kappas += [Text("-"), build.measured(arm, head, split)]
    facts = _grading_cells(grading_facts(build.inputs.results, arm))
    return Row(group, title, (*kappas, *facts), (arm,))


def _step_records(system: str, side: Side, title: str, results: Results) -> Iterator[dict[str, Any]]:
    """Yield the records of such a row."""
    (arm, head), runs = side, results.runs_of(*side[0])
    pixels = "" if runs.empty else int(runs["pixels"].iloc[0]) or ""
    for split in EVALUATED:
        measured = results.measured(arm, head, split)
        record = kappa_record(system, f"{split} set", split, arm, measured, head)
        yield record | {"pixels": pixels, "step": title, "added": ""} | grading_facts(results, arm)


def _system_sentences(params: Params) -> list[str]:
    """Return the differences between our systems and those of the paper."""
    sentences = [
        "Ours grade one image by one net, once, unless the row says otherwise; rows with other inputs (both eyes, "
        "several nets, test-time augmentation) solve another task. Marks: stated, printed in a source; inferred, our "
        "reading. Blend fitted on: number of held-out train images."
    ]
    trained = [system for system, settings in params.systems.items() if settings.seeds]
    for system in trained:
        info, settings = SYSTEMS[system], params.systems[system]
        seeds = ", ".join(map(str, params.seeds_of(system)))
        thresholds = " and its thresholds tuned." if info.tuned else "; its scores are rounded."
        sentences.append(
            f"{info.title} is {info.our_version}: {len(settings.nets)} nets with seeds {seeds}, trained without the "
            f"{settings.holdout_fraction:.0%} of the train patients on whom its blends are fitted{thresholds}"
        )
        if info.left_out:
            sentences.append(f"Left out of {info.title}: {info.left_out}.")
    return [*sentences, "No system here uses pseudo-labels."] if trained else sentences


def rank_sentences(rows: Sequence[Estimate], title: str) -> list[str]:
    """Return the probability of each rank on test of the paper's method and of systems measured elsewhere."""
    sentences = []
    for about, arm in dict.fromkeys((row.about, (row.method, row.arm)) for row in rows):
        ranks = [row for row in rows if (row.about, (row.method, row.arm), row.split) == (about, arm, "test")]
        name = arm[0] if arm[1] == PREDICTIONS else title
        listed = ", ".join(f"{row.rank} in {row.estimate:.0%}" for row in ranks if row.estimate >= 0.005)
        sentences.append(
            f"Rank of {name} on test (n = {ranks[0].n_images}) among {len(ranks)} rows, {about}: {listed} of "
            f"{ranks[0].n_resamples:,} joint resamples of patients and seeds."
        )
    return sentences
