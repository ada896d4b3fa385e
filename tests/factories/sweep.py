"""A sweep without training: the predictions of runs depend on the loss weight and the seed alone."""

from __future__ import annotations

import math
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine, event

from benchmark.common.errors import InputError
from benchmark.common.files import write_text
from benchmark.runs.predictions import Predictions, write_predictions
from benchmark.runs.results import write_spec
from benchmark.runs.spec import ArmResult
from benchmark.settings.loading import parse_params
from benchmark.settings.params import Params
from benchmark.sweep.context import SweepContext
from benchmark.training.loop import HISTORY
from tests.conftest import tiny_params
from tests.factories.data import make_data


@event.listens_for(Engine, "connect")
def _without_waiting_for_the_disk(connection: Any, _: Any) -> None:
    """Switch off synchronous writes: a test's study need not survive a power cut."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


WEIGHT = "losses.ce_mse.weight"
SIZES = {"small": 24, "mid": 40, "large": 64}


def sweep_params(train: dict[str, Any] | None = None, **changes: Any) -> Params:
    """Return the parameters of a small sweep."""
    raw = tiny_params()
    raw["sizes"] = SIZES
    raw["train"] |= {"epochs": 3, "batch_size": 16, **(train or {})}
    small = {"arm": "basenet_mt/small", "epochs": 0, "trials": 6, "seeds": [10, 11], "retrain_seeds": [20, 21, 22]}
    raw["sweep"] |= small | {"startup": 3, "warmup_epochs": 0, "heartbeat_s": 1} | changes
    return parse_params(raw)


def make_project(root: Path, images: int = 40) -> None:
    """Write manifest and packs of a small data set."""
    make_data(root, SIZES, {"train": 32, "val": images, "test": images})


class Trainer:
    """A replacement of :meth:`SweepContext.complete` that writes a run's files epoch by epoch and records the epochs.

    Attributes:
        trained: (weight, seed, epoch) of each epoch, in order.
        fail: called with (weight, seed, epoch) before each epoch; an exception ends the run.
    """

    def __init__(self) -> None:
        self.trained: list[tuple[float, int, int]] = []
        self.fail: Any = lambda weight, seed, epoch: None

    def __call__(self, context: SweepContext, spec: Any, folder: Path, label: str, on_epoch: Any = None) -> None:
        if (folder / "run.json").exists():
            return
        weight, rows = spec.loss.parameters["weight"], []
        for epoch in range(1, spec.train.epochs + 1):
            self.fail(weight, spec.seed, epoch)
            self.trained.append((weight, spec.seed, epoch))
            kappa = quality(weight) * epoch / spec.train.epochs + spec.seed / 1000
            rows.append({"lr": 0.1, "train_loss": 1.0, "val_kappa_score": kappa / 2, "val_kappa_prob": kappa})
            if on_epoch:
                on_epoch(rows)
        write_history(folder, rows)
        for split in context.splits:
            if split != "train":
                write_predictions(predictions(context.splits[split], weight, spec.seed), folder / f"{split}.csv")
        result = ArmResult(**spec.model_dump(), epoch_kept=spec.train.epochs, parameters=1, macs_per_image=1, flags=[])
        write_spec(result, folder)


def quality(weight: float) -> float:
    """Return the quality of predictions, highest at weight 0.3."""
    return 0.8 - 0.15 * abs(math.log10(max(weight, 0.001) / 0.3))


def write_history(folder: Path, rows: list[dict[str, float]]) -> None:
    lines = [",".join(str(row.get(name, index)) for name in HISTORY) for index, row in enumerate(rows, 1)]
    write_text(folder / "history.csv", "\n".join([",".join(HISTORY), *lines]) + "\n")


def predictions(data: Any, weight: float, seed: int) -> Predictions:
    """Return scores and probabilities that are noisy grades; the weight determines the noise."""
    # The stream of RandomState never changes, so golden files stay valid.
    draw = np.random.RandomState(seed)
    n, noise = len(data), 2.2 * (1 - quality(weight))
    distance = np.arange(5) - (data.grade + noise * draw.standard_normal(n)).round(3)[:, None]
    prob = np.exp(-(distance**2))
    return Predictions(
        image_id=np.array([row.image_id for row in data.rows]),
        patient=np.array([row.patient for row in data.rows]),
        eye=np.array([row.eye for row in data.rows]),
        grade=data.grade,
        score=(data.grade + 1.5 * noise * draw.standard_normal(n)).round(3).astype(np.float32),
        prob=(prob / prob.sum(1, keepdims=True)).astype(np.float32),
    )


def nan_loss(*_: Any) -> None:
    """Raise the error of a loss that is not finite."""
    msg = "the loss must stay finite, but is nan"
    raise InputError(msg)
