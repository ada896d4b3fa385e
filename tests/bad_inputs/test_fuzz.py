"""Fuzz tests: for any table in any form, the result of a naive reference or a refusal."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from benchmark.cli.score import grade_all
from benchmark.common.errors import InputError
from benchmark.common.tables import read_text_table
from benchmark.data.checks.registry import InspectedDataset, load_check
from benchmark.data.manifest import ManifestRow, read_manifest, write_manifest
from benchmark.runs.files.answers import read_answers, read_labels
from benchmark.runs.files.columns import parse_names, read_file
from benchmark.scoring.kappa import confusion_matrix, quadratic_weighted_kappa
from benchmark.sources.csv import Params, photographs
from tests.bad_inputs.dialects import DIALECTS
from tests.bad_inputs.running import GRADES, LABELS, PERCENT, csv, naive_kappa, put, saved

FUZZ = settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
FORMS = [name for name in DIALECTS if not name.startswith(("workbook", "OpenDocument", "grades as"))]
TRUTH_NAMES = ("level", "diagnosis", "Retinopathy grade", "target", "y_true")
NAMES = {
    "grades": ("prediction", "pred", "preds", "y_pred", "Predicted_Label", "level", "diagnosis"),
    "score": ("score", "output", "preds", "prediction", "y_pred"),
}
FIVES = (
    ("prob_0", "prob_1", "prob_2", "prob_3", "prob_4"),
    ("0", "1", "2", "3", "4"),
    ("P(0)", "P(1)", "P(2)", "P(3)", "P(4)"),
    ("No_DR", "Mild", "Moderate", "Severe", "Proliferate_DR"),
    ("0 - No DR", "1 - Mild NPDR", "2 - Moderate NPDR", "3 - Severe NPDR", "4 - PDR"),
)
ODD = ("", "5", "-1", "nan", "inf", "1e999", "1_0", "½", "two", "1.5", "2.0", "0x1", "1,5", " 3 ", "+1", "True")


@dataclass(frozen=True)
class Case:
    """Labels, predictions as text cells, and the forms in which both are written."""

    images: list[str]
    truth: list[int]
    kind: str
    columns: dict[str, list[str]]
    truth_columns: dict[str, list[str]]
    """Column of the predictions with the labels, if any."""
    order: list[int]
    """Order of the rows of predictions; a missing, repeated or unknown (-1) row is a fault."""
    odd: bool
    """True if a cell was replaced by an unusual one."""
    forms: tuple[str, str]
    decorations: tuple[str, str]
    """Format strings of image names in the predictions and in the labels."""


def probabilities(rng: random.Random) -> list[str]:
    """Return five numbers that sum to 1, before rounding."""
    raw = [rng.expovariate(1) for _ in range(5)]
    return [str(value / sum(raw)) for value in raw]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    rng = random.Random(draw(st.integers(0, 2**32)))
    n = rng.randint(2, 9)
    images = [f"{i // 2}_{('left', 'right')[i % 2]}" for i in range(n)]
    truth = [rng.randrange(5) for _ in range(n)]
    kind = rng.choice(["grades", "score", "prob"])
    if kind == "prob":
        names = list(rng.choice(FIVES))
        decimals = rng.choice([1, 2, 3, 17])
        scale = rng.choice([1, 100])
        rows = [[str(round(Decimal(value) * scale, decimals)) for value in probabilities(rng)] for _ in images]
        columns = {name: [row[grade] for row in rows] for grade, name in enumerate(names)}
        columns = {name: columns[name] for name in rng.sample(names, 5)}
    else:
        spread = rng.choice([1.0, 10.0])
        values = [str(rng.randrange(5)) if kind == "grades" else str(rng.gauss(2, spread)) for _ in images]
        columns = {rng.choice(NAMES[kind]): values}
    truth_columns = {}
    if rng.random() < 0.5:
        free = [name for name in TRUTH_NAMES if name not in columns]
        truth_columns = {rng.choice(free): [str(grade) for grade in truth]}
    order = rng.sample(range(n), n)
    fault = rng.random()
    if fault < 0.1:
        order.pop()
    elif fault < 0.2:
        order.append(rng.choice(order))
    elif fault < 0.25:
        order.append(-1)
    odd = rng.random() < 0.3
    if odd:
        rng.choice(list(columns.values()))[rng.randrange(n)] = rng.choice(ODD)
    forms = (rng.choice(FORMS), rng.choice(FORMS))
    decorations = [rng.choice(["{}", "{}.jpeg", "test/{}", "test\\{}.PNG", "C:\\eyes\\test\\{}.tif"]) for _ in range(2)]
    return Case(images, truth, kind, columns, truth_columns, order, odd, forms, (decorations[0], decorations[1]))


def reference(case: Case) -> float | None:
    """Return kappa by its definition, or None if the predictions must be refused."""
    if sorted(case.order) != list(range(len(case.images))):
        return None
    grades = [grade_of(case, place) for place in range(len(case.images))]
    if None in grades:
        return None
    return naive_kappa(case.truth, [grade for grade in grades if grade is not None])


def grade_of(case: Case, place: int) -> int | None:
    cells = {name: values[place].strip() for name, values in case.columns.items()}
    try:
        numbers = {name: Decimal(cell) for name, cell in cells.items() if cell.isascii() and "_" not in cell}
    except ArithmeticError:
        return None
    if len(numbers) < len(cells) or not all(number.is_finite() for number in numbers.values()):
        return None
    if case.kind == "prob":
        five = next(five for five in FIVES if five[0] in numbers)
        return max(range(5), key=lambda grade: numbers[five[grade]])
    (number,) = numbers.values()
    if case.kind == "grades" and number in range(5) and not has_fraction(case):
        return int(number)
    if case.kind == "score" or has_fraction(case):
        return min(4, max(0, math.floor(number + Decimal("0.5"))))
    return None


def has_fraction(case: Case) -> bool:
    """Return True if a column of predictions has fractions, so that its values are scores."""
    ((name, values),) = case.columns.items()
    return name not in ("score", "output") and any("." in value and not value.endswith(".0") for value in values)


def write(case: Case, folder: Path) -> None:
    names = [case.decorations[0].format(image) for image in [*case.images, "unknown"]]
    columns = {
        name: [f'"{values[place]}"' if "," in values[place] else values[place] for place in case.order]
        for name, values in (case.truth_columns | case.columns).items()
    }
    predictions = csv({"image": [names[place] for place in case.order], **columns})
    labels = csv({"image": [case.decorations[1].format(image) for image in case.images], "level": case.truth})
    for name, text, form in zip(("predictions", "labels"), (predictions, labels), case.forms, strict=True):
        put(folder / name, DIALECTS[form](text))


def result_or_error(action: Callable[..., Any], *given: Any) -> Any:
    """Return the result of an action, or the input error that it raises."""
    try:
        return action(*given)
    except InputError as error:
        return error


def is_refusal(result: object) -> bool:
    """Return True if a result is an input error with a message of one line."""
    return isinstance(result, InputError) and str(result).isprintable()


def kappas(folder: Path) -> dict[str, float]:
    """Return kappa by decision rule as ``score`` computes it, without intervals."""
    truth, outputs = read_file(folder / "labels"), read_file(folder / "predictions")
    names = parse_names([], truth, [outputs])
    arms = grade_all(read_answers(outputs, read_labels(truth, names), names).splits)
    return {
        rule: quadratic_weighted_kappa(confusion_matrix(arm.grade, arm.predicted[0])) for (_, rule), arm in arms.items()
    }


@pytest.mark.slow
@seed(13)
@FUZZ
@given(case=cases())
def test_predictions_have_the_kappa_of_the_reference_or_are_refused(case: Case, tmp_path: Path) -> None:
    write(case, tmp_path)
    expected, found = reference(case), result_or_error(kappas, tmp_path)
    if is_refusal(found):
        is_copy = [grade_of(case, place) for place in range(len(case.images))] == case.truth
        assert expected is None or case.odd or (is_copy and case.kind == "grades")
    else:
        assert expected is not None
        assert next(iter(found.values())) == pytest.approx(expected, abs=1e-9, nan_ok=True)


FILES: Sequence[bytes] = [
    content if isinstance(content, bytes) else content.encode()
    for content in (saved(PERCENT / 100), *(form(text) for form in DIALECTS.values() for text in (GRADES, LABELS)))
]


MARKS = (b"\0", b'"', b",", b"\n", b"\r", b";", b"\xff", b"PK", b"9" * 40, b"\t")


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return a valid file with some bytes replaced, removed, repeated or inserted."""
    data = bytearray(draw(st.sampled_from(FILES)))
    for _ in range(draw(st.integers(1, 4))):
        place, length = draw(st.integers(0, len(data))), draw(st.integers(0, 8))
        kind = draw(st.sampled_from(["change", "cut", "double", "end", "insert"]))
        noise = draw(st.sampled_from(MARKS))
        if kind == "end":
            del data[place:]
        elif kind == "double":
            data[place:place] = data[place : place + length]
        else:
            data[place : place + (0 if kind == "insert" else length)] = b"" if kind == "cut" else noise
    return bytes(data)


@pytest.mark.slow
@seed(13)
@FUZZ
@given(data=damaged() | st.binary(max_size=200))
def test_every_reader_treats_a_damaged_file_alike(data: bytes, tmp_path: Path) -> None:
    put(tmp_path / "labels.csv", data)
    params = Params(source="csv", name="own", root=str(tmp_path))
    table = result_or_error(read_text_table, tmp_path / "labels.csv")
    labels = result_or_error(lambda: read_labels(read_file(tmp_path / "labels.csv"), {}))
    grades = result_or_error(lambda: [one.grade for one in photographs(params, tmp_path, lambda done, total: None)])
    if is_refusal(table):
        assert is_refusal(labels)
        assert is_refusal(grades)
    else:
        assert {len(values) for values in table.columns.values()} == {len(table)}
        assert is_refusal(labels) or grades == labels.grade.tolist()


@pytest.mark.slow
@seed(13)
@FUZZ
@given(data=damaged())
def test_damaged_predictions_have_a_kappa_or_are_refused(data: bytes, tmp_path: Path) -> None:
    put(tmp_path / "labels", LABELS)
    put(tmp_path / "predictions", data)
    found = result_or_error(kappas, tmp_path)
    assert is_refusal(found) or all(math.isnan(kappa) or -1 <= kappa <= 1 for kappa in found.values())


def manifest(tmp_path: Path) -> bytes:
    rows = [
        ManifestRow(f"{i}_left", f"{i}.png", str(i), "left", i % 5, split, "ff" * 32, 96, 64, "own")
        for i, split in enumerate(("train", "val", "test"))
    ]
    write_manifest(rows, tmp_path / "manifest.csv")
    return (tmp_path / "manifest.csv").read_bytes()


@pytest.mark.slow
@seed(13)
@FUZZ
@given(place=st.floats(0, 1), length=st.integers(0, 6), noise=st.binary(max_size=4) | st.sampled_from(MARKS))
def test_a_damaged_manifest_is_read_as_written_or_refused(
    place: float, length: int, noise: bytes, tmp_path: Path
) -> None:
    data = bytearray(manifest(tmp_path))
    start = round(place * len(data))
    data[start : start + length] = noise
    (tmp_path / "manifest.csv").write_bytes(bytes(data))
    rows = result_or_error(read_manifest, tmp_path / "manifest.csv")
    if not is_refusal(rows):
        text = data.decode("utf-8")
        assert all(row.grade in range(5) and str(row.grade) in text and row.split in text for row in rows)


SHOTS = (
    *(
        "{n}_{side}_{k}",
        "{n:04}{EYE}{k}",
        "P{n}-{EYE}-{k}",
        "{EYE}_{n}_{k}",
        "{n}_{k}_{side}",
        "IM{n:04}.{k:03}",
        "{n}_{k}",
    ),
    *(
        "P{n} {EYE} ({k})",
        "{n:03}/{side}_{k}",
        "{n}/{i:05}",
        "{n}_2020010{k}_{EYE}",
        "{n}_{EYE}{k}_F45",
        "{n}#{k}",
        "img{i:05}",
    ),
    *("{n}_{E}_{k}", "scan {n} {side} {k}", "{n}{EYE}_macula", "Ä{n}_{E}{k}"),
)
SPELLINGS = (
    str,
    "P{}".format,
    "p{} ".format,
    "{}.0".format,
    "{:03}".format,
    "P_{:02}".format,
    "p-{}".format,
    "P\u200b{}".format,
)
"""Spellings of a patient's number; those with P are one patient, and so are those without."""
NOBODY = ("", "unknown", "NA", "nan", "-", "None", "?", "k. A.")


@dataclass(frozen=True)
class Cohort:
    """A table of shots, and the true patient of each image id; None if nobody can know it."""

    table: dict[str, list[str]]
    patient: dict[str, int | None]


def cohort(rng: random.Random) -> Cohort:
    """Return several shots of both eyes of 12 to 30 patients, named and described as people do."""
    form, has_column, n_shots = rng.choice(SHOTS), rng.random() < 0.5, rng.choice([1, 2, 3])
    shots = [
        (n, side, k) for n in range(1, rng.randint(13, 31)) for side in ("left", "right") for k in range(1, n_shots + 1)
    ]
    names, patients, truth = [], [], {}
    prefixed = rng.random() < 0.5
    spellings = [one for one in SPELLINGS if one(1).strip().lower().startswith("p") == prefixed]
    for i, (n, side, k) in enumerate(shots):
        eye = {"left": "OS", "right": "OD"}[side]
        name = form.format(n=n, side=side, EYE=eye, E=side[0].upper(), k=k, i=i)
        is_known = not has_column or rng.random() < 0.8
        if name not in truth:
            names.append(name)
            patients.append(rng.choice(spellings)(n) if is_known else rng.choice(NOBODY))
            truth[name] = n if is_known and (has_column or "{n" in form) else None
    order = rng.sample(range(len(names)), len(names))
    table = {"image": [names[at] for at in order], "level": [str(rng.randrange(5)) for _ in order]}
    if has_column:
        table["patient"] = [patients[at] for at in order]
    declared = rng.choice(["none", "by patient", "by image", "some"])
    if declared != "none":
        split = {n: rng.choice(["train", "val", "test"]) for n in {n for n, _, _ in shots}}
        known = {name: n for (n, _, _), name in zip(shots, names, strict=False)} if len(names) == len(shots) else {}
        of = {
            name: split[known[name]] if name in known and declared != "by image" else rng.choice(["train", "test"])
            for name in names
        }
        table["Usage"] = [of[names[at]] if declared != "some" or rng.random() < 0.5 else "" for at in order]
    return Cohort(table, truth)


@pytest.mark.parametrize("number", range(80))
def test_no_patient_is_in_two_splits_or_it_is_said(
    number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = cohort(random.Random(number))
    put(tmp_path / "labels.csv", csv(case.table))
    params = Params(source="csv", name="own", root=str(tmp_path))
    rows = list(photographs(params, tmp_path, lambda done, total: None))
    splits: dict[int, set[str]] = {}
    for row in rows:
        if (patient := case.patient[row.image_id]) is not None:
            splits.setdefault(patient, set()).add(row.split)
    is_torn = any(len(found) > 1 for found in splits.values())
    found = load_check("patients").check(InspectedDataset(tuple(rows)))
    assert not is_torn or found.issues or "warning" in capsys.readouterr().err
