"""Fingerprints and the near-duplicate search: modified copies are found, different eyes are not."""

from __future__ import annotations

from functools import cache

import cv2
import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmark.data.duplicates import (
    MIN_SIMILARITY,
    PREFILTER_SIMILARITY,
    candidate_pairs,
    correlate,
    describe_transform,
    find_near_duplicates,
    magnitudes,
)
from benchmark.images.fingerprint import ANGLES, RINGS, fingerprint
from benchmark.images.reading import read_rgb
from tests.conftest import ROOT
from tests.factories.eyes import descriptors, encoded, eye

EYES = 40
IDRID = ROOT / "../shared/data/idrid/images"
NUMBERS = (("021", "391"), ("028", "327"), ("045", "333"), ("073", "375"), ("079", "279"), ("013", "397"))
SAME_EYES = {(f"train/IDRiD_{a}.jpg", f"train/IDRiD_{b}.jpg") for a, b in NUMBERS}
SAME_EYES |= {("test/IDRiD_064.jpg", "train/IDRiD_118.jpg")}
PAIRED = {name for pair in SAME_EYES for name in pair}


def changes(rgb: np.ndarray) -> dict[str, np.ndarray]:
    """Return modified copies as they occur in republished photographs."""
    return {
        "saved badly": read_rgb(encoded(rgb, quality=30)),
        "halved": cv2.resize(rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
        "doubled": cv2.resize(rgb, None, fx=2, fy=2),
        "brighter": np.clip(rgb * 1.2 + 6, 0, 255).astype(np.uint8),
        "darker": (rgb * 0.6).astype(np.uint8),
        "padded": cv2.copyMakeBorder(rgb, 40, 10, 0, 60, cv2.BORDER_CONSTANT),
        "without border": rgb[8:-8, 22:-22],
    }


@cache
def different_eyes(width: int = 300) -> np.ndarray:
    """Return the descriptors of different eyes."""
    return descriptors([eye(seed, width) for seed in range(EYES)])


@pytest.mark.parametrize("change", changes(eye(0)))
def test_modified_copies_are_the_only_pairs_found(change):
    copies = [np.ascontiguousarray(changes(eye(seed))[change]) for seed in range(5)]
    found = find_near_duplicates(np.concatenate([different_eyes(), descriptors(copies)]))
    assert [(pair.first, pair.second) for pair in found] == [(place, EYES + place) for place in range(5)]
    assert all(MIN_SIMILARITY <= pair.similarity <= 1 and pair.transform == "" for pair in found)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("degrees", [0, 5, 45, 90, 170, 180, 270, 355])
def test_a_rotated_copy_is_found_and_its_angle_reported(degrees, mirrored):
    shown = eye(3, 260)[:, ::-1] if mirrored else eye(3, 260)
    turn = cv2.getRotationMatrix2D((129.5, 129.5), degrees, 1)
    turned = cv2.warpAffine(np.ascontiguousarray(shown), turn, (260, 260), flags=cv2.INTER_CUBIC)
    (pair,) = find_near_duplicates(np.concatenate([different_eyes(260), descriptors([turned])]))
    assert (pair.first, pair.second) == (3, EYES)
    assert pair.transform == describe_transform(degrees, mirrored=mirrored)


@pytest.mark.parametrize(
    ("degrees", "mirrored", "words"),
    [
        (0, False, ""),
        (2.4, False, ""),
        (359, False, ""),
        (0, True, "mirrored"),
        (43.6, False, "turned by 45 degrees"),
        (270, True, "mirrored and turned by 270 degrees"),
    ],
)
def test_a_rotation_is_reported_in_steps_of_five_degrees(degrees, mirrored, words):
    assert describe_transform(degrees, mirrored=mirrored) == words


def test_different_eyes_that_a_common_hash_confuses_are_not_found():
    """The reference (pHash of imagehash) finds the same pairs, and also pairs of different eyes."""
    images = [eye(seed) for seed in range(EYES)]
    images += [changes(image)["brighter"] for image in images[:5]]
    hashes = [imagehash.phash(Image.fromarray(image)) for image in images]
    near = {(i, j) for j in range(len(images)) for i in range(j) if hashes[i] - hashes[j] <= 12}
    found = {(pair.first, pair.second) for pair in find_near_duplicates(descriptors(images))}
    assert found == {(place, EYES + place) for place in range(5)}
    assert found < near


def test_uniform_images_have_no_duplicates():
    black, grey = np.zeros((260, 300, 3), np.uint8), np.full((260, 300, 3), 128, np.uint8)
    assert not descriptors([black, grey]).any()
    assert find_near_duplicates(descriptors([black, black, grey, grey])) == []


def test_zero_and_one_images_have_no_pairs():
    assert find_near_duplicates(np.zeros((0, RINGS, ANGLES), np.int8)) == []
    assert find_near_duplicates(descriptors([eye(0)])) == []


def found_among(known: np.ndarray) -> list[tuple[int, int]]:
    return [(int(i), int(j)) for some in candidate_pairs(known) for i, j in zip(*some, strict=True)]


def test_similarities_at_the_thresholds_are_included(monkeypatch):
    bound = np.float32(PREFILTER_SIMILARITY)
    assert found_among(np.array([[1, 0], [bound, 0]], np.float32)) == [(0, 1)]
    assert found_among(np.array([[1, 0], [np.nextafter(bound, np.float32(0)), 0]], np.float32)) == []
    noise = np.random.default_rng(0).normal(0, 40, (2, RINGS, ANGLES))
    two = np.stack([noise[0], noise[0] + 0.4 * noise[1]]).clip(-127, 127).astype(np.int8)
    (pair,) = find_near_duplicates(two)
    assert MIN_SIMILARITY < pair.similarity < 1
    monkeypatch.setattr("benchmark.data.duplicates.MIN_SIMILARITY", pair.similarity)
    assert find_near_duplicates(two) == [pair]
    monkeypatch.setattr(
        "benchmark.data.duplicates.MIN_SIMILARITY", np.nextafter(np.float32(pair.similarity), np.float32(1))
    )
    assert find_near_duplicates(two) == []


def test_a_rotation_is_preferred_to_an_equally_similar_reflection():
    one = np.zeros((1, RINGS, ANGLES), np.int8)
    one[:, :, 0] = 100
    similarity, degrees, mirrored = correlate(one, one)
    assert (similarity.tolist(), degrees.tolist(), mirrored.tolist()) == ([1], [0], [False])


@pytest.mark.parametrize("steps", [0, 1, 20, 40, 63])
def test_angles_are_counter_clockwise_from_0_to_360_degrees(steps):
    one = noisy_copies(0, 1)
    turned = np.roll(one, steps, axis=2)
    # A reflection maps the direction at an angle a, clockwise from the right, to 180 degrees - a.
    mirrored = np.roll(one[:, :, (ANGLES // 2 - np.arange(ANGLES)) % ANGLES], steps, axis=2)
    for other, flip in ((turned, False), (mirrored, True)):
        similarity, degrees, flipped = correlate(one, other)
        assert (similarity.item(), flipped.item()) == (1, flip)
        assert degrees.item() == pytest.approx(-steps * 360 / ANGLES % 360)


def test_a_zero_descriptor_has_no_correlation():
    none = np.zeros((1, RINGS, ANGLES), np.int8)
    assert correlate(none, none)[0].tolist() == [0]
    assert not magnitudes(none).any()


def test_magnitudes_have_norm_1_and_ignore_rotation_and_reflection():
    known = magnitudes(noisy_copies(0, 5))
    by_ring = known.reshape(5, RINGS, -1)
    # The means over the frequencies of a ring and over the rings at a frequency are subtracted.
    assert by_ring.mean(1) == pytest.approx(0, abs=1e-6)
    assert by_ring.mean(2) == pytest.approx(0, abs=1e-6)
    assert np.linalg.norm(known, axis=1) == pytest.approx(1, abs=1e-5)
    descriptor = noisy_copies(1, 1)
    turned = np.roll(descriptor[:, :, ::-1], 7, axis=2)
    np.testing.assert_allclose(magnitudes(turned), magnitudes(descriptor), atol=1e-5)


seeds = st.integers(0, 2**32 - 1)


def noisy_copies(seed: int, count: int) -> np.ndarray:
    """Return noisy copies of a few descriptors, rotated and mirrored at random."""
    rng = np.random.default_rng(seed)
    pictures = rng.normal(0, 30, (3, RINGS, ANGLES))[rng.integers(0, 3, count)]
    noise = rng.normal(0, 1, (count, RINGS, ANGLES)) * rng.uniform(0, 30, (count, 1, 1))
    made = np.clip(pictures + noise, -127, 127).astype(np.int8)
    return np.stack([np.roll(one[:, :: rng.choice((-1, 1))], rng.integers(0, ANGLES), axis=1) for one in made])


@settings(deadline=None, max_examples=20)
@given(seed=seeds, count=st.integers(1, 40), rows=st.integers(1, 50), columns=st.integers(1, 50))
def test_the_search_equals_a_comparison_of_all_pairs(seed: int, count: int, rows: int, columns: int):
    known = magnitudes(noisy_copies(seed, count))
    kinship = known @ known.T
    expected = [(i, j) for i in range(count) for j in range(i + 1, count) if kinship[i, j] >= PREFILTER_SIMILARITY]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmark.data.duplicates._ROWS", rows)
        patch.setattr("benchmark.data.duplicates._COLUMNS", columns)
        found = found_among(known)
    near_the_bound = {pair for pair in {*expected, *found} if abs(kinship[pair] - PREFILTER_SIMILARITY) < 1e-5}
    assert sorted(set(found) - near_the_bound) == sorted(set(expected) - near_the_bound)
    assert len(found) == len(set(found))


@settings(deadline=None, max_examples=20)
@given(seed=seeds)
def test_the_similarity_is_the_highest_correlation_over_rotations(seed: int):
    """Compare with the definition at the descriptor's angles; between them the similarity may be slightly higher.

    For dissimilar images the rotation is chosen by their coarse structure, so the similarity may be slightly lower.
    """
    first, second = noisy_copies(seed, 2)
    similarity, degrees, mirrored = (one[0] for one in correlate(first[None], second[None]))

    def correlation(shift: int, flip: bool) -> float:
        # Reversed directions mirror top to bottom; left to right is that and half a turn.
        shown = np.roll(first[:, ::-1], 1 + ANGLES // 2, axis=1) if flip else first
        a, b = np.roll(shown, -shift, axis=1).astype(float).ravel(), second.astype(float).ravel()
        return float(a @ b / np.sqrt((a @ a) * (b @ b)))

    plain = {(shift, flip): correlation(shift, flip) for shift in range(ANGLES) for flip in (False, True)}
    assert max(plain.values()) - (1e-4 if max(plain.values()) > 0.6 else 0.05) <= similarity <= 1
    if max(plain.values()) > 0.6:
        shift, flip = max(plain, key=lambda key: plain[key])
        assert flip == mirrored
        assert abs((degrees - shift * 360 / ANGLES + 180) % 360 - 180) < 360 / ANGLES


def test_rotation_and_reflection_preserve_magnitudes():
    made = noisy_copies(0, 5)
    turned = np.roll(made[:, :, ::-1], 7, axis=2)
    assert (magnitudes(made) * magnitudes(turned)).sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert not magnitudes(np.zeros((1, RINGS, ANGLES), np.int8)).any()


def test_a_fingerprint_has_the_properties_of_the_image():
    seen = fingerprint(encoded(eye(1)))
    assert (seen.width, seen.height, seen.error, seen.fundus) == (300, 260, "", "yes")
    assert seen.brightness > 150
    page = np.full((300, 400, 3), 255, np.uint8)
    cv2.putText(page, "referral", (20, 150), cv2.FONT_HERSHEY_SIMPLEX, 2, (0, 0, 0), 3)
    assert fingerprint(encoded(page)).fundus == "no"
    assert fingerprint(encoded(np.zeros((200, 200, 3), np.uint8))).brightness < 5
    cut = fingerprint(encoded(eye(1))[:2000])
    assert "truncated" in cut.error
    assert (cut.width, cut.height) == (300, 260)
    assert fingerprint(b"no image").error == "the file is not a JPEG, PNG or TIFF"


@pytest.mark.slow
@pytest.mark.parametrize("others", [60, pytest.param(502, marks=pytest.mark.nightly)])
def test_the_duplicates_of_idrid_are_found_without_false_positives(others):
    """IDRiD has six pairs of identical files and one eye photographed twice; 132,863 pairs show different eyes."""
    files = sorted(IDRID.glob("*/*.jpg"))
    if not files:
        pytest.skip("IDRiD is not at ../shared/data/idrid")
    paired = [file for file in files if "/".join(file.parts[-2:]) in PAIRED]
    assert len(paired) == 14
    files = sorted([*paired, *[file for file in files if file not in paired][:others]])
    found = find_near_duplicates(np.stack([fingerprint(file.read_bytes()).descriptor for file in files]))
    names = {tuple("/".join(files[place].parts[-2:]) for place in (pair.first, pair.second)) for pair in found}
    assert names == SAME_EYES
