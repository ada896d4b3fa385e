from __future__ import annotations

import pytest

from benchmark.report.tables import spatial
from tests.factories.runs import ARMS, records


@pytest.fixture
def table(read):
    return spatial.make(read(seeds=[0], arms={"basenet_mt": {"mid": ARMS["basenet_mt"]["mid"]}}))


def paper(table):
    return {line["pixels"]: line for line in records(table) if line["sizes_of"] == "paper"}


def test_what_is_printed_stands_beside_what_was_measured(table):
    agree = {pixels: (line["before"], line["after"], line["agree"]) for pixels, line in paper(table).items()}
    assert agree == {
        "224": ("5x5", "5x5", "true"),
        "256": ("6x6", "6x6", "false"),
        "299": ("8x8", "8x8", ""),
        "448": ("12x12", "5x5", "true"),
        "720": ("21x21", "4x4", "true"),
    }
    assert paper(table)["256"]["before_published"] == paper(table)["256"]["after_published"] == "8x8"


def test_the_slip_has_a_note(table):
    shown = {row.label: row for row in table.rows if "paper" in row.group}
    assert [cell.notes for cell in shown["256 px"].cells if getattr(cell, "notes", ())] == [(1,), (1,)]
    assert "Probably 299x299 is meant" in table.notes[0]


def test_the_profiles_sizes_have_rows_of_their_own(table):
    ours = [row for row in table.rows if "this profile" in row.group]
    assert [row.label for row in ours] == ["40 px", "80 px", "128 px"]
    assert [cell.text for cell in ours[1].cells] == ["1", "-", "10x10", "-", "4x4", "-"]
    # In the made-up networks the last map is too small for its cells.
    assert ours[2].cells[-2].text == "too small"
