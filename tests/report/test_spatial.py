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
