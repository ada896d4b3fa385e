"""``fundusbench score``: compute kappa, its interval, ranks and paired tests for predictions from any program."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.cli.output import OutputTable, Part, add_columns, add_json, show, show_json
from benchmark.common.errors import InputError
from benchmark.runs.files.answers import Answers, Labels, read_answers, read_labels
from benchmark.runs.files.columns import parse_names, read_file
from benchmark.scoring.decision_rules.registry import DECISION_RULES, applicable, apply_rule, fit_on
from benchmark.scoring.kappa import confusion_matrix, why_undefined
from benchmark.statistics.bootstrap import N_RESAMPLES, Graded, graded, kappa_interval
from benchmark.statistics.comparison import Comparison, compare, holm
from benchmark.statistics.confidence import CONFIDENCE_LEVEL, Interval
from benchmark.statistics.ranks import rank_probabilities

GIVEN = "given"
"""Rule name used for files that contain grades."""

_RANKS = "probability of each rank, over resamples of the patients (-: kappa is not clear of 0)"

Key = tuple[str, str]
"""Split and decision rule."""
Arms = dict[Key, Graded]
"""Grades of a file by split and decision rule."""


@dataclass(frozen=True, slots=True)
class Score:
    """Row of the result: kappa of a split under a decision rule."""

    file: str
    split: str
    rule: str
    n_images: int
    kappa: Interval
    why_undefined: str | None


@dataclass(frozen=True, slots=True)
class RankRow:
    """Row of the ranks: the probability of each rank of a file among all files, 1 for the highest kappa."""

    split: str
    file: str
    rule: str
    probabilities: list[float]


@dataclass(frozen=True, slots=True)
class PairedRow:
    """Row of the paired comparison: the first file minus another one."""

    split: str
    other: str
    rule: str
    other_rule: str
    result: Comparison
    p_holm: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "predictions",
        nargs="+",
        type=Path,
        help="table of images and grades, a score, or five probabilities; or npy (n, 5) in the labels' order; further "
        "files are ranked with the first one and compared with it, image by image",
    )
    parser.add_argument(
        "--labels",
        type=Path,
        required=True,
        help="table of images and grades, and of splits (Usage) and patients if known",
    )
    add_columns(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Score files of predictions against labels, rank them, test the first against the others, and print the tables.

    Raises InputError if a file is missing or breaks a rule.
    """
    files = args.predictions
    truth, *contents = [read_file(file) for file in (args.labels, *files)]
    names = parse_names(args.columns, truth, contents)
    labels = read_labels(truth, names)
    answered = [read_answers(content, labels, names) for content in contents]
    answers = [answer.splits for answer in answered]
    arms = [grade_all(answer) for answer in answers]
    scores = [row for file, arm in zip(files, arms, strict=True) for row in scored(str(file), arm)]
    settings = comparable(arms) if len(arms) > 1 else []
    ranks = [row for keys in settings for row in rank_files(files, arms, keys)]
    pairs = compare_files(files, arms, settings)
    read = [note for answer in answered for note in answer.notes]
    notes = [labels.patients_from, *read, *_notes(labels, files, answers, scores)]
    if args.json:
        show_json(values(scores, ranks, pairs, notes))
    else:
        show(*score_parts(scores, ranks, pairs, notes))


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
            n_images=len(arm.grade),
            kappa=kappa_interval(arm),
            why_undefined=why_undefined(confusion_matrix(arm.grade, arm.predicted[0])),
        )
        for (split, rule), arm in arms.items()
    ]


def comparable(arms: Sequence[Arms]) -> list[list[Key]]:
    """Return the settings in which files are compared: on each common split, the split and rule of each file in turn.

    The rules are those that all files allow; where there are none, each file has its first one.

    Raises InputError if the files share no split.
    """
    splits = [
        split for split in dict.fromkeys(split for split, _ in arms[0]) if all(_rules(one, split) for one in arms)
    ]
    if not splits:
        msg = "files are compared on a split that all of them predict, but these share none: predict the same images"
        raise InputError(msg)
    settings: list[list[Key]] = []
    for split in splits:
        rules = [_rules(one, split) for one in arms]
        common = [rule for rule in rules[0] if all(rule in of_file for of_file in rules)]
        settings += [[(split, rule)] * len(arms) for rule in common] or [[(split, of_file[0]) for of_file in rules]]
    return settings


def _rules(arms: Arms, split: str) -> list[str]:
    return [rule for one, rule in arms if one == split]


def rank_files(files: Sequence[Path], arms: Sequence[Arms], keys: Sequence[Key]) -> list[RankRow]:
    """Compute the probability of each rank of each file in a setting, over resamples of the patients."""
    graded_files = [one[key] for one, key in zip(arms, keys, strict=True)]
    found = rank_probabilities(graded_files, [[0]] * len(arms), N_RESAMPLES)
    return [
        RankRow(split, str(file), rule, row.tolist())
        for file, (split, rule), row in zip(files, keys, found, strict=True)
    ]


def compare_files(files: Sequence[Path], arms: Sequence[Arms], settings: Sequence[Sequence[Key]]) -> list[PairedRow]:
    """Test the difference of the first file from each other one in each setting."""
    asked = [(keys, place) for keys in settings for place in range(1, len(arms))]
    results = [compare(arms[0][keys[0]], arms[place][keys[place]]) for keys, place in asked]
    adjusted = holm([result.p for result in results])
    return [
        PairedRow(keys[0][0], str(files[place]), keys[0][1], keys[place][1], result, float(p))
        for (keys, place), result, p in zip(asked, results, adjusted, strict=True)
    ]


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


def score_parts(
    scores: Sequence[Score], ranks: Sequence[RankRow], pairs: Sequence[PairedRow], notes: Sequence[str]
) -> list[Part]:
    """Return a table of the kappas, one of the ranks, one of the differences, and the notes."""
    percent = f"{CONFIDENCE_LEVEL:.0%} interval"
    rows = [
        (
            *(row.file, row.split, _title(row.rule)),
            *(f"{row.n_images:,}", f"{row.kappa.n_patients:,}", *_interval(row.kappa)),
        )
        for row in scores
    ]
    tables = [OutputTable(("file", "split", "decision rule", "images", "patients", "kappa", percent), rows, 3)]
    if ranks:
        lines = [
            (row.split, row.file, _title(row.rule), *("-" if math.isnan(p) else f"{p:.1%}" for p in row.probabilities))
            for row in ranks
        ]
        header = ("split", "file", "decision rule", *(f"rank {rank}" for rank in range(1, len(lines[0]) - 2)))
        tables.append(OutputTable(header, lines, 3, title=_RANKS))
    if pairs:
        lines = [
            (
                *(pair.split, pair.other),
                _title(pair.rule) + ("" if pair.rule == pair.other_rule else f" | {_title(pair.other_rule)}"),
                *_interval(pair.result.difference, "+"),
                *(_p(pair.result.p), _p(pair.p_holm), _number(pair.result.min_detectable_difference)),
            )
            for pair in pairs
        ]
        header = ("split", "other file", "decision rule", "difference", percent, "p", "p (Holm)", "resolvable")
        tables.append(OutputTable(header, lines, 3, title=f"difference, {scores[0].file} minus the other file"))
    return [*tables, "\n".join(notes)]


def _interval(interval: Interval, sign: str = "") -> tuple[str, str]:
    ends = f"{_number(interval.low, sign)} to {_number(interval.high, sign)}"
    return _number(interval.estimate, sign), "-" if math.isnan(interval.low) else ends


def _number(value: float, sign: str = "") -> str:
    return "-" if math.isnan(value) else f"{value:{sign}.4f}"


def _p(value: float) -> str:
    return "-" if math.isnan(value) else "<0.001" if value < 0.001 else f"{value:.3f}"


def values(
    scores: Sequence[Score], ranks: Sequence[RankRow], pairs: Sequence[PairedRow], notes: Sequence[str]
) -> dict[str, Any]:
    """Return the results under the names that the report's tables use."""
    return {
        "scores": scores,
        "ranks": ranks,
        "comparisons": [
            {
                "split": pair.split,
                "files": [scores[0].file, pair.other],
                "rules": [pair.rule, pair.other_rule],
                "n_images": pair.result.images,
                "difference": pair.result.difference,
                "p": pair.result.p,
                "p_holm": pair.p_holm,
                "min_detectable_difference": pair.result.min_detectable_difference,
            }
            for pair in pairs
        ],
        "notes": notes,
    }
