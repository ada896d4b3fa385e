"""Planned seeds and patients: experiments of that size detect the difference in four of five cases."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmark.cli.main import main
from benchmark.report.verification.table_diff import read_lines
from benchmark.statistics.confidence import Confidence, spread_of
from benchmark.statistics.power import MAX_SEEDS, Needed, Variation, needed, variation
from tests.factories.paths import ROOT

KEPT = ROOT / "experiments/results"


def row(true: Variation, runs: int, patients: int, margin: float) -> dict[str, str]:
    """Return the verdict of an experiment that finds exactly the true variation."""
    found = true.confidence(runs, patients).interval()
    numbers = {"low": found.low, "high": found.high, "run_low": found.one_run[0], "run_high": found.one_run[1]}
    texts = {"claim": "a", "part": "b", "split": "test", "n_images": "9", "n_patients": str(patients)}
    seeds = " ".join(map(str, range(runs)))
    return texts | {name: str(value) for name, value in numbers.items()} | {"seeds": seeds, "margin": str(margin)}


@pytest.mark.parametrize(("runs", "patients"), [(2, 50), (3, 722), (5, 240)])
@pytest.mark.parametrize("true", [Variation(0.02, 0.2), Variation(0.001, 0.5), Variation(0.02, 0.01)])
def test_the_variation_is_recovered_from_the_intervals(true: Variation, runs: int, patients: int) -> None:
    interval = true.confidence(runs, patients).interval()
    found = variation(interval.high, interval.one_run[1], runs, patients)
    assert found.run == pytest.approx(true.run, rel=1e-6)
    # Where the spread over runs dominates, the interval hardly depends on the patients.
    assert found.patient == pytest.approx(true.patient, rel=1e-3, abs=1e-3)


def detected(true: Variation, runs: int, patients: int, difference: float) -> float:
    """Return how often simulated experiments find a difference above 0."""
    rng, trials, found = np.random.default_rng(0), 400, 0
    over_patients = true.confidence(runs, patients).over_patients
    for _ in range(trials):
        each = difference + true.run * rng.standard_normal(runs)
        center, spread = each.mean() + true.patient / patients**0.5 * rng.standard_normal(), spread_of(each)
        found += Confidence(center, center + over_patients, spread, patients).interval().low > 0
    return found / trials


def test_experiments_of_the_planned_size_detect_the_difference_in_four_of_five_cases() -> None:
    true = Variation(0.02, 0.2)
    plan = needed(row(true, 4, 400, 0.043))
    assert plan
    assert plan.seeds_needed
    assert plan.patients_needed
    assert plan.both
    assert plan.difference < plan.detectable
    error = 3 * (0.8 * 0.2 / 400) ** 0.5
    for runs, patients in ((plan.seeds_needed, 400), (4, plan.patients_needed), plan.both):
        # Where patients and runs vary alike, the interval errs on the wide side.
        assert 0.8 - error < detected(true, runs, patients, 0.043) < 0.8 + error + 0.05


def test_what_patients_or_seeds_alone_cannot_reach_has_no_number() -> None:
    plan = needed(row(Variation(0.02, 0.2), 3, 100, 0.005))
    assert isinstance(plan, Needed)
    assert (plan.seeds_needed, plan.patients_needed) == (None, None)
    assert plan.both
    assert 3 < plan.both[0] < MAX_SEEDS
    assert needed(row(Variation(0.02, 0.2), 3, 100, 0.005) | {"run_low": "", "run_high": ""}) is None


def test_the_command_plans_the_primary_claims_of_kept_tables(capsys) -> None:
    folder = KEPT / "phantom"
    assert main(["plan", "--power", str(folder), "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["claim"], second["claim"]) == ("multi-cell-over-multi-task", "multi-task-over-mse")
    compared = {
        (line["arm"], line["head"], line["versus"], line["split"]): line["min_detectable_difference"]
        for line in read_lines((folder / "comparisons.csv").read_text())
    }
    stated = float(compared["large", "score", "basenet_mt/large score", "test"])
    assert first["detectable"] == pytest.approx(stated, abs=5e-4)
    assert main(["plan", "--power", str(folder)]) == 0
    assert "not by seeds alone" in capsys.readouterr().out
    assert main(["plan", "--power", str(KEPT / "idrid")]) == 2
    assert "two seeds or more" in capsys.readouterr().err
