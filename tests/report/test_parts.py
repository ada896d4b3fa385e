"""The figure of what each part of a method adds."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from matplotlib.figure import Figure

from benchmark.report.figure_style import styled
from benchmark.report.figures import parts
from benchmark.statistics.intervals import ArmComparison
from benchmark.statistics.rivals import RivalRow

NUMBERS = {
    "kappa_a": 0.5,
    "kappa_b": 0.4,
    "low": 0.05,
    "high": 0.15,
    "level": 0.95,
    "over": "seeds and patients",
    "p": 0.01,
    "p_holm": 0.02,
    "p_retrained": 0.01,
    "p_retrained_holm": 0.02,
    "resolvable": 0.1,
    "images": 40,
    "patients": "20",
    "seeds": "0 1",
    "replicates": 100,
    "undefined": 0,
    "data": "made",
    "synthetic": True,
}


def of_paper(about: str, size: str, head: str, difference: float) -> ArmComparison:
    numbers = NUMBERS | {"a": f"m2cnn/{size}", "b": f"basenet_mt/{size}", "split": "test", "difference": difference}
    return ArmComparison(about=about, head=head, decoder="nearest", **numbers)


def of_system(about: str, a: str, b: str, difference: float) -> RivalRow:
    return RivalRow(about=about, a=f"{a} score", b=f"{b} score", split="test", difference=difference, **NUMBERS)


@pytest.fixture
def inputs():
    compared = [
        of_paper("M2CNN against multi-task", "mid", "score", 0.2),
        of_paper("M2CNN against multi-task", "large", "score", 0.3),
        of_paper("M2CNN against multi-task", "large", "prob", 0.4),
        of_paper("multi-task against MSE", "large", "score", 0.5),
    ]
    rivals = [
        of_system("o_O: + fellow eye", "o_o/fellow", "o_o/passes", 0.06),
        of_system("o_O, whole, against: own eye alone", "o_o/fellow", "o_o/own_eye", 0.07),
        of_system("M2CNN against o_O, whole", "m2cnn/large", "o_o/fellow", 0.08),
    ]
    results = SimpleNamespace(data="made", synthetic=True, images={"val": 30, "test": 40}.get)
    return SimpleNamespace(compared=compared, rivals=rivals, results=results)


def test_a_line_is_a_part_of_the_papers_method_at_its_largest_size_or_of_a_system(inputs):
    figure = Figure()
    with styled():
        text = parts.plots(inputs)["parts"](figure)
    val, test = figure.axes
    names = [label.get_text() for label in val.get_yticklabels()]
    assert names == ["M2CNN against multi-task", "o_O: + fellow eye", "o_O, whole less own eye alone"]
    marks = [(line.get_ydata()[0], line.get_xdata()[0]) for line in test.lines if line.get_marker() == "o"]
    assert marks == [(0, 0.3), (1, 0.06), (2, 0.07)]
    assert not any(len(line.get_xdata()) for line in val.lines if line.get_marker() == "o")
    assert any("no claim about real eyes" in shown.get_text() for shown in figure.texts)
    assert "val n = 30, test n = 40" in text


def test_where_no_system_ran_there_is_no_such_figure(inputs):
    inputs.rivals = []
    assert not parts.plots(inputs)
