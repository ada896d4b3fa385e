"""``fundusbench summary``: the recorded times of stages, and the utilisation of the cores."""

from __future__ import annotations

import json

import pytest

from benchmark.cli.main import main
from benchmark.cli.times import read_times, record_time, stage_times, training_utilisation
from benchmark.report import PAGE, answer
from benchmark.report.verification import reference_results
from benchmark.settings import loading


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(reference_results, "compare_kept", lambda: None)
    return tmp_path


def test_the_last_line_is_the_utilisation_of_the_training(capsys):
    record_time("fetch", 5.0)
    record_time("train", 60.0, 0.95)
    record_time("train basenet", 1.0, 0.0)
    assert main(["summary"]) == 0
    *_, last = capsys.readouterr().out.splitlines()
    assert last.startswith("utilisation: 0.95 (processor time of the runs / ")
    assert [stage.stage for stage in stage_times()] == ["fetch", "train", "train basenet", "all stages"]


def test_it_ends_with_the_answer_of_the_report(capsys, monkeypatch, here):
    PAGE.parent.mkdir()
    PAGE.touch()
    monkeypatch.setattr(loading, "load_params", lambda: None)
    monkeypatch.setattr(answer, "answer_text", lambda _: f"M2CNN is above.\nThe page: {PAGE.resolve()}")
    record_time("train", 60.0, 0.95)
    assert main(["summary"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ["M2CNN is above.", f"The page: {here / PAGE}"]
    assert main(["summary", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["answer"][0] == "M2CNN is above."


def test_without_a_training_there_is_no_utilisation(capsys):
    record_time("fetch", 5.0)
    assert main(["summary"]) == 0
    assert "utilisation" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("stages", "kept", "utilisation"),
    [
        ([("train", 60.0, 0.9), ("train", 2.0, 0.0)], {"train"}, (0.9, 60.0)),
        ([("train", 60.0, 0.9), ("train m2cnn", 1.0, 0.0)], {"train", "train m2cnn"}, (0.9, 60.0)),
        ([("train", 60.0, 0.9), ("train m2cnn", 20.0, 0.7)], {"train m2cnn"}, (0.7, 20.0)),
        ([("train basenet", 30.0, 0.6), ("train", 60.0, 0.9)], {"train"}, (0.9, 60.0)),
        ([("train basenet", 30.0, 0.6), ("train m2cnn", 30.0, 0.8)], {"train basenet", "train m2cnn"}, (0.7, 60.0)),
    ],
)
def test_trainings_of_all_methods_and_of_single_ones_replace_each_other(stages, kept, utilisation):
    for stage in stages:
        record_time(*stage)
    assert set(read_times()) == kept
    assert training_utilisation() == pytest.approx(utilisation)
