"""Columns of the tables in ``evaluation/``, and checked reading: a damaged or incomplete table is an error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from benchmark.common.csv_rows import ColumnType, read_frame
from benchmark.common.errors import InputError
from benchmark.common.terms import EVALUATED, GRADES
from models.blends.registry import BLENDS
from models.losses.registry import LOSSES

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
    "kappas": {**_OUTCOME, "n": int, "kappa": float},
    "confusion": {**_OUTCOME, "label": int, "predicted": int, "count": int},
    "grades": {"split": str, "grade": str, "images": int, "patients": int, "unknown": int},
    "curves": {**_RUN, **CURVE},
}
"""Columns and their types by table; an undefined float is empty in the file and NaN when read."""

_MADE_BY = "fundusbench evaluate"


def read_evaluation_table(name: str, root: Path = Path()) -> pd.DataFrame:
    """Read one table.

    Args:
        name: a key of :data:`EVALUATION_COLUMNS`.
        root: the project's folder.

    Raises:
        InputError: the table does not exist or is damaged.
    """
    return read_frame(_path(name, root), EVALUATION_COLUMNS[name], _MADE_BY)


def read_evaluation_tables(root: Path = Path()) -> dict[str, pd.DataFrame]:
    """Read all of :data:`EVALUATION_COLUMNS`, by name.

    Raises:
        InputError: a table does not exist or is damaged, or the tables do not hold the same runs.
    """
    tables = {name: read_evaluation_table(name, root) for name in EVALUATION_COLUMNS}
    runs = list(_lines(tables["runs"], [*_RUN, "loss", "epochs"]))
    if not runs:
        raise InputError(_damaged(_path("runs", root), "holds no run"))
    if unknown := {loss for *_, loss, _ in runs} - {*LOSSES, *BLENDS}:
        raise InputError(_damaged(_path("runs", root), f"has the loss {min(unknown)!r}"))
    outcomes = [(*run, split, head) for *run, loss, _ in runs for split, head in product(EVALUATED, _heads(loss))]
    grades = range(GRADES)
    expected: dict[str, tuple[list[str], Iterable[tuple[Any, ...]]]] = {
        "kappas": ([*_RUN, "split", "head"], outcomes),
        "confusion": (
            [*_RUN, "split", "head", "label", "predicted"],
            [(*outcome, *cell) for outcome in outcomes for cell in product(grades, grades)],
        ),
        "grades": (["split", "grade"], product(EVALUATED, [*map(str, grades), "all"])),
        "curves": (
            [*_RUN, "epoch"],
            # Blends have no epochs.
            [(*run, i) for *run, loss, last in runs if loss in LOSSES for i in range(1, last + 1)],
        ),
    }
    for name, (columns, lines) in expected.items():
        refuse_gaps(_path(name, root), _lines(tables[name], columns), lines, _MADE_BY)
    return tables


def _heads(loss: str) -> list[str]:
    """Return the heads of a network that is trained with a loss, or of a blend."""
    return [*LOSSES[loss].heads] if loss in LOSSES else [BLENDS[loss].head]


def refuse_gaps(
    path: Path, found: Iterable[tuple[Any, ...]], expected: Iterable[tuple[Any, ...]], made_by: str
) -> None:
    """Refuse a table that lacks lines, for example a truncated one, or has too many.

    Args:
        path: the table.
        found: keys of its lines.
        expected: keys that it should have, in any order.
        made_by: the command that writes the table.

    Raises:
        InputError: the keys differ.
    """
    actual, due = Counter(found), Counter(expected)
    for fault, lines in (("lacks", due - actual), ("has too many", actual - due)):
        if lines:
            first = ", ".join(map(str, next(iter(lines))))
            raise InputError(_damaged(path, f"{fault} {lines.total()} lines, first that of {first}", made_by))


def _lines(table: pd.DataFrame, columns: list[str]) -> Iterable[tuple[Any, ...]]:
    return table[columns].itertuples(index=False, name=None)


def _path(name: str, root: Path) -> Path:
    return root / EVALUATION / f"{name}.csv"


def _damaged(path: Path, fault: str, made_by: str = _MADE_BY) -> str:
    return f"{path} must be as it was written, but {fault}: make it again with `{made_by}`"
