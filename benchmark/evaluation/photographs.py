"""Grading of a user's photographs with finished runs; photographs are prepared like the runs' training data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmark.common.arrays import Floats
from benchmark.common.errors import InputError
from benchmark.common.terms import GRADES, Arm, Head, Split
from benchmark.data.checks.black import DARK
from benchmark.data.checks.fundus import describe_doubt
from benchmark.data.checks.tiny import MIN_SIDE
from benchmark.data.manifest import MANIFEST, read_manifest
from benchmark.data.prepare import prepare_photograph
from benchmark.evaluation.outputs import best_arm, main_head
from benchmark.images.fingerprint import fingerprint
from benchmark.runs.declared import by_arm, data_sha256, find_runs
from benchmark.runs.predictions import OUTPUTS, Predictions, read_predictions
from benchmark.runs.results import read_trained, trained
from benchmark.runs.run import RUNS
from benchmark.runs.spec import TrainedResult
from benchmark.scoring.decision_rules.registry import DEFAULT, apply_rule
from benchmark.settings.params import Params

if TYPE_CHECKING:
    from models.network import Network

VAL: Split = "val"
BATCH_SIZE = 32
"""Number of photographs in memory at once."""


Graded = dict[str, Any]
"""Columns of one photograph: ``remark`` (why it was not graded or is doubtful, or empty), ``grade`` (0-4, by the
default decision rule from the mean output of the main head), means and sample standard deviations of the outputs over
the runs, and the number of runs. What a photograph or an arm lacks is None."""
_UNGRADED: Graded = {
    **{"remark": "", "grade": None, "score": None, "score_sd": None, "runs": 0},
    **dict.fromkeys(f"prob{end}_{grade}" for end in ("", "_sd") for grade in range(GRADES)),
}


class Grader:
    """Grader of photographs with the runs of one arm."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Read finished runs that differ only in their seeds; networks are built when one is first used."""
        self._folders = folders
        self.result = read_trained(folders[0])
        self._min_side = usual_side(self.result)

    @cached_property
    def networks(self) -> list[Network]:
        """One network per run, in evaluation mode."""
        from benchmark.training.predict import load_model

        return [load_model(folder) for folder in self._folders]

    @property
    def head(self) -> Head:
        """The main head, which gives the grade."""
        return main_head(self.result)

    def grade(self, photographs: Iterable[bytes]) -> Iterator[Graded]:
        """Grade photographs, given as the bytes of their files, in batches; yield one result each, in order."""
        remaining = iter(photographs)
        while batch := list(islice(remaining, BATCH_SIZE)):
            seen = [inspect_photograph(data, self._min_side) for data in batch]
            accepted = [data for data, (usable, _) in zip(batch, seen, strict=True) if usable]
            graded = iter(self._grade_batch(accepted) if accepted else ())
            yield from ({**(next(graded) if usable else _UNGRADED), "remark": remark} for usable, remark in seen)

    def table(self, photographs: Iterable[bytes]) -> pd.DataFrame:
        """Grade photographs; return ``remark``, ``grade`` and the outputs of the arm's heads as a table."""
        outputs = [name for head in self.result.heads for name in OUTPUTS[head]]
        table = pd.DataFrame(self.grade(photographs))
        return table[["remark", "grade", *outputs]].astype(dict.fromkeys(("grade", *outputs), np.float64))

    def explain(self, photograph: bytes) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """Return a photograph's network input, bytes (s, s, 3), and the mean of its saliency maps, (s, s)."""
        from benchmark.evaluation.saliency import saliency_maps

        pixels = self._pixels([photograph])
        maps = [saliency_maps(network, pixels, self.head)[0] for network in self.networks]
        return pixels[0], np.mean(maps, axis=0, dtype=np.float32)

    def _grade_batch(self, photographs: Sequence[bytes]) -> list[Graded]:
        from benchmark.training.predict import predict_images

        pixels = self._pixels(photographs)
        outputs = [predict_images(network, pixels) for network in self.networks]
        stacked = {head: np.stack([out[head] for out in outputs]).astype(np.float64) for head in outputs[0]}
        return summarise(stacked, self.head)

    def _pixels(self, photographs: Sequence[bytes]) -> npt.NDArray[np.uint8]:
        """Return the networks' inputs, bytes of shape (n, s, s, 3)."""
        from benchmark.training.system_view import view_images

        return view_images(
            self.result, np.stack([prepare_photograph(self.result.prepared, data) for data in photographs])
        )


def usual_side(result: TrainedResult) -> int:
    """Return the pixels per side that a run's photographs need: its own have fewer if its data set is of thumbnails.

    The sizes of its own photographs are known in the project's folder, from the manifest.
    """
    rows = read_manifest() if MANIFEST.exists() else []
    sides = [min(row.width, row.height) for row in rows if row.split == "train"]
    own = sides and data_sha256(rows) == result.data.manifest_sha256
    return min(MIN_SIDE, int(np.median(sides))) if own else MIN_SIDE


def inspect_photograph(data: bytes, min_side: int = MIN_SIDE) -> tuple[bool, str]:
    """Return whether the bytes of a file can be graded, and why not or why it is doubtful, as the checks judge."""
    info = fingerprint(data)
    if info.error:
        return False, f"cannot be read: {info.error}"
    size = f"it has {info.width} x {info.height} pixels"
    if min(info.width, info.height) < min_side:
        return False, f"is too small: {size}, but {min_side} per side are needed"
    if info.brightness < DARK:
        return False, "is black"
    tiny = f"shows few lesions, as the run's own photographs: {size}" if min(info.width, info.height) < MIN_SIDE else ""
    return info.fundus != "no", describe_doubt(info) or tiny


def summarise(outputs: Mapping[str, Floats], head: Head) -> list[Graded]:
    """Compute means and standard deviations over runs, and the grade of the mean output of a head.

    Outputs are, per head, scores of shape (runs, n) or probabilities of shape (runs, n, 5).
    """
    runs = len(outputs[head])
    means = {name: values.mean(0) for name, values in outputs.items()}
    sds = {name: values.std(0, ddof=1) for name, values in outputs.items()} if runs > 1 else {}
    n = len(means[head])
    empty = np.full(n, "", np.str_)
    predictions = Predictions(empty, empty, empty, np.zeros(n, np.int64), None, None)
    predictions = replace(predictions, **{head: means[head].astype(np.float32)})
    grades = apply_rule(DEFAULT[head], predictions)

    rows = []
    for i, grade in enumerate(grades):
        row = {**_UNGRADED, "grade": int(grade), "runs": runs}
        for end, values in (("", means), ("_sd", sds)):
            if "score" in values:
                row[f"score{end}"] = float(values["score"][i])
            if "prob" in values:
                row |= {f"prob{end}_{place}": value for place, value in enumerate(values["prob"][i].tolist())}
        rows.append(row)
    return rows


def select_runs(params: Params, arm: str = "", run: str = "") -> list[TrainedResult]:
    """Select finished runs: one run, all runs of an arm, or by default all runs of the arm that is best on val.

    Raises InputError if no finished run is selected.
    """
    if run:
        return [read_trained(RUNS / run)]
    runs = by_arm(trained(find_runs(params)))
    if not runs:
        msg = f"photographs are graded by finished runs, but {RUNS}/ holds none of the declared arms: run `dvc repro`"
        raise InputError(msg)
    if arm:
        if (selected := runs.get(Arm.parse(arm))) is None:
            msg = f"--arm takes an arm that has finished runs, one of {', '.join(map(str, runs))}, but got {arm!r}"
            raise InputError(msg)
        return selected
    predictions = {
        (arm, VAL): [(result, read_predictions(result.folder() / f"{VAL}.csv")) for result in results]
        for arm, results in runs.items()
    }
    return runs[best_arm(predictions)]
