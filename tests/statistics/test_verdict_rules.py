"""Rules for verdicts: monotone in the tolerance, never firmer with less data, and rarely wrong by chance."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.statistics.comparison import compare
from benchmark.statistics.confidence import CONFIDENCE_LEVEL
from benchmark.statistics.verdict_rules import judge_all, judge_magnitude, judge_number, judge_ordering, margin
from tests.factories.grades import simulate

ORDER = ("not reproduced", "inconclusive", "reproduced")

kappas = st.floats(-1, 1)
ends = st.tuples(kappas, kappas).map(sorted).map(tuple)
tolerances = st.floats(1e-4, 0.5)
printed = st.one_of(st.none(), st.floats(-0.2, 0.2))
NONE = (float("nan"), float("nan"))


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.006, 0.040, "reproduced"),
        (0.004, 0.040, "inconclusive"),
        (-0.010, 0.006, "inconclusive"),
        (-0.004, 0.004, "not reproduced"),
        (-0.040, -0.010, "not reproduced"),
    ],
)
def test_an_ordering_is_judged_by_its_interval_and_the_margin(low, high, verdict):
    assert judge_ordering((low, high), 0.005, None) == verdict


def test_a_printed_difference_smaller_than_the_tolerance_can_be_reproduced():
    assert margin(0.005, 0.022) == 0.005
    assert margin(0.005, 0.003) == 0.0015
    assert margin(0.005, -0.007) == margin(0.005, None) == 0.005
    assert judge_ordering((0.0025, 0.0035), 0.005, 0.003) == "reproduced"
    assert judge_ordering((-0.0005, 0.0005), 0.005, 0.003) == "not reproduced"


@given(ends, tolerances, tolerances, printed)
def test_a_larger_tolerance_never_improves_an_ordering(interval, one, other, effect):
    small, large = sorted((one, other))
    verdicts = [judge_ordering(interval, tolerance, effect) for tolerance in (small, large)]
    assert ORDER.index(verdicts[1]) <= ORDER.index(verdicts[0])


@given(ends, tolerances, tolerances, kappas)
def test_a_larger_tolerance_never_worsens_a_number(interval, one, other, value):
    small, large = sorted((one, other))
    verdicts = [judge_number(interval, tolerance, value) for tolerance in (small, large)]
    assert ORDER.index(verdicts[1]) >= ORDER.index(verdicts[0])


@given(ends, tolerances, printed)
def test_exchanging_the_arms_reverses_the_verdict(interval, tolerance, effect):
    low, high = interval
    if judge_ordering(interval, tolerance, effect) == "reproduced":
        assert judge_ordering((-high, -low), tolerance, effect) == "not reproduced"


@given(ends, st.floats(0, 1), st.floats(0, 1), tolerances, printed, kappas)
def test_a_wider_interval_never_makes_a_verdict_firmer(interval, down, up, tolerance, effect, value):
    wider = (interval[0] - down, interval[1] + up)
    for judge in (lambda at: judge_ordering(at, tolerance, effect), lambda at: judge_number(at, tolerance, value)):
        assert judge(wider) in (judge(interval), "inconclusive")


def test_an_interval_that_touches_the_margin_leaves_an_ordering_open():
    """The whole interval must be above or below the margin; an end on the margin is neither."""
    assert judge_ordering((0.25, 0.5), 0.25, None) == "inconclusive"
    assert judge_ordering((0.0, 0.25), 0.25, None) == "inconclusive"
    assert judge_ordering((0.125, 0.5), 0.25, 0.25) == "inconclusive"
    assert judge_ordering((0.25, 0.25), 0.25, None) == "inconclusive"


def test_a_printed_difference_of_0_has_no_direction():
    assert margin(0.005, 0.0) == 0.005
    assert margin(0.005, math.ulp(0.0)) < 0.005


def test_the_ends_of_the_band_belong_to_it():
    low, high = 0.25, 0.75
    assert judge_magnitude((low, high), 0.25, 0.5) == "as printed"
    assert judge_number((low, high), 0.25, 0.5) == "reproduced"
    # One shared point is enough for the interval not to be outside the band.
    assert judge_magnitude((0.0, low), 0.25, 0.5) == "cannot be told apart by one run"
    assert judge_magnitude((high, 1.0), 0.25, 0.5) == "cannot be told apart by one run"


def test_a_part_with_p_equal_to_the_level_is_inconclusive():
    assert judge_all(["not reproduced"], [(1 - CONFIDENCE_LEVEL) / 2]) == "inconclusive"
    assert judge_all(["not reproduced"], [math.nextafter((1 - CONFIDENCE_LEVEL) / 2, 0)]) == "not reproduced"


def test_a_number_is_judged_by_its_band():
    assert judge_number((0.825, 0.858), 0.02, 0.841) == "reproduced"
    assert judge_number((0.800, 0.858), 0.02, 0.841) == "inconclusive"
    assert judge_number((0.700, 0.800), 0.02, 0.841) == "not reproduced"
    assert judge_number((0.870, 0.880), 0.02, 0.841) == "not reproduced"


def test_an_ordering_can_hold_without_the_printed_size():
    interval = (0.006, 0.012)
    assert judge_ordering(interval, 0.005, 0.022) == "reproduced"
    assert judge_magnitude(interval, 0.005, 0.022) == "smaller than printed"
    assert judge_magnitude((0.018, 0.026), 0.005, 0.022) == "as printed"
    assert judge_magnitude((0.010, 0.030), 0.005, 0.022) == "cannot be told apart by one run"
    assert judge_magnitude((0.030, 0.040), 0.005, 0.022) == "larger than printed"


def test_a_missing_interval_is_inconclusive():
    assert judge_ordering(NONE, 0.005, 0.022) == judge_number(NONE, 0.02, 0.841) == "inconclusive"


@pytest.mark.parametrize(
    ("parts", "p_short", "whole"),
    [
        (["reproduced", "reproduced"], [0.99, 0.98], "reproduced"),
        (["reproduced", "inconclusive"], [0.99, 0.3], "inconclusive"),
        (["reproduced", "not run"], [0.99, math.nan], "inconclusive"),
        (["not run", "not run"], [math.nan, math.nan], "not run"),
        (["reproduced", "not reproduced", "not run"], [0.99, 0.012, math.nan], "not reproduced"),
        (["reproduced", "not reproduced", "not run"], [0.99, 0.013, math.nan], "inconclusive"),
        (["not reproduced"] * 3, [0.02, 0.02, 0.02], "inconclusive"),
        (["not reproduced"] * 3, [0.02, 0.02, 0.005], "not reproduced"),
    ],
)
def test_a_claim_of_several_parts_needs_all_and_fails_by_one_after_adjustment(parts, p_short, whole):
    assert judge_all(parts, p_short) == whole


def verdict(patients: int, rng: np.random.Generator, a: tuple[float, ...], b: tuple[float, ...], replicates: int = 300):
    """Return the verdict on "a is better" for runs with these errors."""
    both = simulate(patients, rng, own=a + b)
    sides = [replace(both, predicted=part) for part in (both.predicted[: len(a)], both.predicted[len(a) :])]
    found = compare(*sides, n_resamples=replicates).difference
    return judge_ordering((found.low, found.high), 0.005, None)


@pytest.mark.parametrize("runs", [1, 3])
def test_a_true_effect_is_detected_with_enough_data_only(runs):
    good, bad = (0.1,) * runs, (0.6,) * runs
    assert verdict(3000, np.random.default_rng(0), good, bad) == "reproduced"
    assert verdict(3000, np.random.default_rng(0), bad, good) == "not reproduced"
    assert verdict(15, np.random.default_rng(0), good, bad) == "inconclusive"


@pytest.mark.parametrize("runs", [1, 3])
def test_reproduced_is_rare_without_an_effect(runs):
    rng, trials = np.random.default_rng(4), 300
    alike = (0.4,) * runs
    found = sum(verdict(100, rng, alike, alike) == "reproduced" for _ in range(trials))
    assert found <= 0.05 * trials
