"""Prediction of grades without the retina: planted shortcuts, and real data sets with a known one."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest

from benchmark.data.checks.shortcut import MAX_KAPPA
from benchmark.data.shortcuts import (
    FEATURE_SETS,
    MIN_TRAIN,
    GradedImage,
    kappas,
    predict_from_shortcuts,
)
from benchmark.images.reading import read_rgb
from benchmark.images.shortcut_features import COLOUR, FILE, FRAME, file_features, picture_features
from benchmark.images.square import square_images
from tests.conftest import ROOT
from tests.factories.eyes import encoded, eye

DATA = ROOT / "../shared/data"
N_PICTURE = len(FRAME) + len(COLOUR)
SPLITS = ["train"] * 240 + ["val"] * 60 + ["test"] * 100


def images(n_features: int = N_PICTURE + len(FILE), patients: int = 400) -> list[GradedImage]:
    """Return images of random grades and features."""
    rng = np.random.default_rng(0)
    grades, features = rng.integers(0, 5, len(SPLITS)), rng.random((len(SPLITS), n_features)).astype(np.float32)
    return [
        GradedImage(f"{index}", f"{index % patients}", split, int(grade), each)
        for index, (split, grade, each) in enumerate(zip(SPLITS, grades, features, strict=True))
    ]


def with_grade_in(column: int, given: list[GradedImage]) -> list[GradedImage]:
    found = []
    for image in given:
        features = image.features.copy()
        features[column] = image.grade
        found.append(replace(image, features=features))
    return found


def test_random_features_predict_nothing():
    assert all(abs(kappa) < 0.2 for kappa in kappas(predict_from_shortcuts(images())).values())


@pytest.mark.parametrize(
    ("column", "reached"), [(0, {"frame", "colour"}), (len(FRAME), {"colour"}), (N_PICTURE, {"file"})]
)
def test_a_shortcut_is_found_by_the_sets_of_features_that_hold_it(column, reached):
    found = kappas(predict_from_shortcuts(with_grade_in(column, images())))
    assert set(found) == set(FEATURE_SETS)
    assert {name for name, kappa in found.items() if kappa > 0.95} == reached
    assert {name for name, kappa in found.items() if kappa > MAX_KAPPA} == reached


def test_each_image_of_val_and_test_is_predicted_and_equal_input_gives_equal_grades():
    given = images(N_PICTURE)
    rows = predict_from_shortcuts(given)
    assert [(row.features, row.image_id, row.split) for row in rows] == [
        (name, image.image_id, image.split) for name in ("frame", "colour") for image in given if image.split != "train"
    ]
    assert predict_from_shortcuts(given) == rows


@pytest.mark.parametrize(
    "given",
    [
        images()[240 - MIN_TRAIN + 1 :],
        images()[:300],
        [replace(image, split="test") for image in images()],
        [replace(image, grade=2) if image.split == "train" else image for image in images()],
        [],
    ],
    ids=["few in train", "no test", "test alone", "one grade", "nothing"],
)
def test_nothing_is_measured_on_too_few_images(given):
    assert predict_from_shortcuts(given) == []


def test_the_features_of_a_picture_are_those_of_its_frame_and_colours():
    rgb = np.zeros((200, 300, 3), np.uint8)
    rgb[:, :150] = (200, 100, 50)
    found = dict(zip((*FRAME, *COLOUR), picture_features(rgb).tolist(), strict=True))
    assert found["lit"] == found["lit_columns"] == pytest.approx(0.5, abs=0.01)
    assert [found[f"lit_{corner}"] for corner in ("top_left", "top_right", "bottom_left", "bottom_right")] == [
        1,
        0,
        1,
        0,
    ]
    assert (found["red_mean"], found["green_mean"], found["blue_mean"], found["red_sd"]) == (200, 100, 50, 0)
    # A normalised square is grey, not black, where it shows nothing.
    grey = np.where(rgb.max(2, keepdims=True) > 0, rgb, 128).astype(np.uint8)
    assert np.array_equal(picture_features(grey, 128), picture_features(rgb))


def test_lesions_change_no_feature_of_the_frame():
    rgb = eye(0)
    with_lesions = rgb.copy()
    with_lesions[120:135, 130:150] = (90, 20, 10)
    with_lesions[100:104, 160:166] = (250, 240, 160)
    frame = slice(len(FRAME))
    assert np.array_equal(picture_features(with_lesions)[frame], picture_features(rgb)[frame])


def test_the_features_of_a_file_are_its_size_aspect_and_quality():
    sharp, coarse = (dict(zip(FILE, file_features(encoded(eye(0), "JPEG", q)), strict=True)) for q in (95, 40))
    assert (sharp["width"], sharp["height"]) == (300, 260)
    assert sharp["aspect"] == pytest.approx(300 / 260)
    assert sharp["bytes"] > coarse["bytes"]
    assert sharp["quantisation"] < coarse["quantisation"]
    assert np.isnan(file_features(encoded(eye(0), "PNG"))[-1])
    assert np.isnan(file_features(b"no photograph")[-2:]).all()


@pytest.mark.parametrize(("name", "low", "high"), [("aptos224", 0.6, 0.85), ("eyepacs256", -0.15, 0.15)])
def test_the_frame_predicts_grades_in_aptos_and_not_in_eyepacs(name, low, high):
    """500 photographs of each; on all of APTOS kappa is about .73."""
    folder = DATA / name
    if not (folder / "labels.csv").exists():
        pytest.skip(f"{name} is not at ../shared/data/{name}")
    with (folder / "labels.csv").open() as stream:
        rows = list(csv.DictReader(stream))[:500]
    files = {path.stem: path for path in (folder / "images").iterdir()}
    given = [
        GradedImage(row["image"], "", split, int(row["level"]), picture_features(read_rgb(files[row["image"]])))
        for row, split in zip(rows, ["train"] * 300 + ["val"] * 100 + ["test"] * 100, strict=True)
    ]
    assert low < kappas(predict_from_shortcuts(given))["frame"] < high


def test_squares_of_the_centre_hide_the_frame_of_aptos():
    folder = DATA / "aptos224"
    if not (folder / "labels.csv").exists():
        pytest.skip("aptos224 is not at ../shared/data/aptos224")
    files = sorted((folder / "images").iterdir())[:60]
    squares = [square_images(file.read_bytes(), {"large": 128}, "standardised", crop=0.62)["large"] for file in files]
    lit = [picture_features(square, background=128)[FRAME.index("lit")] for square in squares]
    assert min(lit) > 0.97, "no photograph keeps a dark corner"
