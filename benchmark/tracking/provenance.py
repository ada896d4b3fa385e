"""What lies behind every number but differs between executions: run ids, commits, hosts and times of the runs.

A line of a table names its arm (``stage``, ``arm``) and hashes of its runs, data and parameters; by these
``reports/provenance.json`` tells the rest. The file is no output of the pipeline, for the outputs stay byte-identical
on every rebuild: ``fundusbench report`` writes it beside them, and ``fundusbench track`` brings it up to date, for
instance where the tables were restored from a cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.common.files import read_json, write_json
from benchmark.runs.declared import read_result, runs_hash
from benchmark.runs.environment import environment, now
from benchmark.runs.spec import RECORDS, RUNS, Record, RunResult
from benchmark.settings.params import Params

if TYPE_CHECKING:
    from benchmark.tracking.replay import SyncReport

PROVENANCE = Path("reports/provenance.json")
ABOUT = (
    "A line of tables/*.csv names its arm by `stage` and `arm`: look up stage/arm under `arms`. There, `runs` equals "
    "the line's own unless the arm was trained anew since; each seed has its MLflow run id, commit, environment and "
    "times, and names its parameters and data by their hashes. `written` is the execution that wrote this file."
)


@dataclass(frozen=True, slots=True)
class Source:
    """A finished run, and what differs between executions.

    Attributes:
        result: the run.
        record: what it took; None where that is not kept.
        mlflow_run_id: empty where MLflow does not hold the run or could not be asked.
    """

    result: RunResult
    record: Record | None
    mlflow_run_id: str


def write(root: Path, params: Params, found: SyncReport) -> None:
    """Write ``reports/provenance.json`` for every finished run of the declared arms; nothing where there is none.

    Args:
        root: the project's folder.
        params: declares arms and seeds.
        found: MLflow's run ids, or why they are not known.

    Raises:
        InputError: a run was written by another version of the code.
    """
    sources = list(read_sources(root, params, found.runs))
    if sources:
        written = {"time": now(), **environment()}
        mlflow = {"store": found.store, "warning": found.warning}
        write_json(root / PROVENANCE, {"about": ABOUT, "written": written, "mlflow": mlflow, **describe(sources)})


def read_sources(root: Path, params: Params, ids: Mapping[tuple[str, str, int], str]) -> Iterable[Source]:
    """Finished runs of the declared arms, in declared order.

    Args:
        root: the project's folder.
        params: declares arms and seeds.
        ids: MLflow's run id by stage, arm and seed.
    """
    for (stage, arm), seeds in params.declared():
        for seed in seeds:
            folder = root / RUNS / stage / arm / str(seed)
            if (folder / "run.json").exists():
                path = root / RECORDS / stage / arm / f"{seed}.json"
                record = Record.model_validate(read_json(path)) if path.exists() else None
                yield Source(read_result(folder), record, ids.get((stage, arm, seed), ""))


def describe(sources: Sequence[Source]) -> dict[str, Any]:
    """Runs by arm and seed, and what they refer to by hash."""
    arms: dict[str, list[Source]] = {}
    for source in sources:
        arms.setdefault(f"{source.result.stage}/{source.result.arm}", []).append(source)
    return {
        "arms": {arm: _arm(members) for arm, members in arms.items()},
        "parameters": {s.result.parameter_hash: s.result.parameters_resolved for s in sources},
        "data": {s.result.data.hash: s.result.data.model_dump(mode="json") for s in sources},
    }


def _arm(members: Sequence[Source]) -> dict[str, Any]:
    runs = runs_hash(source.result.key for source in members)
    return {"runs": runs, "seeds": {str(source.result.seed): _seed(source) for source in members}}


def _seed(source: Source) -> dict[str, Any]:
    result = source.result
    return {
        "folder": result.folder().as_posix(),
        "key": result.key,
        "parent_key": result.parent_key,
        "code_sha256": result.code_sha256,
        "data_hash": result.data.hash,
        "parameter_hash": result.parameter_hash,
        "weights": result.model.start,
        "mlflow_run_id": source.mlflow_run_id,
        "record": source.record.model_dump(mode="json") if source.record else None,
    }


def stale(root: Path, params: Params) -> str:
    """One sentence where ``reports/provenance.json`` is missing or tells of other runs; nothing where it is current."""
    path = root / PROVENANCE
    runs = {arm: facts["runs"] for arm, facts in describe(list(read_sources(root, params, {})))["arms"].items()}
    if not path.exists():
        return f"{PROVENANCE} does not exist: `fundusbench track` writes it"
    if {arm: facts["runs"] for arm, facts in read_json(path)["arms"].items()} != runs:
        return f"{PROVENANCE} tells of other runs than runs/ holds: `fundusbench track` renews it"
    return ""
