"""Ranks, what was told of the outputs, and saliency maps, as the figures read them: as they were written, and whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmark.common.csv_rows import read_rows
from benchmark.common.errors import InputError
from benchmark.common.terms import EVALUATED, Arm, Head
from benchmark.evaluation.evaluate import CALIBRATION, SCORES, WORST_ERRORS
from benchmark.evaluation.outputs import SPLIT, WORST, CalibrationRow, ScoreRow, WorstRow
from benchmark.evaluation.salient import ATTENTION, IMAGES, MAPS, WINDOWS, Maps, Row, SalientRow, WindowsRow
from benchmark.evaluation.tables import refuse_gaps
from benchmark.report.results import Results
from benchmark.statistics.ranks import RANKS, RankRow
from models.losses.registry import LOSSES

_BY_EVALUATE, _BY_STATISTICS, _BY_SALIENCY = (f"fundusbench {step}" for step in ("evaluate", "statistics", "saliency"))


def read_ranks(results: Results) -> list[RankRow]:
    """How probable each rank is of each arm.

    Raises:
        InputError: as :func:`.read_rows`, or ranks of other arms than ran.
    """
    rows = read_rows(RANKS, RankRow, _BY_STATISTICS)
    found = [(row.size, row.split, row.stage, row.arm, row.rank) for row in rows]
    refuse_gaps(RANKS, found, _ranked(results), _BY_STATISTICS)
    return rows


def read_calibration(results: Results) -> list[CalibrationRow]:
    """How sure each run is, and how often right.

    Raises:
        InputError: as :func:`.read_rows`, or other runs or images than were evaluated.
    """
    rows = read_rows(CALIBRATION, CalibrationRow, _BY_EVALUATE)
    images = Counter[tuple[str, str, int]]()
    for row in rows:
        images[row.stage, row.arm, row.seed] += row.images
    runs = [(*arm, int(seed)) for arm in _with_head(results, "prob") for seed in results.runs_of(*arm)["seed"]]
    refuse_gaps(CALIBRATION, _counted(images), ((*run, results.images(SPLIT)) for run in runs), _BY_EVALUATE)
    return rows


def read_scores(results: Results) -> list[ScoreRow]:
    """How many images of each label have which score.

    Raises:
        InputError: as :func:`.read_rows`, or other arms or images than were evaluated.
    """
    rows = read_rows(SCORES, ScoreRow, _BY_EVALUATE)
    images = Counter[tuple[str, str]]()
    for row in rows:
        images[row.stage, row.arm] += row.images
    arms = [(*arm, results.images(SPLIT) * len(results.runs_of(*arm))) for arm in _with_head(results, "score")]
    refuse_gaps(SCORES, _counted(images), arms, _BY_EVALUATE)
    return rows


def read_worst_errors(results: Results) -> list[WorstRow]:
    """Test images that are graded farthest from their labels.

    Raises:
        InputError: as :func:`.read_rows`, or more or fewer than there should be.
    """
    rows = read_rows(WORST_ERRORS, WorstRow, _BY_EVALUATE)
    due = range(1, min(WORST, results.images(SPLIT)) + 1)
    refuse_gaps(
        WORST_ERRORS, ((place,) for place in range(1, len(rows) + 1)), ((place,) for place in due), _BY_EVALUATE
    )
    return rows


def read_saliency() -> tuple[list[SalientRow], Maps]:
    """Images and their maps; none where that step has not run.

    Raises:
        InputError: as :func:`.read_rows`, or maps that are damaged or of other images.
    """
    return _mapped(IMAGES, SalientRow, MAPS)


def read_attention() -> tuple[list[WindowsRow], Maps]:
    """Images with their windows, and the attention that these follow; errors as of :func:`read_saliency`."""
    return _mapped(WINDOWS, WindowsRow, ATTENTION)


def _mapped(table: Path, kind: type[Row], path: Path) -> tuple[list[Row], Maps]:
    """Rows of a table and a map of each; none where the step has not run."""
    if not table.exists():
        return [], np.zeros((0, 0, 0), np.float16)
    rows = read_rows(table, kind, _BY_SALIENCY)
    try:
        maps = np.load(path)
    except (OSError, ValueError, EOFError) as error:
        why = " ".join(str(error).split())
        msg = f"{path} must hold a map of each image, but is damaged ({why}): make it again with `{_BY_SALIENCY}`"
        raise InputError(msg) from error
    if maps.ndim != 3 or len(maps) != len(rows):
        msg = (
            f"{path} must hold a map of each of {len(rows)} images, but holds {maps.shape}: run `{_BY_SALIENCY}` again"
        )
        raise InputError(msg)
    return rows, maps


def _ranked(results: Results) -> Iterator[tuple[str, str, str, str, int]]:
    """Size, split, arm and rank of each line of the ranks."""
    sizes: dict[str, list[Arm]] = {}
    for arm in results.methods():
        sizes.setdefault(str(results.runs_of(*arm)["size"].iloc[0]), []).append(arm)
    for size, arms in sizes.items():
        for split in EVALUATED:
            if len(arms) > 1 and results.images(split):
                yield from ((size, split, *arm, rank) for arm in arms for rank in range(1, len(arms) + 1))


def _with_head(results: Results, head: Head) -> list[Arm]:
    return [arm for arm in results.methods() if head in LOSSES[results.runs_of(*arm)["objective"].iloc[0]].heads]


def _counted(images: Counter[tuple[str, str, int]] | Counter[tuple[str, str]]) -> list[tuple[str | int, ...]]:
    return [(*whose, count) for whose, count in images.items()]
