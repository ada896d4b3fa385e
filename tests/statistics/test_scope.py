"""Scope of the verdicts: each shipped profile, and any change of a parameter that affects a result."""

from __future__ import annotations

import csv
from dataclasses import replace
from functools import cache

import pytest

from benchmark.data.manifest import ManifestRow, write_manifest
from benchmark.data.outcome import CheckRow, write_check_rows
from benchmark.runs.declared import data_sha256
from benchmark.settings.loading import parse_params
from benchmark.statistics import scope
from benchmark.statistics.published.claims import CLAIMS, load_claims
from benchmark.statistics.published.tables import PUBLISHED, load_published
from benchmark.statistics.scope import OTHER_SETTINGS, declared_profile, differing, hash_labels, scope_of
from tests.factories.paths import ROOT
from tests.factories.runs import make_result
from tests.settings.test_params import composed

PRINTED = load_published(ROOT / PUBLISHED)
LOADED = load_claims(ROOT / CLAIMS, PRINTED)
CONF = ROOT / "experiments/conf"
M2CNN = (PRINTED["comparison"].cell("M2CNN", "test set"),)


@pytest.fixture(autouse=True)
def here(monkeypatch):
    monkeypatch.chdir(ROOT)


def profiles(folder: str) -> list[str]:
    return sorted(path.stem for path in (CONF / folder).glob("*.yaml"))


def of_systems(cells) -> bool:
    """Return True if a claim is about a compared system, which is scaled down in every profile."""
    return any(cell.measured_by.arm for cell in cells)


@cache
def paper_profile():
    return parse_params(composed(*LOADED.paper.profile))


def data_of(params, **changes):
    data = make_result(params, "m2cnn", "large", 0).data
    return data.model_copy(update=LOADED.paper.images | changes)


def scopes(params, **changes) -> set[str]:
    """Return the scopes of all claims under some parameters with the paper's numbers of images, and its images."""
    data = data_of(params, **changes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scope, "_is_official", lambda *_: True)
        profile = declared_profile(LOADED.paper, data)
    cells = [(pair.better, pair.worse) for claim in LOADED.orderings for pair in claim.pairs]
    cells = [each for each in cells if not of_systems(each)]
    cells += [(cell,) for number in LOADED.numbers for cell in number.cells]
    return {scope_of(each, params, data, profile) for each in cells}


@pytest.mark.parametrize("data", profiles("data"))
@pytest.mark.parametrize("scale", profiles("scale"))
def test_only_the_papers_data_and_scale_judge_the_papers_numbers(data, scale):
    expected = "other data: evidence on the ordering only"
    if data == "phantom":
        expected = "phantom: no claim about real eyes"
    if data == "labels":
        expected = "labels alone: rows made elsewhere, none by the paper's method"
    if data == "eyepacs":
        expected = "the paper's data" if scale == "paper" else OTHER_SETTINGS
    assert scopes(parse_params(composed(f"data={data}", f"scale={scale}"))) == {expected}


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_few_missing_photographs_keep_the_papers_scope(split):
    images = LOADED.paper.images[split]
    assert scopes(paper_profile(), **{split: images - 1}) == {"the paper's data"}
    assert scopes(paper_profile(), **{split: images - images // 1000}) == {"the paper's data"}
    for other in (images - images // 1000 - 1, images + 1):
        assert scopes(paper_profile(), **{split: other}) == {"other data: evidence on the ordering only"}


def test_photographs_of_another_source_are_other_data_whatever_their_name():
    assert scopes(paper_profile(), name="eyepacs", source="csv") == {"other data: evidence on the ordering only"}


@pytest.mark.parametrize(
    "change",
    [
        "train.epochs=1",
        "train.lr=1e-7",
        "train.augment.rotate=0.0",
        "model.pretrained=false",
        "model.cells.width=0.01",
        "model.stride=8",
        "model.backbone=resnet50",
        "losses.ce_mse.weight=100.0",
        "prepare.colour_normalisation=clahe",
        "sizes.large=512",
        "arms.m2cnn.large.n_cells=0",
        "arms.m2cnn.mid.n_cells=0",
        "arms.basenet_mt.small.loss=mse",
        "+arms.m2cnn.large.train={lr: 1e-7}",
        "+arms.basenet_mt.small.model={dropout: 0.5}",
        "+arms.m2cnn.mid.prepare={colour_normalisation: clahe}",
    ],
)
def test_a_parameter_that_affects_a_result_leaves_the_papers_setting(change):
    params = parse_params(composed(*LOADED.paper.profile, change))
    data = data_of(paper_profile())
    assert scope_of(M2CNN, params, data, paper_profile()) == OTHER_SETTINGS
    assert differing(M2CNN, params, paper_profile()) != []
    named = change.partition("=")[0]
    assert named in differing(M2CNN, params, paper_profile()) or named.lstrip("+").startswith("arms")


@pytest.mark.parametrize(
    "change",
    [
        *("seeds=[3,4]", "train.parallel_runs=4", "train.precision=bf16-mixed", "arms.controls.cells_mid.n_cells=2"),
        "+arms.m2cnn.large.train={precision: bf16-mixed}",
        "+arms.m2cnn.large.train={lr: 0.001}",
        "+arms.controls.cells_mid.train={lr: 1e-7}",
    ],
)
def test_execution_seeds_and_other_arms_keep_the_papers_setting(change):
    params = parse_params(composed(*LOADED.paper.profile, change))
    assert scope_of(M2CNN, params, data_of(params), paper_profile()) == "the paper's data"


OFFICIAL = [
    (split, f"{split}{i}", str(i % 5)) for split, n in (("train", 40), ("val", 20), ("test", 30)) for i in range(n)
]
PAPER = replace(
    LOADED.paper,
    images={"train": 40, "val": 20, "test": 30},
    sha256={
        split: hash_labels(label for one, *label in OFFICIAL if one == split) for split in ("train", "val", "test")
    },
    may_lack=0.04,
)


def is_the_papers(tmp_path, monkeypatch, images, dropped=(), trained_on=None) -> bool:
    """Return whether these images, some of which the checks dropped, are those of the official split."""
    monkeypatch.chdir(tmp_path)
    kept = [each for each in images if each not in dropped]
    rows = [ManifestRow(name, name, "", "", int(grade), split, name, 1, 1, "") for split, name, grade in kept]
    write_manifest(rows)
    checks = [CheckRow("readable", "drop", 90, "files")]
    for split, name, grade in dropped:
        # An issue concerns both copies of a photograph, of which one is dropped.
        other_split, other, other_grade = kept[0]
        pair = (f"{other} | {name}", "a | b", f"{other_split} | {split}", f"{other_grade} | {grade}")
        checks.append(CheckRow("duplicates", "drop", 90, "files", 1, "equal", *pair, name))
    write_check_rows(checks)
    counts = {split: sum(one == split for one, *_ in kept) for split in PAPER.images}
    data = data_of(paper_profile(), manifest_sha256=trained_on or data_sha256(scope.read_manifest()), **counts)
    monkeypatch.setattr(scope, "compose", lambda *_: {})
    monkeypatch.setattr(scope, "parse_params", lambda *_: paper_profile())
    return declared_profile(PAPER, data) is not None


def exchanged(a: int, b: int, what: int):
    """Exchange the splits (0), ids (1) or grades (2) of two images."""
    images = [list(each) for each in OFFICIAL]
    images[a][what], images[b][what] = images[b][what], images[a][what]
    return [tuple(each) for each in images]


@pytest.mark.parametrize(
    ("images", "dropped", "official"),
    [
        (OFFICIAL, [], True),
        (OFFICIAL[::-1], [OFFICIAL[3]], True),
        (OFFICIAL[1:], [], False),
        (OFFICIAL, OFFICIAL[1:4], False),
        (exchanged(0, 50, 0), [], False),
        (exchanged(45, 70, 0), [], False),
        (exchanged(0, 1, 2), [], False),
        ([("train", "another", "0"), *OFFICIAL[1:]], [], False),
        ([(split, f"{name}.jpeg", grade) for split, name, grade in OFFICIAL], [], False),
    ],
    ids=["all", "one dropped", "one lost", "many dropped", "train-val", "val-test", "grades", "one id", "all ids"],
)
def test_only_the_official_images_of_each_split_are_the_papers(tmp_path, monkeypatch, images, dropped, official):
    assert is_the_papers(tmp_path, monkeypatch, images, dropped) == official


def test_runs_on_other_images_than_those_of_the_manifest_are_not_in_the_papers_setting(tmp_path, monkeypatch):
    assert not is_the_papers(tmp_path, monkeypatch, OFFICIAL, trained_on="f" * 64)


def test_the_declared_hashes_are_those_of_kaggles_label_files():
    folder = ROOT.parent / "shared/data/eyepacs_labels"
    if not folder.exists():
        pytest.skip("the label files of EyePACS are not here")
    labels = {"train": [], "Public": [], "Private": []}
    for name in ("trainLabels.csv", "retinopathy_solution.csv"):
        for row in csv.DictReader((folder / name).open(encoding="utf-8")):
            labels[row.get("Usage", "train")].append((row["image"], row["level"]))
    assert list(LOADED.paper.images.values()) == [len(rows) for rows in labels.values()]
    assert list(LOADED.paper.sha256.values()) == [hash_labels(rows) for rows in labels.values()]
