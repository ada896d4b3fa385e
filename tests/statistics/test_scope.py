"""Scope of the verdicts: each shipped profile, and any change of a parameter that affects a result."""

from __future__ import annotations

from functools import cache

import pytest

from benchmark.settings.loading import parse_params
from benchmark.statistics.published.claims import CLAIMS, load_claims
from benchmark.statistics.published.tables import PUBLISHED, load_published
from benchmark.statistics.scope import OTHER_SETTINGS, declared_profile, differing, scope_of
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
    """Return the scopes of all claims under some parameters with the paper's numbers of images."""
    data = data_of(params, **changes)
    profile = declared_profile(LOADED.paper, data)
    cells = [(pair.better, pair.worse) for claim in LOADED.orderings for pair in claim.pairs]
    cells = [each for each in cells if not of_systems(each)]
    cells += [(cell,) for number in LOADED.numbers for cell in number.cells]
    return {scope_of(each, LOADED.paper, params, data, profile) for each in cells}


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
    assert scope_of(M2CNN, LOADED.paper, params, data, paper_profile()) == OTHER_SETTINGS
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
    assert scope_of(M2CNN, LOADED.paper, params, data_of(params), paper_profile()) == "the paper's data"
