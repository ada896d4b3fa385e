"""``fundusbench doctor``: check the installation, the parameters and the disk space, and suggest fixes."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal
from urllib.parse import unquote, urlsplit

from benchmark.cli.output import OutputTable, add_json, show, show_json
from benchmark.common.errors import InputError
from benchmark.common.files import PROJECT, write_text
from benchmark.common.progress import progress_bar
from benchmark.common.units import duration, memory, some
from benchmark.settings.params import Params

FindingState = Literal["ok", "note", "error"]
"""``note``: only some uses need it; ``error``: it stops the work, or changes results."""
LOCK = PROJECT / "requirements.lock"
TRIAL = ("fetch", "prepare", "train", "score runs/basenet/mse_small/0/val.csv --labels data/manifest.csv")
"""Sub-commands of the trial, in order."""


@dataclass(frozen=True, slots=True)
class Result:
    """Result of one check."""

    check: str
    state: FindingState
    text: str
    fix: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Run all checks, and print their results; return 1 if there is an error, else 0."""
    results = [_result(check) for check in progress_bar(_checks(), desc="doctor", unit=" checks", leave=False)]
    if args.json:
        show_json(results)
    else:
        table = OutputTable(("", "check", "result"), [(each.state, each.check, each.text) for each in results], texts=3)
        fixes = [f"{each.check}: {each.fix}" for each in results if each.fix]
        show(table, *(["\n".join(["How to fix it:", *fixes])] if fixes else []))
    return int(any(each.state == "error" for each in results))


def _result(check: Callable[[], Result]) -> Result:
    """Run a check; one that cannot run, e.g. on a full disk, is an error like any other."""
    from benchmark.cli.main import describe

    try:
        return check()
    except (InputError, OSError) as error:
        text, _, fix = (describe(error) if isinstance(error, OSError) else str(error)).rpartition(": ")
        return Result(getattr(check, "func", check).__name__, "error", text, fix)


def _checks() -> list[Callable[[], Result]]:
    from benchmark.settings.loading import load_params

    of_params: list[Callable[[], Result]]
    try:
        params = load_params()
        found = Result("params.yaml", "ok", f"{len(params.arms)} methods on {params.data.name}")
        of_params = [partial(check, params) for check in (device, disk, data, mlflow)]
    except InputError as error:
        found = Result("params.yaml", "error", str(error), "correct it, then run the other checks of this folder")
        of_params = []
    return [code, packages, programs, lambda: found, *of_params, trial]


def code() -> Result:
    """Report whose code runs, and whether the environment was installed for it."""
    about = json.loads(distribution("fundusbench").read_text("direct_url.json") or "{}")
    installed = Path(unquote(urlsplit(about.get("url", "")).path))
    text = f"the code of {PROJECT} runs"
    if not about.get("url") or installed == PROJECT:
        return Result("code", "ok", text)
    text += f" in the environment of {installed}, {sys.prefix}"
    return Result("code", "note", text, f"run `make` in {PROJECT}, then `source .venv/bin/activate`")


def packages() -> Result:
    """Compare the installed packages with the lock for this machine."""
    if not LOCK.exists():
        return Result("packages", "note", f"{LOCK.name} is missing", "install the project from a clone: make")
    locked = list(_locked(LOCK.read_text("utf-8")))
    other = [f"{name} {here or 'missing'}, not {pin}" for name, pin in locked if (here := _installed(name)) != pin]
    if not other:
        text = f"Python {sys.version.split()[0]} at {sys.prefix}; all {len(locked)} have the versions of {LOCK.name}"
        return Result("packages", "ok", text)
    text = f"{len(other)} of {len(locked)} have other versions than {LOCK.name}: {some(other)}"
    return Result("packages", "error", text, "other versions may give other numbers: install these by `make`")


def _locked(text: str) -> Iterator[tuple[str, str]]:
    """Yield name and version of each package that a lock requires on this machine."""
    from packaging.requirements import Requirement

    for line in text.splitlines():
        if line[:1].isalnum():
            required = Requirement(line.removesuffix("\\").strip())
            if required.marker is None or required.marker.evaluate():
                yield required.name, next(iter(required.specifier)).version


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def programs() -> Result:
    """Look for the programs that the pipeline calls."""
    absent = [name for name in ("git", "dvc", "make") if not shutil.which(name)]
    if absent:
        text = f"{', '.join(absent)} not on the path"
        return Result("programs", "error", text, "install it, or `source .venv/bin/activate`")
    return Result("programs", "ok", "git, dvc and make are on the path")


def device(params: Params) -> Result:
    """Report the device and the number of parallel runs."""
    import torch

    from benchmark.common.resources import core_count, free_memory
    from benchmark.dispatch.train import WORKER_BYTES, count_workers
    from benchmark.settings.devices import check_device

    check_device(params.train)
    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    text = (
        f"{', '.join(gpus) or 'no GPU'}, {core_count()} cores, {memory(free_memory())} of free memory; "
        f"{count_workers(params)} run(s) in parallel"
    )
    if not gpus and free_memory() < WORKER_BYTES:
        return Result("device", "error", text, f"a run may need {memory(WORKER_BYTES)}: free some memory")
    if not gpus and free_memory() < WORKER_BYTES * core_count():
        return Result("device", "note", text, "too little memory to use all cores: free some")
    return Result("device", "ok", text)


def disk(params: Params) -> Result:
    """Compare the free disk space with the needs of packs, model files and checkpoints."""
    from benchmark.cli.plan import plan

    planned, free = plan(params, measure=False), shutil.disk_usage(Path()).free
    packs = sum((planned.packs or {}).values())
    # Packs are in their folder and in DVC's cache, and there is a third copy while they are written.
    needed = 3 * packs + 2 * planned.models + 2 * planned.checkpoint
    unknown = "" if planned.packs else ", plus packs of unknown size"
    text = f"{memory(free)} free, at most {memory(needed)} needed{unknown}"
    if free < needed:
        return Result("disk", "error", text, "free some, or set `prepare.encoding: jpeg`")
    return Result("disk", "ok", text)


def data(params: Params) -> Result:
    """Check that the data set of the parameters exists and has been fetched."""
    from benchmark.data.manifest import MANIFEST, read_manifest

    root = Path(params.data.root)
    if not params.data.synthetic and not root.exists():
        fix = "run `fundusbench fetch`, which downloads it or says how, or set `data.root`"
        return Result("data", "note", f"{root} does not exist", fix)
    if not MANIFEST.exists():
        return Result("data", "note", f"{params.data.name} is not fetched yet", "run `fundusbench fetch`")
    rows = read_manifest()
    sources = {row.source for row in rows}
    if sources != {params.data.name}:
        text = f"{MANIFEST} lists {', '.join(sorted(sources))}, but `data` is {params.data.name}"
        return Result("data", "error", text, "run `dvc repro`, which fetches it")
    missing = [row.path for row in rows if not Path(row.path).exists()]
    if missing:
        text = f"{len(missing)} of {len(rows)} photographs are missing: {some(missing)}"
        return Result("data", "error", text, "run `dvc repro --force fetch`")
    return Result("data", "ok", f"{params.data.name}: {len(rows):,} photographs")


def mlflow(_: Params) -> Result:
    """Connect to MLflow's store."""
    from benchmark.common.addresses import shown_address
    from benchmark.tracking.connection import STORE, connect, tracking_uri

    if not os.environ.get("MLFLOW_TRACKING_URI") and not STORE.exists():
        return Result("mlflow", "ok", f"{STORE}, which the first run creates")
    names = [each.name for each in connect(tracking_uri()).search_experiments()]
    return Result("mlflow", "ok", f"{shown_address(tracking_uri())}, experiments: {some(names)}")


def trial() -> Result:
    """Train and score one run on a few phantom eyes in a temporary folder."""
    start = time.perf_counter()
    fix = "see the other results; if all are ok, report it with this line"
    with TemporaryDirectory(prefix="fundusbench-doctor-") as folder:
        write_text(Path(folder) / "params.yaml", _tiny())
        for command in TRIAL:
            words = [sys.executable, "-m", "benchmark.cli", *command.split()]
            done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                last = (done.stderr.strip().splitlines() or ["no message"])[-1]
                return Result("trial", "error", f"`fundusbench {command}` exited with {done.returncode}: {last}", fix)
    names = ", ".join(command.partition(" ")[0] for command in TRIAL)
    return Result("trial", "ok", f"{names} of one run on phantom eyes: {duration(time.perf_counter() - start)}")


def _tiny() -> str:
    """Return the parameters of the drawn photographs at scale=tiny, reduced to one run of a few seconds."""
    import yaml

    from benchmark.settings.composition import compose

    raw = compose(PROJECT, ["data=phantom", "scale=tiny"])
    raw["data"] |= {
        "root": str(PROJECT / raw["data"]["root"]),
        "patients": {"train": 20, "val": 10, "test": 10},
        "pixels": 160,
    }
    raw |= {"arms": {"basenet": {"mse_small": {"loss": "mse", "size": "small"}}}, "systems": {}, "seeds": [0]}
    raw["train"] |= {"epochs": 1, "parallel_runs": 1}
    return yaml.safe_dump(raw)
