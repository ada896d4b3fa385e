"""Requirements on every check, and its detection of a planted defect. A new check needs an entry in PLANTED."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from benchmark.data.checks.black import DARK
from benchmark.data.checks.registry import CHECKS, CheckResult, InspectedDataset, Issue, NearDuplicate, load_check
from benchmark.data.checks.tiny import MIN_SIDE
from benchmark.data.shortcuts import FEATURE_SETS, TOO_FEW
from benchmark.images.fingerprint import N_FEATURES
from benchmark.settings.checks import default_policies
from tests.factories.eyes import dataset_of, image_info

ROWS = [
    (f"{patient}_{eye}", patient % 5, split)
    for patient, split in enumerate(["train"] * 5 + ["val"] * 5 + ["test"] * 5)
    for eye in ("left", "right")
]
"""Rows 0-9 are train, 10-19 val, 20-29 test; the grade of both eyes is the patient's number modulo 5."""

COUNTS = {split: (2, 2, 2, 2, 2) for split in ("train", "val", "test")}
CLEAN = dataset_of(ROWS, expected=COUNTS)


def changed(row: int, **changes: object) -> InspectedDataset:
    """Return the clean data set with one changed photograph."""
    photographs = list(CLEAN.photographs)
    photographs[row] = replace(photographs[row], **changes)
    return replace(CLEAN, photographs=tuple(photographs))


def with_info(*rows: int, **changes: object) -> InspectedDataset:
    """Return the clean data set with other properties of some images."""
    infos = [image_info(str(row), **changes) if row in rows else each for row, each in enumerate(CLEAN.infos)]
    return replace(CLEAN, infos=tuple(infos))


def same_pixels(*rows: int) -> InspectedDataset:
    infos = [replace(each, pixels="same") if row in rows else each for row, each in enumerate(CLEAN.infos)]
    return replace(CLEAN, infos=tuple(infos))


def nearly(first: int, second: int, transform: str = "") -> InspectedDataset:
    return replace(CLEAN, near_duplicates=(NearDuplicate(first, second, 0.95, transform),))


def larger_set(column: int = 0) -> InspectedDataset:
    """Return 400 photographs with random features, one of which is the grade."""
    data = dataset_of([(str(row), row % 5, (["train"] * 2 + ["val", "test"])[row // 5 % 4]) for row in range(400)])
    noise = np.random.default_rng(0).random((400, N_FEATURES)).astype(np.float32)
    noise[:, column] = np.arange(400) % 5
    infos = (replace(info, shortcut_features=each) for info, each in zip(data.infos, noise, strict=True))
    return replace(data, infos=tuple(infos))


PLANTED: dict[str, list[tuple[Callable[[], InspectedDataset], set[int], set[int], str]]] = {
    "ids": [
        # The rows agree: the one in the last split is kept.
        (lambda: changed(1, image_id="0_left"), {0, 1}, {1}, "0_left has 2 rows (train grade 0, train grade 0)"),
        (lambda: changed(20, image_id="0_left"), {0, 20}, {0}, "0_left has 2 rows"),
        # The rows disagree: none is kept.
        (lambda: changed(2, image_id="0_left"), {0, 2}, {0, 2}, "(train grade 0, train grade 1)"),
    ],
    "labels": [
        (lambda: changed(3, grade=5), {3}, {3}, "1_right has the label '5'"),
        (lambda: changed(25, grade=-1, written="mild"), {25}, {25}, "12_right has the label 'mild'"),
    ],
    "counts": [
        (lambda: changed(0, grade=5), set(), set(), "train has 1 photographs of grade 0, but 2 are expected"),
        (lambda: replace(CLEAN, expected={"test": (2, 2, 2, 2, 3)}), set(), set(), "test has 2 photographs of grade 4"),
    ],
    "patients": [
        (lambda: changed(0, patient="10"), {0, 20, 21}, {0}, "patient 10 is in train and test (0_left, 10_left, 10_r"),
        (lambda: changed(10, patient="10"), {10, 20, 21}, {10}, "patient 10 is in val and test"),
    ],
    "eyes": [
        (
            lambda: changed(1, eye="left"),
            {0, 1},
            {0, 1},
            "patient 0 has a left eye alone: 0_left (train, grade 0), 0_r",
        ),
        (lambda: changed(20, eye="unknown"), {21}, set(), "patient 10 has a right eye alone"),
    ],
    "readable": [
        (
            lambda: with_info(4, error="it is cut off"),
            {4},
            {4},
            "2_left (train, grade 2) cannot be read: it is cut",
        ),
        (lambda: with_info(29, error="none"), {29}, {29}, "14_right (test, grade 4) cannot be read"),
    ],
    "black": [
        (
            lambda: with_info(5, brightness=3.0, fundus="no"),
            {5},
            {5},
            "2_right (train, grade 2) is black",
        )
    ],
    "tiny": [(lambda: with_info(6, width=1000, height=40), {6}, {6}, "3_left (train, grade 3) has 1000 x 40 pixels")],
    "fundus": [
        (
            lambda: with_info(7, fundus="no", lacking="it is plain"),
            {7},
            {7},
            "3_right (train, grade 3) looks like no fundus: it is plain",
        ),
    ],
    "contradictions": [
        (lambda: same_pixels(20, 22), {20, 22}, {20, 22}, "show the same shot under different grades"),
        (lambda: nearly(10, 12), {10, 12}, {10, 12}, "5_left (val, grade 0) and 6_left (val, grade 1)"),
    ],
    "shortcut": [
        (lambda: larger_set(N_FEATURES - 2), set(), set(), f"{FEATURE_SETS['file']} alone: the grades of val and test"),
    ],
    "identical": [
        (lambda: same_pixels(0, 20), {0, 20}, {0}, "have the same pixels, in two splits"),
        (lambda: same_pixels(10, 21), {10, 21}, {10}, "5_left (val, grade 0) and 10_right (test, grade 0)"),
        (lambda: same_pixels(0, 2), {0, 2}, {0, 2}, "have the same pixels, under two grades"),
        (lambda: same_pixels(20, 22), {20, 22}, set(), "under two grades"),
        (lambda: same_pixels(0, 2, 23), {0, 2, 23}, {0, 2}, "in two splits and under two grades"),
    ],
    "near": [
        (lambda: nearly(0, 20), {0, 20}, {0}, "are nearly the same (correlation 0.950), in two splits"),
        (lambda: nearly(0, 2, "mirrored"), {0, 2}, {0, 2}, "nearly the same, one of them mirrored"),
    ],
}
"""Cases by check: a data set with one defect, its rows, the rows that ``drop`` removes, words of the message."""

CASES = [(name, *case) for name, cases in PLANTED.items() for case in cases]


def find(name: str, data: InspectedDataset) -> CheckResult:
    return load_check(name).check(data)


def test_every_check_has_a_planted_defect_and_an_allowed_default():
    assert set(CHECKS) == set(PLANTED)
    assert all(info.default in info.policies for info in CHECKS.values())
    assert default_policies() == {name: info.default for name, info in CHECKS.items()}


@pytest.mark.parametrize("name", CHECKS)
def test_a_clean_set_has_no_issues_and_the_number_checked(name):
    found = find(name, CLEAN)
    expected = {"photographs": len(ROWS), "patients": 15, "counts": 15, "feature sets": 0}
    n_checked = 20 if name == "contradictions" else expected[CHECKS[name].unit]
    assert found == CheckResult(n_checked, skip_reason=TOO_FEW if name == "shortcut" else "")


def test_a_set_without_signs_of_a_fundus_is_one_issue_that_drops_nothing():
    (issue,) = find("fundus", with_info(*range(16), fundus="no")).issues
    assert issue.message.startswith("16 of 30 photographs lack the signs of a fundus")
    assert issue.drop == ()
    assert len(find("fundus", with_info(*range(15), fundus="no")).issues) == 15


@pytest.mark.parametrize(("name", "make", "members", "drop", "words"), CASES)
def test_a_planted_defect_is_the_only_issue(name, make, members, drop, words):
    (issue,) = find(name, make()).issues
    assert (set(issue.images), set(issue.drop)) == (members, drop)
    assert words in issue.message


@pytest.mark.parametrize("name", [name for name in CHECKS if name != "counts"])
def test_after_a_drop_train_is_clean(name):
    """Issues may remain in val and test, whose photographs are kept for evaluation."""
    for make, _, drop, _ in PLANTED[name]:
        data = make()
        kept = [row for row in range(len(data.photographs)) if row not in drop]
        renumbered = {row: number for number, row in enumerate(kept)}
        pairs = [p for p in data.near_duplicates if p.first in renumbered and p.second in renumbered]
        left = replace(
            data,
            photographs=tuple(data.photographs[row] for row in kept),
            infos=tuple(data.infos[row] for row in kept),
            near_duplicates=tuple(replace(p, first=renumbered[p.first], second=renumbered[p.second]) for p in pairs),
        )
        remaining = find(name, left).issues
        assert all(left.photographs[row].split != "train" for issue in remaining for row in issue.images)


@pytest.mark.parametrize("name", CHECKS)
def test_an_issue_drops_only_images_that_it_lists(name):
    for make, *_ in PLANTED[name]:
        for issue in find(name, make()).issues:
            assert set(issue.drop) <= set(issue.images)
            assert "\n" not in issue.message


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("counts", replace(CLEAN, expected=None), "the data set declares no counts"),
        ("patients", dataset_of([("a", 0, "train"), ("b", 0, "test")]), "no patient is known"),
        ("eyes", dataset_of([("1", 0, "train"), ("2", 0, "test")]), "no patient's eyes are known"),
    ],
)
def test_a_check_that_does_not_apply_gives_the_reason(name, data, why):
    if name == "patients":
        data = replace(data, photographs=tuple(replace(p, patient="") for p in data.photographs))
    found = find(name, data)
    assert found == CheckResult(0, (), why)


def test_a_leak_without_contradicting_grades_is_reported_as_a_leak_alone():
    (issue,) = find("identical", same_pixels(0, 20)).issues
    assert issue.message.endswith(", in two splits")


def test_copies_in_one_split_with_one_grade_are_allowed():
    assert find("identical", same_pixels(0, 1)).issues == ()
    assert find("near", nearly(0, 1)).issues == ()


def test_one_photograph_with_two_rows_is_not_a_duplicate():
    data = changed(20, image_id="0_left")
    infos = tuple(replace(each, pixels="same") if row in (0, 20) else each for row, each in enumerate(data.infos))
    assert find("identical", replace(data, infos=infos)).issues == ()


def test_unreadable_photographs_are_not_duplicates():
    assert find("identical", with_info(0, 20, error="empty")).issues == ()


AT_BOUNDS = {
    "black": [({"brightness": DARK}, False), ({"brightness": DARK - 0.01}, True)],
    "tiny": [
        ({"width": MIN_SIDE, "height": 900}, False),
        ({"width": 900, "height": MIN_SIDE}, False),
        ({"width": MIN_SIDE - 1, "height": 900}, True),
        ({"width": 900, "height": MIN_SIDE - 1}, True),
    ],
    "fundus": [
        ({"brightness": DARK, "fundus": "no"}, True),
        ({"brightness": DARK - 0.01, "fundus": "no"}, False),
    ],
}
"""Properties at a check's bound, and whether they are an issue."""


@pytest.mark.parametrize(
    ("name", "properties", "bad"), [(name, *case) for name, cases in AT_BOUNDS.items() for case in cases]
)
def test_a_value_at_the_bound_passes(name, properties, bad):
    assert bool(find(name, with_info(7, **properties)).issues) == bad


def test_a_doubtful_fundus_is_reported_and_kept():
    (issue,) = find("fundus", with_info(7, fundus="doubtful", lacking="it was cropped")).issues
    assert issue == Issue("3_right (train, grade 3) may be no fundus: it was cropped", (7,))
