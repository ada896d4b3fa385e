"""The package ``fundusbench``: the numbers of `fundusbench score` on plain arrays, and a grader."""

from __future__ import annotations

import ast
import doctest
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

import fundusbench
from tests.factories.paths import ROOT

LABELS = np.array([0, 0, 1, 2, 2, 3, 4, 4] * 10)
GRADES = np.array([0, 0, 1, 2, 2, 3, 4, 3] * 10)
REFUSED = {
    "a score": (LABELS, GRADES + 0.5, None, "apply a decision rule to scores first"),
    "a grade of 5": (LABELS + 1, GRADES, None, "labels must be grades 0 to 4"),
    "words": (LABELS.astype(str), GRADES, None, "labels must be grades 0 to 4"),
    "a missing label": ([*LABELS[:-1], np.nan], GRADES, None, "labels must be grades 0 to 4"),
    "no image": ([], [], None, "n > 0"),
    "two rows of labels": ([LABELS, LABELS], GRADES, None, "one grade per image"),
    "fewer predictions": (LABELS, GRADES[:-1], None, "predict each image once"),
    "no run": (LABELS, np.zeros((0, 80), int), None, "predict each image once"),
    "fewer patients": (LABELS, GRADES, [1, 2], "patients must be one per image"),
}


def test_the_examples_of_the_docstring_hold():
    assert doctest.testmod(fundusbench).failed == 0


def test_kappa_is_that_of_scikit_learn_and_its_interval_widens_with_seeds_and_patients():
    runs = np.stack([GRADES, np.roll(GRADES, 1)])
    mean = np.mean([cohen_kappa_score(LABELS, run, weights="quadratic") for run in runs])
    assert fundusbench.kappa_interval(LABELS, runs).estimate == pytest.approx(mean)
    alone, pairs = (fundusbench.kappa_interval(LABELS, GRADES, who) for who in (None, np.repeat(range(40), 2)))
    assert (alone.n_patients, pairs.n_patients) == (80, 40)
    assert pairs.high - pairs.low != alone.high - alone.low


@pytest.mark.parametrize("missing", [None, float("nan"), ""])
def test_an_image_of_an_unknown_patient_counts_as_a_patient(missing):
    assert fundusbench.kappa_interval(LABELS, GRADES, [missing] * 20 + ["one"] * 60).n_patients == 21


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_arrays_are_refused_with_their_fix(name):
    labels, predictions, patients, reason = REFUSED[name]
    with pytest.raises(fundusbench.InputError, match=reason):
        fundusbench.kappa_interval(labels, predictions, patients)


def test_a_ranking_needs_two_names_and_a_grader_a_folder(tmp_path):
    with pytest.raises(fundusbench.InputError, match="at least two"):
        fundusbench.rank(LABELS, {"one": GRADES})
    with pytest.raises(fundusbench.InputError, match="at least one folder"):
        fundusbench.load()
    with pytest.raises(fundusbench.InputError, match=r"has no run\.json"):
        fundusbench.load(tmp_path)


def test_importing_changes_no_environment_variable_and_loads_no_heavy_library():
    code = (
        "import os, sys; before = dict(os.environ); import fundusbench; assert dict(os.environ) == before; "
        "print([name for name in ('torch', 'mlflow', 'pandas', 'sklearn', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", ["benchmark", "models"])
def test_importing_beside_another_package_of_a_name_of_ours_is_refused_in_one_sentence(name, tmp_path):
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").touch()
    command = [sys.executable, "-c", f"import {name}, fundusbench"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "ImportError: fundusbench needs its packages `benchmark` and `models`" in done.stderr
    assert f"No module named '{name}." in done.stderr.splitlines()[-1]


def test_the_notebook_shows_what_its_cells_return():
    names: dict[str, object] = {}
    for cell in json.loads((ROOT / "docs/notebooks/kappa.ipynb").read_text())["cells"]:
        if cell["cell_type"] == "code":
            body = ast.parse("".join(cell["source"])).body
            shown = body.pop() if cell["outputs"] else None
            exec(compile(ast.Module(body, []), "notebook", "exec"), names)
            if isinstance(shown, ast.Expr):
                value = eval(compile(ast.Expression(shown.value), "notebook", "eval"), names)
                assert [repr(value)] == cell["outputs"][0]["data"]["text/plain"]


@pytest.mark.slow
def test_in_a_clone_its_own_code_runs_and_another_package_of_a_name_is_refused(tmp_path):
    """The active environment belongs to another clone, and DVC runs a queued experiment in a copy of the project."""
    command = [f"{os.path.dirname(sys.executable)}/fundusbench", "--help"]  # noqa: PTH120
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "--local", ROOT, clone], check=True)
    main = clone / "benchmark/cli/main.py"
    main.write_text(main.read_text().replace("Reproducibility benchmark for", "Another benchmark for"))
    for environment in ({}, {"PYTHONSAFEPATH": "1"}):
        done = subprocess.run(
            command, cwd=clone, env=os.environ | environment, capture_output=True, text=True, check=True
        )
        assert "Another benchmark for" in done.stdout
    other = tmp_path / "other/models"
    other.mkdir(parents=True)
    (other / "__init__.py").touch()
    environment = os.environ | {"PYTHONPATH": str(other.parent)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"Python finds it {other} first: start the command without PYTHONPATH" in done.stderr
