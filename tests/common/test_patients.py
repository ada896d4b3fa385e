"""Patients as people write them: unknown ones, several spellings, and one with too many photographs."""

from __future__ import annotations

import pytest

from benchmark.common.column_names import grade_of
from benchmark.common.patients import clean_patients

KNOWN = [f"P{number:02}" for number in range(20) for _ in range(2)]


@pytest.mark.parametrize(
    "word",
    [
        *("", "unknown", "Unknown", "UNK", "NA", "N/A", "n.a.", "#N/A", "nan", "NaN", "None", "null", "NULL", "NaT"),
        *("-", "--", "?", "???", ".", "_", "—", "missing", "not available", "Not known", "anonymous", "<NA>"),
        *(
            "(unknown)",
            "no id",
            "patient unknown",
            "TBD",
            "0",
            "0.0",
            "0000",
            "-1",
            "-9",
            "-99",
            "999",
            "9999",
            "-999.0",
        ),
        *("k. A.", "sin dato", "неизвестно", "不详", "#REF!", "#DIV/0!", "N/D", "not provided", "unkown", "[redacted]"),
    ],
)
def test_a_word_for_an_unknown_patient_is_no_patient(word):
    patients, remarks = clean_patients(KNOWN + [word] * 40)
    assert patients == KNOWN + [""] * 40
    assert len(remarks) == bool(word)


@pytest.mark.parametrize("word", ["0", "-1", "99", "999"])
def test_a_number_with_as_many_photographs_as_others_is_a_patient(word):
    patients, remarks = clean_patients([*KNOWN, word, word])
    assert patients == [*KNOWN, word, word]
    assert not remarks


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("PAT000", "pat000 "),
        ("0", "0.0"),
        ("7", "007"),
        ("a b", "a_b"),
        ("P-1", "p 1"),
        ("12.0", "12"),
        ("12,0", "12"),
        ("Q1", "Q0\u200b1"),
        ("Jose\u0301", "Jos\u00e9"),
        ("Ｑ１", "q001"),
    ],
)
def test_spellings_of_one_patient_are_one_patient(first, second):
    patients, (remark,) = clean_patients([*KNOWN, first, second])
    assert patients[-2:] == [first, first]
    assert f"{first!r} and {second!r}" in remark


@pytest.mark.parametrize("names", [["1", "10"], ["1.5", "15"], ["a1", "a01x"], ["P100", "P200"]])
def test_other_patients_stay_apart(names):
    assert clean_patients(KNOWN + names) == (KNOWN + names, [])


def test_patients_that_a_spreadsheet_shortened_are_reported():
    _, (remark,) = clean_patients([*KNOWN, "1.23457E+11", "1.23457E+11"])
    assert "a spreadsheet shortened 1 patients such as '1.23457E+11'" in remark


def test_one_patient_with_far_more_photographs_than_the_others_is_named():
    patients, (remark,) = clean_patients(KNOWN + ["clinic"] * 40)
    assert patients[-1] == "clinic"
    assert "patient 'clinic' has 40 of 80 photographs" in remark


@pytest.mark.parametrize(
    ("text", "grade"),
    [
        *(("0", 0), ("2.0", 2), ("4", 4), ("5", None), ("-1", None), ("0.3", None), ("", None), ("nan", None)),
        *(("Mild", 1), ("No DR", 0), ("No_DR", 0), ("Proliferative DR", 4), ("Proliferate_DR", 4), ("PDR", 4)),
        *(("0_No_DR", 0), ("2 - Moderate", 2), ("3. Severe NPDR", 3), ("1_Severe", None), ("grade_3", 3), ("DR2", 2)),
        ("Mild nonproliferative diabetic retinopathy", 1),
        ("Proliferative diabetic retinopathy", 4),
        ("No apparent retinopathy", 0),
        *(("images", None), ("train", None), ("dr", None), ("ungradable", None)),
    ],
)
def test_a_grade_is_read_in_digits_and_in_words(text, grade):
    assert grade_of(text) == grade
