"""Quadratic weighted kappa with its uncertainty, and grading of photographs, for use from Python.

Labels are grades 0-4. Predictions are grades 0-4 of the same images in the same order: shape (n,) for one run, or
(runs, n) for runs that differ in their seeds, whose mean kappa is then estimated over patients and seeds. Images of one
patient are resampled together; without ``patients``, each image counts as a patient.

>>> import fundusbench
>>> labels = [0, 0, 1, 2, 2, 3, 4, 4] * 20
>>> good = [0, 0, 1, 2, 2, 3, 4, 3] * 20
>>> poor = [0, 0, 0, 2, 2, 2, 4, 3] * 20
>>> interval = fundusbench.kappa_interval(labels, good)
>>> f"{interval.estimate:.3f} [{interval.low:.3f}, {interval.high:.3f}], {interval.n_patients} patients"
'0.970 [0.955, 0.981], 160 patients'
>>> difference = fundusbench.compare(labels, good, poor).difference
>>> f"{difference.estimate:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"
'+0.055 [+0.038, +0.074]'
>>> fundusbench.rank(labels, {"good": good, "poor": poor})
{'good': [1.0, 0.0], 'poor': [0.0, 1.0]}

Importing it changes no environment variable, and loads neither torch nor MLflow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

try:
    from benchmark.common.errors import InputError
    from benchmark.common.terms import GRADES
    from benchmark.statistics.bootstrap import N_RESAMPLES, Graded
    from benchmark.statistics.bootstrap import kappa_interval as _kappa_interval
    from benchmark.statistics.comparison import Comparison
    from benchmark.statistics.comparison import compare as _compare
    from benchmark.statistics.confidence import Interval
    from benchmark.statistics.ranks import rank_probabilities
except ModuleNotFoundError as error:
    if str(error.name).partition(".")[0] not in ("benchmark", "models"):
        raise
    msg = (
        f"fundusbench needs its packages `benchmark` and `models`, but this process has others of these names "
        f"({error}): import fundusbench in a process of its own"
    )
    raise ImportError(msg) from None

if TYPE_CHECKING:
    import pandas as pd

    from benchmark.evaluation.photographs import Grader as _Grader

__all__ = ["Comparison", "Grader", "InputError", "Interval", "compare", "kappa_interval", "load", "rank"]


def kappa_interval(
    labels: npt.ArrayLike,
    predictions: npt.ArrayLike,
    patients: Sequence[object] | npt.NDArray[Any] | None = None,
    n_resamples: int = N_RESAMPLES,
) -> Interval:
    """Estimate quadratic weighted kappa and its 95 % interval over patients and, with several runs, over seeds.

    Args:
        labels: grades 0-4, shape (n,).
        predictions: grades 0-4, shape (n,) or (runs, n).
        patients: patient of each image, shape (n,); an empty or missing value is an unknown patient.
        n_resamples: resamples of the patients.

    Raises:
        InputError: a shape differs, or a value is no grade.
    """
    return _kappa_interval(_graded(labels, predictions, patients), n_resamples=n_resamples)


def compare(
    labels: npt.ArrayLike,
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    patients: Sequence[object] | npt.NDArray[Any] | None = None,
    n_resamples: int = N_RESAMPLES,
) -> Comparison:
    """Compare the kappas of two predictions of the same images, ``a`` minus ``b``, in pairs.

    Runs are paired by their position: pass the runs of both sides in the order of their seeds.

    Args:
        labels: grades 0-4, shape (n,).
        a: predictions of one side, shape (n,) or (runs, n).
        b: predictions of the other side.
        patients: patient of each image, shape (n,).
        n_resamples: resamples of the patients.

    Raises:
        InputError: a shape differs, or a value is no grade.
    """
    return _compare(_graded(labels, a, patients), _graded(labels, b, patients), n_resamples=n_resamples)


def rank(
    labels: npt.ArrayLike,
    predictions: Mapping[str, npt.ArrayLike],
    patients: Sequence[object] | npt.NDArray[Any] | None = None,
    n_resamples: int = N_RESAMPLES,
) -> dict[str, list[float]]:
    """Compute the probability of each rank of each name, the highest kappa first.

    Args:
        labels: grades 0-4, shape (n,).
        predictions: grades 0-4 by name, shape (n,) or (runs, n) each.
        patients: patient of each image, shape (n,).
        n_resamples: resamples of the patients.

    Returns:
        Probabilities of rank 1, 2, ... by name; NaN for a name whose kappa is not clear of 0, agreement by chance.

    Raises:
        InputError: there are fewer than two names, a shape differs, or a value is no grade.
    """
    if len(predictions) < 2:
        msg = f"a ranking needs at least two predictions, but got {len(predictions)}: pass others by their names"
        raise InputError(msg)
    arms = [_graded(labels, values, patients) for values in predictions.values()]
    found = rank_probabilities(arms, [arm.seed_ids for arm in arms], n_resamples)
    return dict(zip(predictions, found.tolist(), strict=True))


class Grader:
    """Grader of photographs with finished runs that differ only in their seeds."""

    def __init__(self, folders: Sequence[str | Path]) -> None:
        """Read the runs; see :func:`load`."""
        from benchmark.evaluation.photographs import Grader

        self._grader: _Grader = Grader([Path(folder) for folder in folders])

    def predict(self, paths: Iterable[str | Path]) -> pd.DataFrame:
        """Grade photographs, prepared as in training.

        Args:
            paths: files of photographs (JPEG, PNG, TIFF).

        Returns:
            One row per photograph, indexed by its path: ``remark`` (why it was not graded or is doubtful), ``grade``,
            and ``score`` and ``prob_0`` to ``prob_4`` as far as the runs have the head.

        Raises:
            OSError: a file cannot be opened.
        """
        files = [Path(path) for path in paths]
        table = self._grader.table(file.read_bytes() for file in files)
        return table.set_axis([str(file) for file in files], axis=0)


def load(*folders: str | Path) -> Grader:
    """Load finished runs or exported ones: one folder, or several that differ only in their seeds.

    Raises:
        InputError: a folder holds no finished run, or one of another version.
    """
    if not folders:
        msg = "a grader needs at least one folder of a finished run, but got none: name one, such as runs/m2cnn/mid/0"
        raise InputError(msg)
    return Grader(folders)


def _graded(labels: npt.ArrayLike, predictions: npt.ArrayLike, patients: Any) -> Graded:
    grade = _grades(labels, "labels")
    if grade.ndim != 1 or not len(grade):
        msg = f"labels must have the shape (n,) with n > 0, but have {grade.shape}: pass one grade per image"
        raise InputError(msg)
    predicted = _grades(predictions, "predictions")
    if predicted.ndim not in (1, 2) or predicted.shape[-1] != len(grade) or not predicted.size:
        msg = f"predictions must have the shape ({len(grade)},) or (runs, {len(grade)}) like the labels, but have "
        msg += f"{predicted.shape}: predict each image once"
        raise InputError(msg)
    images = np.array([str(place) for place in range(len(grade))])
    return Graded(images, _patients(patients, len(grade)), grade, np.atleast_2d(predicted))


def _grades(values: npt.ArrayLike, what: str) -> npt.NDArray[np.int64]:
    array = np.asarray(values)
    if array.dtype.kind not in "iuf" or not np.isin(array, range(GRADES)).all():
        msg = (
            f"{what} must be grades 0 to {GRADES - 1}, but others are among them: apply a decision rule to scores first"
        )
        raise InputError(msg)
    return array.astype(np.int64)


def _patients(patients: Any, n: int) -> npt.NDArray[np.str_]:
    if patients is None:
        return np.full(n, "", np.str_)
    names = np.array(["" if one is None or one != one else str(one) for one in patients])
    if names.shape != (n,):
        msg = f"patients must be one per image, ({n},), but have the shape {names.shape}: pass None if they are unknown"
        raise InputError(msg)
    return names
