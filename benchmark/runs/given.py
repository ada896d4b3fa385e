"""Predictions of a model that was trained and applied elsewhere: read from files and checked against the manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmark.common.errors import InputError
from benchmark.common.files import sha256_file
from benchmark.common.terms import DEFAULT, EVALUATED, GRADES, Head, Split
from benchmark.data.manifest import ManifestRow
from benchmark.runs.files.answers import Answers, Labels, read_answers
from benchmark.runs.files.columns import Array, parse_names, read_file
from benchmark.runs.predictions import Predictions


@dataclass(frozen=True, eq=False, slots=True)
class Given:
    """Content of the files of one run.

    Attributes:
        predictions: val and test, in manifest order; grades are a score of whole numbers.
        sha256: hash of each file.
        notes: remarks on how the files were read.
    """

    predictions: Mapping[Split, Predictions]
    sha256: Mapping[Split, str]
    notes: tuple[str, ...]

    @property
    def heads(self) -> list[Head]:
        """Outputs that both files have, the main one first."""
        return [head for head in DEFAULT if all(getattr(one, head) is not None for one in self.predictions.values())]


def read_seeds(
    files: Mapping[int, Mapping[Split, str]], columns: Mapping[str, str], manifest: Sequence[ManifestRow]
) -> Iterator[tuple[int, Given]]:
    """Yield each seed with the content of its files.

    Raises:
        InputError: a file breaks a rule, see :func:`read_given`, or equals that of another seed, so that the spread
            over seeds would be too small.
    """
    seen: dict[tuple[Split, str], int] = {}
    for seed, of_splits in files.items():
        given = read_given(of_splits, columns, manifest)
        for split, sha256 in given.sha256.items():
            if (first := seen.setdefault((split, sha256), seed)) != seed:
                msg = (
                    f"each seed must have predictions of its own, but {of_splits[split]} of seed {seed} equals the "
                    f"file of seed {first} for {split}: give it once, or the file of the other training"
                )
                raise InputError(msg)
        yield seed, given


def read_given(files: Mapping[Split, str], columns: Mapping[str, str], manifest: Sequence[ManifestRow]) -> Given:
    """Read the predictions of one run and check them against the manifest.

    Args:
        files: file of val and of test; the same one may hold both.
        columns: name of the column by role, where it is ambiguous.
        manifest: the data set.

    Raises:
        InputError: a file is missing or cannot be read, lacks an image of its split or repeats one, has an image that
            is not in the manifest or belongs to another split, is the truth, or has other outputs than the other file.
    """
    found: dict[Split, Predictions] = {}
    notes: list[str] = []
    for path in dict.fromkeys(Path(files[split]) for split in EVALUATED):
        content, held = read_file(path), [split for split in EVALUATED if Path(files[split]) == path]
        # An array names no images: it has those of its splits, in the order of the manifest.
        rows = [row for row in manifest if row.split in held] if isinstance(content, Array) else manifest
        names = parse_names([f"{role}={name}" for role, name in columns.items()], content, [content])
        answered = read_answers(content, _labels(rows), names, held)
        for split in held:
            found[split] = _predictions(answered.splits[split], [row.eye for row in manifest if row.split == split])
            _refuse_truth(found[split], path, split)
        notes += answered.notes
    sha256 = {split: sha256_file(Path(files[split])) for split in EVALUATED}
    given = Given(found, sha256, tuple(dict.fromkeys(notes)))
    if not given.heads:
        msg = (
            f"both files of a run must hold the same output, but {files['val']} and {files['test']} hold different "
            "ones: give a score, probabilities or grades in both"
        )
        raise InputError(msg)
    return given


def _labels(rows: Sequence[ManifestRow]) -> Labels:
    return Labels(
        image_id=np.array([row.image_id for row in rows]),
        patient=np.array([row.patient for row in rows]),
        grade=np.array([row.grade for row in rows], np.int64),
        split=np.array([row.split for row in rows]),
        patients_from="patients: the manifest",
    )


def _predictions(answers: Answers, eyes: Sequence[str]) -> Predictions:
    """Return predictions as a run writes them; grades without a score take its place."""
    score, prob = answers.predictions.score, answers.predictions.prob
    if score is None and answers.grades is not None:
        score = answers.grades.astype(np.float32)
    return replace(
        answers.predictions,
        eye=np.array(eyes),
        score=None if score is None else score.astype(np.float32),
        prob=None if prob is None else prob.astype(np.float32),
    )


def _refuse_truth(predictions: Predictions, path: Path, split: Split) -> None:
    """Refuse predictions whose kappa is exactly 1."""
    grades = []
    if predictions.score is not None:
        grades.append(np.floor(predictions.score + 0.5).clip(0, GRADES - 1))
    if predictions.prob is not None:
        grades.append(predictions.prob.argmax(1))
    if len(predictions) and any((one == predictions.grade).all() for one in grades):
        msg = (
            f"predictions must not be the truth, but {path} agrees with all {len(predictions)} labels of {split}: give "
            "the outputs of the model, perhaps with --columns ROLE=NAME"
        )
        raise InputError(msg)
