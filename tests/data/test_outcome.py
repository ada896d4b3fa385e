"""Stop, warn and drop: effect of issues on the table and on the stage fetch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmark.common.csv_rows import read_rows
from benchmark.common.errors import InputError
from benchmark.data import fetch
from benchmark.data.checks.registry import CHECKS
from benchmark.data.manifest import MANIFEST, read_manifest
from benchmark.data.outcome import CHECKS_CSV, CheckRow, format_checks, raise_if_stopped, run_checks
from benchmark.settings.checks import default_policies
from benchmark.settings.loading import parse_params
from tests.factories.eyes import dataset_of, encoded, eye, write_eyes
from tests.factories.photographs import folder_params, write_table

NAMES = [f"{patient}_{side}" for patient in range(6) for side in ("left", "right")]
SPLITS = dict(zip(NAMES, ["train"] * 6 + ["val"] * 2 + ["test"] * 4, strict=True))


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_eyes(Path("photos"), NAMES)


def fetch_with(checks: dict[str, str] | None = None, changes: dict[str, dict[str, Any]] | None = None, **data: Any):
    """Run the stage fetch on the folder's photographs; ``changes`` update the table's rows by image."""
    rows = [{"image": name, "level": int(name[0]) % 5, "split": SPLITS[name]} for name in NAMES]
    extra = [row for name, row in (changes or {}).items() if name not in NAMES]
    write_table(Path("photos"), [row | (changes or {}).get(str(row["image"]), {}) for row in rows] + extra)
    params = folder_params("photos", data)
    fetch.run(params.model_copy(update={"checks": default_policies() | (checks or {})}))
    return {row.image_id: row for row in read_manifest()}


def issues() -> dict[str, list[CheckRow]]:
    rows = read_rows(CHECKS_CSV, CheckRow, "fundusbench fetch")
    return {name: [row for row in rows if row.check == name and row.issue] for name in CHECKS}


def copy(source: str, target: str) -> None:
    Path(f"photos/{target}.jpeg").write_bytes(Path(f"photos/{source}.jpeg").read_bytes())


def test_a_clean_set_passes_and_every_check_has_a_row(capsys):
    assert sorted(fetch_with()) == sorted(NAMES)
    rows = read_rows(CHECKS_CSV, CheckRow, "fundusbench fetch")
    assert [row.check for row in rows] == list(CHECKS)
    assert all(row.issue == 0 for row in rows)
    assert {row.check: row.n_checked for row in rows} == dict.fromkeys(CHECKS, 12) | {
        "counts": 0,
        "patients": 6,
        "eyes": 6,
        "contradictions": 6,
        "shortcut": 0,
    }
    assert f"{'identical':<15}{'12 photographs':>20}{0:>10}  drop" in capsys.readouterr().out


def test_a_leak_is_dropped_from_train_by_default():
    copy("4_left", "0_left")
    kept = fetch_with()
    assert set(NAMES) - set(kept) == {"0_left"}
    (row,) = issues()["identical"]
    assert (row.images, row.splits, row.dropped) == ("0_left | 4_left", "train | test", "0_left")
    assert row.files == "photos/0_left.jpeg | photos/4_left.jpeg"
    assert row.grades == "0 | 4"


@pytest.mark.parametrize("check", ["identical", "near"])
def test_warn_keeps_all_and_stop_keeps_the_issues(check):
    if check == "identical":
        copy("4_left", "0_left")
    else:
        Path("photos/0_left.jpeg").write_bytes(encoded(eye(NAMES.index("4_left")), quality=40))
    assert set(fetch_with({check: "warn"})) == set(NAMES)
    assert issues()[check][0].dropped == ""
    MANIFEST.unlink()
    CHECKS_CSV.unlink()
    with pytest.raises(
        InputError, match=rf"check {check} requires that .* 1 issues .*set checks\.{check} to warn or drop"
    ) as caught:
        fetch_with({check: "stop"})
    assert "\n" not in str(caught.value)
    assert "data/checks.csv lists all" in str(caught.value)
    assert len(issues()[check]) == 1
    assert not MANIFEST.exists()


def test_a_label_outside_the_scale_stops_or_is_dropped_in_every_split():
    changes = {"4_left": {"level": 7}, "0_left": {"level": "faint"}, "0_right": {"level": ""}}
    with pytest.raises(
        InputError, match=r"0_left has the label 'faint'; 0_right has the label 'nothing'; 4_left .* '7'"
    ):
        fetch_with(changes=changes)
    assert set(NAMES) - set(fetch_with({"labels": "drop"}, changes)) == {"4_left", "0_left", "0_right"}


def test_an_id_with_two_rows_stops_or_is_dropped():
    again = {"0_left.jpeg": {"image": "0_left.jpeg", "level": 0, "split": "train"}}
    with pytest.raises(
        InputError, match=r"each id is given once, but finds 1 issues among 13 .*set checks.ids to drop \("
    ):
        fetch_with(changes=again)
    assert set(fetch_with({"ids": "drop"}, again)) == set(NAMES)
    again["0_left.jpeg"]["level"] = 3
    assert set(NAMES) - set(fetch_with({"ids": "drop"}, again)) == {"0_left"}


def test_missing_and_damaged_files_stop_or_are_dropped():
    Path("photos/4_left.jpeg").unlink()
    Path("photos/0_left.jpeg").write_bytes(encoded(eye(0))[:3000])
    with pytest.raises(InputError, match=r"each file can be read, but finds 2 .* 4_left .*No such file"):
        fetch_with()
    assert set(NAMES) - set(fetch_with({"readable": "drop"})) == {"4_left", "0_left"}


def test_counts_that_differ_stop_and_cannot_be_dropped():
    expected = {"val": [0, 0, 0, 2, 0], "test": [2, 0, 0, 0, 3]}
    with pytest.raises(
        InputError, match=r"among 10 counts \(test has 2 photographs of grade 4, but 3 are exp.*counts to warn"
    ):
        fetch_with(expected=expected)
    assert set(fetch_with({"counts": "warn"}, expected=expected)) == set(NAMES)
    raw = folder_params("photos").model_dump(by_alias=True) | {"checks": {"counts": "drop"}}
    with pytest.raises(InputError, match=r"`checks` must set counts to stop or warn, but got 'drop'"):
        parse_params(raw)


def test_a_split_left_empty_stops():
    for name in NAMES[:6]:
        copy("4_left", name)
    with pytest.raises(InputError, match=r"must leave photographs in each split, but drop all 6 of train"):
        fetch_with()
    assert len(issues()["identical"]) == 1
    assert not MANIFEST.exists()


def test_all_checks_that_stop_are_reported_together():
    changes = {"4_left": {"level": 7}}
    Path("photos/0_left.jpeg").unlink()
    with pytest.raises(InputError, match=r"the check labels .*; and the check readable"):
        fetch_with(changes=changes)


def test_the_same_data_give_the_same_bytes():
    copy("4_left", "0_left")
    fetch_with()
    first = CHECKS_CSV.read_bytes(), MANIFEST.read_bytes()
    Path("scratch/checks.sqlite").unlink()
    fetch_with()
    assert (CHECKS_CSV.read_bytes(), MANIFEST.read_bytes()) == first


def test_long_lists_are_shortened_in_messages_and_complete_in_the_table():
    data = dataset_of([(f"{place}_left", 9, "train") for place in range(30)])
    judged = run_checks(data, default_policies())
    assert len([row for row in judged.rows if row.check == "labels"]) == 30
    assert "and 27 more" in format_checks(judged.rows)
    with pytest.raises(InputError, match=r"finds 30 issues among 30 photographs .*; and 27 more"):
        raise_if_stopped(judged)


def test_checks_that_need_files_report_that_none_was_opened():
    data = replace(dataset_of([("1_left", 0, "train"), ("1_right", 0, "train")]), infos=())
    rows = {row.check: row for row in run_checks(data, default_policies()).rows}
    for name, info in CHECKS.items():
        assert (rows[name].message == "no file was opened") == info.reads_files
    assert rows["identical"].n_checked == 0
