"""``fundusbench validate``: the first stage, which checks all parameters before another one removes its outputs.

DVC removes a stage's outputs before its command can refuse a parameter. Every stage therefore depends on a file of this
one: on :data:`VALID`, whose content never changes, or on :data:`DECLARED_PACKS`, which changes with the packs that the
arms read.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmark.common.errors import InputError
from benchmark.common.files import write_json, write_text
from benchmark.dispatch.train import check_optimizers
from benchmark.jobs.engines import default_engine
from benchmark.runs.declared import resolve_runs
from benchmark.runs.spec import ArmRun, NetworkRun
from benchmark.settings.devices import check_device
from benchmark.settings.loading import load_params
from benchmark.settings.params import Params

_NOTHING_TRAINS = (
    "its data are labels alone, so nothing is trained; go on with `dvc repro`, because a "
    "`dvc exp run` without these -S flags composes params.yaml anew, with the default data"
)
VALID, DECLARED_PACKS = Path("data/declared/valid.txt"), Path("data/declared/packs.json")


def add_arguments(_: argparse.ArgumentParser) -> None:
    """Declare no arguments."""


def run(_: argparse.Namespace) -> None:
    """Check params.yaml, and write the files that the other stages depend on."""
    params = load_params()
    checked = f"{check_declared(params)} arms and networks can be trained" if params.trains else _NOTHING_TRAINS
    write_text(VALID, "The parameters are valid.\n")
    write_json(DECLARED_PACKS, params.packed_sizes())
    print(f"params.yaml is valid: {checked}")


def check_declared(params: Params) -> int:
    """Check that every declared arm and network can be built and trained; return their number."""
    from benchmark.sweep.space import check_space
    from benchmark.training.networks import run_cost

    if default_engine() == "local":
        check_device(params.train)
    check_optimizers(params)
    # The data set matters to no check, so it need not exist yet.
    built = {spec.group: spec for spec in resolve_runs(params, []) if isinstance(spec, ArmRun | NetworkRun)}
    for name, spec in built.items():
        try:
            run_cost(spec)
        except InputError as error:
            msg = f"{name} cannot be built: {error}"
            raise InputError(msg) from error
    if params.sweep.pipeline:
        check_space(params)
    return len(built)
