"""A trained network as MLflow loads and serves it; MLflow stores this file's text, and nothing is pickled.

It runs where this project is installed. Read by ``mlflow.pyfunc.load_model`` alone; nothing else imports it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd

BATCH = 64


class FundusModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Grades photographs that were prepared as for training."""

    def load_context(self, context: Any) -> None:
        """Rebuild the network from the run's folder."""
        from benchmark.training.predict import load_model

        self._network = load_model(Path(context.artifacts["run"]).parent)

    def predict(self, context: Any, model_input: np.ndarray, params: Any = None) -> pd.DataFrame:
        """Score and grade probabilities of RGB images.

        Args:
            context: unused.
            model_input: bytes, shape (n, s, s, 3), s being the run's pixels.
            params: unused.

        Returns:
            One row per image with the columns ``score`` and ``prob_0`` to ``prob_4``, as far as the run has the head.
        """
        from benchmark.training.predict import predict_images

        parts = [model_input[start : start + BATCH] for start in range(0, len(model_input), BATCH)]
        outputs = [predict_images(self._network, part) for part in parts]
        columns: dict[str, np.ndarray] = {}
        for head in outputs[0]:
            values = np.concatenate([output[head] for output in outputs])
            columns |= {head: values} if values.ndim == 1 else {f"{head}_{i}": values[:, i] for i in range(5)}
        return pd.DataFrame(columns)


mlflow.models.set_model(FundusModel())
