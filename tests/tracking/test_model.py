"""The logged model predicts as the network does."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from mlflow import pyfunc

from benchmark.runs.predictions import PROBS
from benchmark.settings.params import Params
from benchmark.tracking.connection import tracking_uri
from benchmark.tracking.replay import sync
from tests.made.tracking import client_of, runs_of, spec_of, write_run


def test_the_model_has_a_signature_and_predicts(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write_run(project, spec_of(params, "m2cnn", "mid", 0))
    sync(project, params)
    (output,) = runs_of(project)[0].outputs.model_outputs
    network = types.ModuleType("benchmark.training.predict")
    vars(network).update(
        load_model=lambda folder: (folder / "model.safetensors").read_bytes(), predict_images=brightness
    )
    monkeypatch.setitem(sys.modules, "benchmark.training.predict", network)

    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_uri(project))
    logged = client_of(project).get_logged_model(output.model_id)
    model = pyfunc.load_model(f"models:/{output.model_id}")
    side = params.sizes.mid
    assert json.loads(model.metadata.signature.to_dict()["inputs"]) == [
        {"type": "tensor", "tensor-spec": {"dtype": "uint8", "shape": [-1, side, side, 3]}}
    ]
    images = np.arange(130, dtype=np.uint8)[:, None, None, None] * np.ones((1, side, side, 3), np.uint8)
    table = model.predict(images)
    assert list(table.columns) == ["score", "prob_0", "prob_1", "prob_2", "prob_3", "prob_4"]
    assert table["score"].tolist() == list(range(130))
    assert table["prob_4"].tolist() == [0.2] * 130
    with pytest.raises(Exception, match="shape"):
        model.predict(images[:, :10])
    assert (logged.status, logged.source_run_id) == ("READY", runs_of(project)[0].info.run_id)
    requirements = (Path(logged.artifact_location.removeprefix("file://")) / "requirements.txt").read_text()
    assert "torch==2.1.0\n" in requirements
    assert capfd.readouterr() == ("", "")


def brightness(network: bytes, images: np.ndarray) -> dict[str, np.ndarray]:
    assert network == b"weights"
    return {"score": images.mean((1, 2, 3)), "prob": np.full((len(images), 5), 0.2)}


@pytest.mark.slow
def test_the_model_predicts_as_the_network_does(project: Path, params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    from safetensors.torch import save_file

    from benchmark.training.predict import load_model, predict_images
    from models.losses.registry import LOSSES
    from models.network import build_network

    spec = spec_of(params, "m2cnn", "mid", 0)
    write_run(project, spec)
    folder = spec.folder(project / "runs")
    network = build_network(spec.model, spec.level, LOSSES[spec.objective.name].heads, spec.pixels)
    save_file(network.state_dict(), folder / "model.safetensors")
    sync(project, params)

    images = np.random.default_rng(0).integers(0, 256, (3, spec.pixels, spec.pixels, 3), np.uint8)
    expected = predict_images(load_model(folder), images)
    (output,) = runs_of(project)[0].outputs.model_outputs
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_uri(project))
    table = pyfunc.load_model(f"models:/{output.model_id}").predict(images)
    np.testing.assert_allclose(table["score"], expected["score"], rtol=1e-5)
    np.testing.assert_allclose(table[list(PROBS)], expected["prob"], rtol=1e-5)
