"""A training is shown while it runs, and a killed one is marked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.common.files import write_text
from benchmark.runs.results import write_spec
from benchmark.runs.spec import RunSpec
from benchmark.settings.params import Params
from benchmark.tracking.replay import follow, sync
from tests.factories.paths import ROOT
from tests.factories.tracking import (
    client_of,
    content,
    free_port,
    history,
    named,
    result_of,
    rows_of,
    runs_of,
    spec_of,
    write_run,
)

pytestmark = pytest.mark.slow


def live(root: Path, spec: RunSpec, epochs: int) -> Path:
    folder = spec.folder(root / "scratch")
    write_spec(spec, folder)
    write_text(folder / "history.csv", history(epochs))
    return folder


def play(monkeypatch: pytest.MonkeyPatch, *scenes: Callable[[], None]) -> None:
    """Replace each pause of a follower by a scene; after the last one, its trainer is gone."""
    left = list(scenes)
    trainer = os.getpid()
    monkeypatch.setattr(os, "getppid", lambda: trainer if left else 1)
    monkeypatch.setattr(time, "sleep", lambda _: left.pop(0)())


def test_a_training_is_shown_while_it_runs_and_completed_at_its_end(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(params, "basenet_mt", "small", 0)
    folder = live(project, spec, 1)
    seen: list[tuple[str, list[int]]] = []

    def look(then: Callable[[], object]) -> Callable[[], None]:
        def scene() -> None:
            run = runs_of(project)[0]
            points = client_of(project).get_metric_history(run.info.run_id, "epoch/train_loss")
            seen.append((run.info.status, [point.step for point in points]))
            then()

        return scene

    def finish() -> None:
        write_spec(result_of(spec, 3), folder)

    play(monkeypatch, look(lambda: live(project, spec, 2)), look(lambda: None), look(finish))
    follow(folder, params, 0.1)
    assert seen == [("RUNNING", [1]), ("RUNNING", [1, 2]), ("RUNNING", [1, 2])]

    write_run(project, spec)
    sync(project, params)
    (run,) = runs_of(project)
    points = client_of(project).get_metric_history(run.info.run_id, "epoch/train_loss")
    assert (run.info.status, sorted(point.step for point in points)) == ("FINISHED", [1, 2, 3])
    assert runs_of(project, "group")[0].info.status == "FINISHED"
    assert content(project)["basenet_mt/small/0"]["models"] == 1


def test_a_killed_training_is_marked_and_shown_as_running_when_resumed(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = live(project, spec_of(params, "basenet_mt", "small", 0), 1)
    for _ in range(2):
        statuses = []
        play(monkeypatch, lambda: statuses.append([run.info.status for run in runs_of(project)]))  # noqa: B023
        follow(folder, params, 0.1)
        assert statuses == [["RUNNING"]]
        assert [run.info.status for run in runs_of(project)] == ["KILLED"]


def test_sync_marks_the_run_of_a_follower_that_died_with_its_trainer(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(project, spec_of(params, "m2cnn", "mid", 0))
    folder = live(project, spec_of(params, "basenet_mt", "small", 0), 1)
    trainer = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    monkeypatch.setattr(os, "getppid", lambda: trainer.pid)
    monkeypatch.setattr(time, "sleep", lambda _: (folder / "run.json").unlink())
    follow(folder, params, 0.1)

    sync(project, params)
    assert named(runs_of(project))["basenet_mt/small/0"].info.status == "RUNNING"
    trainer.communicate(b"\n")
    sync(project, params)
    assert named(runs_of(project))["basenet_mt/small/0"].info.status == "KILLED"
    assert named(runs_of(project, "group"))["basenet_mt/small"].info.status == "KILLED"
    assert named(runs_of(project))["m2cnn/mid/0"].info.status == "FINISHED"


def test_sync_finishes_a_run_that_was_not_followed_to_its_end(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(params, "basenet_mt", "small", 0)
    folder = live(project, spec, 1)
    trainer = subprocess.Popen([sys.executable, "-c", ""])
    trainer.wait()
    monkeypatch.setattr(os, "getppid", lambda: trainer.pid)
    monkeypatch.setattr(time, "sleep", lambda _: (folder / "run.json").unlink())
    follow(folder, params, 0.1)
    write_run(project, spec)
    for _ in range(2):
        sync(project, params)
        assert [run.info.status for run in runs_of(project) + runs_of(project, "group")] == ["FINISHED"] * 2


def test_retraining_a_tracked_run_creates_no_second_run(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(params, "basenet_mt", "small", 0)
    write_run(project, spec)
    sync(project, params)
    held = rows_of(project)
    play(monkeypatch, lambda: None)
    follow(live(project, spec, 1), params, 0.1)
    assert rows_of(project)["runs"] == held["runs"]
    assert runs_of(project)[0].info.status == "FINISHED"


def test_a_follower_warns_once_and_continues(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    play(monkeypatch, lambda: None, lambda: None)
    follow(live(project, spec_of(params, "basenet_mt", "small", 0), 1), params, 0.1)
    assert len(caplog.records) == 1


def test_a_follower_marks_the_run_of_its_killed_trainer_and_ends(project: Path, params: Params) -> None:
    folder = live(project, spec_of(params, "basenet_mt", "small", 0), 1)
    shutil.copy(ROOT / "params.yaml", project)
    follower = [sys.executable, "-m", "benchmark.cli", "track", "--follow", str(folder.relative_to(project))]
    code = f"import subprocess; p = subprocess.Popen({follower}); print(p.pid, flush=True); input()"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    trainer = subprocess.Popen(
        [sys.executable, "-c", code], cwd=project, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert trainer.stdout is not None
    pid = int(trainer.stdout.readline())
    wait_for(lambda: [run.info.status for run in runs_of(project)] == ["RUNNING"])
    trainer.kill()
    trainer.communicate()
    wait_for(lambda: [run.info.status for run in runs_of(project)] == ["KILLED"])
    wait_for(lambda: not Path(f"/proc/{pid}/cmdline").exists())


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)
