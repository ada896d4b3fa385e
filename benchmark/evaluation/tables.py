"""Columns of the tables in ``evaluation/`` that later stages read, and their reader."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from benchmark.common.csv_rows import ColumnType, read_frame

EVALUATION = Path("evaluation")

_RUN: Mapping[str, ColumnType] = {"method": str, "arm": str, "seed": int}
_OUTCOME: Mapping[str, ColumnType] = {**_RUN, "split": str, "head": str, "rule": str}
CURVE: Mapping[str, ColumnType] = {
    **{"epoch": int, "images": int, "lr": float, "train_loss": float, "val_loss": float},
    **{"val_kappa_score": float, "val_kappa_prob": float},
}
"""Columns of a run's ``history.csv``."""
EVALUATION_COLUMNS: Mapping[str, Mapping[str, ColumnType]] = {
    "runs": {
        **_RUN,
        **{"size": str, "pixels": int, "n_cells": int, "parent": str, "epoch_kept": int, "key": str, "parameters": int},
        **{"macs_per_image": int, "epochs": int, "loss": str, "flags": str, "data": str, "synthetic": bool},
        **{"train": int, "device": str, "precision": str, "numerics": str, "backbone": str, "weights": str},
        **{"data_hash": str, "parameter_hash": str, "system": str, "eyes": str, "nets": int, "tta_views": int},
        **{"px": str, "blend_rows": str, "blend_images": int},
    },
    "confusion": {**_OUTCOME, "label": int, "predicted": int, "count": int},
    "grades": {"split": str, "grade": str, "images": int, "patients": int, "unknown": int},
    "curves": {**_RUN, **CURVE},
}
"""Columns and their types by table; an undefined float is empty in the file and NaN when read."""


def read_evaluation_table(name: str, root: Path = Path()) -> pd.DataFrame:
    """Read one of :data:`EVALUATION_COLUMNS` of the project in a folder.

    Raises InputError if the table does not exist or is damaged.
    """
    return read_frame(root / EVALUATION / f"{name}.csv", EVALUATION_COLUMNS[name], "fundusbench evaluate")
