"""``fundusbench doctor``: what this machine and folder have, and what to do about what they lack."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from benchmark.cli.output import Table, add_json, show, show_json
from benchmark.common.errors import InputError
from benchmark.common.files import PROJECT, write_text
from benchmark.common.progress import progress_bar
from benchmark.common.units import duration, memory, some
from benchmark.tracking.server import HOST, PORT, check_free

if TYPE_CHECKING:
    from benchmark.settings.params import Params

State = Literal["well", "note", "wrong"]
LOCK = PROJECT / "requirements.lock"
OPTIONAL = {
    "chromium": ("the report's page is tested in it", "make browser"),
    "initdb": ("sweeps are tried on PostgreSQL", "make database"),
}
"""Program -> what it is for, and the target of make that installs it."""
TRIAL = ("fetch", "prepare", "train", "score runs/basenet/mse_small/0/val.csv --labels data/manifest.csv")
"""Sub-commands, one after the other."""
_MEND = "see the other findings; if all are well, report it with this line"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        about: what.
        state: ``well``; ``note`` for what only some uses need; ``wrong`` for what stops work, or changes results.
        told: what was found.
        mend: what to do about it; empty where all is well.
    """

    about: str
    state: State
    told: str
    mend: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_json(parser)


def run(chosen: argparse.Namespace) -> int:
    """Look at everything, and print what was found.

    Returns:
        1 where something is wrong, else 0.
    """
    looks = list(_looks())
    bar = progress_bar(looks, desc="doctor", unit=" looks", leave=False)
    found = [look() for look in bar]
    if chosen.json:
        show_json(found)
    else:
        show(
            Table(("", "about", "found"), [(one.state, one.about, one.told) for one in found], texts=3), *_mends(found)
        )
    return int(any(one.state == "wrong" for one in found))


def _mends(found: list[Finding]) -> Iterator[str]:
    mends = [f"{one.about}: {one.mend}" for one in found if one.mend]
    if mends:
        yield "\n".join(["What to do:", *mends])


def _looks() -> Iterator[Callable[[], Finding]]:
    yield python
    yield packages
    yield programs
    params = _params()
    if isinstance(params, Finding):
        yield lambda: params
    else:
        yield lambda: Finding("params.yaml", "well", f"{len(params.arms)} methods on {params.data.name}")
        for look in (device, room, data, store):
            yield partial(look, params)
    yield port
    yield from (partial(optional, name) for name in OPTIONAL)
    yield trial


def python() -> Finding:
    """The interpreter."""
    return Finding("Python", "well", f"{sys.version.split()[0]} at {sys.prefix}")


def packages() -> Finding:
    """What is installed, against what the lock names for this machine."""
    if not LOCK.exists():
        return Finding("packages", "note", f"no {LOCK.name} beside the code", "install the project from a clone: make")
    locked = list(_locked(LOCK.read_text("utf-8")))
    other = [f"{name} {here or 'absent'}, not {there}" for name, there in locked if (here := _installed(name)) != there]
    if not other:
        return Finding("packages", "well", f"all {len(locked)} are those of {LOCK.name}")
    told = f"{len(other)} of {len(locked)} are not those of {LOCK.name}: {some(other)}"
    return Finding("packages", "wrong", told, "other versions may give other numbers: run `make`, which installs them")


def _locked(text: str) -> Iterator[tuple[str, str]]:
    """Name and version of each package that a lock wants on this machine."""
    from packaging.requirements import Requirement

    for line in text.splitlines():
        if line[:1].isalnum():
            wanted = Requirement(line.removesuffix("\\").strip())
            if wanted.marker is None or wanted.marker.evaluate():
                yield wanted.name, next(iter(wanted.specifier)).version


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def programs() -> Finding:
    """What the pipeline calls."""
    absent = [name for name in ("git", "dvc", "make") if not shutil.which(name)]
    if absent:
        return Finding(
            "programs", "wrong", f"{', '.join(absent)} not on the path", "install it, or `source .venv/bin/activate`"
        )
    return Finding("programs", "well", "git, dvc and make are on the path")


def _params() -> Params | Finding:
    from benchmark.settings.loading import load_params

    try:
        return load_params()
    except InputError as error:
        return Finding("params.yaml", "wrong", str(error), "mend it; the other looks at this folder wait for it")


def device(params: Params) -> Finding:
    """What trains, and how many runs at a time."""
    import torch

    from benchmark.common.resources import core_count, free_memory
    from benchmark.dispatch.train import WORKER_BYTES, count_workers
    from benchmark.settings.devices import check_device

    try:
        check_device(params.train)
    except InputError as error:
        return Finding("device", "wrong", str(error), "set `train.device: auto`")
    cards = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    told = f"{', '.join(cards) or 'no graphics card'}, {core_count()} cores, {memory(free_memory())} of memory free"
    at_once = f"{told}; {count_workers(params)} run(s) at a time"
    if not cards and free_memory() < WORKER_BYTES:
        return Finding("device", "wrong", at_once, f"a run may take {memory(WORKER_BYTES)}: free some memory")
    if not cards and free_memory() < WORKER_BYTES * core_count():
        return Finding("device", "note", at_once, "cores stay idle for want of memory: free some")
    return Finding("device", "well", at_once)


def room(params: Params) -> Finding:
    """Disk for packs, model files and checkpoints."""
    from benchmark.cli.plan import plan

    planned, free = plan(params, measure=False), shutil.disk_usage(Path()).free
    packs = sum((planned.packs or {}).values())
    # Packs lie in their folder and in DVC's cache, and once more while they are made.
    needed = 3 * packs + 2 * planned.models + 2 * planned.checkpoint
    unknown = "" if planned.packs else " without the packs, which are unknown until fetch"
    told = f"{memory(free)} free, at most {memory(needed)} needed{unknown}"
    if free < needed:
        return Finding("disk", "wrong", told, "free some, or set `prepare.encoding: jpeg`")
    return Finding("disk", "well", told)


def data(params: Params) -> Finding:
    """Whether the data set lies where the parameters say, and is the one that was fetched."""
    from benchmark.data.manifest import MANIFEST, read_manifest

    root = Path(params.data.root)
    if not params.data.synthetic and not root.exists():
        return Finding(
            "data", "note", f"{root} does not exist", "`fundusbench fetch` gets it, or says how: set `data.root`"
        )
    if not MANIFEST.exists():
        return Finding("data", "note", f"{params.data.name} is not fetched yet", "`dvc repro` or `fundusbench fetch`")
    try:
        rows = read_manifest()
    except InputError as error:
        return Finding("data", "wrong", str(error), "`dvc repro fetch`")
    sources = {row.source for row in rows}
    if sources != {params.data.name}:
        told = f"{MANIFEST} lists {', '.join(sorted(sources))}, but params.yaml says {params.data.name}"
        return Finding("data", "wrong", told, "`dvc repro` fetches what params.yaml says")
    lost = [row.path for row in rows if not Path(row.path).exists()]
    if lost:
        return Finding(
            "data",
            "wrong",
            f"{len(lost)} of {len(rows)} photographs are gone: {some(lost)}",
            "`dvc repro --force fetch`",
        )
    return Finding("data", "well", f"{params.data.name}: {len(rows):,} photographs")


def store(params: Params) -> Finding:
    """Whether MLflow's store answers."""
    from benchmark.tracking.connection import attempt, masked, tracking_uri

    where = masked(tracking_uri(Path()))
    if where.startswith("sqlite:///") and not Path(where.removeprefix("sqlite:///")).exists():
        return Finding("MLflow", "well", f"{where}, made at the first run")
    names: list[str] = []
    warning = attempt(Path(), lambda client: names.extend(one.name for one in client.search_experiments()))
    if warning:
        return Finding("MLflow", "wrong", warning, "start the server, or correct MLFLOW_TRACKING_URI")
    return Finding("MLflow", "well", f"{where}, experiments: {some(names)}")


def port() -> Finding:
    """Whether the UI's port is free."""
    try:
        check_free(PORT)
    except InputError:
        return Finding("port", "note", f"{HOST}:{PORT} is taken", "`fundusbench ui --port` takes another")
    return Finding("port", "well", f"{HOST}:{PORT} is free for `fundusbench ui`")


def optional(name: str) -> Finding:
    """A program that only some tests need."""
    purpose, target = OPTIONAL[name]
    at = shutil.which(name) or next(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), "")
    if at:
        return Finding(name, "well", at)
    return Finding(name, "note", f"absent; {purpose}", f"`{target}`, where that is wanted")


def trial() -> Finding:
    """A run from end to end on a few drawn eyes, in a folder of its own."""
    began = time.perf_counter()
    with TemporaryDirectory(prefix="fundusbench-doctor-") as folder:
        write_text(Path(folder) / "params.yaml", _tiny())
        for command in TRIAL:
            done = subprocess.run(
                [sys.executable, "-m", "benchmark.cli", *command.split()],
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                last = (done.stderr.strip().splitlines() or ["without a word"])[-1]
                return Finding("trial", "wrong", f"`fundusbench {command}` ended with {done.returncode}: {last}", _MEND)
    words = ", ".join(command.partition(" ")[0] for command in TRIAL)
    return Finding("trial", "well", f"{words} of one run on drawn eyes: {duration(time.perf_counter() - began)}")


def _tiny() -> str:
    """Parameters of a trial: the default ones, cut down to one run of seconds."""
    import yaml

    from benchmark.settings.composition import compose

    raw = compose(PROJECT)
    raw["data"] |= {
        "root": str(PROJECT / raw["data"]["root"]),
        "patients": {"train": 20, "val": 10, "test": 10},
        "pixels": 160,
    }
    raw |= {"arms": {"basenet": {"mse_small": {"loss": "mse", "size": "small"}}}, "systems": {}, "seeds": [0]}
    raw["train"] |= {"epochs": 1, "parallel_runs": 1}
    return yaml.safe_dump(raw)
