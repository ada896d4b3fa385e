"""Assignment of roles within train."""

from __future__ import annotations

import random

import pytest

from benchmark.data.manifest import ManifestRow
from benchmark.data.roles import assign_roles, roles_sha256


def rows(patients=100, known=True):
    made = []
    for number in range(patients):
        for eye in ("left", "right"):
            grade = min(4, number % 5 + (eye == "right") * (number % 3 == 0))
            made.append(
                ManifestRow(
                    f"{number}_{eye}", "-", str(number) if known else "", eye, grade, "train", "-", 9, 9, "made"
                )
            )
    return [*made, ManifestRow("v", "-", "v", "left", 0, "val", "-", 9, 9, "made")]


@pytest.mark.parametrize("share", [0.1, 0.25])
def test_patients_are_not_divided_and_every_grade_is_stratified(share):
    manifest = rows()
    found = assign_roles(manifest, share)
    assert "v" not in found
    assert all(found[f"{i}_left"] == found[f"{i}_right"] for i in range(100))
    kept = [row for row in manifest if found.get(row.image_id) == "holdout"]
    assert len(kept) == 2 * 100 * share
    for grade in range(5):
        of_grade = sum(row.grade == grade for row in manifest if row.split == "train")
        assert sum(row.grade == grade for row in kept) == pytest.approx(share * of_grade, abs=4)


def test_the_assignment_does_not_depend_on_the_order_and_is_identified_by_its_hash():
    manifest = rows()
    first = assign_roles(manifest, 0.2)
    random.Random(0).shuffle(manifest)
    assert assign_roles(manifest, 0.2) == first
    assert roles_sha256(first) == roles_sha256(assign_roles(manifest, 0.2)) != roles_sha256(assign_roles(manifest, 0.1))


def test_an_image_of_an_unknown_patient_is_assigned_alone_and_neither_role_is_empty():
    found = assign_roles(rows(10, known=False), 0.5)
    assert any(found[f"{i}_left"] != found[f"{i}_right"] for i in range(10))
    assert set(assign_roles(rows(2), 0.01).values()) == set(assign_roles(rows(2), 0.99).values()) == {"fit", "holdout"}
