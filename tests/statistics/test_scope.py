"""Scope of the verdicts of each shipped profile."""

from __future__ import annotations

import pandas as pd
import pytest

from benchmark.settings.loading import parse_params
from benchmark.statistics.graded_runs import GradedRuns
from benchmark.statistics.published.claims import CLAIMS, load_claims
from benchmark.statistics.published.tables import PUBLISHED, load_published
from benchmark.statistics.verdicts import Case, scope_of
from tests.factories.paths import ROOT
from tests.factories.runs import make_result
from tests.settings.test_params import composed

PRINTED = load_published(ROOT / PUBLISHED)
LOADED = load_claims(ROOT / CLAIMS, PRINTED)
CONF = ROOT / "experiments/conf"


def profiles(folder: str) -> list[str]:
    return sorted(path.stem for path in (CONF / folder).glob("*.yaml"))


def of_systems(cells) -> bool:
    """Return True if a claim is about a compared system, which is scaled down in every profile."""
    return any(cell.measured_by.arm for cell in cells)


def scopes(data: str, scale: str, **images: int) -> set[str]:
    """Return the scopes of all claims under a profile with the paper's numbers of images, apart from those given."""
    params = parse_params(composed(f"data={data}", f"scale={scale}"))
    run = make_result(params, "m2cnn", "large", 0)
    run = run.model_copy(update={"data": run.data.model_copy(update=LOADED.paper.images | images)})
    case = Case(params, GradedRuns({("m2cnn", "large"): [run]}, {}), PRINTED, pd.DataFrame(), [])
    cells = [(pair.better, pair.worse) for claim in LOADED.orderings for pair in claim.pairs]
    cells = [each for each in cells if not of_systems(each)]
    cells += [(cell,) for number in LOADED.numbers for cell in number.cells]
    return {scope_of(each, LOADED.paper, case) for each in cells}


@pytest.mark.parametrize("data", profiles("data"))
@pytest.mark.parametrize("scale", profiles("scale"))
def test_only_the_papers_data_and_scale_judge_the_papers_numbers(data, scale):
    expected = "other data: evidence on the ordering only"
    if data == "phantom":
        expected = "phantom: no claim about real eyes"
    if data == "eyepacs":
        expected = "the paper's data"
        if scale != "paper":
            expected += ", other network or input size: evidence on the ordering only"
    assert scopes(data, scale) == {expected}


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_few_missing_photographs_keep_the_papers_scope(split):
    images = LOADED.paper.images[split]
    assert scopes("eyepacs", "paper", **{split: images - 1}) == {"the paper's data"}
    assert scopes("eyepacs", "paper", **{split: images - images // 1000}) == {"the paper's data"}
    for other in (images - images // 1000 - 1, images + 1):
        assert scopes("eyepacs", "paper", **{split: other}) == {"other data: evidence on the ordering only"}
