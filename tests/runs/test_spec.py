"""The key of a run: its dependence on initial weights and on the resampling schedule."""

from __future__ import annotations

import shutil

import pytest
import timm
import torch

from benchmark.common.errors import InputError
from benchmark.data.manifest import ManifestRow
from benchmark.runs.consistency import check_run_consistency
from benchmark.runs.declared import resolve_arm
from benchmark.runs.run import Outcome
from benchmark.runs.spec import finished
from benchmark.settings.training import ResampleSchedule
from models.settings import Model
from tests.factories.runs import make_params

MANIFEST = [
    ManifestRow(f"{split}{i}", "", "", "unknown", 0, split, "", 0, 0, "made")
    for split in ("train", "val")
    for i in "01"
]


def declared(params, **model):
    """Return the first run of an arm with the given model settings."""
    fields = {"backbone": "test_resnet", "stride": 8} | model
    return resolve_arm(params.model_copy(update={"model": Model(**fields)}), "basenet", "mse_small", MANIFEST)[0]


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "w.pth"
    torch.save(timm.create_model("test_resnet").state_dict(), path)
    return path


def test_the_key_depends_on_the_weights_and_not_on_their_path(weights):
    params = make_params()
    moved = shutil.copy(weights, weights.with_name("elsewhere.pth"))
    bare, first, second = (declared(params, weights=str(path)) for path in ("", weights, moved))
    assert first.model.weights != second.model.weights
    assert (first.key, first.parameter_hash) == (second.key, second.parameter_hash)
    assert first.key != bare.key
    assert first.parameters_resolved["model"]["weights_sha256"] == first.model.weights_sha256
    torch.save(timm.create_model("test_resnet").state_dict(), weights)
    assert declared(params, weights=str(weights)).key != first.key


def test_absent_weights_are_not_part_of_the_key():
    run = declared(make_params())
    assert not {"weights", "weights_sha256"} & run.parameters_resolved["model"].keys()


def test_missing_weights_are_refused_before_training(tmp_path):
    with pytest.raises(InputError, match=r"no file '.*': correct the path"):
        declared(make_params(), weights=str(tmp_path / "none.pth"))


@pytest.mark.parametrize("pinned", [False, True])
def test_runs_from_other_weights_are_refused(weights, pinned):
    params = make_params()
    trained, bare = declared(params, weights=str(weights)), declared(params)
    results = [
        finished(spec, Outcome(epoch_kept=1, parameters=1, macs_per_image=1, flags=[])) for spec in (trained, bare)
    ]
    model = {"backbone": "test_resnet", "stride": 8, "weights": "/elsewhere/w.pth"}
    model |= {"weights_sha256": trained.model.weights_sha256} if pinned else {}
    elsewhere = params.model_copy(update={"model": Model(**model)})
    check_run_consistency(elsewhere, results[:1])
    with pytest.raises(InputError, match=r"was trained with model\.weights_sha256  instead of \w+"):
        check_run_consistency(elsewhere, results[1:])
    with pytest.raises(InputError, match=r"was trained with model\.weights_sha256 \w+ instead of "):
        check_run_consistency(params.model_copy(update={"model": bare.model}), results[:1])


def test_the_resampling_schedule_is_part_of_the_key_only_if_resampling_decays():
    params, fading = make_params(), ResampleSchedule(decay=0.5, final_weights=[1, 2, 2, 2, 2])

    def key(**changes):
        train = params.train.model_copy(update=changes)
        return declared(params.model_copy(update={"train": train})).key

    assert key(resample_schedule=fading) == key() != key(resample=1.0)
    assert (
        key(resample=1.0, resample_schedule=ResampleSchedule(final_weights=[1, 2, 2, 2, 2]))
        == key(resample=1.0)
        != key(resample=1.0, resample_schedule=fading)
    )
