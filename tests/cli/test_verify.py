"""``fundusbench verify``: agreement of the tables with the predictions, and with those of another clone."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import pytest
import yaml

from benchmark.cli.main import main
from benchmark.evaluation import transfer
from benchmark.report.verification import rebuild
from benchmark.settings.loading import load_params
from benchmark.tracking import provenance
from benchmark.tracking.replay import SyncReport
from tests.factories.paths import ROOT
from tests.factories.runs import ARMS, make_all, make_check_rows, make_networks, make_params

pytestmark = pytest.mark.slow

SMALL = {"basenet": {"mse_mid": ARMS["basenet"]["mse_mid"]}, "basenet_mt": {"mid": ARMS["basenet_mt"]["mid"]}}
FILES = 12 * 3


@pytest.fixture(scope="module")
def made(shared_folder):
    """A project with runs and the tables that belong to them, made once."""
    return shared_folder("verified", fill)


def fill(root: Path) -> None:
    with chdir(root), pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmark.statistics.multiverse.N_RESAMPLES", 200)
        patch.setattr("benchmark.statistics.decision_rules.N_RESAMPLES", 200)
        patch.setattr("benchmark.statistics.verdicts.N_RESAMPLES", 200)
        params = make_params(arms=SMALL)
        raw = params.model_dump(mode="json", by_alias=True)
        # The generated data set has no source module, and so no parameters.
        raw["data"] = {**yaml.safe_load((ROOT / "params.yaml").read_text())["data"]}
        Path("params.yaml").write_text(yaml.safe_dump(raw))
        shutil.copytree(ROOT / "experiments/published", "experiments/published")
        make_all(params)
        make_networks()
        make_check_rows()
        transfer.run(params)
        rebuild.tables(params)
        provenance.write(root, params, SyncReport())


@pytest.fixture
def project(made, tmp_path, monkeypatch):
    shutil.copytree(made, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr("benchmark.statistics.multiverse.N_RESAMPLES", 200)
    monkeypatch.setattr("benchmark.statistics.decision_rules.N_RESAMPLES", 200)
    monkeypatch.setattr("benchmark.statistics.verdicts.N_RESAMPLES", 200)
    return tmp_path / "here"


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {str(p): (p.stat().st_mtime_ns, p.read_bytes()) for p in sorted(folder.rglob("*")) if p.is_file()}


def change(path: Path, field: str, value: str, **where: str) -> str:
    """Change one field of a csv, and return its former value."""
    lines = list(csv.DictReader(io.StringIO(path.read_text())))
    line = next(line for line in lines if all(line[name] == text for name, text in where.items()))
    old, line[field] = line[field], value
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(line), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    path.write_text(stream.getvalue())
    return old


def test_untouched_tables_are_confirmed_and_counted_and_nothing_is_touched(project, capfd):
    before = state(project)
    assert main(["verify"]) == 0
    assert state(project) == before
    out, err = capfd.readouterr()
    cells = sum(
        len(line) for path in project.glob("reports/tables/*.csv") for line in csv.DictReader(path.open(newline=""))
    )
    assert f"recomputed {FILES // 3} tables of {cells:,} cells ({FILES} files)" in out
    assert "all files in reports/tables/ are identical to them" in out
    assert all(f"{step}: 100%" in err for step in ("check files", "evaluate", "statistics"))


def test_the_first_cell_that_differs_is_named_with_both_values(project, capfd):
    where = {"row": "448x448", "column": "MSE scores", "split": "val"}
    old = change(project / "reports/tables/ablation.csv", "estimate", "0.999999", **where)
    assert main(["verify"]) == 1
    assert (
        "1 files differ from reports/tables/, first ablation.csv, row 448x448 | MSE scores | val, column estimate: "
        f"stored '0.999999', recomputed '{old}'"
    ) in capfd.readouterr().out


def test_json_output_lists_the_differences(project, capfd):
    assert main(["verify", "--json"]) == 0
    output = json.loads(capfd.readouterr().out)
    assert (output["tables"], output["files"], output["differences"]) == (FILES // 3, FILES, [])
    assert main(["verify", "--against", str(project), "--json"]) == 0
    cells = json.loads(capfd.readouterr().out)["cells"]
    assert {cell["status"] for cell in cells} == {"identical"}
    where = {"row": "448x448", "column": "MSE scores", "split": "val"}
    old = change(project / "reports/tables/ablation.csv", "estimate", "0.999999", **where)
    assert main(["verify", "--json"]) == 1
    (found,) = json.loads(capfd.readouterr().out)["differences"]
    assert (found["table"], found["stored"], found["recomputed"]) == ("ablation.csv", "0.999999", old)


def test_a_changed_prediction_or_weight_is_found(project, capfd):
    path = project / "runs/basenet/mse_mid/0/test.csv"
    lines = path.read_text().splitlines()
    header = lines[0].split(",")
    fields = lines[1].split(",")
    fields[header.index("score")] = "4.0"
    path.write_text("\n".join([lines[0], ",".join(fields), *lines[2:]]) + "\n")
    (project / "runs/basenet/mse_mid/0/model.safetensors").write_bytes(b"other")
    assert main(["verify"]) == 2
    assert (
        "runs/basenet/mse_mid/0 must hold the files that training wrote, but model.safetensors and test.csv were "
        "changed: run `dvc repro`"
    ) in capfd.readouterr().err


@pytest.mark.parametrize(("ending", "said"), [("md", "present, "), ("tex", "")])
def test_a_file_in_another_format_is_compared_too(project, capfd, ending, said):
    path = project / f"reports/tables/spatial.{ending}"
    path.write_text(path.read_text() + "more\n")
    assert main(["verify"]) == 1
    assert re.search(rf"first spatial\.{ending}, row \d+: stored 'more\\n', recomputed ''", capfd.readouterr().out)


def test_a_table_that_is_not_stored_is_a_difference(project, capfd):
    (project / "reports/tables/cost.csv").unlink()
    assert main(["verify"]) == 1
    assert "first cost.csv, row (all): stored 'absent', recomputed 'present'" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("reports", "reports/tables/ must contain tables, but has none: run `dvc repro` there first"),
        ("runs", "evaluation needs a finished run"),
        ("architecture", "run `fundusbench architecture`"),
    ],
)
def test_missing_inputs_are_refused_in_one_sentence(project, capfd, missing, said):
    shutil.rmtree(project / missing)
    assert main(["verify"]) == 2
    err = capfd.readouterr().err
    assert said in err
    assert "Traceback" not in err
    assert len([line for line in err.splitlines() if line.startswith("fundusbench:")]) == 1


def test_a_provenance_of_other_runs_is_pointed_at(project, capfd):
    (project / "reports/provenance.json").unlink()
    assert main(["verify"]) == 0
    assert "reports/provenance.json does not exist: `fundusbench track` writes it" in capfd.readouterr().err


def test_another_clone_is_compared_cell_by_cell(project, tmp_path, capfd):
    other = tmp_path / "there"
    shutil.copytree(project, other)
    assert main(["verify", "--against", str(other)]) == 0
    out = capfd.readouterr().out
    assert re.search(r"^\d+ cells of 11 tables against", out.replace(",", ""), re.MULTILINE)
    assert "different" not in out
    where = {"row": "448x448", "column": "MSE scores"}
    own = change(other / "reports/tables/ablation.csv", "estimate", "0.111111", **where, split="val")
    near = change(other / "reports/tables/ablation.csv", "estimate", "0.831", **where, split="test")
    change(other / "reports/tables/cost.csv", "parameters", "7", row="448 px, no cells")
    change(other / "reports/tables/cost_time.csv", "seconds", "7", arm="mid")
    assert main(["verify", "--against", str(other)]) == 1
    out = capfd.readouterr().out
    assert f"different: ablation, row 448x448 | MSE scores | val, column estimate: {own} ± " in out
    assert "0.111111 ± " in out
    assert re.search(
        rf"cannot tell, below 0\.\d{{3}}: ablation, row 448x448 \| MSE scores \| test, column estimate: {near} ± ", out
    )
    assert "different: cost, row 448 px, no cells, column parameters: 51000000 here, 7 there" in out
    assert "cost_time" not in out
    assert "of 2 distinct tests" in out


def test_a_line_on_one_side_alone_fails(project, tmp_path, capfd):
    other = tmp_path / "there"
    shutil.copytree(project, other)
    path = other / "reports/tables/metrics.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]))
    assert main(["verify", "--against", str(other)]) == 1
    assert "here only: metrics, row " in capfd.readouterr().out


def test_other_data_are_pointed_at(project, tmp_path, capfd):
    other = tmp_path / "there"
    shutil.copytree(project, other)
    for path in (other / "reports/tables").glob("*.csv"):
        path.write_text(path.read_text().replace("0" * 16, "f" * 16))
    assert main(["verify", "--against", str(other)]) == 0
    assert f"The data differ (hash {'0' * 16} here, {'f' * 16} there)" in capfd.readouterr().out


def test_the_claims_that_judged_a_row_are_verified_and_pointed_at(project, tmp_path, capfd):
    other = tmp_path / "there"
    shutil.copytree(project, other)
    claims = Path("experiments/published/claims.yaml")
    claims.write_text(claims.read_text() + "# another text\n")
    assert main(["verify"]) == 1
    assert "first verdicts.csv, row multi-task-over-mse" in (out := capfd.readouterr().out)
    assert "column claims_sha256: stored " in out
    rebuild.tables(load_params())
    assert main(["verify", "--against", str(other)]) == 0
    assert re.search("The claims differ .hash [0-9a-f]{16} here, [0-9a-f]{16} there.", capfd.readouterr().out)


def test_a_folder_without_tables_is_refused(project, tmp_path, capfd):
    (tmp_path / "empty").mkdir()
    assert main(["verify", "--against", str(tmp_path / "empty")]) == 2
    assert "but has none: run `dvc repro` there first" in capfd.readouterr().err


def test_a_commit_is_compared_by_what_dvc_holds_for_it(project, capfd, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")

    def sh(command: str) -> None:
        subprocess.run(command, shell=True, check=True, capture_output=True)

    def commit(message: str) -> None:
        sh(f"git add -A && git -c user.name=t -c user.email=t@example.org commit -qm {message}")

    shutil.move("reports", "made")
    Path(".gitignore").write_text("/reports/\n/made/\n/runs/\n/records/\n")
    sh("git init -q -b main && dvc init -q")
    sh("dvc stage add -q -n report -o reports/tables 'mkdir -p reports && cp -r made/tables reports/'")
    commit("bare")
    sh("git tag bare && dvc repro -q")
    commit("tables")
    sh("git tag tables")
    assert main(["verify", "--against", "tables"]) == 0
    table = Path("reports/tables/ablation.csv")
    table.unlink()
    shutil.copy("made/tables/ablation.csv", table)
    change(table, "estimate", "0.111111", row="448x448", column="MSE scores", split="val")
    assert main(["verify", "--against", "tables"]) == 1
    out, _ = capfd.readouterr()
    assert "different: ablation, row 448x448 | MSE scores | val, column estimate: 0.111111 ± " in out
    for revision, reason in (("bare", "does not list reports/tables"), ("nowhere", "unknown Git revision")):
        assert main(["verify", "--against", revision]) == 2
        assert reason in capfd.readouterr().err
    shutil.rmtree(".dvc/cache")
    assert main(["verify", "--against", "tables"]) == 2
    assert "`dvc pull`" in capfd.readouterr().err
