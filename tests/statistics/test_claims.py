"""The claims file: its contents, and the refusal of an invalid one with one sentence."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError

import pytest

from benchmark.common.errors import InputError
from benchmark.statistics.published.claims import CLAIMS, load_claims
from benchmark.statistics.published.tables import PUBLISHED, load_published
from tests.factories.paths import ROOT

PRINTED = load_published(ROOT / PUBLISHED)
LOADED = load_claims(ROOT / CLAIMS, PRINTED)
ORDERINGS = {claim.id: claim for claim in LOADED.orderings}


def effects(name: str, split: str = "val") -> list[str]:
    return [str(pair.effect) for pair in ORDERINGS[name].pairs if pair.better.split.value == split]


def test_effects_are_the_differences_of_the_printed_numbers():
    assert effects("multi-task-over-mse") == ["0.022", "0.022", "0.006"]
    assert effects("multi-task-over-mse", "test") == ["0.010"]
    assert effects("multi-task-over-ce") == ["-0.007", "0.010", "0.075"]
    assert effects("multi-cell-over-multi-task") == ["0.018", "0.003", "0.030", "0.016"]
    assert effects("multi-cell-over-multi-task", "test") == ["0.003"]
    assert effects("scores-over-prob") == ["0.024", "0.030", "0.015", "0.018", "0.002"]
    assert effects("kappa-grows-with-resolution")[:4] == ["0.070", "0.045", "0.047", "-0.021"]


def test_a_pair_names_the_row_or_column_that_differs():
    titles = [pair.title for pair in ORDERINGS["multi-cell-over-multi-task"].pairs]
    assert titles[0] == "448x448: M2CNN scores > Multi-Task scores"
    assert titles[-1] == "test set: M2CNN > BaseNet+MT"


def test_the_size_of_the_published_ce_at_720_is_not_used():
    pairs = [pair for claim in LOADED.orderings for pair in claim.pairs]
    dip = PRINTED["ablation"].cell("720x720", "CE prob.")
    assert {pair.title for pair in pairs if pair.doubt} == {
        pair.title for pair in pairs if dip in (pair.better, pair.worse)
    }


def test_each_pair_compares_two_arms_or_two_heads():
    for claim in LOADED.orderings:
        for pair in claim.pairs:
            assert pair.better.measured_by != pair.worse.measured_by


def test_the_headline_and_the_setting_are_the_papers():
    assert [cell.value for cell in LOADED.numbers[0].cells] == ["0.844", "0.841"]
    assert LOADED.paper.images == {"train": 35126, "val": 10906, "test": 42670}


def test_the_band_of_a_number_is_wider_than_an_interval_over_patients():
    """Twice the standard error of kappa on val is 0.012; a narrower band would exclude even a faithful run."""
    assert all(number.tolerance > 0.012 for number in LOADED.numbers)


def test_the_primary_endpoints_are_the_papers_two_proposals_on_test():
    pairs = [pair for claim in LOADED.orderings for pair in claim.pairs if pair.primary]
    titles = [pair.title for pair in sorted(pairs, key=lambda pair: pair.primary)]
    assert titles == ["test set: M2CNN > BaseNet+MT", "test set: BaseNet+MT > BaseNet"]


def test_a_claim_on_a_part_of_a_system_is_ours_because_the_paper_prints_whole_systems():
    assert {step.evidence for step in LOADED.steps} == {"ours"}


def test_claims_on_runs_compare_printed_kappas_that_an_arm_measures():
    pairs = [pair for claim in LOADED.orderings for pair in claim.pairs]
    sides = [(pair.better, pair.worse) for pair in pairs] + [(one.cheaper, one.dearer) for one in LOADED.savings]
    sides += [(cell, cell) for number in LOADED.numbers for cell in number.cells]
    for first, second in sides:
        assert first.split.value == second.split.value
        assert all(cell.quantity == "kappa" and cell.value != "-" and cell.measured_by for cell in (first, second))


def test_ids_are_unique_and_checks_have_their_cells_and_values():
    claims = (*LOADED.orderings, *LOADED.numbers, *LOADED.steps, *LOADED.savings, *LOADED.consistency)
    assert len({claim.id for claim in claims}) == len(claims)
    for claim in LOADED.consistency:
        assert (claim.check in ("is", "rank")) == (claim.value is not None)
        assert (claim.check in ("is", "rank", "network")) == (len(claim.cells) == 1)
        if claim.check == "network":
            assert claim.cells[0].quantity == "feature map"
            assert claim.cells[0].pixels


def test_a_quote_holds_words_and_no_digest_of_cells():
    claims = [*LOADED.orderings, *LOADED.numbers, *LOADED.steps, *LOADED.savings, *LOADED.consistency]
    assert not [claim.quote for claim in claims if re.search(r"\d[\dx]*: |: \d", claim.quote)]


def test_records_are_frozen():
    with pytest.raises(FrozenInstanceError):
        LOADED.orderings[0].tolerance = 0.5


TEXT = (ROOT / CLAIMS).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "tolerance: 0.005",
            "tolerance: 0",
            "`orderings.0.tolerance` should be greater than 0, but got 0: correct it",
        ),
        ("    tolerance: 0.005\n", "", "`orderings.0.tolerance` must be given, but is missing: add it"),
        ("evidence: stated", "evidence: guessed", "'stated', 'computed', 'inferred' or 'ours', but got 'guessed'"),
        ("224x224, Multi-Task scores]", "225x225, Multi-Task scores]", "[table, row, column] of the published tables"),
        ("check: rank", "check: order", "'is', 'same', 'rises', 'rank' or 'network', but got 'order'"),
        ("caveat:", "caveats:", "Unexpected keyword argument"),
        ("orderings:\n", "orderings: [\n", "must be valid YAML"),
    ],
)
def test_an_invalid_file_is_refused_with_one_sentence(tmp_path, old, new, sentence):
    assert old in TEXT
    path = tmp_path / "claims.yaml"
    path.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(sentence)):
        load_claims(path, PRINTED)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist here"):
        load_claims(tmp_path / "none.yaml", PRINTED)
