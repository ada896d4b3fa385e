"""The figure of the gain from each part of a method."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from matplotlib.figure import Figure

from benchmark.report.figure_style import styled
from benchmark.report.figures import parts
from benchmark.statistics.estimates import Estimate

NUMBERS = {
    "quantity": "kappa difference",
    "split": "test",
    "low": 0.05,
    "high": 0.15,
    "confidence_level": 0.95,
    "resampled": "seeds and patients",
    "n_images": 40,
    "n_patients": "20",
    "seeds": "0 1",
    "n_resamples": 100,
    "data": "made",
    "synthetic": True,
}


def of_paper(about: str, size: str, head: str, difference: float) -> Estimate:
    sides = {"method": "m2cnn", "arm": size, "head": head, "versus": f"basenet_mt/{size} {head}"}
    return Estimate(kind="comparison", about=about, estimate=difference, **sides, **NUMBERS)


def of_system(about: str, a: str, b: str, difference: float) -> Estimate:
    method, arm = a.split("/")
    sides = {"method": method, "arm": arm, "head": "score", "versus": f"{b} score"}
    return Estimate(kind="system comparison", about=about, estimate=difference, **sides, **NUMBERS)


@pytest.fixture
def inputs():
    compared = [
        of_paper("M2CNN against multi-task", "mid", "score", 0.2),
        of_paper("M2CNN against multi-task", "large", "score", 0.3),
        of_paper("M2CNN against multi-task", "large", "prob", 0.4),
        of_paper("multi-task against MSE", "large", "score", 0.5),
    ]
    systems = [
        of_system("o_O: + fellow eye", "o_o/fellow", "o_o/tta", 0.06),
        of_system("o_O, whole, against: own eye alone", "o_o/fellow", "o_o/own_eye", 0.07),
        of_system("M2CNN against o_O, whole", "m2cnn/large", "o_o/fellow", 0.08),
    ]
    results = SimpleNamespace(data="made", synthetic=True, images={"val": 30, "test": 40}.get)
    rows = {"comparison": compared, "system comparison": systems}
    return SimpleNamespace(rows=rows, estimates=rows.get, results=results)


def test_a_line_is_a_part_of_the_papers_method_at_its_largest_size_or_of_a_system(inputs):
    figure = Figure()
    with styled():
        text = parts.draw(figure, inputs)
    val, test = figure.axes
    names = [label.get_text() for label in val.get_yticklabels()]
    assert names == ["M2CNN against multi-task", "o_O: + fellow eye", "o_O: whole, against own eye alone"]
    marks = [(line.get_ydata()[0], line.get_xdata()[0]) for line in test.lines if line.get_marker() == "o"]
    assert marks == [(0, 0.3), (1, 0.06), (2, 0.07)]
    assert not any(len(line.get_xdata()) for line in val.lines if line.get_marker() == "o")
    assert any("no claim about real eyes" in shown.get_text() for shown in figure.texts)
    assert "val n = 30, test n = 40" in text


def test_a_difference_of_failed_trainings_is_not_drawn_as_a_precise_one(inputs):
    rows = inputs.rows["system comparison"]
    rows[0] = replace(rows[0], failed=2, estimate=0.0, low=-0.001, high=0.001)
    figure = Figure()
    with styled():
        parts.draw(figure, inputs)
    _, test = figure.axes
    marks = [(line.get_ydata()[0], line.get_xdata()[0]) for line in test.lines if line.get_marker() == "o"]
    assert marks == [(0, 0.3), (2, 0.07)]
    assert [text.get_text() for text in test.texts] == ["  no training clear of chance"]


def test_where_no_system_ran_there_is_no_such_figure(inputs):
    inputs.rows["system comparison"] = []
    assert parts.draw(Figure(), inputs) == ""
