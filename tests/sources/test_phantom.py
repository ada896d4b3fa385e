from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.common.errors import InputError
from benchmark.common.terms import SPLITS
from benchmark.data.manifest import ManifestRow, write_manifest
from benchmark.settings.loading import parse_params
from benchmark.sources._phantom.camera import CAMERAS
from benchmark.sources._phantom.cohort import Shot, cohort, quotas
from benchmark.sources._phantom.lesions import MICROANEURYSM
from benchmark.sources._phantom.render import photograph
from benchmark.sources.phantom import Params, draw, photographs
from benchmark.sources.registry import Photograph, load_source
from tests.factories.paths import ROOT

PROFILE: dict[str, Any] = yaml.safe_load((ROOT / "experiments/conf/data/phantom.yaml").read_text())
SMALL = {"patients": {"train": 6, "val": 3, "test": 3}, "pixels": 160, "agreement": 0.6}


def params(**changes: Any) -> Params:
    return Params.model_validate(PROFILE | changes)


def take(folder: Path, **changes: Any) -> list[Photograph]:
    return list(photographs(params(**SMALL | changes), folder, lambda done, total: None))


def contents(shots: list[Photograph]) -> dict[str, bytes]:
    return {shot.image_id: shot.path.read_bytes() for shot in shots}


# Patients


def test_the_profile_is_valid_and_its_splits_share_no_patient() -> None:
    shots = cohort(params())
    patients = {split: {shot.patient for shot in shots if shot.split == split} for split in SPLITS}
    declared = [PROFILE["patients"][split] for split in SPLITS]
    assert [len(patients[split]) for split in SPLITS] == declared
    assert len(set.union(*patients.values())) == sum(declared)
    assert len({shot.image_id for shot in shots}) == len(shots) == 2 * sum(declared)


def test_grades_have_exact_quotas_in_each_split_and_eye() -> None:
    for split, patients in PROFILE["patients"].items():
        for eye in ("left", "right"):
            grades = [shot.grade for shot in cohort(params()) if (shot.split, shot.eye) == (split, eye)]
            assert np.bincount(grades, minlength=5).tolist() == quotas(PROFILE["grades"], patients)


@given(
    weights=st.lists(st.integers(0, 50), min_size=5, max_size=5).filter(any),
    total=st.integers(0, 10_000),
)
def test_quotas_sum_to_the_total_with_rounding_errors_below_one(weights: list[int], total: int) -> None:
    shares = [weight / sum(weights) for weight in weights]
    counts = quotas(shares, total)
    assert sum(counts) == total
    assert all(abs(count - share * total) < 1 for count, share in zip(counts, shares, strict=True))


@settings(max_examples=40, deadline=None)
@given(
    weights=st.lists(st.integers(0, 20), min_size=5, max_size=5).filter(any),
    slack=st.floats(0, 1),
    patients=st.integers(1, 80),
    seed=st.integers(0, 2**40),
)
def test_any_valid_agreement_between_eyes_is_met(weights: list[int], slack: float, patients: int, seed: int) -> None:
    shares = [weight / sum(weights) for weight in weights]
    agreement = max(shares) + slack * (1 - max(shares))
    deal = {"train": patients, "val": 1, "test": 1}
    shots = cohort(params(grades=shares, agreement=agreement, patients=deal, seed=seed))
    left, right = (np.array([s.grade for s in shots if s.split == "train" and s.eye == e]) for e in ("left", "right"))
    disagree = int((left != right).sum())
    assert 0 <= patients * (1 - agreement) + 1e-6 - disagree < 2 + 1e-6
    assert sorted(left) == sorted(right)


def test_eyes_that_disagree_differ_mostly_by_one_grade() -> None:
    shots = cohort(params())
    gaps = np.abs([a.grade - b.grade for a, b in zip(shots[::2], shots[1::2], strict=True)])
    assert all(a.patient == b.patient for a, b in zip(shots[::2], shots[1::2], strict=True))
    assert abs((gaps == 0).mean() - PROFILE["agreement"]) < 0.01
    assert 0.5 < (gaps[gaps > 0] == 1).mean() < 1


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.5])
def test_label_noise_moves_its_exact_fraction_to_neighbouring_grades(noise: float) -> None:
    for split, patients in PROFILE["patients"].items():
        moves = [abs(s.label - s.grade) for s in cohort(params(label_noise=noise)) if s.split == split]
        assert sum(moves) == round(2 * patients * noise)
        assert set(moves) <= {0, 1}
    assert {shot.label for shot in cohort(params(label_noise=noise))} == set(range(5))


def test_label_noise_changes_only_labels() -> None:
    def drawn(noise: float) -> list[tuple[Any, ...]]:
        return [(s.image_id, s.split, s.grade) for s in cohort(params(patients=SMALL["patients"], label_noise=noise))]

    assert drawn(0.0) == drawn(0.3)


# Files


def test_files_are_named_by_patient_and_eye_as_in_eyepacs(tmp_path: Path) -> None:
    shots = take(tmp_path)
    assert len(shots) == 24
    assert load_source("phantom").Params is Params
    for shot in shots:
        assert shot.image_id == f"{shot.patient}_{shot.eye}"
        assert shot.path.name == f"{shot.image_id}.jpeg"
        assert tmp_path in shot.path.parents
        assert cv2.imread(str(shot.path)).shape[1] == 160
    write_manifest(
        [ManifestRow(s.image_id, str(s.path), s.patient, s.eye, s.grade, s.split, "", 0, 0, "phantom") for s in shots],
        tmp_path / "manifest.csv",
    )


def test_a_second_call_reuses_the_files(tmp_path: Path) -> None:
    first = take(tmp_path)
    times = {shot.path: shot.path.stat().st_mtime_ns for shot in first}
    calls: list[tuple[int, int]] = []
    second = list(photographs(params(**SMALL), tmp_path, lambda done, total: calls.append((done, total))))
    assert second == first
    assert calls == []
    assert {shot.path: shot.path.stat().st_mtime_ns for shot in second} == times


def test_a_stopped_run_is_resumed(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        assert total == 24
        if done == 10:
            raise KeyboardInterrupt

    whole = contents(take(tmp_path / "whole"))
    with pytest.raises(KeyboardInterrupt):
        list(photographs(params(**SMALL), tmp_path / "stopped", stop))
    drawn = list((tmp_path / "stopped").rglob("*.jpeg"))
    (drawn[0].parent / ".killed.partial").write_bytes(b"half")
    calls: list[tuple[int, int]] = []
    again = list(photographs(params(**SMALL), tmp_path / "stopped", lambda done, total: calls.append((done, total))))
    assert len(drawn) == 10
    assert calls == [(done, 14) for done in range(1, 15)]
    assert contents(again) == whole
    assert {path.name for path in drawn[0].parent.iterdir()} == {*(shot.path.name for shot in again), "drawn.sha256"}


@pytest.mark.parametrize("damage", ["another photograph", "empty", "removed", "hashes cut", "hashes changed"])
def test_a_photograph_without_its_hash_is_drawn_again(tmp_path: Path, damage: str) -> None:
    shots = take(tmp_path)
    whole, first, hashes = contents(shots), shots[0].path, shots[0].path.parent / "drawn.sha256"
    listed = hashes.read_bytes()
    match damage:
        case "another photograph":
            first.write_bytes(shots[1].path.read_bytes())
        case "empty":
            first.write_bytes(b"")
        case "removed":
            first.unlink()
        case "hashes cut":
            hashes.write_bytes(listed[:-30])
        case "hashes changed":
            hashes.write_bytes(listed.replace(listed[:4], b"0000", 1))
    calls: list[tuple[int, int]] = []
    again = list(photographs(params(**SMALL), tmp_path, lambda done, total: calls.append((done, total))))
    assert calls == [(1, 1)]
    assert (contents(again), hashes.read_bytes()) == (whole, listed)


def test_other_parameters_do_not_reuse_old_files(tmp_path: Path) -> None:
    old, new = take(tmp_path, seed=1), take(tmp_path, seed=2)
    assert not {shot.path for shot in old} & {shot.path for shot in new}
    assert {path for path in tmp_path.rglob("*.jpeg")} == {shot.path for shot in new}
    assert [s.path for s in take(tmp_path, seed=2, label_noise=0.4)] == [s.path for s in new]


def test_bytes_depend_on_neither_workers_nor_order(tmp_path: Path) -> None:
    shots = cohort(params(**SMALL))[:8]
    alone = [(0, shot, 160, tmp_path / "alone" / f"{shot.image_id}.jpeg") for shot in shots]
    shared = [(0, shot, 160, tmp_path / "shared" / f"{shot.image_id}.jpeg") for shot in reversed(shots)]
    calls: list[tuple[int, int]] = []
    list(draw(alone, lambda done, total: None, workers=1))
    list(draw(shared, lambda done, total: calls.append((done, total)), workers=2))
    assert calls == [(done, 8) for done in range(1, 9)]
    for (*_, one), (*_, other) in zip(alone, reversed(shared), strict=True):
        assert one.read_bytes() == other.read_bytes()


# Images


@pytest.mark.parametrize("patient", range(1, 9))
def test_the_optic_disc_is_on_the_nasal_side(patient: int) -> None:
    for eye, side in (("left", -1), ("right", 1)):
        green = photograph(0, patient, eye, 0, 160)[..., 1].astype(np.float32)
        bump = cv2.GaussianBlur(green, (0, 0), 3) - cv2.GaussianBlur(green, (0, 0), 12)
        y, x = np.indices(bump.shape) - (np.array(bump.shape).reshape(2, 1, 1) - 1) / 2
        bump[np.hypot(x, y) > 0.68 * 64] = 0  # The rim of the field has as much contrast.
        assert x[np.unravel_index(bump.argmax(), bump.shape)] * side > 16


def test_the_eyes_of_a_patient_have_one_camera_and_colour_but_different_vessels() -> None:
    for patient in range(1, 6):
        left, right = (photograph(0, patient, eye, 0, 160) for eye in ("left", "right"))
        other = photograph(0, patient + 10, "right", 0, 160)
        assert left.shape == right.shape
        assert not np.array_equal(left[:, ::-1], right)
        assert not np.array_equal(right, other)


def test_more_severe_grades_change_more_of_the_same_eye() -> None:
    changed = np.zeros(5)
    for patient in range(1, 13):
        healthy = photograph(0, patient, "left", 0, 160).astype(int)
        for grade in range(5):
            changed[grade] += (np.abs(photograph(0, patient, "left", grade, 160) - healthy).max(axis=2) > 25).mean()
    assert changed[0] == 0
    assert changed[1] > 0
    assert (np.diff(changed[:4]) > 0).all()
    assert changed[4] > changed[2]


def test_the_field_of_view_is_bright_inside_and_black_outside() -> None:
    for patient in range(1, 9):
        picture = photograph(0, patient, "right", 0, 160).max(axis=2)
        corners = [picture[y, x] for y in (0, -1) for x in (0, -1)]
        assert max(corners) == 0
        assert picture[picture.shape[0] // 2, 80] > 60


def test_a_microaneurysm_is_one_to_two_pixels_wide_at_128() -> None:
    """The width is the diameter of a circle with the area above half of the spot's peak."""
    assert 1 <= 128 * MICROANEURYSM[0] < 128 * MICROANEURYSM[1] <= 2
    widths = []
    for patient in range(1, 25):
        healthy, mild = (photograph(0, patient, "right", grade, 320)[..., 1].astype(np.float32) for grade in (0, 1))
        camera = next(c for c in CAMERAS if round(320 / c.aspect) == len(healthy))
        darker = np.where(mild > 0, healthy - mild, 0)
        scale = 128 / (2 * 320 * camera.radius)
        _, _, _, centres = cv2.connectedComponentsWithStats((darker > 25).astype(np.uint8))
        for x, y in centres[1:].round().astype(int):
            patch = darker[y - 5 : y + 6, x - 5 : x + 6]
            if patch.shape == (11, 11) and patch[[0, -1]].max() < 5 and patch[:, [0, -1]].max() < 5:
                widths.append(2 * np.sqrt((patch > patch.max() / 2).sum() / np.pi) * scale)
    assert len(widths) > 100
    assert np.quantile(widths, 0.05) >= 1
    assert np.quantile(widths, 0.95) <= 2


def test_a_microaneurysm_almost_vanishes_at_40_pixels() -> None:
    depth = {40: 0.0, 128: 0.0}
    for patient in range(1, 13):
        healthy, mild = (photograph(0, patient, "left", grade, 320)[..., 1].astype(np.float32) for grade in (0, 1))
        for size in depth:
            to = (size, size * len(mild) // 320)
            gap = cv2.resize(healthy, to, interpolation=cv2.INTER_AREA) - cv2.resize(
                mild, to, interpolation=cv2.INTER_AREA
            )
            depth[size] += gap.max()
    assert depth[40] < depth[128] / 2


@pytest.mark.parametrize("pixels", [160, 501, 1024])
def test_images_of_any_width_look_alike(pixels: int) -> None:
    reference = cv2.resize(photograph(3, 1, "left", 4, 320), (80, 80), interpolation=cv2.INTER_AREA).astype(int)
    scaled = cv2.resize(photograph(3, 1, "left", 4, pixels), (80, 80), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(scaled - reference).mean() < 6


# Parameters


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"grades": [0.4, 0.15, 0.2, 0.13, 0.1]},
            "`data.grades` must be five fractions that sum to 1, but .* sums to 0.98",
        ),
        ({"grades": [0.5, 0.5, -0.2, 0.1, 0.1]}, "`data.grades.2` should be greater than or equal to 0, but got -0.2"),
        ({"grades": [0.5, 0.5]}, "`data.grades.2` must be given"),
        ({"agreement": 1.2}, "`data.agreement` should be less than or equal to 1, but got 1.2"),
        (
            {"agreement": 0.3},
            "must have an `agreement` of at least the largest share in `grades`.* 0.3 is less than 0.4",
        ),
        ({"label_noise": 0.6}, "`data.label_noise` should be less than or equal to 0.5, but got 0.6"),
        ({"pixels": 64}, "`data.pixels` should be greater than or equal to 160, but got 64"),
        ({"patients": {"train": 0, "val": 1, "test": 1}}, "`data.patients.train` should be greater than or equal to 1"),
        ({"patients": {"train": 1, "val": 1}}, "`data.patients.test` must be given"),
        ({"seed": -1}, "`data.seed` should be greater than or equal to 0, but got -1"),
        ({"sead": 1}, "`data.sead` is not a parameter"),
    ],
)
def test_an_invalid_parameter_is_reported_with_its_value(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        parse_params({"data": PROFILE | change})


def test_an_image_id_has_patient_and_eye() -> None:
    assert Shot(17, "left", "val", 2, 3).image_id == "17_left"
