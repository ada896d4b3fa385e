"""A run's network as an MLflow model and in MLflow's registry; ``served_model.py`` is the model's code."""

from __future__ import annotations

import tempfile
import warnings
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput, LoggedModelStatus, Run
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.pyfunc import save_model
from mlflow.types import ColSpec, Schema

from benchmark.common.errors import InputError
from benchmark.runs.predictions import OUTPUTS
from benchmark.runs.spec import RunSpec, TrainedResult
from benchmark.tracking.connection import attempt
from benchmark.tracking.entries import RunEntry

_CODE = Path(__file__).with_name("served_model.py")
_ARTIFACTS = {"weights": "model.safetensors", "run": "run.json"}
ALIAS = "best-on-val"
"""Alias of the registered version that serving can follow."""
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


def log_model(client: MlflowClient, run: Run, entry: RunEntry, spec: RunSpec, folder: Path) -> None:
    """Log the network of a finished run as the model of an MLflow run, or complete it if that was interrupted."""
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
            artifacts={name: (folder / file).absolute().as_uri() for name, file in _ARTIFACTS.items()},
            signature=_signature(spec),
            input_example=pd.DataFrame({"path": ["17_left.jpeg"]}),
            pip_requirements=_requirements(entry),
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
        client.log_outputs(run.info.run_id, [LoggedModelOutput(model.model_id, step=int(entry.tags["epoch_kept"]))])


def register(root: Path, run: TrainedResult, run_id: str, name: str) -> str:
    """Register the network of a logged run under a name, unless it is, and move :data:`ALIAS` to it.

    Return the address ``models:/NAME@ALIAS``. Raises InputError if the store cannot be written to or refuses the name.
    """

    def work(client: MlflowClient) -> None:
        model = client.get_logged_model(model_of(client.get_run(run_id)))
        try:
            if not client.search_registered_models(f"name = '{name}'"):
                client.create_registered_model(name)
        except MlflowException as error:
            msg = f"--register takes a name that MLflow accepts, but got {name!r} ({error.message}): use another"
            raise InputError(msg) from error
        versions = client.search_model_versions(f"name = '{name}'")
        same = next((version for version in versions if version.run_id == run_id), None)
        tags = {"arm": f"{run.method}/{run.arm}", "seed": str(run.seed), "key": run.key, "data": run.data.name}
        found = same or client.create_model_version(
            name, model.artifact_location, run_id, tags, model_id=model.model_id
        )
        client.set_registered_model_alias(name, ALIAS, found.version)

    if warning := attempt(root, work):
        raise InputError(warning)
    return f"models:/{name}@{ALIAS}"


def _signature(spec: RunSpec) -> ModelSignature:
    inputs = [ColSpec("binary", "photograph", required=False), ColSpec("string", "path", required=False)]
    outputs = [ColSpec("string", "remark"), ColSpec("double", "grade")]
    outputs += [ColSpec("double", column) for head in spec.heads for column in OUTPUTS[head]]
    return ModelSignature(Schema(inputs), Schema(outputs))


def _requirements(entry: RunEntry) -> list[str]:
    """Return the packages in the recorded versions that trained the network, else in the installed ones."""
    # Package registries have no versions with build tags such as +cpu.
    return [f"{name}=={(entry.packages.get(name) or _installed(name)).partition('+')[0]}" for name in _PACKAGES]


@cache
def _installed(name: str) -> str:
    """Return the installed version of a package; its files are read only once."""
    return version(name)
