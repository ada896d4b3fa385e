"""Fixtures: an empty store, and one that was filled once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmark.settings.loading import load_params
from benchmark.settings.params import Params
from benchmark.tracking.replay import sync
from tests.factories.paths import ROOT

# MLflow takes seconds to import, which the fast tests do without.
if TYPE_CHECKING:
    from tests.factories.tracking import Filled


@pytest.fixture(scope="session")
def empty_database(shared_folder: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """An empty database; MLflow needs seconds to create its tables, so it is made once."""
    from tests.factories.tracking import MlflowClient

    def create(root: Path) -> None:
        MlflowClient(f"sqlite:///{root}/mlflow.db").search_experiments()

    return shared_folder("empty-store", create) / "mlflow.db"


@pytest.fixture
def project(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project with an empty store."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    return tmp_path


@pytest.fixture(scope="session")
def params() -> Params:
    """Two arms with two seeds each."""
    given = load_params(ROOT / "params.yaml")
    arms = {
        "basenet_mt": {"small": given.arms["basenet_mt"]["small"]},
        "m2cnn": {"mid": given.arms["m2cnn"]["mid"]},
    }
    return given.model_copy(update={"arms": arms, "seeds": [0, 1]})


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory, empty_database: Path, params: Params) -> Filled:
    from tests.factories.tracking import Filled, content, fill, rows_of

    root = tmp_path_factory.mktemp("filled")
    shutil.copy(empty_database, root / "mlflow.db")
    fill(root, params)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        report = sync(root, params)
        return Filled(root, report, content(root), rows_of(root))
