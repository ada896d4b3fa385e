"""Anyone's photographs, graded by finished runs: prepared as their data were, and predicted by each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
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
from benchmark.data.checks.fundus import missing_signs
from benchmark.data.prepare import prepare_photograph
from benchmark.evaluation.outputs import best_arm, main_head
from benchmark.images.fingerprint import fingerprint
from benchmark.runs.declared import by_arm, find_runs
from benchmark.runs.predictions import OUTPUTS, Predictions, read_predictions
from benchmark.runs.results import read_trained, trained
from benchmark.runs.run import RUNS
from benchmark.runs.spec import TrainedResult
from benchmark.scoring.decision_rules.registry import DEFAULT, apply_rule
from benchmark.settings.params import Params

if TYPE_CHECKING:
    from models.network import Network

VAL: Split = "val"
BATCH = 32
"""Photographs that are held in memory at once."""


@dataclass(frozen=True, slots=True)
class Graded:
    """What runs make of one photograph.

    Attributes:
        remark: why it was not graded, and then the rest is None; else empty.
        grade: 0-4, from the mean output of the main head by its default rule.
        score: mean output of the regression head over runs; None without that head.
        score_sd: sample standard deviation over runs; None with fewer than two.
        prob: mean probability of each grade, likewise.
        prob_sd: likewise.
        runs: how many.
    """

    remark: str = ""
    grade: int | None = None
    score: float | None = None
    score_sd: float | None = None
    prob: tuple[float, ...] | None = None
    prob_sd: tuple[float, ...] | None = None
    runs: int = 0

    def columns(self) -> dict[str, Any]:
        """The same with a column per number: ``prob_0`` .. ``prob_4`` and ``prob_sd_0`` .. ``prob_sd_4``."""
        told = asdict(self)
        for name in ("prob", "prob_sd"):
            values = told.pop(name) or [None] * GRADES
            told |= {f"{name}_{grade}": value for grade, value in enumerate(values)}
        return told


class Grader:
    """Runs of one arm, ready to grade."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Read the runs; networks are built when the first photograph is graded.

        Args:
            folders: of finished runs that differ in their seeds alone; at least one.

        Raises:
            InputError: a folder holds no finished run.
        """
        self._folders = folders
        self.result = read_trained(folders[0])

    @cached_property
    def networks(self) -> list[Network]:
        """One per run, in evaluation mode."""
        from benchmark.training.predict import load_model

        return [load_model(folder) for folder in self._folders]

    @property
    def head(self) -> Head:
        """The one that grades."""
        return main_head(self.result)

    def grade(self, photographs: Iterable[bytes]) -> Iterator[Graded]:
        """Grade photographs, given as the bytes of their files, a few at a time: one answer each, in order."""
        coming = iter(photographs)
        while batch := list(islice(coming, BATCH)):
            remarks = [remark(data) for data in batch]
            good = [data for data, fault in zip(batch, remarks, strict=True) if not fault]
            answers = iter(self._graded(good) if good else ())
            yield from (Graded(fault) if fault else next(answers) for fault in remarks)

    def table(self, photographs: Iterable[bytes]) -> pd.DataFrame:
        """The same as a table: ``remark``, ``grade``, and ``score`` and ``prob_0`` .. ``prob_4`` of the run's heads."""
        outputs = [name for head in self.result.heads for name in OUTPUTS[head]]
        table = pd.DataFrame([answer.columns() for answer in self.grade(photographs)])
        return table[["remark", "grade", *outputs]].astype(dict.fromkeys(("grade", *outputs), np.float64))

    def explain(self, photograph: bytes) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """What the networks look at in a photograph that can be graded, and how much each place sways them.

        Returns:
            The square, bytes of shape (s, s, 3), and the mean over networks of
            :func:`benchmark.evaluation.saliency.saliency_maps`, shape (s, s), values 0 to 1.
        """
        from benchmark.evaluation.saliency import saliency_maps

        pixels = self._pixels([photograph])
        maps = [saliency_maps(network, pixels, self.head)[0] for network in self.networks]
        return pixels[0], np.mean(maps, axis=0, dtype=np.float32)

    def _graded(self, photographs: Sequence[bytes]) -> list[Graded]:
        from benchmark.training.predict import predict_images

        pixels = self._pixels(photographs)
        outputs = [predict_images(network, pixels) for network in self.networks]
        stacked = {head: np.stack([out[head] for out in outputs]).astype(np.float64) for head in outputs[0]}
        return summarised(stacked, self.head)

    def _pixels(self, photographs: Sequence[bytes]) -> npt.NDArray[np.uint8]:
        """What the networks look at: bytes, shape (n, s, s, 3)."""
        from benchmark.training.system_view import view_images

        return view_images(
            self.result, np.stack([prepare_photograph(self.result.prepared, data) for data in photographs])
        )


def remark(data: bytes) -> str:
    """Why the bytes of a file are no photograph to be graded; empty where they may be one."""
    look = fingerprint(data)
    if look.error:
        return f"cannot be read: {look.error}"
    if look.brightness < DARK:
        return "is black"
    missing = missing_signs(look)
    return f"looks like no fundus: {missing}" if missing else ""


def summarised(outputs: Mapping[str, Floats], head: Head) -> list[Graded]:
    """Means and standard deviations over runs, and the grade that the means give.

    Args:
        outputs: per head, score of shape (runs, n) or probabilities of shape (runs, n, 5).
        head: the one that grades.
    """
    runs = len(outputs[head])
    means = {name: values.mean(0) for name, values in outputs.items()}
    sds = {name: values.std(0, ddof=1) for name, values in outputs.items()} if runs > 1 else {}
    count = len(means[head])
    nobody = np.full(count, "", np.str_)
    predictions = Predictions(nobody, nobody, nobody, np.zeros(count, np.int64), None, None)
    predictions = replace(predictions, **{head: means[head].astype(np.float32)})
    grades = apply_rule(DEFAULT[head], predictions)

    def score(of: Mapping[str, Floats], place: int) -> float | None:
        return float(of["score"][place]) if "score" in of else None

    def prob(of: Mapping[str, Floats], place: int) -> tuple[float, ...] | None:
        return tuple(of["prob"][place].tolist()) if "prob" in of else None

    return [
        Graded("", int(grades[i]), score(means, i), score(sds, i), prob(means, i), prob(sds, i), runs)
        for i in range(count)
    ]


def runs_of(params: Params, arm: str = "", run: str = "") -> list[TrainedResult]:
    """The finished runs that are asked for: one run, all of an arm, or all of the arm that is best on val.

    Args:
        params: declare the arms.
        arm: ``method/arm``, or empty.
        run: ``method/arm/seed``, or empty; goes before the arm.

    Raises:
        InputError: there is no such run, or none at all.
    """
    if run:
        return [read_trained(RUNS / run)]
    found = by_arm(trained(find_runs(params)))
    if not found:
        msg = f"photographs are graded by finished runs, but {RUNS}/ holds none of the declared arms: run `dvc repro`"
        raise InputError(msg)
    if arm:
        if (chosen := found.get(Arm.parse(arm))) is None:
            msg = f"--arm takes an arm that has finished runs, one of {', '.join(map(str, found))}, but got {arm!r}"
            raise InputError(msg)
        return chosen
    read = {
        (arm, VAL): [(result, read_predictions(result.folder() / f"{VAL}.csv")) for result in results]
        for arm, results in found.items()
    }
    return found[best_arm(read)]
