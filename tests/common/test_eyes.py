"""Patients and eyes are parsed from file names, and a warning reports likely pairs that are not recognised."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.common.eyes import likely_patients, patient_and_eye, warn_of_torn_patients
from benchmark.sources._splits import GradedFile, SplitFractions, assign_splits


@pytest.mark.parametrize(
    ("name", "patient", "eye"),
    [
        ("17_left", "17", "left"),
        ("17_LEFT", "17", "left"),
        ("17_Right", "17", "right"),
        ("17_L", "17", "left"),
        ("17_r", "17", "right"),
        ("17_OS", "17", "left"),
        ("17_od", "17", "right"),
        ("17-left", "17", "left"),
        ("17.right", "17", "right"),
        ("17 OD", "17", "right"),
        ("17__left", "17", "left"),
        ("left_17", "17", "left"),
        ("OD-17", "17", "right"),
        ("R_17", "17", "right"),
        ("17left", "17", "left"),
        ("17OS", "17", "left"),
        ("test/17_left", "17", "left"),
        ("IMG_0017_left", "IMG_0017", "left"),
        ("300_l1", "300", "left"),
        ("300_left_2", "300", "left"),
        ("300-OD-12", "300", "right"),
        ("300_OD_b", "300", "right"),
        ("IMG_0017 left 2", "IMG_0017", "left"),
        ("17left2", "17", "left"),
        ("L1_300", "300", "left"),
        ("17_left_macula", "17", "left"),
        ("17_OS_disc_2", "17", "left"),
        ("17OS_macula", "17", "left"),
        ("123_left_2", "123", "left"),
        ("17_RE", "17", "right"),
        ("DR17-LE2", "DR17", "left"),
        ("17_right eye_2", "17", "right"),
        ("17 OD (2)", "17", "right"),
        ("upright", "", "unknown"),
        ("scan_l1", "", "unknown"),
        ("17_leftover", "", "unknown"),
        ("17", "", "unknown"),
        ("left", "", "unknown"),
        ("_left", "", "unknown"),
        ("000c1434d8d7", "", "unknown"),
        ("17l", "", "unknown"),
        ("IDRiD_001", "", "unknown"),
        ("20051019_38557_0100_PP", "", "unknown"),
    ],
)
def test_patient_and_eye_are_parsed_from_a_name(name, patient, eye):
    assert patient_and_eye(name) == (patient, eye)


@given(
    st.sets(st.integers(0, 10**6), min_size=10, max_size=60),
    st.sampled_from(["left right", "LEFT RIGHT", "Left Right", "L R", "l r", "OS OD", "os od"]),
    st.sampled_from(["_", "-", ".", " ", "__"]),
    st.booleans(),
    st.integers(0, 99),
)
def test_both_eyes_of_a_patient_are_in_one_split(numbers, sides, between, first, seed):
    names = [
        (number, f"{side}{between}{number}" if first else f"{number}{between}{side}")
        for number in numbers
        for side in sides.split()
    ]
    entries = [GradedFile(name, Path(name), number % 5, None, *patient_and_eye(name)) for number, name in names]
    split = {entry.image_id: entry.split for entry in assign_splits(entries, SplitFractions(seed=seed))}
    of = {}
    for number, name in names:
        of.setdefault(number, set()).add(split[name])
    assert all(len(splits) == 1 for splits in of.values())


@pytest.mark.parametrize(
    "ends",
    [
        *("_a _b", "a b", "_1 _2", ".000 .001", "-1 -2 -3", "l1 r1", "_temp _nasal", "(1) (2)", "#1 #2", "_1of2 _2of2"),
        *(
            "_20190131 _20200229",
            "_2019-01-31 _2020-02-29",
            "_OD1_F45 _OS1_F45",
            "/1 /2",
            "/OD/1 /OD/2",
            "_OD1_F45 _OD2_F45",
        ),
    ],
)
def test_likely_patients_that_are_not_recognised_are_reported(ends, capsys):
    ids = [f"{number}{end}" for number in range(10, 30) for end in ends.split()]
    assign_splits(
        [GradedFile(image_id, Path(image_id), 0, None, *patient_and_eye(image_id)) for image_id in ids],
        SplitFractions(),
    )
    warning = capsys.readouterr().err
    assert f"{len(ids)} names look like several of one patient each" in warning
    assert "column `patient`" in warning
    assign_splits(
        [GradedFile(image_id, Path(image_id), 0, None, image_id, "unknown") for image_id in ids], SplitFractions()
    )
    assert not capsys.readouterr().err


def test_patients_in_names_that_look_like_shots_of_one_are_reported():
    names = [f"{number}_{shot}_{side}" for number in range(20) for shot in (1, 2) for side in ("left", "right")]
    warning = warn_of_torn_patients((name, patient_and_eye(name)[0]) for name in names)
    assert "40 names look like several of one patient each (0_1 and 0_2)" in warning
    dated = [f"{number}_201901{day}_{side}" for number in range(20) for day in (10, 11) for side in ("OD", "OS")]
    warning = warn_of_torn_patients((name, patient_and_eye(name)[0]) for name in dated)
    assert "40 names look like several of one patient each (0_20190110 and 0_20190111)" in warning
    assert not warn_of_torn_patients((f"{number}_left", str(number)) for number in range(40))


def test_a_folder_per_patient_is_reported_unless_patients_follow_it():
    names = [f"{number}/{side}_{shot}" for number in range(20) for side in ("OD", "OS") for shot in (1, 2)]
    warning = warn_of_torn_patients((name, patient_and_eye(name)[0]) for name in names)
    assert "80 names look like several of one patient each (0/OD_1 and 0/OD_2)" in warning
    assert not warn_of_torn_patients((name, name.partition("/")[0]) for name in names)
    assert not warn_of_torn_patients((f"{n}/{n}_{side}", str(n)) for n in range(20) for side in ("left", "right"))
    assert not warn_of_torn_patients((f"train/{grade}/{n}", "") for grade in range(5) for n in range(40))


@pytest.mark.parametrize(
    "ids",
    [
        [f"IDRiD_{number:03}" for number in range(1, 104)],
        [f"IMG_{number}" for number in range(1, 104)],
        [f"{number * 7919 % 2**20:012x}" for number in range(500)],
        [f"{number}" for number in range(100)],
        [f"2005{number}_43808_0{number % 7}00_PP" for number in range(50)],
        ["17_a", "17_b", "scan", "other", "third"],
        [f"camera{camera}_{number:03}" for camera in range(3) for number in range(12)],
        [f"2019-{number:04}-{number % 9:03}" for number in range(200)],
    ],
)
def test_other_names_are_not_likely_patients(ids):
    assert likely_patients(ids) == []
