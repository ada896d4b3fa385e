"""Cost of reaching a kappa: it includes ancestors, both arms reach the target, and its resolution is an epoch."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from benchmark.common.errors import InputError
from benchmark.evaluation.tables import read_evaluation_table
from benchmark.statistics.learning_cost import CURVES, LearningCurve, learning_curve, share_saved
from tests.factories.runs import ARMS, make_params, make_result


def curve(kappas, step=10.0, before=0.0) -> LearningCurve:
    return LearningCurve(before, before + step * np.arange(1, len(kappas) + 1), np.array(kappas))


def test_a_kappa_is_reached_within_its_first_epoch():
    made = curve([0.2, 0.5, 0.4, 0.6], before=100)
    assert made.reach(0.1) == (100, 110)
    # The mean of 0.5 and 0.4, which a curve that never falls has in both epochs.
    assert made.reach(0.45) == (110, 120)
    assert made.reach(0.5) == made.reach(0.55) == (130, 140)
    assert np.isnan(made.reach(0.7)).all()


def test_the_share_compares_costs_of_the_lower_final_kappa():
    # The target is 0.5: two epochs of 10, against four.
    found = share_saved([curve([0.1, 0.6, 0.7])], [curve([0.1, 0.2, 0.3, 0.5])], 0.95)
    assert found.estimate == pytest.approx(0.5)
    assert np.isnan([found.low, found.high]).all()


@pytest.mark.parametrize("noise", [(0.05, 0.01), (0.08, 0.02)])
def test_a_noisier_curve_with_the_same_mean_is_hardly_cheaper(noise):
    """The first epoch above the final kappa of the lower one gives false savings of 0.15 and 0.19."""
    rng, epochs, seeds = np.random.default_rng(0), 12, 5
    mean = 0.8 * (1 - np.exp(-np.arange(1, epochs + 1) / 3))
    found = []
    for _ in range(300):
        a, b = ([curve(mean + sd * rng.standard_normal(epochs)) for _ in range(seeds)] for sd in noise)
        found.append(share_saved(a, b, 0.95))
    assert np.median([one.estimate for one in found]) < 0.1
    assert np.mean([one.low > 0.05 for one in found]) < 0.05


def test_exchanging_the_two_turns_a_saving_into_a_loss():
    a, b = [curve([0.1, 0.6, 0.7])], [curve([0.1, 0.2, 0.3, 0.5])]
    assert 1 - share_saved(b, a, 0.95).estimate == pytest.approx(1 / (1 - share_saved(a, b, 0.95).estimate))


def test_the_interval_is_a_t_interval_over_seeds_widened_by_an_epoch():
    fast = [curve(kappas, step=1, before=20) for kappas in ([0.2, 0.6], [0.6, 0.6], [0.2, 0.6])]
    slow = [curve([0.1] * 3 + [kappa] * 3) for kappa in (0.5, 0.6, 0.6)]
    found = share_saved(fast, slow, 0.95)
    costs = np.array([[21, 22], [20, 21], [21, 22]]), np.array([[30, 40]] * 3)
    assert found.estimate == pytest.approx(1 - np.exp(np.log(costs[0][:, 1] / 40).mean()))
    for ratios, which, ours in ((costs[0][:, 1] / 30, 1, found.low), (costs[0][:, 0] / 40, 0, found.high)):
        logs = np.log(ratios)
        end = t.interval(0.95, 2, logs.mean(), logs.std(ddof=1) / 3**0.5)[which]
        assert ours == pytest.approx(1 - np.exp(end))
    assert found.low < found.estimate < found.high


@pytest.mark.filterwarnings("error")
def test_a_target_reached_in_the_first_epoch_has_no_lower_bound_of_cost():
    found = share_saved([curve([0.5, 0.6])] * 2, [curve([0.6, 0.6])] * 2, 0.95)
    assert (found.estimate, found.low) == (-1, -np.inf)
    assert found.high == pytest.approx(0)


@pytest.mark.filterwarnings("error")
def test_an_undefined_kappa_has_no_cost():
    found = share_saved([curve([0.5, np.nan])] * 2, [curve([0.6, 0.6])] * 2, 0.95)
    assert np.isnan([found.estimate, found.low, found.high]).all()


def history(method: str, arm: str, seed: int = 0) -> pd.DataFrame:
    """Two epochs of 80 images."""
    columns = {"method": method, "arm": arm, "seed": seed, "epoch": [1, 2], "images": [80, 160]}
    return pd.DataFrame(columns | {"val_kappa_score": [0.3, 0.5]})


def test_the_cost_of_a_run_includes_its_ancestors():
    params = make_params(seeds=[0], arms=ARMS)
    chain = [("basenet_mt", "small"), ("m2cnn", "mid"), ("m2cnn", "large")]
    runs = {arm: [make_result(params, *arm, 0)] for arm in chain}
    curves = pd.concat([history(*arm) for arm in chain])
    small, mid, large = (runs[arm][0].macs_per_image for arm in chain)
    made = learning_curve(runs[chain[2]][0], "score", runs, curves)
    assert made.before == 160 * (small + mid)
    assert made.macs.tolist() == [made.before + 80 * large, made.before + 160 * large]
    assert made.kappa.tolist() == [0.3, 0.5]
    assert learning_curve(runs[chain[2]][0], "score", {arm: runs[arm] for arm in chain[1:]}, curves) is None
    with pytest.raises(InputError, match="learning curve of m2cnn/mid seed 0"):
        learning_curve(runs[chain[2]][0], "score", runs, curves[curves["arm"] != "mid"])


def test_a_missing_evaluation_names_the_command_to_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=f"{CURVES}.* run `fundusbench evaluate`"):
        read_evaluation_table("curves")
