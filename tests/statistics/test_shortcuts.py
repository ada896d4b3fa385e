"""Kappa of shortcuts: its rows, its interval, and nothing where it was not measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmark.common.csv_rows import write_rows
from benchmark.data.shortcuts import ShortcutRow
from benchmark.runs.run import DataSummary
from benchmark.statistics.shortcuts import shortcut_estimates
from tests.factories.runs import make_params, make_run, tables

DATA = DataSummary.model_construct(name="eyes", synthetic=False)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(path: str, errors: int) -> None:
    """Write predictions of 100 images per split, some of which are one grade too high or low."""
    grade = np.arange(100) % 5
    wrong = np.where(np.arange(100) < errors, np.where(grade < 4, grade + 1, 3), grade)
    rows = [
        ShortcutRow(name, f"{split}{i}", f"{split}{i // 2}", split, int(grade[i]), int(wrong[i]))
        for name in ("frame", "colour")
        for split in ("val", "test")
        for i in range(100)
    ]
    write_rows(Path(path), ShortcutRow, rows)


def test_each_set_of_features_has_a_kappa_with_its_interval_per_split():
    write("data/shortcuts.csv", errors=50)
    write("data/packs/shortcuts.csv", errors=0)
    rows = list(shortcut_estimates(DATA))
    assert [(row.about, row.rule, row.split) for row in rows] == [
        (pictures, name, split)
        for pictures in ("photographs", "squares")
        for name in ("frame", "colour")
        for split in ("val", "test")
    ]
    assert all(row.low < row.estimate < row.high for row in rows if row.about == "photographs")
    assert {row.estimate for row in rows if row.about == "squares"} == {1.0}
    assert {(row.n_images, row.n_patients, row.tuned_on) for row in rows} == {(100, "50", "train")}


def test_nothing_is_estimated_where_nothing_was_measured():
    assert list(shortcut_estimates(DATA)) == []
    write_rows(Path("data/shortcuts.csv"), ShortcutRow, [])
    assert list(shortcut_estimates(DATA)) == []


def test_tables_give_the_shortcut_or_say_that_it_was_not_measured():
    params = make_params(seeds=[0], arms={"basenet": {"mse_mid": {"loss": "mse", "size": "mid"}}})
    make_run(params, "basenet", "mse_mid", 0)
    table = tables(params)["decoding"]
    assert [row.cells[1].text for row in table.rows if row.group == "without looking at the retina"] == (
        ["not measured"] * 5
    )
    assert "Without the retina, kappa" not in table.caption
    write("data/packs/shortcuts.csv", errors=50)
    table = tables(params)["decoding"]
    texts = {row.label: row.cells[1].text for row in table.rows if row.group == "without looking at the retina"}
    assert texts["photographs: the shape of the frame"] == "not measured"
    assert texts["squares: the shape of the frame"].startswith("0.8")
    assert texts["squares: the shape of the frame"].endswith("], n = 100")
    assert "Without the retina, kappa on test is 0.8" in table.caption
