"""A trained network as MLflow loads and serves it; MLflow stores this file's text, and nothing is pickled.

It runs where this project is installed. Read by ``mlflow.pyfunc.load_model`` alone; nothing else imports it.
"""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd


class FundusModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Grades photographs as ``fundusbench predict`` does: finds the disc, prepares as for training, predicts."""

    def load_context(self, context: Any) -> None:
        """Read the run; its network is built for the first photograph."""
        from benchmark.evaluation.photographs import Grader

        self._grader = Grader([Path(context.artifacts["run"]).parent])

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """Grade, score and probabilities of photographs.

        Args:
            context: unused.
            model_input: a row per photograph, with its file's bytes as ``photograph`` (in JSON: base64), or with its
                ``path`` on this machine.
            params: unused.

        Returns:
            One row per photograph: ``remark`` (why it was not graded; else empty), ``grade``, and ``score`` and
            ``prob_0`` to ``prob_4`` as far as the run has the head; missing where it was not graded.
        """
        return self._grader.table([_read(row) for row in model_input.to_dict("records")])


def _read(row: dict[Hashable, Any]) -> bytes:
    data, path = row.get("photograph"), row.get("path")
    if isinstance(data, bytes):
        return data
    if isinstance(path, str) and path:
        return Path(path).read_bytes() if Path(path).is_file() else b""
    msg = "each row must have a photograph (the bytes of its file, base64 in JSON) or a path, but one has neither"
    raise ValueError(msg)


mlflow.models.set_model(FundusModel())
