from __future__ import annotations

import re
from dataclasses import FrozenInstanceError

import pytest
import yaml

from benchmark.common.errors import InputError
from benchmark.common.terms import Arm
from benchmark.settings.loading import parse_params
from benchmark.statistics.published.tables import PUBLISHED, Selector, find_arm, load_published
from tests.conftest import tiny_params
from tests.factories.paths import ROOT
from tests.factories.runs import make_params

TABLES = load_published(ROOT / PUBLISHED)


def row(table: str, name: str) -> list[str]:
    return [TABLES[table].cell(name, column).value for column in TABLES[table].columns]


def test_the_ablation_reads_as_the_poster_prints_it():
    assert TABLES["ablation"].columns == (
        "MSE scores",
        "CE prob.",
        "Multi-Task scores",
        "Multi-Task prob.",
        "M2CNN scores",
        "M2CNN prob.",
    )
    assert row("ablation", "224x224") == ["0.720", "0.725", "0.742", "0.718", "-", "-"]
    assert row("ablation", "448x448") == ["0.790", "0.772", "0.812", "0.782", "0.830", "0.812"]
    assert row("ablation", "720x720") == ["0.835", "0.751", "0.841", "0.826", "0.844", "0.842"]


def test_the_comparison_reads_as_the_poster_prints_it():
    assert {name: row("comparison", name) for name in TABLES["comparison"].rows} == {
        "Min-pooling": ["0.860", "0.849"],
        "Zoom-in-Net": ["0.857", "0.849"],
        "o_O": ["0.854", "0.844"],
        "Reformed Gamblers": ["0.851", "0.839"],
        "M-Net+A-Net": ["0.837", "0.832"],
        "BaseNet": ["0.835", "0.828"],
        "BaseNet+MT": ["0.841", "0.838"],
        "M2CNN": ["0.844", "0.841"],
    }


def test_added_rows_are_not_in_the_poster_and_have_no_val_kappa():
    assert {name: row("added", name) for name in TABLES["added"].rows} == {"Huang et al. 2023": ["-", "0.8631"]}
    assert not set(TABLES["added"].rows) & set(TABLES["comparison"].rows)
    cell = TABLES["added"].cell("Huang et al. 2023", "test set")
    assert (cell.evidence, cell.inputs.eyes) == ("stated", "both")
    assert cell.source.startswith("abstract of Huang et al. 2023")
    assert cell.note.startswith("Added here: the paper does not list")


def test_the_spatial_table_reads_as_the_poster_prints_it():
    assert row("spatial", "before switch") == ["5x5", "8x8", "12x12", "21x21"]
    assert row("spatial", "after multi-cell") == ["5x5", "8x8", "5x5", "4x4"]


def test_inferred_facts_are_marked():
    assert all(cell.split.evidence == "inferred" for cell in TABLES["ablation"].cells)
    assert all(cell.split.evidence == "stated" for cell in TABLES["comparison"].cells)
    assert TABLES["comparison"].cell("M2CNN", "val set").head.evidence == "inferred"
    assert TABLES["comparison"].cell("M2CNN", "val set").inputs.evidence == "inferred"
    assert TABLES["comparison"].cell("o_O", "val set").inputs.evidence == "stated"


def test_every_compared_number_lists_its_inputs():
    inputs = {name: TABLES["comparison"].cell(name, "test set").inputs for name in TABLES["comparison"].rows}
    assert {name for name, given in inputs.items() if given.eyes == "both"} == {
        "Min-pooling",
        "o_O",
        "Reformed Gamblers",
    }
    assert str(inputs["BaseNet"]) == "one eye; 1 net; 1 view; 720 px (inferred)"


def test_each_ablation_cell_matches_an_arm():
    params = make_params()
    found = [find_arm(cell.measured_by, params) for cell in TABLES["ablation"].cells]
    names = ["/".join(arm) if arm else None for arm in found]
    assert names[:6] == ["basenet/mse_small", "basenet/ce_small", *["basenet_mt/small"] * 2, None, None]
    assert names[6:12] == ["basenet/mse_mid", "basenet/ce_mid", *["basenet_mt/mid"] * 2, *["m2cnn/mid"] * 2]
    assert find_arm(TABLES["comparison"].cell("o_O", "val set").measured_by, params) is None


def test_every_cell_is_declared_once_and_kappas_are_numbers():
    raw = yaml.safe_load((ROOT / PUBLISHED).read_text(encoding="utf-8"))
    for name, table in raw.items():
        declared = {(row, column) for row in table["rows"] for column in table["columns"]}
        assert {(row, column) for row, cells in table["values"].items() for column in cells} == declared
        assert {(row, column) for row, cells in table.get("notes", {}).items() for column in cells} <= declared
        kappas = [cell.value for cell in TABLES[name].cells if cell.quantity == "kappa" and cell.value != "-"]
        assert all(-1 <= float(value) <= 1 for value in kappas)


def test_records_are_frozen():
    with pytest.raises(FrozenInstanceError):
        TABLES["ablation"].cells[0].value = "1.000"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('MSE scores: "0.720"', "MSE scores: 0.720", "valid string, but got 0.72"),
        ("evidence: inferred", "evidence: guessed", "'stated', 'computed' or 'inferred', but got 'guessed'"),
        ("{pixels: 224, ", "{pixel: 224, ", "`pixel` Unexpected"),
        ("size: small", "size: tiny", "'small', 'mid' or 'large', but got 'tiny'"),
        ("ablation:\n", "ablation: [\n", "must be valid YAML"),
    ],
)
def test_an_invalid_file_is_refused_with_one_sentence(tmp_path, old, new, sentence):
    text = (ROOT / PUBLISHED).read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "published.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(sentence)):
        load_published(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist here"):
        load_published(tmp_path / "none.yaml")


def test_of_several_arms_of_one_loss_and_size_the_one_without_settings_of_its_own_is_the_papers():
    raw = tiny_params()
    again, printed = (
        {"loss": "mse", "size": "small"},
        Selector(method="basenet", loss="mse", size="small", head="score"),
    )
    raw["arms"]["basenet"] = {"faster": again | {"train": {"lr": 0.01}}, "first": again, "second": again}
    assert find_arm(printed, parse_params(raw)) == Arm("basenet", "first")
    raw["arms"]["basenet"] = {"faster": again | {"train": {"lr": 0.01}}}
    assert find_arm(printed, parse_params(raw)) == Arm("basenet", "faster")
