"""Damaged files of the run store and edited code never become results: the same command ends with the same bytes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.common import loaded
from benchmark.common.errors import InputError
from benchmark.dispatch import train
from benchmark.runs.declared import find_runs
from benchmark.runs.run_store import CHECKPOINT
from benchmark.training import loop
from benchmark.training.predict import load_model
from tests.factories.data import make_data
from tests.training.test_train import SIZES, one_seed, outputs

pytestmark = pytest.mark.slow

COUNTS = {"train": 24, "val": 16, "test": 8}
RUN = Path("basenet/mse_small/0")


def flip(data: bytes) -> bytes:
    """Change a digit or a byte in the middle, so that text stays text; where none follows, the byte in the middle."""
    places = (i for i in range(len(data) // 2, len(data)) if chr(data[i]).isdigit() or data[i] > 127)
    middle = next(places, len(data) // 2)
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "one byte": flip,
    "cut": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Bytes of the outputs of a trained run in the current folder; every test damages the run and leaves it mended."""
    root = tmp_path_factory.mktemp("damage")
    make_data(root, SIZES, COUNTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        train.run(made(), ["basenet"])
        yield outputs(root)


@pytest.fixture(autouse=True)
def stored_alone(whole, request):
    """Leave the run in the store alone, unless a test is about the published files: a finished one would be used."""
    if "published" not in request.node.name and "weights_are_never" not in request.node.name:
        shutil.rmtree("runs")


def made(**changes):
    return one_seed(epochs=2, batch_size=8, **changes)


def stored() -> Path:
    (folder,) = [path for path in (Path("scratch/runs") / RUN).glob("*/") if path.suffix != ".damaged"]
    return folder


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["run.json", "history.csv", "val.csv", "test.csv", "model.safetensors"])
def test_a_damaged_file_of_the_store_is_made_again(whole, name, damage, caplog):
    path = stored() / name
    data = path.read_bytes()
    path.unlink()  # The weights in runs/ are a hard link to it.
    path.write_bytes(DAMAGES[damage](data))
    train.run(made(), ["basenet"])
    assert outputs(Path()) == whole
    assert "is made again" in caplog.text


def test_an_unreadable_record_is_made_again(whole):
    (stored() / "record.json").write_bytes(b"{")
    train.run(made(), ["basenet"])
    assert outputs(Path()) == whole
    assert b"seconds" in Path("records/basenet/mse_small/0.json").read_bytes()


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["run.json", "val.csv"])
def test_a_damaged_published_file_is_refused_and_written_again(whole, name, damage):
    path = Path("runs") / RUN / name
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(InputError, match=r"mse_small/0.* must .*, but .*`dvc repro`"):
        list(find_runs(made()))
    train.run(made(), ["basenet"])
    assert outputs(Path()) == whole
    assert [run.name for run in find_runs(made())][:1] == [str(RUN)]


def test_changed_weights_are_never_loaded(whole):
    path = Path("runs") / RUN / "model.safetensors"
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(InputError, match=r"model\.safetensors was changed"):
        load_model(path.parent)
    train.run(made(), ["basenet"])
    assert outputs(Path()) == whole


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_starts_the_run_anew(whole, monkeypatch, damage):
    stop_in_the_second_epoch(monkeypatch)
    checkpoint = stored() / CHECKPOINT
    checkpoint.write_bytes(DAMAGES[damage](checkpoint.read_bytes()))
    train.run(made(), ["basenet"])
    assert outputs(Path()) == whole
    assert (stored() / f"{CHECKPOINT}.damaged").exists()


def stop_in_the_second_epoch(monkeypatch) -> None:
    (stored() / "run.json").unlink()
    train_epoch = loop.train_epoch

    def stop(training, epoch):
        if epoch == 1:
            raise InputError("stopped")
        return train_epoch(training, epoch)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_epoch", stop)
        with pytest.raises(InputError, match="stopped"):
            train.run(made(), ["basenet"])


def test_code_edited_during_an_epoch_reaches_no_checkpoint_and_no_run(whole, monkeypatch):
    (stored() / "run.json").unlink()
    train_epoch = loop.train_epoch

    def edit(training, epoch):
        if epoch == 1:
            patch.setitem(loaded._AT_START, "models/losses/mse.py", None)
        return train_epoch(training, epoch)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_epoch", edit)
        with pytest.raises(InputError, match=r"models/losses/mse\.py was edited after this command started"):
            train.run(made(), ["basenet"])
    assert not list(Path("runs").rglob("run.json"))
    train.run(made(), ["basenet"])
    assert outputs(Path()) == whole


def test_best_weights_are_checked_too(whole, monkeypatch):
    best = made(select_epoch="best")
    train.run(best, ["basenet"])
    expected = outputs(Path())
    shutil.rmtree("runs")
    next(path for path in Path("scratch/runs").rglob("run.json") if '"best"' in path.read_text()).unlink()
    with monkeypatch.context() as patch:
        patch.setattr(loop, "_finish", lambda _: (_ for _ in ()).throw(InputError("stopped")))
        with pytest.raises(InputError, match="stopped"):
            train.run(best, ["basenet"])
    (path,) = Path("scratch/runs").rglob("best.safetensors")
    path.write_bytes(flip(path.read_bytes()))
    with pytest.raises(InputError, match="best weights are damaged: run it again"):
        train.run(best, ["basenet"])
    train.run(best, ["basenet"])
    assert outputs(Path()) == expected
