"""Results over repeated splits: the interval covers the true mean, and unequal experiments are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from benchmark.cli.main import main
from benchmark.cli.splits import over_splits
from tests.factories.paths import ROOT

KEPT = ROOT / "experiments/results/phantom"


def values_of_splits(rng: np.random.Generator, splits: int, n: int = 150, features: int = 8) -> list[float]:
    """Return the test error of least squares on repeated splits of one sample, a fifth of it test."""
    x = rng.normal(size=(n, features))
    y = x @ np.ones(features) + 3 * rng.normal(size=n)
    found = []
    for _ in range(splits):
        order = rng.permutation(n)
        test, train = order[: n // 5], order[n // 5 :]
        weights = np.linalg.lstsq(x[train], y[train], rcond=None)[0]
        found.append(float(np.mean((x[test] @ weights - y[test]) ** 2)))
    return found


@pytest.mark.parametrize("splits", [3, 5, 10])
def test_the_interval_covers_the_mean_over_all_samples(splits: int) -> None:
    rng, trials = np.random.default_rng(0), 400
    drawn = [values_of_splits(rng, splits) for _ in range(trials)]
    truth = np.mean([values_of_splits(rng, 1)[0] for _ in range(4000)])
    covered = {
        overlap: np.mean([one.low <= truth <= one.high for one in (over_splits(each, overlap) for each in drawn)])
        for overlap in (0.0, 0.25)
    }
    # In 2,500 trials it covers 93.5 to 94.6 %.
    assert abs(covered[0.25] - 0.94) < 3 * (0.06 * 0.94 / trials) ** 0.5
    # Values of splits that share patients are correlated, so the plain t interval is too narrow.
    assert covered[0.0] < covered[0.25] - 0.02


def test_independent_splits_have_the_t_interval() -> None:
    found = over_splits([0.1, 0.2, 0.3], 0.0)
    assert (found.mean, found.sd) == pytest.approx((0.2, 0.1))
    assert found.high - found.mean == pytest.approx(4.302653 * 0.1 / 3**0.5)
    assert np.isnan(over_splits([0.1, np.nan, 0.3], 0.0).low)


@pytest.fixture
def experiments(tmp_path) -> list[str]:
    """Return folders of three experiments on splits of their own, with kappas that differ by 0.1."""
    made = []
    for seed in range(3):
        folder = tmp_path / f"split{seed}"
        folder.mkdir()
        params = yaml.safe_load((KEPT / "params.yaml").read_text())
        params["data"]["split"] = {"val": 0.1, "test": 0.3, "seed": seed}
        (folder / "params.yaml").write_text(yaml.safe_dump(params))
        header, *rows = (KEPT / "metrics.csv").read_text().splitlines()
        place = header.split(",").index("estimate")
        kept = [row.split(",") for row in rows if ",m2cnn,large,test,score,nearest,kappa," in row]
        moved = [",".join([*row[:place], str(float(row[place]) - 0.1 * seed), *row[place + 1 :]]) for row in kept]
        (folder / "metrics.csv").write_text("\n".join([header, *moved]) + "\n")
        shutil.copy(KEPT / "verdicts.csv", folder)
        made.append(str(folder))
    return made


def test_the_command_summarises_arms_and_claims_over_splits(experiments, capsys) -> None:
    assert main(["compare", *experiments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["overlap"] == pytest.approx(0.5)
    arm, *claims = found["rows"]
    assert (arm["kind"], arm["name"]) == ("arm", "m2cnn/large score")
    assert (arm["over"]["sd"], arm["over"]["mean"]) == pytest.approx((0.1, arm["values"][1]))
    assert max(row["over"]["sd"] for row in claims if row["kind"] == "claim") < 1e-12
    assert "test set: M2CNN > BaseNet+MT" in {row["name"] for row in claims}
    assert main(["compare", *experiments]) == 0
    assert "Nadeau" in capsys.readouterr().out


@pytest.mark.parametrize(("change", "reason"), [({}, "nothing"), ({"seeds": [7]}, "seeds")])
def test_experiments_that_are_no_splits_of_each_other_are_refused(change, reason, experiments, capsys) -> None:
    path = Path(experiments[2], "params.yaml")
    params = yaml.safe_load(path.read_text()) | change
    params["data"]["split"]["seed"] = 1
    path.write_text(yaml.safe_dump(params))
    assert main(["compare", *experiments]) == 2
    assert f"differ in {reason}" in capsys.readouterr().err
