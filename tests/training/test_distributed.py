"""One run trained by two processes equals the run of one, also if a process is killed."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import yaml

from benchmark.common.errors import InputError
from benchmark.dispatch import train
from benchmark.runs.declared import resolve_runs
from benchmark.runs.predictions import read_predictions
from benchmark.runs.results import read_result
from benchmark.settings.loading import load_params, parse_params
from tests.conftest import tiny_params
from tests.factories.data import make_data
from tests.factories.project import BIN
from tests.factories.warm import warm_commands
from tests.training.test_train import SIZES

COUNTS = {"train": 61, "val": 131, "test": 33}
"""Numbers of images that are not divisible by 2; val has more than one batch."""


def raw_params(**changes):
    """Return parameters without batch norm, which couples images, and with plain SGD, which keeps rounding small."""
    raw = tiny_params()
    raw["sizes"], raw["seeds"] = SIZES, [0]
    raw["model"] |= {"backbone": "test_convnext"}
    raw["train"] |= {
        "epochs": 5,
        "batch_size": 15,
        "opt": "sgd",
        "lr": 0.05,
        "grad_accum_steps": 2,
        "checkpoint_minutes": 0.0,
    }
    raw["train"] |= changes
    raw["systems"], raw["arms"] = {}, {"basenet_mt": {"small": {"loss": "ce_mse", "size": "small"}}}
    return raw


@pytest.fixture
def project(tmp_path, monkeypatch):
    make_data(tmp_path, SIZES, COUNTS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def start(log: Path, **changes) -> subprocess.Popen[bytes]:
    Path("params.yaml").write_text(yaml.safe_dump(raw_params(**changes)))
    with log.open("w") as stream:
        return subprocess.Popen([BIN / "fundusbench", "train"], stderr=stream, stdout=stream)


def lose_one(command: subprocess.Popen[bytes]) -> None:
    """Kill the second process after the first checkpoint."""
    deadline = time.monotonic() + 240
    family, listening = psutil.Process(command.pid), set()
    while not list(Path("scratch/runs").rglob("checkpoint.safetensors")):
        assert command.poll() is None
        assert time.monotonic() < deadline
        for process in (family, *family.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                listening |= {one.laddr.ip for one in process.net_connections() if one.status == psutil.CONN_LISTEN}
        time.sleep(0.005)
    # The processes exchange gradients over loopback, and nothing else of the command can be reached.
    assert listening <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    children = family.children(recursive=True)
    (second,) = [child for child in children if child.environ().get("RANK") == "1"]
    second.send_signal(signal.SIGKILL)


@pytest.mark.slow
def test_two_processes_train_the_run_of_one_and_resume_after_a_kill(project):
    command = start(project / "first", processes=2)
    lose_one(command)
    assert command.wait(timeout=240) == 2
    log = (project / "first").read_text()
    assert re.fullmatch(
        r"fundusbench: all 2 processes must keep running, but number 1 was killed by signal SIGKILL: run the same "
        r"command again, which resumes from the last checkpoint\n",
        log,
    )
    assert start(project / "second", processes=2).wait(timeout=240) == 0, (project / "second").read_text()
    folder = project / "runs/basenet_mt/small/0"
    shared, spec = (
        {split: read_predictions(folder / f"{split}.csv") for split in ("val", "test")},
        read_result(folder),
    )
    history = (folder / "history.csv").read_text().splitlines()
    assert '"resumed": 1' in (project / "records/basenet_mt/small/0.json").read_text()

    train.run(parse_params(raw_params()))
    assert read_result(folder).key != spec.key
    for split, ours in shared.items():
        alone = read_predictions(folder / f"{split}.csv")
        assert list(alone.image_id) == list(ours.image_id)
        assert len(alone) == COUNTS[split]
        assert np.allclose(alone.score, ours.score, atol=1e-4)
        assert np.allclose(alone.prob, ours.prob, atol=1e-4)
    for one, other in zip(history[1:], (folder / "history.csv").read_text().splitlines()[1:], strict=True):
        assert np.allclose(*([float(cell) for cell in line.split(",")] for line in (one, other)), atol=1e-4)


def test_one_process_is_not_part_of_the_run_key(project):
    def spec(**changes):
        return resolve_runs(parse_params(raw_params(**changes)), train.read_manifest())[0]

    assert "processes" not in spec().parameters_resolved["train"]
    assert len({spec().key, spec(processes=2).key, spec(processes=3).key}) == 3


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"processes": 5}, "splits 15 into 2 for 5 processes"),
        ({"sync_batch_norm": True}, r"sync_batch_norm requires several processes with a GPU each"),
        ({"processes": 2, "sync_batch_norm": True, "device": "cpu"}, r"train.processes is 2 and train.device is cpu"),
    ],
)
def test_settings_that_need_one_process_are_refused_with_several(changes, sentence):
    with pytest.raises(InputError, match=sentence):
        parse_params(raw_params(**changes))


def test_a_loss_over_a_whole_batch_needs_one_process():
    raw = raw_params(processes=2, grad_accum_steps=1)
    raw["losses"]["soft_kappa"] = {}
    raw["arms"]["basenet_mt"]["small"]["loss"] = "soft_kappa"
    with pytest.raises(InputError, match=r"means over images, but basenet_mt/small minimises soft_kappa"):
        parse_params(raw)


def test_a_run_of_several_processes_is_not_trained_by_one(project):
    made = parse_params(raw_params(processes=2))
    spec = resolve_runs(made, train.read_manifest())[0]
    with pytest.raises(
        InputError, match=r"must be trained by train.processes = 2 processes, but 1 are running: set it to 1"
    ):
        train.complete(spec, {}, None, Path("alone"))


def test_a_wrong_number_of_processes_is_refused(project, monkeypatch):
    Path("params.yaml").write_text(yaml.safe_dump(raw_params(processes=2)))
    with pytest.raises(InputError, match=r"runs on a Ray cluster require one process"):
        train.run(load_params(), engine="ray")
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "3", "RANK": "0"}.items():
        monkeypatch.setitem(os.environ, name, value)
    with pytest.raises(InputError, match=r"started 3 and train.processes is 2: correct one"):
        train.run(load_params())


@pytest.mark.slow
def test_commands_that_train_one_run_at_once_train_it_once(project):
    Path("params.yaml").write_text(yaml.safe_dump(raw_params()))
    commands = [
        subprocess.Popen(
            [warm_commands() / "fundusbench", "train"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    ended = [(*command.communicate(timeout=240), command.returncode) for command in commands]
    assert [code for *_, code in ended] == [0, 0, 0], ended
    assert sum("waiting for it" in err for _, err, _ in ended) >= 1
    history = (project / "runs/basenet_mt/small/0/history.csv").read_bytes()
    shutil.rmtree("scratch")
    train.run(parse_params(raw_params()))
    assert (project / "runs/basenet_mt/small/0/history.csv").read_bytes() == history


@pytest.mark.slow
@pytest.mark.parametrize("way", ["parallel_runs", "processes"])
def test_a_path_of_temporary_files_too_long_for_a_socket_is_refused_before_training_or_works(project, way):
    long = project / ("x" * 110)
    long.mkdir()
    Path("params.yaml").write_text(yaml.safe_dump(raw_params(**{way: 2}, epochs=1) | {"seeds": [0, 1]}))
    command = [BIN / "fundusbench", "train"]
    done = subprocess.run(command, env=os.environ | {"TMPDIR": str(long)}, capture_output=True, text=True, check=False)
    if done.returncode:
        assert done.returncode == 2
        assert f"TMPDIR={long}" in done.stderr
        assert done.stderr.strip().endswith("set another, e.g. TMPDIR=/tmp")
        assert not list(Path("scratch").rglob("*.safetensors"))
        # The advised setting.
        subprocess.run(command, env=os.environ | {"TMPDIR": "/tmp"}, capture_output=True, check=True)
    assert len(list(Path("runs").rglob("run.json"))) == 2


def handles_interrupts(pid: int) -> bool:
    """Return whether a process has its own answer to SIGINT: before Python has started, the kernel ends it."""
    caught = re.search(r"^SigCgt:\s*([0-9a-f]+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert caught
    return bool(int(caught[1], 16) >> (signal.SIGINT - 1) & 1)


@pytest.mark.slow
@pytest.mark.parametrize("wait_s", [0.3, 3.0])
def test_an_interrupt_during_the_start_ends_with_one_sentence(project, wait_s):
    raw = raw_params(parallel_runs=2)
    Path("params.yaml").write_text(yaml.safe_dump(raw | {"seeds": [0, 1]}))
    command = subprocess.Popen(
        [sys.executable, "-m", "benchmark.cli", "train"], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not handles_interrupts(command.pid):
        time.sleep(0.01)
    time.sleep(wait_s)
    os.killpg(command.pid, signal.SIGINT)
    _, err = command.communicate(timeout=120)
    assert command.returncode == 130
    assert re.fullmatch(r"fundusbench: interrupted.*\n", err)
