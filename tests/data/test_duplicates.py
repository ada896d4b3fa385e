"""Fingerprints and the search among them: copies are found whatever was done to them, strangers are not."""

from __future__ import annotations

import cv2
import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmark.data import duplicates
from benchmark.data.duplicates import LIKENESS, RADIUS, TURNS, find_alike, hash_sketches, near_pairs
from benchmark.images.fingerprint import SIDE, fingerprint
from benchmark.images.reading import read_rgb
from tests.conftest import ROOT
from tests.made.eyes import encoded, eye, sketches

EYES = 40
IDRID = ROOT / "../shared/data/idrid/images"


def changes(rgb: np.ndarray) -> dict[str, np.ndarray]:
    """What people do to photographs before they publish them again."""
    return {
        "saved badly": read_rgb(encoded(rgb, quality=30)),
        "halved": cv2.resize(rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
        "doubled": cv2.resize(rgb, None, fx=2, fy=2),
        "brighter": np.clip(rgb * 1.2 + 6, 0, 255).astype(np.uint8),
        "darker": (rgb * 0.6).astype(np.uint8),
        "padded": cv2.copyMakeBorder(rgb, 40, 10, 0, 60, cv2.BORDER_CONSTANT),
        "without border": rgb[8:-8, 22:-22],
    }


@pytest.mark.parametrize("change", changes(eye(0)))
def test_a_changed_copy_is_the_one_pair_that_is_found(change):
    images = [eye(seed) for seed in range(EYES)]
    copies = [np.ascontiguousarray(changes(image)[change]) for image in images[:5]]
    found = find_alike(sketches([*images, *copies]))
    assert [(pair.first, pair.second) for pair in found] == [(place, EYES + place) for place in range(5)]
    assert all(LIKENESS <= pair.likeness <= 1 and pair.turn == "" for pair in found)


@pytest.mark.parametrize("turn", TURNS)
def test_a_turned_or_mirrored_copy_is_found_and_called_so(turn):
    images = [eye(seed, 260, 260) for seed in range(EYES)]
    turned = np.stack([TURNS[turn](channel[None])[0] for channel in np.moveaxis(images[3], 2, 0)], axis=2)
    (pair,) = find_alike(sketches([*images, np.ascontiguousarray(turned)]))
    assert (pair.first, pair.second, pair.turn) == (3, EYES, turn)


def test_strangers_are_not_alike_where_a_common_hash_says_so():
    """The reference (pHash of imagehash) agrees on every pair found, and would find strangers as well."""
    images = [eye(seed) for seed in range(EYES)]
    images += [changes(image)["brighter"] for image in images[:5]]
    hashes = [imagehash.phash(Image.fromarray(image)) for image in images]
    near = {(i, j) for j in range(len(images)) for i in range(j) if hashes[i] - hashes[j] <= 12}
    found = {(pair.first, pair.second) for pair in find_alike(sketches(images))}
    assert found == {(place, EYES + place) for place in range(5)}
    assert found < near


def test_what_shows_nothing_is_like_nothing():
    black, grey = np.zeros((260, 300, 3), np.uint8), np.full((260, 300, 3), 128, np.uint8)
    assert not sketches([black, grey]).any()
    assert find_alike(sketches([black, black, grey, grey])) == []


def test_nothing_and_one_have_no_pairs():
    assert find_alike(np.zeros((0, SIDE, SIDE), np.int8)) == []
    assert find_alike(sketches([eye(0)])) == []


seeds = st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=30)
@given(seed=seeds, count=st.integers(1, 60), flips=st.integers(0, 40))
def test_the_search_finds_exactly_what_comparing_all_pairs_finds(seed: int, count: int, flips: int) -> None:
    """Among hashes of which many differ in about ``flips`` bits."""
    rng = np.random.default_rng(seed)
    roots = rng.integers(0, 256, (3, 16), dtype=np.uint8)
    bits = np.unpackbits(roots[rng.integers(0, 3, 2 * count)], axis=1)
    bits ^= rng.random(bits.shape) < flips / duplicates.BITS
    left, right = np.packbits(bits, axis=1).view(np.uint64).reshape(2, count, 2)
    distance = np.bitwise_count(left[:, None] ^ right[None]).sum(axis=2)
    expected = sorted((int(i), int(j)) for i, j in np.argwhere(distance <= RADIUS) if i < j)
    found = [
        pair
        for band in range(duplicates._BANDS)
        for i, j in near_pairs(left, right, band)
        for pair in zip(i, j, strict=True)
    ]
    assert sorted((int(i), int(j)) for i, j in found) == expected


@settings(deadline=None, max_examples=20)
@given(seed=seeds, count=st.integers(2, 30))
def test_pairs_are_those_of_the_plain_definition(seed: int, count: int) -> None:
    """Noise around a few pictures: correlation and hash distance, one pair and one turn at a time."""
    rng = np.random.default_rng(seed)
    pictures = rng.normal(0, 30, (3, SIDE, SIDE))
    noise = rng.normal(0, 1, (count, SIDE, SIDE)) * rng.uniform(0, 30, (count, 1, 1))
    made = np.clip(pictures[rng.integers(0, 3, count)] + noise, -127, 127).astype(np.int8)
    expected = set()
    hashes = hash_sketches(made)
    for turn in TURNS.values():
        turned = np.ascontiguousarray(turn(made))
        turned_hashes = hash_sketches(turned)
        for j in range(count):
            for i in range(j):
                a, b = turned[i].astype(float).ravel(), made[j].astype(float).ravel()
                near = np.bitwise_count(turned_hashes[i] ^ hashes[j]).sum() <= RADIUS
                if near and a @ b >= (LIKENESS + 1e-6) * np.sqrt((a @ a) * (b @ b)):
                    expected.add((i, j))
    assert {(pair.first, pair.second) for pair in find_alike(made)} == expected


def test_hashes_hold_every_bit_once_and_no_coefficient_twice():
    down, across = duplicates._frequencies()
    assert len(set(zip(down.tolist(), across.tolist(), strict=True))) == duplicates.BITS
    noise = np.random.default_rng(0).integers(-127, 128, (500, SIDE, SIDE)).astype(np.int8)
    share = np.unpackbits(hash_sketches(noise).view(np.uint8), axis=1).mean(axis=0)
    assert np.abs(share - 0.5).max() < 0.1


def test_a_fingerprint_says_what_there_is_to_see():
    seen = fingerprint(encoded(eye(1)))
    assert (seen.width, seen.height, seen.reason, seen.disc) == (300, 260, "", True)
    assert seen.warm > 0.9
    assert seen.level > 150
    page = np.full((300, 400, 3), 255, np.uint8)
    cv2.putText(page, "referral", (20, 150), cv2.FONT_HERSHEY_SIMPLEX, 2, (0, 0, 0), 3)
    page_seen = fingerprint(encoded(page))
    assert not page_seen.disc
    assert page_seen.warm < 0.1
    assert fingerprint(encoded(np.zeros((200, 200, 3), np.uint8))).level < 5
    cut = fingerprint(encoded(eye(1))[:2000])
    assert "truncated" in cut.reason
    assert (cut.width, cut.height) == (300, 260)
    assert fingerprint(b"no image").reason == "the file is no JPEG, PNG or TIFF"


def test_what_idrid_holds_is_found_and_nothing_else():
    """Six pairs of identical files, and one eye taken twice; all other 132,857 pairs are of different eyes."""
    files = sorted(IDRID.glob("*/*.jpg"))
    if not files:
        pytest.skip("IDRiD is not at ../shared/data/idrid")
    found = find_alike(np.stack([fingerprint(file.read_bytes()).sketch for file in files]))
    names = {"/".join("/".join(files[place].parts[-2:]) for place in (pair.first, pair.second)) for pair in found}
    same = {f"train/IDRiD_{a}.jpg/train/IDRiD_{b}.jpg" for a, b in (("021", "391"), ("028", "327"), ("045", "333"))}
    same |= {f"train/IDRiD_{a}.jpg/train/IDRiD_{b}.jpg" for a, b in (("073", "375"), ("079", "279"), ("013", "397"))}
    assert names == same | {"test/IDRiD_064.jpg/train/IDRiD_118.jpg"}
