"""Every table and figure that is found has its entry point and names its data."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from benchmark.report.captions import PHANTOM
from benchmark.report.figures import registry as figures
from benchmark.report.tables import registry as tables
from tests.factories.runs import ARMS


@pytest.mark.parametrize("name", tables.TABLE_INFOS)
def test_a_table_has_its_entry_point(name):
    assert callable(import_module(f"{tables.__package__}.{name}").make)


@pytest.mark.parametrize("name", figures.FIGURES)
def test_a_figure_has_its_entry_point(name):
    assert callable(import_module(f"{figures.__package__}.{name}").draw)


@pytest.mark.slow
def test_every_figure_names_its_data_and_its_images_and_a_phantom_in_the_picture_itself(read, tmp_path):
    inputs = read(others=("idrid", "again"))
    captions = figures.draw_all(inputs, tmp_path / "figures", tmp_path / "photographs")
    assert set(captions) >= {name for name, info in figures.FIGURES.items() if not info.photographs} - {
        "parts",
        "confusion",
    }
    for name, caption in captions.items():
        picture = (tmp_path / f"figures/{name}.svg").read_text(encoding="utf-8")
        assert PHANTOM in picture, name
        assert inputs.results.data in caption, name
        assert "n = " in caption, name
        assert re.search("interval|deviation|seeds", caption), name
        assert (tmp_path / f"figures/{name}.png").stat().st_size > 0


@pytest.mark.slow
def test_figures_drawn_side_by_side_are_those_drawn_one_by_one(read, tmp_path, monkeypatch):
    inputs = read(seeds=[0], arms={"basenet_mt": {"mid.1": ARMS["basenet_mt"]["mid"]}})
    drawn = []
    for cores in (1, 3):
        monkeypatch.setattr(figures, "core_count", lambda cores=cores: cores)
        captions = figures.draw_all(inputs, tmp_path / str(cores), tmp_path / "photographs")
        drawn.append((captions, {path.name: path.read_bytes() for path in (tmp_path / str(cores)).iterdir()}))
    assert drawn[0] == drawn[1]
    assert "confusion_basenet_mt_mid.1.svg" in drawn[0][1]
