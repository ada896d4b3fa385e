"""A trained network that MLflow loads and serves.

MLflow stores the text of this file with the model, so nothing is pickled; the project must be installed where the model
runs. Only ``mlflow.pyfunc.load_model`` reads this file.
"""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd


class FundusModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Grades photographs like ``fundusbench predict``, with the same preparation as in training."""

    def load_context(self, context: Any) -> None:
        """Read the run; the network is built when the first photograph arrives."""
        import fundusbench  # noqa: F401 - refuses a process with other packages of these names
        from benchmark.evaluation.photographs import Grader

        self._grader = Grader([Path(context.artifacts["run"]).parent])

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """Return a row per photograph with ``remark``, ``grade`` and the outputs that the run has.

        Each input row has the bytes of a file as ``photograph`` (base64 in JSON), or its ``path`` on this machine. The
        remark says why a photograph was not graded, and its other values are then missing, or why it is doubtful.
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
