"""The source csv: accepted layouts of a folder and its table, splitting by patient, and refused input."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from benchmark.common.errors import InputError
from benchmark.sources._splits import GradedFile, SplitFractions, assign_splits
from benchmark.sources.csv import Params, expected, photographs
from benchmark.sources.registry import Photograph
from tests.factories.photographs import write_table


def read(root: Path, **data: object) -> list[Photograph]:
    params = Params.model_validate({"source": "csv", "name": "made", "root": str(root), **data})
    return list(photographs(params, root / "unused", lambda done, total: None))


def touch(root: Path, *names: str) -> None:
    """Create empty files; the source lists files without opening them."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")


def entry(name: str, grade: int = 0, split: str | None = None, patient: str = "") -> GradedFile:
    return GradedFile(name, Path(name), grade, split, patient, "unknown")


def test_a_table_with_every_column(tmp_path):
    touch(tmp_path, "a.png", "b.jpg")
    write_table(
        tmp_path,
        [
            {"image": "a.png", "level": 4, "split": "train", "patient": "7", "eye": "OD"},
            {"image": "b", "level": 0, "split": "test", "patient": "", "eye": ""},
        ],
    )
    assert read(tmp_path, split={"val": 0}) == [
        Photograph("a", tmp_path / "a.png", 4, "train", "7", "right"),
        Photograph("b", tmp_path / "b.jpg", 0, "test", "", "unknown"),
    ]


@pytest.mark.parametrize("extension", [".jpeg", ".jpg", ".png", ".tif", ".tiff", ".JPG", ".Tiff"])
def test_extensions_in_the_table_may_be_missing_or_wrong(tmp_path, extension):
    touch(tmp_path, f"sub/x.1{extension}")
    for name in ("sub/x.1", f"sub/x.1{extension}", "sub/x.1.jpg"):
        write_table(tmp_path, [{"image": name, "level": 1}])
        (photograph,) = read(tmp_path)
        assert (photograph.image_id, photograph.path) == ("sub/x.1", tmp_path / f"sub/x.1{extension}")


def test_of_two_files_with_one_stem_the_named_one_is_used(tmp_path):
    touch(tmp_path, "x.png", "x.jpg", "y.png", "y.jpg")
    write_table(tmp_path, [{"image": "x.png", "level": 1}, {"image": "y", "level": 1}])
    assert [photograph.path.name for photograph in read(tmp_path)] == ["x.png", "y.jpg"]


def test_patient_and_eye_are_parsed_from_names(tmp_path):
    touch(tmp_path, "10_left.jpg", "sub/10_right.jpg", "a_b_left.jpg", "left.jpg", "10_leftish.jpg")
    names = ["10_left", "sub/10_right", "a_b_left", "left", "10_leftish"]
    write_table(tmp_path, [{"image": name, "level": 0} for name in names])
    assert [(photograph.patient, photograph.eye) for photograph in read(tmp_path)] == [
        ("10", "left"),
        ("10", "right"),
        ("a_b", "left"),
        ("", "unknown"),
        ("", "unknown"),
    ]


def test_columns_take_precedence_over_names(tmp_path):
    touch(tmp_path, "10_left.jpg")
    write_table(tmp_path, [{"image": "10_left", "level": 0, "patient": "", "eye": "right"}])
    assert [(photograph.patient, photograph.eye) for photograph in read(tmp_path)] == [("", "right")]


def test_columns_may_have_other_names(tmp_path):
    touch(tmp_path, "images/IDRiD_001.jpg")
    (tmp_path / "t.csv").write_text("\ufeffImage name,Retinopathy grade ,,\n IDRiD_001 ,3,,\n,,,\n", encoding="utf-8")
    columns = {"image": "Image name", "level": "Retinopathy grade", "split": "", "patient": "", "eye": ""}
    (photograph,) = read(tmp_path, table="t.csv", images="images", columns=columns)
    assert (photograph.image_id, photograph.grade) == ("IDRiD_001", 3)


def test_kaggles_usage_column_is_mapped_to_val_and_test(tmp_path):
    touch(tmp_path, "1_left.jpg", "2_left.jpg", "3_left.jpg")
    usage = [("1_left", "Public"), ("2_left", "Private"), ("3_left", "Train")]
    write_table(tmp_path, [{"image": image, "level": 0, "Usage": value} for image, value in usage])
    assert [photograph.split for photograph in read(tmp_path, columns={"split": "Usage"})] == ["val", "test", "train"]


people = st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=3), min_size=1, max_size=120)
shares = st.builds(SplitFractions, val=st.floats(0, 0.45), test=st.floats(0, 0.45), seed=st.integers(0, 5))


def photographs_of(patients: list[list[int]]) -> list[GradedFile]:
    return [entry(f"{p}/{i}", g, None, f"p{p}") for p, grades in enumerate(patients) for i, g in enumerate(grades)]


@settings(deadline=None)
@given(patients=people, shares=shares, order=st.randoms(use_true_random=False))
def test_patients_are_split_exactly_undivided_and_in_any_order(
    patients: list[list[int]], shares: SplitFractions, order: random.Random
) -> None:
    entries = photographs_of(patients)
    dealt = {entry.image_id: entry for entry in assign_splits(entries, shares)}
    splits = defaultdict(set)
    for each in dealt.values():
        splits[each.patient].add(each.split)
    assert all(len(found) == 1 for found in splits.values())
    counts = Counter(split for found in splits.values() for split in found)
    assert abs(counts["test"] - shares.test * len(patients)) <= 0.5
    assert abs(counts["val"] - shares.val * len(patients)) <= 1
    order.shuffle(entries)
    assert {each.image_id: each for each in assign_splits(entries, shares)} == dealt


@settings(deadline=None)
@given(patients=people, shares=shares)
def test_splits_are_stratified_by_grade(patients: list[list[int]], shares: SplitFractions) -> None:
    dealt = assign_splits(photographs_of(patients), shares)
    split = {each.patient: each.split for each in dealt}
    for grade in range(5):
        stratum = [f"p{p}" for p, grades in enumerate(patients) if max(grades) == grade]
        counts = Counter(split[patient] for patient in stratum)
        assert abs(counts["test"] - shares.test * len(stratum)) < 2
        assert abs(counts["val"] - shares.val * len(stratum)) < 3


def test_another_seed_selects_other_patients():
    entries = photographs_of([[0]] * 100)
    test_sets = [
        {
            each.patient
            for each in assign_splits(entries, SplitFractions(val=0, test=0.2, seed=seed))
            if each.split == "test"
        }
        for seed in range(20)
    ]
    assert all(len(found) == 20 for found in test_sets)
    chosen = Counter(patient for found in test_sets for patient in found)
    assert len(chosen) > 90  # Each of 100 patients is missing with probability 0.8 ** 20.


def test_images_of_unknown_patients_are_split_individually():
    splits = Counter(
        each.split for each in assign_splits([entry(str(i)) for i in range(50)], SplitFractions(val=0.1, test=0.2))
    )
    assert splits == {"train": 35, "val": 5, "test": 10}


def test_val_is_split_from_train_if_the_table_has_no_val():
    entries = [entry(f"t{i}", i % 5, "train", f"p{i // 2}") for i in range(100)] + [entry("x", 1, "test", "p0")]
    dealt = assign_splits(entries, SplitFractions(val=0.2, test=0.3))
    assert Counter(each.split for each in dealt) == {"train": 80, "val": 20, "test": 1}
    assert dealt[-1].split == "test"
    splits = {(each.patient, each.split) for each in dealt[:-1]}
    assert len(splits) == 50


def test_the_splits_of_the_table_are_kept():
    entries = [entry("a", 0, "val", "p"), entry("b", 0, None, "p"), entry("c", 0, "train", "q")]
    assert [each.split for each in assign_splits(entries, SplitFractions(val=0, test=0))] == ["val", "val", "train"]


def test_defects_that_checks_detect_are_passed_on_unchanged(tmp_path):
    touch(tmp_path, "x.jpg")
    (tmp_path / "labels.csv").write_text("image,level\nx,5\nx.jpg,\ngone,mildish\nlost.png,2.0\n")
    found = read(tmp_path, split={"val": 0, "test": 0})
    assert [(each.image_id, each.grade, each.label) for each in found] == [
        ("x", 5, "5"),
        ("x", -1, "nothing"),
        ("gone", -1, "mildish"),
        ("lost", 2, "2"),
    ]
    assert [each.path for each in found] == [tmp_path / name for name in ("x.jpg", "x.jpg", "gone", "lost.png")]


def test_expected_counts_are_those_of_the_parameters(tmp_path):
    raw = {"source": "csv", "name": "made", "root": str(tmp_path)}
    assert expected(Params.model_validate(raw)) is None
    params = Params.model_validate(raw | {"expected": {"test": [34, 5, 32, 19, 13]}})
    assert expected(params) == {"test": (34, 5, 32, 19, 13)}
    with pytest.raises(ValidationError):
        Params.model_validate(raw | {"expected": {"dev": [1, 1, 1, 1, 1]}})


@pytest.mark.parametrize(
    ("table", "data", "words"),
    [
        ("image,level,split\nx,0,dev\n", {}, "each split must be train, val, test or empty, but x has 'dev'"),
        ("image,level,eye\nx,0,up\n", {}, "each eye must be left, right or empty, but x has 'up'"),
        ("image,level,split\n" + "".join(f"y{i},0,d\n" for i in range(9)), {}, "y4 has 'd' and 4 more: correct"),
        ("image,dr\nx,0\n", {}, r"data.columns.level must name a column of .*, but got 'level': .* image, dr"),
        ("image,grade,label\nx,0,1\n", {}, r"data.columns.level must name one column .* grade or label: set it"),
        ("image,level\nx,0\n", {"columns": {"split": "Usage"}}, "data.columns.split must name a column .* 'Usage'"),
        ("image,level\n", {}, "must have a header and a row per image, but .*labels.csv has no rows"),
        ("", {}, "labels.csv is empty"),
        ("image,level\n\xff,0\n", {}, "must be a table .* in neither UTF-8 nor UTF-16"),
        (None, {}, "has neither: add one, or set data.table"),
        (None, {"table": "mine.csv"}, "mine.csv does not exist"),
    ],
)
def test_wrong_input_is_refused_in_one_sentence(tmp_path, table, data, words):
    touch(tmp_path, "x.jpg")
    if table is not None:
        (tmp_path / "labels.csv").write_text(table, encoding="latin-1")
    with pytest.raises(InputError, match=words) as caught:
        read(tmp_path, **data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("split", [{"val": 0.5, "test": 0.5}, {"val": -0.1}, {"seed": -1}, {"dev": 0.1}])
def test_fractions_that_leave_a_split_empty_are_refused(split):
    with pytest.raises(ValidationError):
        SplitFractions.model_validate(split)
