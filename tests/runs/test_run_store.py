"""The run store: finished runs are stored by key, published from there, and never trained twice."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmark.common.errors import InputError
from benchmark.runs.results import write_result
from benchmark.runs.run import RECORDS, RUNS
from benchmark.runs.run_store import RECORD, find_needed, is_finished, publish, run_dir
from benchmark.runs.spec import ArmResult
from tests.factories.runs import make_params, make_record, make_result


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(seed: int, key: str, method: str = "basenet", arm: str = "mse_small") -> ArmResult:
    return make_result(make_params(), method, arm, seed).model_copy(update={"key": key})


def finish(result: ArmResult) -> ArmResult:
    folder = run_dir(result)
    folder.mkdir(parents=True)
    for name in result.files:
        (folder / name).write_text(f"{name} of {result.key}")
    (folder / RECORD).write_text(make_record(0, 1.0).model_dump_json())
    write_result(result, folder)
    return result


def published() -> list[str]:
    return sorted(str(path.relative_to(RUNS)) for path in RUNS.glob("*/*/*"))


def test_a_finished_run_and_its_record_are_published_and_stay_in_the_store():
    made = finish(run(0, "a" * 64))
    publish("basenet", [made])
    folder = made.folder()
    assert {path.name for path in folder.iterdir()} == set(made.files)
    assert (folder / "val.csv").read_text() == f"val.csv of {made.key}"
    assert RECORDS.joinpath("basenet/mse_small/0.json").read_text() == (run_dir(made) / RECORD).read_text()
    shutil.rmtree(RUNS)
    publish("basenet", [made])
    assert published() == ["basenet/mse_small/0"]


def test_writing_into_a_published_table_leaves_the_store_unchanged():
    made = finish(run(0, "a" * 64))
    publish("basenet", [made])
    (made.folder() / "val.csv").write_text("changed by hand")
    assert (run_dir(made) / "val.csv").read_text() == f"val.csv of {made.key}"


def test_unfinished_runs_are_skipped_and_undeclared_ones_removed():
    first, second = finish(run(0, "a" * 64)), finish(run(1, "b" * 64))
    publish("basenet", [first, second])
    unfinished = run(2, "c" * 64)
    publish("basenet", [first, unfinished])
    assert published() == ["basenet/mse_small/0"]
    assert not RECORDS.joinpath("basenet/mse_small/1.json").exists()
    publish("basenet", [])
    assert published() == []
    assert RUNS.joinpath("basenet").is_dir()


def test_other_methods_are_left_alone():
    one, other = finish(run(0, "a" * 64)), finish(run(0, "b" * 64, "basenet_mt", "small"))
    publish("basenet", [one])
    publish("basenet_mt", [other])
    publish("basenet", [])
    assert published() == ["basenet_mt/small/0"]


def test_the_previous_version_is_found_again_and_older_ones_are_removed():
    versions = [finish(run(0, letter * 64)) for letter in "abc"]
    publish("basenet", [versions[2]])
    publish("basenet", [versions[1]])
    assert len(list(run_dir(versions[0]).parent.iterdir())) == 2
    assert is_finished(run_dir(versions[1]), versions[1].key)


def test_a_parent_is_found_by_its_key_in_the_store_or_where_it_was_published():
    parent = finish(run(0, "a" * 64, "basenet_mt", "small"))
    child = run(0, "c" * 64, "m2cnn", "mid").model_copy(update={"parent": "basenet_mt/small", "parent_key": parent.key})
    assert find_needed(child) == [run_dir(parent)]
    publish("basenet_mt", [parent])
    shutil.rmtree(Path("scratch"))
    assert find_needed(child) == [parent.folder()]
    retrained = child.model_copy(update={"parent_key": "d" * 64})
    with pytest.raises(InputError, match="m2cnn/mid seed 0 is made from basenet_mt/small/0, which must"):
        find_needed(retrained)
