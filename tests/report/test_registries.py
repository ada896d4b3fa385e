"""A table or a figure is a file: none is forgotten, and each has what its registry asks of it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from benchmark.report.figures import registry as figures
from benchmark.report.tables import registry as tables
from tests.made.runs import ARMS

KINDS = {tables: (tables.TABLES, "make"), figures: ((*figures.FIGURES, *figures.PHOTOGRAPHS), "plots")}
BESIDE = {"__init__", "registry", "style"}


@pytest.mark.parametrize("registry", KINDS, ids=lambda registry: registry.__package__)
def test_every_file_is_registered_and_has_its_entry_point(registry):
    names, entry_point = KINDS[registry]
    assert set(names) == {path.stem for path in Path(registry.__file__).parent.glob("*.py")} - BESIDE
    assert all(callable(getattr(import_module(f"{registry.__package__}.{name}"), entry_point)) for name in names)


def test_a_table_bears_the_name_of_its_file(read):
    made = tables.make_tables(read(seeds=[0], arms={"basenet_mt": {"mid": ARMS["basenet_mt"]["mid"]}}))
    assert [table.name for table in made] == [
        name for name in tables.TABLES if name not in ("comparisons", "makers", "transfer")
    ]
