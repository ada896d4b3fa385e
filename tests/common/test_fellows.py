"""Fellow eyes: matching, random permutation, and pairs of features."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchmark.common.fellows import MISSING, encode_sides, fellows, pair, shuffled_fellows

EYES = st.lists(
    st.tuples(st.sampled_from(["", "a", "b", "c", "d"]), st.sampled_from(["left", "right", "unknown"])), max_size=14
)


@given(EYES)
def test_fellows_belong_to_one_patient_and_are_mutual(images):
    patient, eye = [name for name, _ in images], [side for _, side in images]
    found = fellows(patient, eye)
    for row, other in enumerate(found):
        if other != MISSING:
            assert other != row
            assert found[other] == row
            assert patient[row] == patient[other] != ""
            assert eye[row] != eye[other] or eye[row] == "unknown"


def test_an_unknown_side_is_encoded_halfway():
    assert encode_sides(["left", "right", "unknown"]).tolist() == [0, 1, 0.5]


def test_two_eyes_are_matched_and_ambiguous_ones_are_not():
    patient = ["a", "a", "b", "", "", "c", "c", "d", "d", "d", "e", "e"]
    eye = ["left", "right", "left", "left", "right", "left", "left", "left", "left", "right", "unknown", "unknown"]
    assert fellows(patient, eye).tolist() == [1, 0, -1, -1, -1, -1, -1, -1, -1, -1, 11, 10]


@given(EYES, st.integers(0, 5))
def test_shuffled_fellows_belong_to_other_patients_and_are_used_once(images, seed):
    patient, eye = [name for name, _ in images], [side for _, side in images]
    own = fellows(patient, eye)
    found = shuffled_fellows(own, seed)
    paired = own != MISSING
    assert ((found == MISSING) == ~paired).all()
    assert sorted(found[paired]) == sorted(own[paired])
    if paired.sum() > 2:
        assert all(patient[found[row]] != patient[row] for row in np.flatnonzero(paired))
    assert (shuffled_fellows(own, seed) == found).all()


def test_an_eye_without_fellow_is_paired_with_itself():
    own = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    assert pair(own, np.array([1, 0, MISSING])).tolist() == [[1, 2, 3, 4], [3, 4, 1, 2], [5, 6, 5, 6]]
