"""The table of metrics: every arm, head and split, and the images of each number."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from benchmark.evaluation.evaluate import METRICS_FILE
from benchmark.report.tables import metrics
from benchmark.runs.predictions import read_predictions, write_predictions
from benchmark.scoring.metrics import METRICS
from tests.factories.runs import ARMS, make_params, make_run, records, reseal, tables

TWO = {"basenet": {"mse_mid": ARMS["basenet"]["mse_mid"]}, "basenet_mt": {"mid": ARMS["basenet_mt"]["mid"]}}


def group_of(table, split: str, word: str) -> str:
    return next(group for group, _ in table.groups() if group.startswith(split) and word in group)


def cells_of(table, group: str, label: str) -> dict[str, str]:
    row = next(row for row in table.rows if (row.group, row.label) == (group, label))
    return dict(zip(table.columns_of(group)[1:], (cell.text for cell in row.cells), strict=True))


def test_every_metric_of_every_arm_and_head_is_shown_as_mean_and_sd(read):
    table = metrics.make(read(arms=TWO))
    lines = pd.read_csv(METRICS_FILE)
    for split in ("val", "test"):
        shown = {}
        for group in (group for group, _ in table.groups() if group.startswith(split)):
            shown |= cells_of(table, group, "basenet_mt/mid: prob.")
        assert len(shown) == len(METRICS)
        for title, text in shown.items():
            name = next(name for name, metric in METRICS.items() if metric.title == title.partition(" (")[0])
            place = {"arm": "mid", "split": split, "head": "prob", "metric": name}
            values = lines.loc[(lines[list(place)] == pd.Series(place)).all(axis=1), "value"]
            assert text == f"{values.mean():.3f} ± {values.std(ddof=1):.3f}"
    assert {cell.interval.count(",") for row in table.rows for cell in row.cells if cell.value is not None} == {1}
    assert "[ ] is its 95 % interval" in table.caption
    groups = {tuple(row.label for row in rows) for _, rows in table.groups()}
    assert groups == {("basenet/mse_mid: scores", "basenet_mt/mid: scores", "basenet_mt/mid: prob.")}


def test_columns_say_how_many_images_they_speak_of(read):
    table = metrics.make(read(arms=TWO))
    group = group_of(table, "val", "grade's images")
    counts = [int(title.partition("(")[2].rstrip(")")) for title in table.columns_of(group)[1:]]
    assert (len(counts), sum(counts)) == (5, 60)
    assert "(n = 60)" in group


def test_scores_have_no_measure_of_probabilities(read):
    table = metrics.make(read(arms=TWO))
    shown = cells_of(table, group_of(table, "test", "referable"), "basenet_mt/mid: scores")
    assert (shown["RPS"], shown["ECE"]) == ("-", "-")
    assert shown["AUC"] != "-"
    assert not any(line["head"] == "score" and line["metric"] in ("rps", "ece") for line in records(table))


def test_an_arm_that_did_not_run_and_a_value_that_is_not_defined_say_so():
    params = make_params(seeds=[0], arms=TWO)
    folder = make_run(params, "basenet", "mse_mid", 0)
    given = read_predictions(folder / "val.csv")
    write_predictions(replace(given, grade=given.grade.clip(0, 3)), folder / "val.csv")
    reseal(folder)
    table = tables(params)["metrics"]
    group = group_of(table, "val", "grade's images")
    assert cells_of(table, group, "basenet/mse_mid: scores")["recall of 4 (0)"] == "undefined"
    assert set(cells_of(table, group, "basenet_mt/mid: prob.").values()) == {"not run"}
    lines = {(line["method"], line["split"], line["head"], line["metric"]): line for line in records(table)}
    undefined = lines["basenet", "val", "score", "recall_4"]
    assert (undefined["estimate"], undefined["status"], undefined["n_images"]) == ("", "undefined", "0")
    assert lines["basenet_mt", "val", "prob", "kappa"]["status"] == "not run"
