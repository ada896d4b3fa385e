"""The paper's comparison with other systems, rows added to it, and the systems that are run here, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from benchmark.common.terms import EVALUATED, Arm
from benchmark.common.units import quantity
from benchmark.report.captions import HEAD_NAMES, OTHER_DATA, caption, inferred_sentence
from benchmark.report.inputs import Inputs
from benchmark.report.printed import PrintedCells, kappa_record
from benchmark.report.results import Results
from benchmark.report.table import Row, Table, Text
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
            facts, shown = _grading(results, ours[0].arm)
            inputs_of = f"Inputs of the published number: {val.inputs}." if val.inputs else ""
            rows.append(Row(group, name, (build.paper(val, inputs_of), ours[0], build.paper(test), ours[1], *shown)))
            records += [
                build.record(cell, split) | {"step": "", "added": table is added} | facts
                for cell, split in zip((val, test), EVALUATED, strict=True)
            ]
    for group, name, (arm, head), title in _further_rows(inputs):
        facts, shown = _grading(results, arm)
        kappas = [cell for split in EVALUATED for cell in (Text("-"), build.measured(arm, head, split))]
        rows.append(Row(group, title, (*kappas, *shown), (arm,)))
        pixels = next((int(one) for one in results.runs_of(*arm)["pixels"] if one), "")
        for split in EVALUATED:
            record = kappa_record(name, f"{split} set", split, arm, results.measured(arm, head, split), head)
            records.append(record | {"pixels": pixels, "step": title, "added": ""} | facts)
    return Table(
        title="Comparison with other algorithms",
        caption=caption(
            "Quadratic weighted kappa of the systems in the paper's comparison, as published and as measured here.",
            params,
            results,
            OTHER_DATA,
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


def _further_rows(inputs: Inputs) -> Iterator[tuple[str, str, Side, str]]:
    """Yield group, name in the csv, arm with head, and title of each step or control of a system, and of each file."""
    for name in inputs.params.systems:
        system = SYSTEMS[name]
        for side in (*steps(name), *controls(name)):
            step = system.steps[side[0].name]
            title = f"control: {step.title}" if side in controls(name) else step.title
            yield f"{system.title}, part by part", system.title, side, title
    for name in inputs.params.predicted:
        arm = Arm(name, PREDICTIONS)
        for head in inputs.results.heads_of(arm):
            yield _ELSEWHERE, name, (arm, head), f"{name}: {HEAD_NAMES[head]}"


def _grading(results: Results, arm: Arm | None) -> tuple[dict[str, Any], list[Text]]:
    """Return how an arm grades an eye, as fields of the csv and as cells; fields are empty if it did not run."""
    runs = results.runs_of(*arm).to_dict("records") if arm else []
    if not runs:
        return dict.fromkeys((*GRADING, "blend_rows"), ""), [Text("-")] * len(GRADING)
    run = runs[0]
    facts = {name: run[name] for name in ("eyes", "nets", "tta_views", "px", "blend_rows")}
    facts |= {"blend_images": run["blend_images"] or "", "macs_per_eye": run["macs_per_image"] or ""}
    macs = quantity(facts["macs_per_eye"]) if facts["macs_per_eye"] else ""
    shown = facts | {"px": facts["px"].replace(" ", ", "), "macs_per_eye": macs}
    return facts, [Text(str(shown[name]) or "-") for name in GRADING]


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
