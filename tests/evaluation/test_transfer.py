"""Finished runs on other data sets: predictions, their reuse, and warnings."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmark.common.csv_rows import read_rows
from benchmark.common.errors import InputError
from benchmark.data import fetch, prepare
from benchmark.dispatch import train
from benchmark.evaluation import transfer
from benchmark.runs.predictions import read_predictions
from benchmark.runs.transfers import SETS, OtherSet
from benchmark.settings.loading import parse_params
from benchmark.settings.params import Params
from benchmark.training import predict
from tests.conftest import tiny_params
from tests.factories.photographs import write_folder, write_photograph, write_table

pytestmark = pytest.mark.slow

OWN = {"source": "csv", "name": "own", "root": "own"}
OTHER = {"source": "csv", "name": "Other", "root": "other"}
ARMS = (("basenet", "mse_small"), ("m2cnn", "mid"))


def declared(others: dict[str, Any] | None = None, **changes: Any) -> Params:
    """Return parameters of two small arms with two seeds, trained on the folder ``own``."""
    raw = tiny_params() | {"data": OWN, "transfer": {"other": OTHER} if others is None else others}
    raw["train"] |= {"epochs": 1} | changes
    raw["prepare"] |= {"workers": 1}
    raw["systems"] = {}
    raw["arms"] = {
        "basenet": {"mse_small": {"loss": "mse", "size": "small"}},
        "basenet_mt": {},
        "m2cnn": {"mid": {"loss": "ce_mse", "size": "mid", "n_cells": 1}},
    }
    return parse_params(raw)


def write_other(n_test: int = 5) -> None:
    """Write a data set with one train and some test photographs of unknown patients."""
    rows = [{"image": "seen", "level": 0, "split": "train"}]
    rows += [{"image": f"t{i}", "level": i % 5, "split": "test"} for i in range(n_test)]
    for seed, row in enumerate(rows):
        write_photograph(Path(f"other/{row['image']}.png"), 1000 + seed)
    write_table(Path("other"), rows)


@pytest.fixture(scope="module")
def trained(shared_folder):
    """A folder with trained runs; each test works in a copy."""
    return shared_folder("transfer", fill)


def fill(folder: Path) -> None:
    with chdir(folder):
        write_folder(Path("own"), patients=20)
        params = declared()
        fetch.run(params)
        prepare.run(params)
        train.run(params)
        write_other()


@pytest.fixture(autouse=True)
def project(trained, tmp_path, monkeypatch):
    shutil.copytree(trained, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")


@pytest.fixture
def predicted(monkeypatch):
    """The runs that have predicted so far, as ``method/arm/seed``, in order."""
    done: list[str] = []
    predict_split = predict.predict_split

    def noted(folder, *arguments):
        done.append("/".join(folder.parts[-3:]))
        return predict_split(folder, *arguments)

    monkeypatch.setattr(predict, "predict_split", noted)
    return done


def files() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(Path("transfer").rglob("*.*"))}


ALL = [f"{stage}/{arm}/{seed}" for stage, arm in ARMS for seed in (0, 1)]
IN_TURN = [*ALL[2:], *ALL[:2]]
"""All runs in the order of prediction: the most expensive arm first."""


def test_every_run_predicts_only_the_test_split_of_the_other_data_set(predicted):
    transfer.run(declared())
    assert predicted == IN_TURN
    for run in ALL:
        predictions = read_predictions(Path(f"transfer/other/{run}.csv"))
        assert predictions.image_id.tolist() == [f"t{i}" for i in range(5)]
        assert predictions.grade.tolist() == [0, 1, 2, 3, 4]
        assert (predictions.prob is None) == run.startswith("basenet/")
    (other,) = read_rows(SETS, OtherSet, "")
    assert other == OtherSet(
        name="other", data="Other", synthetic=False, images=5, patients="unknown: each image its own cluster", shared=0
    )


def test_the_speed_counts_the_images_of_an_arm_with_a_single_run(capsys):
    transfer.run(declared({"other": OTHER, "again": OWN}).model_copy(update={"seeds": [0]}))
    shown = capsys.readouterr().err
    assert "images/s over all" in shown
    assert " 0.0 images/s over all" not in shown


def test_a_run_reproduces_its_predictions_on_its_own_test_split():
    transfer.run(declared({"again": OWN}))
    for run in ALL:
        assert Path(f"transfer/again/{run}.csv").read_bytes() == Path(f"runs/{run}/test.csv").read_bytes()


def test_existing_predictions_are_reused(predicted):
    transfer.run(declared())
    before = files()
    transfer.run(declared())
    assert predicted == IN_TURN
    assert files() == before


def test_an_interrupted_transfer_resumes(predicted, monkeypatch):
    write = transfer.write_predictions

    def stop(predictions, path):
        if "basenet" in path.parts:
            raise KeyboardInterrupt
        write(predictions, path)

    with monkeypatch.context() as patch:
        patch.setattr(transfer, "write_predictions", stop)
        with pytest.raises(KeyboardInterrupt):
            transfer.run(declared())
    transfer.run(declared())
    assert predicted == [*IN_TURN[:3], *IN_TURN[2:]]


def test_a_retrained_arm_is_predicted_again(predicted):
    transfer.run(declared())
    before = files()
    train.run(declared(lr=0.02), [ARMS[0][0]])
    transfer.run(declared(lr=0.02))
    assert predicted == IN_TURN + ALL[:2]
    changed = {path for path, data in files().items() if data != before[path]}
    assert changed == {f"transfer/other/{run}.{kind}" for run in ALL[:2] for kind in ("csv", "json")}


def test_a_corrected_label_updates_the_predictions(predicted):
    transfer.run(declared())
    table = Path("other/labels.csv")
    table.write_text(table.read_text().replace("t0,0,", "t0,3,"))
    transfer.run(declared())
    assert predicted == IN_TURN * 2
    assert read_predictions(Path(f"transfer/other/{ALL[0]}.csv")).grade.tolist() == [3, 1, 2, 3, 4]


def test_undeclared_data_sets_and_runs_are_removed():
    transfer.run(declared({"other": OTHER, "again": OWN}))
    arms = {"basenet": {"mse_small": declared().arm(*ARMS[0])}}
    transfer.run(declared().model_copy(update={"arms": arms}))
    assert {path.name for path in Path("transfer").iterdir()} == {"other", "sets.csv"}
    assert {path.name for path in Path("data/transfer").iterdir()} == {"other"}
    assert set(files()) == {f"transfer/other/{run}.{kind}" for run in ALL[:2] for kind in ("csv", "json")} | {str(SETS)}


def test_photographs_shared_with_train_or_val_are_counted_with_a_warning(capsys):
    for split, name in (("train", "t0"), ("val", "t1"), ("test", "t2")):
        source = next(row.path for row in transfer.read_manifest() if row.split == split)
        Path(f"other/{name}.png").unlink()
        shutil.copy(source, f"other/{name}.jpeg")
    transfer.run(declared())
    (other,) = read_rows(SETS, OtherSet, "")
    assert other.shared == 2
    assert (
        "warning: 2 of 5 test photographs of Other are also train or val photographs of own" in capsys.readouterr().err
    )


def test_a_dropped_photograph_is_not_counted():
    Path("other/t0.png").write_bytes(b"no image")
    params = declared()
    with pytest.raises(InputError, match=r"each file can be read, but finds 1 issues among 5 photographs \(t0"):
        transfer.run(params)
    transfer.run(params.model_copy(update={"checks": {**params.checks, "readable": "drop"}}))
    assert read_rows(SETS, OtherSet, "")[0].images == 4


def test_a_data_set_without_test_photographs_is_refused():
    write_other(n_test=0)
    with pytest.raises(InputError, match=r"a set of `transfer` must have test photographs, but other has none"):
        transfer.run(declared())


def test_transfer_without_a_finished_run_is_refused():
    shutil.rmtree("runs")
    with pytest.raises(InputError, match="a transfer needs a finished run"):
        transfer.run(declared())


def test_without_declared_data_sets_transfer_writes_an_empty_table_and_loads_no_torch():
    raw = tiny_params() | {"transfer": {}}
    Path("params.yaml").write_text(yaml.safe_dump(raw))
    code = "import sys; from benchmark.cli.main import main; print(main(['transfer']), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "False"]
    assert read_rows(SETS, OtherSet, "") == []
