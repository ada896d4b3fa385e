"""Registration of a run's network in MLflow's model registry, under an alias that serving can follow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.common.errors import InputError
from benchmark.runs.spec import TrainedResult
from benchmark.tracking.connection import attempt
from benchmark.tracking.logged_model import model_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

ALIAS = "best-on-val"


def register(root: Path, run: TrainedResult, run_id: str, name: str) -> str:
    """Register the network of a logged run, unless it is registered already, and move :data:`ALIAS` to it.

    Args:
        root: the project's folder.
        run: the run.
        run_id: its MLflow run.
        name: name of the registered model, which is created if there is none.

    Returns:
        The address ``models:/NAME@ALIAS``.

    Raises:
        InputError: the store cannot be written to, or refuses the name.
    """

    def work(client: MlflowClient) -> None:
        from mlflow.exceptions import MlflowException

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
