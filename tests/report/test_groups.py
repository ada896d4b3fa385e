"""The table of groups names the worst group and shows intervals that hold together."""

from __future__ import annotations

from dataclasses import replace

from benchmark.report.tables import groups
from benchmark.statistics.graded_runs import read_graded_runs
from benchmark.statistics.groups import group_estimates
from tests.factories.runs import ARMS


def test_each_arm_has_its_worst_group(read):
    inputs = read(arms={"basenet_mt": ARMS["basenet_mt"]})
    assert groups.make(inputs) is None
    rows = group_estimates(read_graded_runs(inputs.params))
    vars(inputs)["results"] = replace(inputs.results, estimates=[*inputs.results.estimates, *rows])
    table = groups.make(inputs)
    assert table
    (titles,) = {table.columns_of("eye")}
    assert titles[1:] == ("left (n = 50)", "right (n = 50)", "worst")
    for row in (row for row in table.rows if row.group == "eye"):
        left, right, worst = row.cells
        assert worst.text == ("left" if left.value < right.value else "right")
    keys = {tuple(record[name] for name in groups.ABOUT.keys) for record in table.records}
    assert len(keys) == len(table.records)
    sides = [record for record in table.records if record["about"].startswith("eye")]
    assert {record["confidence_level"] for record in sides} == {0.975}
    assert {record["split"] for record in sides} == {"test"}
