"""Damaged files between two stages are reported in one sentence with the file and the fix."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import pytest
import yaml

from benchmark.evaluation import transfer
from benchmark.settings.params import Params
from tests.bad_inputs.running import is_one_sentence, outcome
from tests.factories.paths import ROOT
from tests.factories.runs import ARMS, make_all, make_params, settle

pytestmark = pytest.mark.slow

SMALL = {"basenet": {"mse_mid": ARMS["basenet"]["mse_mid"]}, "basenet_mt": {"mid": ARMS["basenet_mt"]["mid"]}}
RUN = "runs/basenet_mt/mid/1"


def not_a_number(text: str) -> bytes:
    """Return a text with a letter in the last line's first number."""
    *lines, last = text.splitlines(keepends=True)
    fields = last.split(",")
    place = next(i for i, field in enumerate(fields) if re.fullmatch(r"-?\d+(\.\d+)?", field))
    return "".join([*lines, ",".join([*fields[:place], f"{fields[place]}x", *fields[place + 1 :]])]).encode()


DAMAGES: dict[str, Callable[[str], bytes]] = {
    "emptied": lambda _: b"",
    "another column": lambda text: text.replace(",", ",x", 1).encode(),
    "a column less": lambda text: "".join(line.partition(",")[2] for line in text.splitlines(keepends=True)).encode(),
    "not a number": not_a_number,
    "noise": lambda _: b"\xff\xfe\0\1",
}
ALL = [*DAMAGES]
SOME = ["emptied", "not a number"]
"""The other damages are detected by the same code for every table."""
EVALUATE, STATISTICS = "fundusbench evaluate", "fundusbench statistics"
TABLES = {
    **{f"evaluation/{name}.csv": ("report", EVALUATE, SOME) for name in ("runs", "confusion", "grades", "curves")},
    **{f"evaluation/{name}.csv": ("report", EVALUATE, SOME) for name in ("calibration", "scores", "worst_errors")},
    "evaluation/metrics.csv": ("statistics", EVALUATE, ALL),
    "statistics/estimates.csv": ("report", STATISTICS, ALL),
    "statistics/verdicts.csv": ("report", STATISTICS, ["emptied", "another column"]),
    "data/checks.csv": ("report", "fundusbench fetch", SOME),
    "architecture/networks.csv": ("report", "fundusbench architecture", SOME),
    f"{RUN}/val.csv": ("evaluate", "dvc repro", ALL),
    f"{RUN}/history.csv": ("evaluate", "dvc repro", ALL),
}
CASES = [(file, damage) for file, (_, _, damages) in TABLES.items() for damage in damages]
OTHERS = [
    ("evaluation/curves.csv", "not a number", "statistics", "evaluation/curves.csv.*fundusbench evaluate"),
    (f"{RUN}/test.csv", "not a number", "verify", f"{RUN}.*test.csv.*dvc repro"),
    (f"{RUN}/run.json", "another column", "evaluate", f"{RUN}.*run.json.*dvc repro"),
    (f"{RUN}/run.json", "emptied", "statistics", f"{RUN}.*run.json.*dvc repro"),
    (f"{RUN}/run.json", "noise", "verify", f"{RUN}.*run.json.*dvc repro"),
    ("records/basenet_mt/mid/1.json", "emptied", "report", "records/basenet_mt/mid/1.json.*dvc repro"),
    ("records/basenet_mt/mid/1.json", "noise", "report", "records/basenet_mt/mid/1.json.*dvc repro"),
]


@pytest.fixture(scope="module")
def finished(shared_folder) -> Path:
    """A project with two runs of two arms each and all stages up to the report."""
    return shared_folder("damaged", fill)


def fill(root: Path) -> None:
    with chdir(root):
        params: Params = make_params(seeds=[0, 1], arms=SMALL)
        raw = params.model_dump(mode="json", by_alias=True)
        # The made-up data set has no source module that could validate its parameters.
        raw["data"] = yaml.safe_load((ROOT / "params.yaml").read_text())["data"]
        Path("params.yaml").write_text(yaml.safe_dump(raw))
        make_all(params)
        settle(params)
        transfer.run(params)
        Path("reports/tables").mkdir(parents=True)
        Path("reports/tables/any.csv").write_text("a\n1\n")


@pytest.fixture
def project(finished, tmp_path, monkeypatch) -> Path:
    shutil.copytree(finished, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr("benchmark.statistics.multiverse.N_RESAMPLES", 20)
    monkeypatch.setattr("benchmark.statistics.decision_rules.N_RESAMPLES", 20)
    monkeypatch.setattr("benchmark.statistics.verdicts.N_RESAMPLES", 20)
    return tmp_path / "here"


def damaged(project: Path, file: str, damage: str) -> None:
    path = project / file
    path.write_bytes(DAMAGES[damage](path.read_text()))


@pytest.mark.parametrize(("file", "damage"), CASES)
def test_a_damaged_table_is_reported_with_its_name_and_the_command_that_writes_it(project, capsys, file, damage):
    command, fix, _ = TABLES[file]
    damaged(project, file, damage)
    code, _, err = outcome(capsys, command)
    assert (code, is_one_sentence(err)) == (2, True), err
    assert all(part in err for part in file.rsplit("/", 1))
    assert fix in err


def test_the_advised_commands_write_damaged_tables_again(project, capsys):
    """Tables of other commands are written again in tests/data/test_damage.py and tests/training/test_damage.py."""
    files = [file for file, (_, fix, _) in TABLES.items() if fix in (EVALUATE, STATISTICS)]
    before = {file: (project / file).read_text() for file in files}
    for file in files:
        damaged(project, file, "emptied")
    for command in (EVALUATE, STATISTICS):
        assert outcome(capsys, command.split()[1])[0] == 0
    for file, text in before.items():
        made = (project / file).read_text()
        # This project's statistics were made with fewer resamples, and without some of the estimates.
        assert made == text if file.startswith("evaluation/") else made.splitlines()[0] == text.splitlines()[0], file


@pytest.mark.parametrize(("file", "damage", "command", "words"), OTHERS)
def test_every_stage_that_reads_a_damaged_file_reports_it(project, capsys, file, damage, command, words):
    damaged(project, file, damage)
    code, _, err = outcome(capsys, command)
    assert (code, is_one_sentence(err)) == (2, True), err
    assert re.search(words, err), err
