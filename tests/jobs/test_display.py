"""The display of running jobs: plain lines in a log, and the remaining time estimated by work."""

from __future__ import annotations

import re

import pytest

from benchmark.jobs import display
from benchmark.jobs.display import ProgressDisplay
from benchmark.jobs.queue import Job

JOBS = [Job("a/x/0", str, (), cost=1.0, units=100), Job("a/y/0", str, (), cost=3.0, units=100)]


def test_a_log_has_one_line_with_the_time_of_day_per_finished_run(capsys):
    with ProgressDisplay(JOBS, "images") as progress:
        for job in JOBS:
            progress(job, ("started", "slot 0"))
            progress(job, ("advanced", (50, "")))
            progress(job, ("ended", "val kappa scores 0.800"))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d a/x/0: val kappa scores 0\.800, [\d.]+ s; "
        r"1 of 2 runs done, [\d,]+ images/s over all, about .+ left",
        lines[0],
    )
    assert lines[1].endswith("images/s over all")
    assert "\r" not in "".join(lines)
    assert "\x1b" not in "".join(lines)


def test_a_log_reports_running_jobs_during_a_long_wait(capsys, monkeypatch):
    monkeypatch.setattr(display, "_EVERY_S", 0.0)
    with ProgressDisplay(JOBS, "images") as progress:
        progress(JOBS[0], ("started", "slot 0"))
        progress(JOBS[0], ("advanced", (25, "")))
    assert "running: a/x/0 25%" in capsys.readouterr().err


def test_a_failure_is_a_line_of_its_own(capsys):
    with ProgressDisplay(JOBS, "images") as progress:
        progress(JOBS[0], ("failed", "the loss must stay finite {braces and all}"))
    assert "a/x/0 FAILED: the loss must stay finite {braces and all}; 1 of 2 runs done" in capsys.readouterr().err


def test_the_time_left_is_estimated_by_work_and_not_by_runs(monkeypatch):
    monkeypatch.setattr(ProgressDisplay, "seconds", 10.0)
    progress = ProgressDisplay(JOBS, "images")
    progress(JOBS[0], ("started", "slot 0"))
    progress(JOBS[0], ("advanced", (0, "")))
    assert progress.left() is None
    progress(JOBS[0], ("advanced", (100, "")))
    progress(JOBS[0], ("ended", ""))
    # One unit of work took 10 s, so the remaining three take 30 s.
    assert progress.left() == pytest.approx(30.0)


def test_work_of_an_earlier_process_counts_as_done_but_not_as_speed(monkeypatch):
    monkeypatch.setattr(ProgressDisplay, "seconds", 10.0)
    progress = ProgressDisplay(JOBS, "images")
    progress(JOBS[1], ("started", "slot 0"))
    progress(JOBS[1], ("advanced", (50, "")))
    progress(JOBS[1], ("advanced", (60, "")))
    assert progress.rate == pytest.approx(1.0)
    # 10 of 100 units of y took 10 s; 40 remain, and x is a third of the work of y.
    assert progress.left() == pytest.approx(10 * (0.4 * 3 + 1) / (0.1 * 3))


def test_slow_jobs_have_a_speed_above_zero(capsys, monkeypatch):
    monkeypatch.setattr(ProgressDisplay, "seconds", 1000.0)
    with ProgressDisplay(JOBS, "images") as progress:
        progress(JOBS[0], ("started", "slot 0"))
        progress(JOBS[0], ("advanced", (0, "")))
        progress(JOBS[0], ("ended", "predicted"))
    assert "0.1 images/s over all" in capsys.readouterr().err


def test_a_restarted_job_has_its_own_line(capsys):
    with ProgressDisplay(JOBS, "images") as progress:
        progress(JOBS[0], ("started", "one (a)"))
        progress(JOBS[0], ("started", "other (b)"))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("a/x/0: started again on other (b)")
