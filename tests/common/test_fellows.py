"""Eyes and their fellows."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchmark.common.fellows import MISSING, encode_sides, fellows, pair, shuffled_fellows

EYES = st.lists(
    st.tuples(st.sampled_from(["", "a", "b", "c", "d"]), st.sampled_from(["left", "right", "unknown"])), max_size=14
)


@given(EYES)
def test_fellows_are_of_one_patient_and_each_others(images):
    patient, eye = [name for name, _ in images], [side for _, side in images]
    found = fellows(patient, eye)
    for row, other in enumerate(found):
        if other != MISSING:
            assert other != row
            assert found[other] == row
            assert patient[row] == patient[other] != ""
            assert eye[row] != eye[other] or eye[row] == "unknown"


def test_a_side_that_is_not_known_is_neither():
    assert encode_sides(["left", "right", "unknown"]).tolist() == [0, 1, 0.5]


def test_two_eyes_find_each_other_and_what_is_not_clear_has_none():
    patient = ["a", "a", "b", "", "", "c", "c", "d", "d", "d", "e", "e"]
    eye = ["left", "right", "left", "left", "right", "left", "left", "left", "left", "right", "unknown", "unknown"]
    assert fellows(patient, eye).tolist() == [1, 0, -1, -1, -1, -1, -1, -1, -1, -1, 11, 10]


@given(EYES, st.integers(0, 5))
def test_a_stranger_is_of_another_patient_and_everyone_serves_once(images, seed):
    patient, eye = [name for name, _ in images], [side for _, side in images]
    own = fellows(patient, eye)
    found = shuffled_fellows(own, seed)
    paired = own != MISSING
    assert ((found == MISSING) == ~paired).all()
    assert sorted(found[paired]) == sorted(own[paired])
    if paired.sum() > 2:
        assert all(patient[found[row]] != patient[row] for row in np.flatnonzero(paired))
    assert (shuffled_fellows(own, seed) == found).all()


def test_a_pair_is_own_then_fellow_and_own_twice_where_there_is_none():
    own = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    assert pair(own, np.array([1, 0, MISSING])).tolist() == [[1, 2, 3, 4], [3, 4, 1, 2], [5, 6, 5, 6]]
