"""A run's network as an MLflow model with a signature, from the code in ``benchmark/tracking/served_model.py``."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, cast

from mlflow.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus, Run
from mlflow.models import Model, ModelSignature
from mlflow.pyfunc import save_model
from mlflow.types import ColSpec, Schema

from benchmark.common.terms import Head
from benchmark.runs.predictions import OUTPUTS
from benchmark.tracking.entries import Entry

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


def model_of(run: Run) -> str | None:
    """Id of the run's model, if it has one."""
    outputs = run.outputs.model_outputs if run.outputs else []
    return str(outputs[0].model_id) if outputs else None


def log_model(client: MlflowClient, run: Run, entry: Entry, folder: Path) -> str:
    """Log the network of a finished run, or complete one whose logging was cut off.

    Args:
        client: the store.
        run: the MLflow run that the model belongs to.
        entry: what the store should hold of it.
        folder: holds ``model.safetensors`` and ``run.json``.

    Returns:
        The model's id.
    """
    model = _begun(client, run) or client.create_logged_model(
        run.info.experiment_id,
        name=entry.name.replace("/", "-"),
        source_run_id=run.info.run_id,
        params=dict(entry.params),
        model_type="pyfunc",
    )
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        # MLflow asks for an input example; the signature says all that one could.
        warnings.simplefilter("ignore")
        save_model(
            path=f"{scratch}/model",
            python_model=str(_CODE),
            artifacts={"weights": str(folder / "model.safetensors"), "run": str(folder / "run.json")},
            signature=_signature(entry),
            pip_requirements=list(_requirements(entry)),
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


def _begun(client: MlflowClient, run: Run) -> LoggedModel | None:
    """The model that an earlier, interrupted call made for this run."""
    found = client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'")
    return found[0] if found else None


def _signature(entry: Entry) -> ModelSignature:
    assert entry.training is not None
    photograph = [ColSpec("binary", "photograph", required=False), ColSpec("string", "path", required=False)]
    answer = [ColSpec("string", "remark"), ColSpec("double", "grade")]
    answer += [
        ColSpec("double", column) for head in entry.training.spec.heads for column in OUTPUTS[cast("Head", head)]
    ]
    return ModelSignature(Schema(photograph), Schema(answer))


def _requirements(entry: Entry) -> Iterable[str]:
    """Packages that the network needs, as it was trained with them where that is recorded."""
    record = entry.training.record if entry.training else None
    recorded = record[1].packages if record else {}
    for name in _PACKAGES:
        # A build tag (2.1.0+cpu) names no release that a registry has.
        yield f"{name}=={(recorded.get(name) or _installed(name)).partition('+')[0]}"


@cache
def _installed(name: str) -> str:
    """Version of a package here, looked up once, for that reads its files."""
    return version(name)
