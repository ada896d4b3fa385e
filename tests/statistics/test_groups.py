"""Kappa by group: which groups are shown, and intervals that cover the worst one although it was selected."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.data.manifest import MANIFEST, ManifestRow, write_manifest
from benchmark.data.outcome import CHECKS_CSV, CheckRow, write_check_rows
from benchmark.scoring.kappa import confusion_matrix, quadratic_weighted_kappa
from benchmark.statistics.bootstrap import Graded
from benchmark.statistics.groups import MAX_SIZES, MIN_IMAGES, group_intervals, large_groups, properties
from tests.factories.runs import make_predictions

N = 100
"""Number of made-up test photographs."""


def drawn(rng: np.random.Generator, images: int) -> Graded:
    grade = rng.choice(5, images, p=(0.4, 0.15, 0.2, 0.13, 0.12))
    predicted = np.rint(grade + rng.normal(size=images)).clip(0, 4).astype(np.int64)
    names = np.arange(images)
    return Graded(names.astype(str), (names // 2).astype(str), grade, predicted[None])


@pytest.mark.parametrize("groups", [2, 6])
def test_the_interval_of_the_worst_of_equal_groups_covers_their_kappa(groups: int) -> None:
    rng, trials, covered, alone = np.random.default_rng(0), 150, 0, 0
    many = drawn(rng, 200_000)
    truth = quadratic_weighted_kappa(confusion_matrix(many.grade, many.predicted[0]))
    place = np.repeat(np.arange(groups), 80)
    masks = {str(one): place == one for one in range(groups)}
    for _ in range(trials):
        sample = drawn(rng, 80 * groups)
        found = group_intervals(sample, masks, n_resamples=400)
        worst = min(found, key=lambda one: found[one][1].estimate)
        covered += found[worst][1].low <= truth <= found[worst][1].high
        _, naive = group_intervals(sample, {worst: masks[worst]}, n_resamples=400)[worst]
        alone += naive.low <= truth <= naive.high
    assert covered / trials > 0.95 - 2 * (0.05 * 0.95 / trials) ** 0.5
    assert alone < covered or groups == 2


def test_small_groups_and_groups_of_one_grade_are_left_out() -> None:
    names = np.repeat(["a", "b", "c", "d", ""], [60, 60, MIN_IMAGES - 1, 60, 60])
    grade = np.where(names == "d", 0, np.arange(len(names)) % 5)
    assert {name: mask.sum() for name, mask in large_groups(names, grade).items()} == {"a": 60, "b": 60}
    assert large_groups(np.where(names == "b", "", names), grade) == {}


def test_photographs_are_grouped_by_eye_size_and_issues(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    predictions = make_predictions("test", 0, 0.5)
    unknown = properties(predictions)
    assert set(unknown["eye"]) == {"left", "right"}
    assert set(unknown["size"]) == set(unknown["data checks"]) == {""}
    widths = [100 + min(i // 10, MAX_SIZES + 1) for i in range(N)]
    write_manifest(
        [
            ManifestRow(name, "", "", "left", 0, "test", "", width, 90, "made")
            for name, width in zip(predictions.image_id.tolist(), widths, strict=True)
        ],
        MANIFEST,
    )
    flagged = " | ".join(predictions.image_id[:2])
    write_check_rows([CheckRow("tiny", "warn", N, "photographs", 1, "small", flagged)], CHECKS_CSV)
    known = properties(predictions)
    assert len(set(known["size"])) == MAX_SIZES + 1
    assert "other" in known["size"]
    assert (known["data checks"] == "an issue").sum() == 2
