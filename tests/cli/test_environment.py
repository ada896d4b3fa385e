"""Commands work the same in the environments that batch systems, notebooks, old locales and pipes give them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from benchmark.cli.__main__ import main
from tests.bad_inputs.running import GRADES, LABELS
from tests.factories.paths import ROOT
from tests.factories.project import BIN

ASCII = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
ENVIRONMENTS = {
    "an encoding without ±": {"PYTHONIOENCODING": "ascii"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "a locale without UTF-8": ASCII,
    "no docstrings": {"PYTHONOPTIMIZE": "2"},
    "a notebook": {"MPLBACKEND": "module://matplotlib_inline.backend_inline"},
}


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """A folder with labels and predictions, whose names are no ASCII."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "réponses.csv").write_text(GRADES)
    (tmp_path / "labels.csv").write_text(LABELS)
    return tmp_path


def ran(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [BIN / "fundusbench", *arguments]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_command_works_in_any_environment(name, tables):
    done = ran("score", "réponses.csv", "--labels", "labels.csv", **ENVIRONMENTS[name])
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"0.95" in done.stdout or b"grades as given" in done.stdout
    # A refusal is one sentence, too.
    done = ran("score", "répönses.csv", "--labels", "labels.csv", **ENVIRONMENTS[name])
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert b"does not exist" in done.stderr


@pytest.mark.parametrize("name", ["models", "experiments"])
def test_another_package_of_the_name_of_ours_is_refused_with_its_place(name, tmp_path, monkeypatch, capsys):
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.chdir(tmp_path)
    assert main() == 2
    error = capsys.readouterr().err
    assert f"the package {name} must be the one beside {ROOT}/benchmark" in error
    assert f"but Python finds it {tmp_path}/{name} first" in error


@pytest.mark.slow
@pytest.mark.parametrize("words", ["--help", "completion bash", "score réponses.csv --labels labels.csv"])
def test_a_closed_pipe_is_no_error(words, tables):
    line = f"{BIN / 'fundusbench'} {words} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("0\n", "")


BATCH = {
    "SLURM": {"SLURM_JOB_NAME": "train", "SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"},
    "SLURM step": {"SLURM_JOB_ID": "1", "SLURM_JOB_NAME": "train", "SLURM_NTASKS": "1", "SLURM_NTASKS_PER_NODE": "4"},
    "LSF": {"LSB_JOBID": "1", "LSB_HOSTS": "batch a b", "LSB_DJOB_RANKFILE": "/nowhere", "JSM_NAMESPACE_SIZE": "2"},
    "Torch Elastic": {"TORCHELASTIC_RUN_ID": "7", "GROUP_RANK": "0", "LOCAL_RANK": "1"},
    "MPI": {"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "1"},
    "Kubeflow": {"KUBERNETES_PORT": "x", "MASTER_ADDR": "a", "MASTER_PORT": "1", "WORLD_SIZE": "4", "RANK": "1"},
}


@pytest.mark.parametrize("system", BATCH)
def test_a_run_of_one_process_ignores_the_variables_of_a_batch_system(system, monkeypatch):
    import torch

    from benchmark.settings.loading import load_params
    from benchmark.training.device import open_fabric

    for name, value in BATCH[system].items():
        monkeypatch.setenv(name, value)
    fabric = open_fabric(load_params(ROOT / "params.yaml").train)
    model = fabric.setup(torch.nn.Linear(2, 1))
    assert (fabric.world_size, fabric.global_rank) == (1, 0)
    assert model(torch.ones(1, 2)).shape == (1, 1)
