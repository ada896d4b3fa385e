"""Readers of the tables of outputs and of the maps, which check that they are complete."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from benchmark.common.csv_rows import read_rows
from benchmark.common.errors import InputError
from benchmark.common.terms import Arm, Head
from benchmark.evaluation.evaluate import CALIBRATION, SCORES, WORST_ERRORS
from benchmark.evaluation.outputs import N_WORST, SPLIT, CalibrationRow, ScoreRow, WorstRow
from benchmark.evaluation.saliency_files import (
    ATTENTION_MAPS,
    SALIENCY_IMAGES,
    SALIENCY_MAPS,
    WINDOWS_FILE,
    MapRow,
    Maps,
    SaliencyRow,
    WindowsRow,
)
from benchmark.evaluation.tables import refuse_gaps
from benchmark.report.results import Results
from models.losses.registry import LOSSES

_BY_EVALUATE, _BY_SALIENCY = "fundusbench evaluate", "fundusbench saliency"


def read_calibration(results: Results) -> list[CalibrationRow]:
    """Read the confidence and accuracy of each run by bin.

    Raises:
        InputError: as :func:`.read_rows`, or other runs or images than were evaluated.
    """
    rows = read_rows(CALIBRATION, CalibrationRow, _BY_EVALUATE)
    images = Counter[tuple[str, str, int]]()
    for row in rows:
        images[row.method, row.arm, row.seed] += row.images
    runs = [(*arm, int(seed)) for arm in _with_head(results, "prob") for seed in results.runs_of(*arm)["seed"]]
    refuse_gaps(CALIBRATION, _counted(images), ((*run, results.images(SPLIT)) for run in runs), _BY_EVALUATE)
    return rows


def read_scores(results: Results) -> list[ScoreRow]:
    """Read the histogram of scores by label.

    Raises:
        InputError: as :func:`.read_rows`, or other arms or images than were evaluated.
    """
    rows = read_rows(SCORES, ScoreRow, _BY_EVALUATE)
    images = Counter[tuple[str, str]]()
    for row in rows:
        images[row.method, row.arm] += row.images
    arms = [(*arm, results.images(SPLIT) * len(results.runs_of(*arm))) for arm in _with_head(results, "score")]
    refuse_gaps(SCORES, _counted(images), arms, _BY_EVALUATE)
    return rows


def read_worst_errors(results: Results) -> list[WorstRow]:
    """Read the test images with the largest grading errors.

    Raises:
        InputError: as :func:`.read_rows`, or another number of images than expected.
    """
    rows = read_rows(WORST_ERRORS, WorstRow, _BY_EVALUATE)
    due = range(1, min(N_WORST, results.images(SPLIT)) + 1)
    refuse_gaps(
        WORST_ERRORS, ((place,) for place in range(1, len(rows) + 1)), ((place,) for place in due), _BY_EVALUATE
    )
    return rows


def read_saliency() -> tuple[list[SaliencyRow], Maps]:
    """Read images and their maps; none if that stage has not run.

    Raises:
        InputError: as :func:`.read_rows`, or maps that are damaged or of other images.
    """
    return _mapped(SALIENCY_IMAGES, SaliencyRow, SALIENCY_MAPS)


def read_attention() -> tuple[list[WindowsRow], Maps]:
    """Read the rows of the windows that Zoom-in-Net crops, and the attention maps; raises as :func:`read_saliency`."""
    return _mapped(WINDOWS_FILE, WindowsRow, ATTENTION_MAPS)


def _mapped(table: Path, kind: type[MapRow], path: Path) -> tuple[list[MapRow], Maps]:
    """Read the rows of a table and a map of each; none if the stage has not run."""
    if not table.exists():
        return [], np.zeros((0, 0, 0), np.float16)
    rows = read_rows(table, kind, _BY_SALIENCY)
    try:
        maps = np.load(path)
    except (OSError, ValueError, EOFError) as error:
        why = " ".join(str(error).split())
        msg = f"{path} must hold a map of each image, but is damaged ({why}): run `{_BY_SALIENCY}` again"
        raise InputError(msg) from error
    if maps.ndim != 3 or len(maps) != len(rows):
        msg = (
            f"{path} must hold a map of each of {len(rows)} images, but holds {maps.shape}: run `{_BY_SALIENCY}` again"
        )
        raise InputError(msg)
    return rows, maps


def _with_head(results: Results, head: Head) -> list[Arm]:
    return [arm for arm in results.methods() if head in LOSSES[results.runs_of(*arm)["loss"].iloc[0]].heads]


def _counted(images: Counter[tuple[str, str, int]] | Counter[tuple[str, str]]) -> list[tuple[str | int, ...]]:
    return [(*run, count) for run, count in images.items()]
