"""The logged model grades photographs like the network."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import types
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow import pyfunc

from benchmark.common.errors import InputError
from benchmark.data.prepare import prepare_photograph
from benchmark.runs.predictions import PROBS
from benchmark.settings.params import Params
from benchmark.tracking.connection import tracking_uri
from benchmark.tracking.logged_model import register
from benchmark.tracking.replay import sync
from tests.factories.eyes import encoded, eye
from tests.factories.paths import ROOT
from tests.factories.runs import reseal
from tests.factories.tracking import client_of, free_port, result_of, runs_of, spec_of, write_run

pytestmark = pytest.mark.slow


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
    assert json.loads(model.metadata.signature.to_dict()["inputs"]) == [
        {"type": "binary", "name": "photograph", "required": False},
        {"type": "string", "name": "path", "required": False},
    ]
    (project / "eye.jpg").write_bytes(encoded(eye(1)))
    given = pd.DataFrame({"photograph": [encoded(eye(0)), None, b"no photograph"], "path": [None, "eye.jpg", None]})
    monkeypatch.chdir(project)
    table = model.predict(given)
    assert list(table.columns) == ["remark", "grade", "score", "prob_0", "prob_1", "prob_2", "prob_3", "prob_4"]
    assert table["remark"].tolist() == ["", "", "cannot be read: the file is not a JPEG, PNG or TIFF"]
    assert table["grade"].tolist()[:2] == [4.0, 4.0]
    assert table["score"].tolist()[0] != table["score"].tolist()[1]
    assert table.loc[2].isna().sum() == 7
    with pytest.raises(Exception, match="each row must have a photograph"):
        model.predict(pd.DataFrame({"photograph": [None], "path": [None]}))
    assert (logged.status, logged.source_run_id) == ("READY", runs_of(project)[0].info.run_id)
    requirements = (Path(logged.artifact_location.removeprefix("file://")) / "requirements.txt").read_text()
    assert "torch==2.1.0\n" in requirements
    assert capfd.readouterr() == ("", "")


def brightness(network: bytes, images: np.ndarray) -> dict[str, np.ndarray]:
    assert network == b"weights"
    assert images.shape[1:] == (images.shape[1], images.shape[1], 3)
    return {"score": images.mean((1, 2, 3)), "prob": np.full((len(images), 5), 0.2)}


def test_the_model_predicts_as_the_network_does(project: Path, params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from safetensors.torch import save_file

    from benchmark.training.predict import load_model, predict_images
    from models.losses.registry import LOSSES
    from models.network import build_network

    spec = spec_of(params, "m2cnn", "mid", 0)
    write_run(project, spec)
    folder = spec.folder(project / "runs")
    torch.manual_seed(0)
    network = build_network(spec.model, spec.n_cells, LOSSES[spec.loss.name].heads, spec.pixels)
    save_file(network.state_dict(), folder / "model.safetensors")
    reseal(folder)
    sync(project, params)

    photographs = [encoded(eye(seed)) for seed in range(3)]
    pixels = np.stack([prepare_photograph(spec.prepared, data) for data in photographs])
    expected = predict_images(load_model(folder), pixels)
    (output,) = runs_of(project)[0].outputs.model_outputs
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_uri(project))
    with served(f"models:/{output.model_id}") as address:
        rows = [[b64encode(data).decode()] for data in photographs]
        answer = asked(address, {"columns": ["photograph"], "data": rows})
        (project / "eye.jpg").write_bytes(photographs[1])
        by_path = asked(address, {"columns": ["path"], "data": [[str(project / "eye.jpg")]]})
    assert [row["score"] for row in answer] == pytest.approx(expected["score"].tolist(), rel=1e-5)
    assert [[row[name] for name in PROBS] for row in answer] == [
        pytest.approx(row, rel=1e-5) for row in expected["prob"].tolist()
    ]
    # A batch of one and one of three differ in the last bits of float32.
    (alone,) = by_path
    assert alone.pop("remark") == answer[1].pop("remark")
    assert alone == pytest.approx(answer[1], rel=1e-5, abs=1e-6)


def asked(address: str, table: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the predictions of a served model."""
    body = json.dumps({"dataframe_split": table}).encode()
    request = urllib.request.Request(f"{address}/invocations", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        predictions: list[dict[str, Any]] = json.load(answer)["predictions"]
        return predictions


@contextmanager
def served(model: str) -> Iterator[str]:
    """Serve a model with MLflow's scoring server on loopback."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", model, "--env-manager", "local"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    server = subprocess.Popen(
        command, env=environment, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/ping", timeout=5).close()
                break
            except OSError:
                assert server.poll() is None, server.communicate()[0].decode()
                time.sleep(0.1)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def test_the_best_network_on_val_is_registered_once_under_an_alias(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in (0, 1):
        write_run(project, spec_of(params, "m2cnn", "mid", seed))
    runs = sync(project, params).runs
    spec = spec_of(params, "m2cnn", "mid", 0)
    for _ in range(2):
        assert (
            register(project, result_of(spec, 3), runs["m2cnn", "mid", 0], "grading") == "models:/grading@best-on-val"
        )
    client = client_of(project)
    assert len(client.search_model_versions("name = 'grading'")) == 1
    later = register(project, result_of(spec, 3), runs["m2cnn", "mid", 1], "grading")
    version = client.get_model_version_by_alias("grading", "best-on-val")
    assert (version.run_id, version.tags["arm"], version.version) == (runs["m2cnn", "mid", 1], "m2cnn/mid", 2)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_uri(project))
    assert pyfunc.load_model(later).metadata.signature is not None
    with pytest.raises(InputError, match="--register takes a name"):
        register(project, result_of(spec, 3), runs["m2cnn", "mid", 1], "a/b:c")
