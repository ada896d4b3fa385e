"""Jobs side by side: in an order that ends early, each in a process of its own, and no failure takes others along."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmark.common.errors import InputError
from benchmark.jobs.local_engine import LocalEngine
from benchmark.jobs.queue import Job, in_order, run_jobs
from tests.factories.paths import ROOT

pytestmark = pytest.mark.slow


class Noted:
    """Remembers events."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []
        self.places: dict[str, str] = {}
        self.notes: dict[str, str] = {}

    def __call__(self, job, event):
        kind, content = event
        self.events.append((f"advanced {content[0]}" if kind == "advanced" else kind, job.name))
        if kind == "started":
            self.places[job.name] = content
        if kind == "ended":
            self.notes[job.name] = content


def work(kind: str, folder: str, slot: int, report) -> str:
    report(1, "half")
    Path(folder, f"{kind}-{os.getpid()}").touch()
    if kind == "refused":
        raise InputError("the rule is broken")
    if kind == "fault":
        raise KeyError("x")
    if kind == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "slow":
        time.sleep(0.3)
    return f"{kind} done"


def job(name: str, folder: Path, kind: str = "quick", depends_on: tuple[str, ...] = (), cost: float = 1.0) -> Job:
    return Job(name, work, (kind, str(folder)), depends_on, cost, units=2)


@pytest.mark.parametrize("slots", [1, 2])
def test_a_job_starts_after_the_jobs_it_depends_on(tmp_path, slots):
    seen = Noted()
    jobs = [
        job("c", tmp_path, depends_on=("b",)),
        job("b", tmp_path, depends_on=("a",)),
        job("a", tmp_path),
        job("d", tmp_path),
    ]
    assert run_jobs(jobs, LocalEngine(slots), seen) == {}
    order = seen.events
    assert order.index(("ended", "a")) < order.index(("started", "b"))
    assert order.index(("ended", "b")) < order.index(("started", "c"))
    assert seen.notes == dict.fromkeys("abcd", "quick done")


def imported(module: str, slot: int, report) -> str:
    if module not in sys.modules:
        raise InputError(f"{module} is not there")
    return ""


def test_modules_imported_in_advance_are_loaded_in_every_job():
    """Run in a fresh process, because the job server of this one has already started."""
    code = """
from benchmark.jobs.queue import Job, run_jobs
from benchmark.jobs.local_engine import LocalEngine
from benchmark.jobs.processes import start_server
from tests.jobs.test_queue import imported
start_server(["wave"])
for module in ("wave", "nowhere"):
    print(sorted(run_jobs([Job(name, imported, (module,)) for name in "ab"], LocalEngine(2)).items()))
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    absent = "nowhere is not there"
    assert ran.stdout.splitlines() == ["[]", str([("a", absent), ("b", absent)])]


def test_a_dependency_outside_the_queue_counts_as_finished(tmp_path):
    assert run_jobs([job("b", tmp_path, depends_on=("trained before",))], LocalEngine(1), Noted()) == {}


@pytest.mark.parametrize(("kind", "why"), [("refused", "the rule is broken"), ("fault", "KeyError: 'x'")])
@pytest.mark.parametrize("slots", [1, 2])
def test_a_failure_stops_only_the_jobs_that_depend_on_it(tmp_path, slots, kind, why):
    jobs = [job("bad", tmp_path, kind), job("child", tmp_path, depends_on=("bad",)), job("good", tmp_path)]
    jobs.append(job("grandchild", tmp_path, depends_on=("child",)))
    seen = Noted()
    failures = run_jobs(jobs, LocalEngine(slots), seen)
    assert failures == {
        "bad": why,
        "child": "not started because bad failed",
        "grandchild": "not started because child failed",
    }
    assert ("ended", "good") in seen.events


def test_a_killed_process_is_named_and_the_others_continue(tmp_path):
    seen = Noted()
    failures = run_jobs([job("dead", tmp_path, "killed"), job("good", tmp_path, "slow")], LocalEngine(2), seen)
    assert list(failures) == ["dead"]
    assert "signal SIGKILL" in failures["dead"]
    assert ("ended", "good") in seen.events


def test_each_job_has_its_own_process_and_slot(tmp_path):
    seen = Noted()
    run_jobs([job(str(i), tmp_path, "slow") for i in range(4)], LocalEngine(2), seen)
    pids = {path.name.split("-")[1] for path in tmp_path.iterdir()}
    assert len(pids) == 4
    assert str(os.getpid()) not in pids
    assert set(seen.places.values()) == {"slot 0", "slot 1"}


def busy(seconds: float, slot: int, report) -> str:
    began = time.process_time()
    while time.process_time() - began < seconds:
        report(1)
    return ""


@pytest.mark.parametrize("slots", [1, 2])
def test_the_processor_time_of_jobs_is_summed(slots):
    engine = LocalEngine(slots)
    run_jobs([Job(name, busy, (0.2,)) for name in "ab"], engine)
    assert 0.4 <= engine.processor_seconds < 3


def test_a_single_slot_runs_jobs_in_this_process(tmp_path):
    run_jobs([job("a", tmp_path), job("b", tmp_path)], LocalEngine(1), Noted())
    assert {path.name.split("-")[1] for path in tmp_path.iterdir()} == {str(os.getpid())}


def test_the_longest_chain_starts_first():
    made = [
        Job("short", work, (), cost=5.0),
        Job("root", work, (), cost=1.0),
        Job("leaf", work, (), depends_on=("root",), cost=9.0),
        Job("long", work, (), cost=8.0),
    ]
    assert [one.name for one in in_order(made)] == ["root", "leaf", "long", "short"]
