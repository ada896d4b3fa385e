"""Prediction of grades from properties that show no lesion, which measures the shortcuts of a data set.

A gradient boosting (scikit-learn's histogram-based one with its default settings) is fitted to the grades of train.
Its thresholds between grades are those with the highest kappa on predictions for train patients outside the fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from benchmark.common.arrays import Ints
from benchmark.common.csv_rows import write_rows
from benchmark.common.splitting import cluster_of
from benchmark.common.terms import EVALUATED, GRADES
from benchmark.common.thresholds import apply_thresholds, best_thresholds
from benchmark.images.fingerprint import ImageInfo
from benchmark.images.shortcut_features import COLOUR, FILE, FRAME
from benchmark.sources.registry import Photograph

SHORTCUTS = "shortcuts.csv"
"""Name of the table of predictions, for photographs in the folder of the data, for squares in that of the packs."""
MIN_TRAIN, MIN_EVALUATED = 100, 50
"""Minimum number of photographs in train, and in each of val and test. With fewer, kappa is mostly noise."""
TOO_FEW = f"it needs {MIN_TRAIN} photographs in train, {MIN_EVALUATED} in val and in test, and two grades in train"

_FOLDS = 5

FeatureSet = Literal["frame", "colour", "file"]
FEATURE_SETS: dict[FeatureSet, str] = {
    "frame": "the shape of the frame",
    "colour": "the shape of the frame and the mean and spread of colours",
    "file": "the file's size, aspect and JPEG quality",
}
"""Sets of features that grades are predicted from, in words."""
_COLUMNS: dict[FeatureSet, slice] = {
    "frame": slice(len(FRAME)),
    "colour": slice(len(FRAME) + len(COLOUR)),
    "file": slice(len(FRAME) + len(COLOUR), len(FRAME) + len(COLOUR) + len(FILE)),
}
"""Columns of each set; a picture without its file has no columns of the last one."""


@dataclass(frozen=True, slots=True)
class GradedImage:
    """An image as the prediction needs it."""

    image_id: str
    patient: str
    split: str
    grade: int
    features: npt.NDArray[np.float32]
    """Features of the picture, followed by those of the file if it is known."""


@dataclass(frozen=True, slots=True)
class ShortcutRow:
    """Grade of a val or test image predicted from a set of features."""

    features: FeatureSet
    image_id: str
    patient: str
    split: str
    grade: int
    predicted: int


def graded_photographs(found: Iterable[tuple[Photograph, ImageInfo]]) -> list[GradedImage]:
    """Return the readable photographs with a grade."""
    return [
        GradedImage(one.image_id, one.patient, one.split, one.grade, info.shortcut_features)
        for one, info in found
        if not info.error and one.grade in range(GRADES)
    ]


def predict_from_shortcuts(images: Sequence[GradedImage]) -> list[ShortcutRow]:
    """Predict the grades of val and test from each set of features; none where :data:`TOO_FEW` images are known."""
    split = np.array([image.split for image in images], str)
    grade = np.array([image.grade for image in images], np.int64)
    train = split == "train"
    enough = train.sum() >= MIN_TRAIN and all((split == name).sum() >= MIN_EVALUATED for name in EVALUATED)
    if not enough or len(np.unique(grade[train])) < 2:
        return []
    features = np.stack([image.features for image in images])
    names = [cluster_of(image.patient, image.image_id) for image in images]
    number = {name: place for place, name in enumerate(dict.fromkeys(names))}
    patient = np.array([number[name] for name in names], np.int64)
    rows = []
    for name, columns in _COLUMNS.items():
        if columns.stop <= features.shape[1]:
            predicted = _predict(features[:, columns], grade, patient, train)
            rows += [
                ShortcutRow(name, image.image_id, image.patient, image.split, image.grade, int(found))
                for image, found in zip(np.array(images, object)[~train], predicted, strict=True)
            ]
    return rows


def kappas(rows: Iterable[ShortcutRow]) -> dict[FeatureSet, float]:
    """Compute quadratic weighted kappa over val and test together by set of features."""
    from sklearn.metrics import cohen_kappa_score

    pairs: dict[FeatureSet, list[tuple[int, int]]] = {}
    for row in rows:
        pairs.setdefault(row.features, []).append((row.grade, row.predicted))
    return {
        name: float(cohen_kappa_score(*zip(*found, strict=True), labels=range(GRADES), weights="quadratic"))
        for name, found in pairs.items()
    }


def write_shortcuts(rows: Iterable[ShortcutRow], folder: Path) -> None:
    """Write the table of predictions to a folder; it has no rows where nothing was measured."""
    write_rows(folder / SHORTCUTS, ShortcutRow, rows)


def _predict(features: npt.NDArray[np.float32], grade: Ints, patient: Ints, train: npt.NDArray[np.bool_]) -> Ints:
    """Return the predicted grades of the images outside train."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from threadpoolctl import threadpool_limits

    model = HistGradientBoostingRegressor(early_stopping=False, random_state=0)
    known = features[train], grade[train]
    # Threads that wait for each other on a busy machine take a hundred times longer than one.
    with threadpool_limits(1):
        outside = cross_val_predict(model, *known, groups=patient[train], cv=GroupKFold(_FOLDS))
        values = model.fit(*known).predict(features[~train])
    return apply_thresholds(values, best_thresholds(outside, grade[train]))
