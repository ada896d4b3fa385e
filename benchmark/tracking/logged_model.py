"""Logging of a run's network as an MLflow model with a signature; ``served_model.py`` is the model's code."""

from __future__ import annotations

import tempfile
import warnings
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from mlflow.entities import LoggedModelOutput, LoggedModelStatus, Run
from mlflow.models import Model, ModelSignature
from mlflow.pyfunc import save_model
from mlflow.types import ColSpec, Schema

from benchmark.runs.predictions import OUTPUTS
from benchmark.tracking.entries import RunEntry
from benchmark.tracking.trainings import TrackedRun

if TYPE_CHECKING:
    from mlflow import MlflowClient

_CODE = Path(__file__).with_name("served_model.py")
_PACKAGES = (
    "torch",
    "torchvision",
    "timm",
    "lightning-fabric",
    "safetensors",
    "opencv-python-headless",
    "pillow",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
)
"""Packages that the network needs."""


def model_of(run: Run) -> str | None:
    """Return the id of a run's model, or None."""
    outputs = run.outputs.model_outputs if run.outputs else []
    return str(outputs[0].model_id) if outputs else None


def log_model(client: MlflowClient, run: Run, entry: RunEntry, training: TrackedRun) -> str:
    """Log the network of a finished run, or complete a model whose logging was interrupted.

    Args:
        client: client of the store.
        run: MLflow run that the model belongs to.
        entry: the run's intended content.
        training: the run.

    Returns:
        The model's id.
    """
    started = client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'")
    model = next(iter(started), None) or client.create_logged_model(
        run.info.experiment_id,
        name=entry.name.replace("/", "-"),
        source_run_id=run.info.run_id,
        params=dict(entry.params),
        model_type="pyfunc",
    )
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        save_model(
            path=f"{scratch}/model",
            python_model=str(_CODE),
            artifacts={name: (training.folder / file).absolute().as_uri() for name, file in _ARTIFACTS.items()},
            signature=_signature(training),
            input_example=pd.DataFrame({"path": ["17_left.jpeg"]}),
            pip_requirements=_requirements(training),
            mlflow_model=Model(
                artifact_path=model.artifact_location,
                run_id=run.info.run_id,
                model_id=model.model_id,
                model_uuid=model.model_id,
            ),
        )
        client.log_model_artifacts(model.model_id, f"{scratch}/model")
    client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    if model_of(run) is None:
        client.log_outputs(run.info.run_id, [LoggedModelOutput(model.model_id, step=entry.step)])
    return str(model.model_id)


_ARTIFACTS = {"weights": "model.safetensors", "run": "run.json"}


def _signature(training: TrackedRun) -> ModelSignature:
    inputs = [ColSpec("binary", "photograph", required=False), ColSpec("string", "path", required=False)]
    outputs = [ColSpec("string", "remark"), ColSpec("double", "grade")]
    outputs += [ColSpec("double", column) for head in training.spec.heads for column in OUTPUTS[head]]
    return ModelSignature(Schema(inputs), Schema(outputs))


def _requirements(training: TrackedRun) -> list[str]:
    """Return the packages in the recorded versions that trained the network, else in the installed ones."""
    recorded = training.record[1].packages if training.record else {}
    # Package registries have no versions with build tags such as +cpu.
    return [f"{name}=={(recorded.get(name) or _installed(name)).partition('+')[0]}" for name in _PACKAGES]


@cache
def _installed(name: str) -> str:
    """Return the installed version of a package; its files are read only once."""
    return version(name)
