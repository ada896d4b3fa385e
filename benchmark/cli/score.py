"""``fundusbench score``: compute kappa, its interval and paired tests for predictions from any program."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.cli.output import OutputTable, Part, add_json, show, show_json
from benchmark.common.errors import InputError
from benchmark.runs.files.answers import Answers, Labels, read_answers, read_labels
from benchmark.runs.files.columns import SCORE_ROLES, parse_names, read_file
from benchmark.scoring.decision_rules.registry import DECISION_RULES, applicable, apply_rule, fit_on
from benchmark.scoring.kappa import confusion_matrix, why_undefined
from benchmark.statistics.bootstrap import Graded, graded, kappa_interval
from benchmark.statistics.comparison import Comparison, compare, holm
from benchmark.statistics.confidence import CONFIDENCE_LEVEL, Interval

GIVEN = "given"
"""Rule name used for files that contain grades."""

Arms = dict[tuple[str, str], Graded]
"""Grades by split and decision rule."""


@dataclass(frozen=True, slots=True)
class Score:
    """Row of the result: kappa of a split under a decision rule."""

    file: str
    split: str
    rule: str
    images: int
    kappa: Interval
    why_undefined: str | None


@dataclass(frozen=True, slots=True)
class PairedRow:
    """Row of the paired comparison: the first file minus the second."""

    split: str
    rule: str
    other_rule: str
    result: Comparison
    p_holm: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "predictions",
        type=Path,
        help="table of images and grades, a score, or five probabilities; or npy (n, 5) in the labels' order",
    )
    parser.add_argument(
        "--labels",
        type=Path,
        required=True,
        help="table of images and grades, and of splits (Usage) and patients if known",
    )
    parser.add_argument("--compare", type=Path, metavar="OTHER", help="predictions to test against, image by image")
    parser.add_argument(
        "--columns",
        nargs="+",
        default=[],
        metavar="ROLE=NAME",
        help=f"name of the column for a role; roles: {', '.join(SCORE_ROLES)}",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Score one predictions file against labels, or two and their difference, and print the tables.

    Raises InputError if a file is missing or breaks a rule.
    """
    files = [file for file in (args.predictions, args.compare) if file]
    truth, *contents = [read_file(file) for file in (args.labels, *files)]
    names = parse_names(args.columns, truth, contents)
    labels = read_labels(truth, names)
    answered = [read_answers(content, labels, names) for content in contents]
    answers = [answer.splits for answer in answered]
    arms = [grade_all(answer) for answer in answers]
    scores = [row for file, arm in zip(files, arms, strict=True) for row in scored(str(file), arm)]
    pairs = compare_files(*arms) if len(arms) > 1 else []
    read = [note for answer in answered for note in answer.notes]
    notes = [labels.patients_from, *read, *_notes(labels, files, answers, scores)]
    if args.json:
        show_json(values(scores, pairs, notes))
    else:
        show(*score_parts(scores, pairs, notes))


def grade_all(answers: Mapping[str, Answers]) -> Arms:
    """Grade every split by every applicable decision rule; thresholds are tuned on val and used on test alone."""
    arms: Arms = {}
    for split, answer in answers.items():
        predictions = answer.predictions
        if answer.grades is not None:
            arms[split, GIVEN] = graded([predictions], [answer.grades])
        for name in applicable(predictions):
            if DECISION_RULES[name].thresholds != "tuned":
                arms[split, name] = graded([predictions], [apply_rule(name, predictions)])
            elif split == "test" and _tunable(answers):
                fitted = fit_on("val", name, answers["val"].predictions)
                arms[split, name] = graded([predictions], [fitted.apply(predictions)])
    return arms


def _tunable(answers: Mapping[str, Answers]) -> bool:
    return "val" in answers and len(set(answers["val"].predictions.grade.tolist())) > 1


def scored(file: str, arms: Arms) -> list[Score]:
    """Compute kappa and its interval for each split and decision rule."""
    return [
        Score(
            file=file,
            split=split,
            rule=rule,
            images=len(arm.grade),
            kappa=kappa_interval(arm),
            why_undefined=why_undefined(confusion_matrix(arm.grade, arm.predicted[0])),
        )
        for (split, rule), arm in arms.items()
    ]


def compare_files(arms: Arms, others: Arms) -> list[PairedRow]:
    """Test the difference on each split under each decision rule that both files allow, or under each file's first one.

    Raises InputError if the files share no split.
    """
    splits = [split for split in dict.fromkeys(split for split, _ in arms) if any(split == s for s, _ in others)]
    if not splits:
        msg = "two files are compared on a split that both predict, but these share none: predict the same images"
        raise InputError(msg)
    keys = [(key, key) for key in arms if key in others]
    for split in splits:
        if all(split != key[0] for key, _ in keys):
            keys.append((_first(arms, split), _first(others, split)))
    results = [compare(arms[key], others[other]) for key, other in keys]
    adjusted = holm([result.p for result in results])
    return [
        PairedRow(key[0], key[1], other[1], result, float(p))
        for (key, other), result, p in zip(keys, results, adjusted, strict=True)
    ]


def _first(arms: Arms, split: str) -> tuple[str, str]:
    return next(key for key in arms if key[0] == split)


def _notes(
    labels: Labels, files: Sequence[Path], answers: Sequence[Mapping[str, Answers]], scores: Sequence[Score]
) -> Iterable[str]:
    """Yield remarks that a reader needs to interpret the numbers."""
    for file, answer in zip(files, answers, strict=True):
        for split in sorted(set(labels.split.tolist()) - set(answer)):
            yield f"{file}: {split} ({int((labels.split == split).sum())} labels) is not predicted"
    for row in scores:
        where = f"{row.file}, {row.split}, {_title(row.rule)}"
        if row.why_undefined:
            yield f"{where}: kappa is undefined, for {row.why_undefined}"
        elif row.kappa.n_undefined:
            counts = f"{row.kappa.n_undefined} of {row.kappa.n_resamples}"
            yield f"{where}: kappa is undefined in {counts} resamples, which are left out"


def _title(rule: str) -> str:
    return DECISION_RULES[rule].title if rule in DECISION_RULES else "grades as given"


def score_parts(scores: Sequence[Score], pairs: Sequence[PairedRow], notes: Sequence[str]) -> list[Part]:
    """Return a table per file, a table of the differences, and the notes."""
    percent = f"{CONFIDENCE_LEVEL:.0%} interval"
    tables = []
    for file in dict.fromkeys(row.file for row in scores):
        rows = [
            (row.split, _title(row.rule), f"{row.images:,}", f"{row.kappa.n_patients:,}", *_interval(row.kappa))
            for row in scores
            if row.file == file
        ]
        tables.append(
            OutputTable(("split", "decision rule", "images", "patients", "kappa", percent), rows, 2, title=file)
        )
    if pairs:
        lines = [
            (
                pair.split,
                _title(pair.rule) + ("" if pair.rule == pair.other_rule else f" | {_title(pair.other_rule)}"),
                *_interval(pair.result.difference, "+"),
                _p(pair.result.p),
                _p(pair.p_holm),
                _number(pair.result.min_detectable_difference),
            )
            for pair in pairs
        ]
        header = ("split", "decision rule", "difference", percent, "p", "p (Holm)", "resolvable")
        tables.append(OutputTable(header, lines, 2, title="difference, the first minus the second"))
    return [*tables, "\n".join(notes)]


def _interval(interval: Interval, sign: str = "") -> tuple[str, str]:
    ends = f"{_number(interval.low, sign)} to {_number(interval.high, sign)}"
    return _number(interval.estimate, sign), "-" if math.isnan(interval.low) else ends


def _number(value: float, sign: str = "") -> str:
    return "-" if math.isnan(value) else f"{value:{sign}.4f}"


def _p(value: float) -> str:
    return "-" if math.isnan(value) else "<0.001" if value < 0.001 else f"{value:.3f}"


def values(scores: Sequence[Score], pairs: Sequence[PairedRow], notes: Sequence[str]) -> dict[str, Any]:
    """Return the results as plain values for JSON."""
    return {
        "scores": [
            {
                "file": row.file,
                "split": row.split,
                "rule": row.rule,
                "images": row.images,
                "kappa": _interval_values(row.kappa),
                "why_undefined": row.why_undefined,
            }
            for row in scores
        ],
        "comparisons": [
            {
                "split": pair.split,
                "rules": [pair.rule, pair.other_rule],
                "images": pair.result.images,
                "difference": _interval_values(pair.result.difference),
                "p": pair.result.p,
                "p_holm": pair.p_holm,
                "resolvable": pair.result.min_detectable_difference,
            }
            for pair in pairs
        ],
        "notes": list(notes),
    }


def _interval_values(interval: Interval) -> dict[str, Any]:
    return {
        "value": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "level": interval.confidence_level,
        "patients": interval.n_patients,
        "replicates": interval.n_resamples,
        "undefined_replicates": interval.n_undefined,
    }
