"""Every module that a training imports is hashed into the run key, or excluded with a reason."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from benchmark.common.code import closure
from benchmark.data.manifest import read_manifest
from benchmark.runs.code import OUTSIDE, roots_of
from benchmark.runs.declared import resolve_runs
from benchmark.runs.results import write_spec
from benchmark.runs.spec import RunSpec
from tests.factories.paths import ROOT
from tests.factories.systems import make_eyes, system_params

pytestmark = pytest.mark.slow

RUN = """
import json, os, sys
from pathlib import Path
import lightning_fabric, pandas, sklearn.ensemble, timm, torch

for paths in json.loads(sys.argv[1]):
    if os.fork() == 0:
        break
    if os.waitstatus_to_exitcode(os.wait()[1]):
        sys.exit(1)
else:
    sys.exit()
from benchmark.data.manifest import read_manifest
from benchmark.runs.run_store import run_dir
from benchmark.runs.spec import parse_spec
from benchmark.training.device import open_fabric

specs = [parse_spec(json.loads(Path(path).read_text())) for path in paths]
fabric, manifest = open_fabric(specs[0].train), read_manifest()
if specs[0].kind == "blend":
    from benchmark.training.blend import complete_blends
    complete_blends(specs, manifest, fabric, lambda *_: None)
else:
    from benchmark.training.loop import train
    from benchmark.training.system_view import load_splits
    for spec in specs:
        train(spec, load_splits(spec, manifest), fabric, run_dir(spec))
print(json.dumps([m.__file__ for n, m in sys.modules.items() if n.split(".")[0] in ("benchmark", "models")]))
"""
"""Train each group of runs in a process without the dispatching code, and print the project's files that it imported.

Libraries are loaded once, before the processes of the groups fork.
"""


def imported(groups: list[list[RunSpec]]) -> Iterator[set[str]]:
    """Return the files of the project that each group's training imports."""
    for spec in chain.from_iterable(groups):
        write_spec(spec, Path(spec.name))
    paths = [[f"{spec.name}/run.json" for spec in specs] for specs in groups]
    done = subprocess.run([sys.executable, "-c", RUN, json.dumps(paths)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        yield {str(Path(file).relative_to(ROOT)) for file in json.loads(line) if file}


def test_every_module_that_a_training_imports_is_hashed_or_has_a_reason(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_eyes(tmp_path)
    declared = {spec.name: spec for spec in resolve_runs(system_params("min_pooling"), read_manifest())}
    arms = [spec for spec in declared.values() if spec.seed == 0 and spec.kind == "arm"][:1]
    nets = [spec for spec in declared.values() if spec.kind == "network"]
    blends = [spec for spec in declared.values() if spec.kind == "blend"]
    groups = [arms, nets, blends]
    for specs, files in zip(groups, imported(groups), strict=True):
        # A blend's key holds those of its networks, and so what these hash.
        read = [*specs, *(declared[name] for spec in specs for name in spec.needs)]
        hashed = {str(path) for spec in read for path in closure(*roots_of(spec), without=OUTSIDE)}
        assert files - hashed - set(OUTSIDE) == set(), specs[0].name
