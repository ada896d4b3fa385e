"""Overhead of a trial: the study's time outside of training as a fraction of the training time."""

from __future__ import annotations

import time

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmark.settings.loading import load_params
from benchmark.sweep.context import open_context, study_of
from benchmark.sweep.trials import search
from benchmark.training import loop
from tests.conftest import ROOT
from tests.factories.data import make_data


@pytest.mark.speed
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_trial_adds_little_time_to_its_training(benchmark: BenchmarkFixture, scaled, tmp_path, monkeypatch) -> None:
    """Use runs as long as those of the default profile, on a SQLite file."""
    params = load_params(ROOT / "params.yaml")
    smaller = {"trials": 2, "seeds": params.sweep.seeds[:2], "epochs": scaled(params.sweep.epochs, 1)}
    settings = params.sweep.model_copy(update=smaller)
    params = params.model_copy(update={"sweep": settings})
    make_data(tmp_path, {"mid": params.sizes.mid}, {"train": scaled(480, 32), "val": scaled(240, 16), "test": 8})
    monkeypatch.chdir(tmp_path)
    training, complete = [], loop.train

    def timed(*arguments):
        start = time.perf_counter()
        complete(*arguments)
        training.append(time.perf_counter() - start)

    monkeypatch.setattr(loop, "train", timed)
    # Exclude one-off work: imports, packs, device, tables of the storage.
    context = open_context(params)
    study = study_of(context)
    start = time.perf_counter()
    benchmark.pedantic(search, args=(study, context), rounds=1)
    seconds = time.perf_counter() - start
    overhead = (seconds - sum(training)) / sum(training)
    benchmark.extra_info |= {
        "trials": len(study.trials),
        "training_s": round(sum(training), 1),
        "overhead_per_trial_s": round((seconds - sum(training)) / len(study.trials), 3),
        "overhead": round(overhead, 4),
    }
    print(f"\nsweep: {100 * overhead:.2f} % of the training time, {len(training)} runs in {sum(training):.1f} s")
    assert len(training) == 4
