"""The fix that a refusal advises works: after it, the refused command succeeds."""

from __future__ import annotations

import re
import shlex
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from benchmark.common.errors import InputError
from benchmark.settings.loading import load_params, parse_params
from tests.bad_inputs import test_check_tables as checked
from tests.bad_inputs import test_parameters as declared
from tests.bad_inputs import test_score_tables as scored
from tests.bad_inputs.running import GRADES, IMAGES, LABELS, PERCENT, TRUTH, csv, outcome, probabilities, put, saved
from tests.conftest import tiny_params


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


Edit = Callable[[re.Match[str], Path], list[str]]
"""Does by hand what a message advises for a file, and returns the arguments that it adds to the command."""
WHOLE = {"predictions": GRADES, "labels": LABELS, "labels.csv": LABELS}


def by_arguments(found: re.Match[str], _: Path) -> list[str]:
    return shlex.split(found[1])


def whole(_: re.Match[str], path: Path) -> list[str]:
    """Replace both files by what they should have been."""
    put(path, WHOLE[path.name])
    if path.name == "predictions":
        put("labels", LABELS)
    return []


def named(found: re.Match[str], path: Path) -> list[str]:
    """Name the columns of the predictions; where there are none to name, add a line of names or a column."""
    header, *rows = path.read_text().splitlines()
    columns = header.split(",")
    if len(columns) == 6:
        return ["--columns", *(f"prob_{grade}={name}" for grade, name in enumerate(columns[1:]))]
    if columns == ["image", "y_true"]:
        return ["--columns", "prediction=y_true"]
    if columns[0] == IMAGES[0]:
        put(path, "\n".join((WHOLE[path.name].splitlines()[0], header, *rows)))
        return []
    return whole(found, path)


def softmax(_: re.Match[str], path: Path) -> list[str]:
    logits = np.exp(PERCENT - 50.0)
    values = logits / logits.sum(1, keepdims=True)
    put(path, saved(values) if path.read_bytes().startswith(b"\x93NUMPY") else probabilities("01234", values))
    return []


def differences(_: re.Match[str], path: Path) -> list[str]:
    rows = np.array([line.split(",")[1:] for line in path.read_text().splitlines()[1:]], float)
    put(path, probabilities("01234", rows - np.column_stack([rows[:, 1:], np.zeros(len(rows))])))
    return []


def without_last(_: re.Match[str], path: Path) -> list[str]:
    put(path, "".join(path.read_text().splitlines(keepends=True)[:-1]))
    return []


def labelled(_: re.Match[str], path: Path) -> list[str]:
    images = [line.split(",")[0] for line in path.read_text().splitlines()[1:]]
    put("labels", csv({"image": images, "level": [*TRUTH, 0][: len(images)]}))
    return []


def same_folders(_: re.Match[str], path: Path) -> list[str]:
    put(path, path.read_text().replace("train/", "test/"))
    return []


def with_folder(_: re.Match[str], path: Path) -> list[str]:
    put(path, csv({"image": ["train/x", "test/x"], "prediction": [0, 2]}))
    return []


def unpacked(_: re.Match[str], path: Path) -> list[str]:
    if zipfile.is_zipfile(path) and path.name == "predictions":
        put(path, zipfile.ZipFile(path).read("a.csv"))
        return []
    return whole(_, path)


def array(_: re.Match[str], path: Path) -> list[str]:
    put(path, saved(PERCENT / 100))
    return []


COMMON: Mapping[str, Edit] = {
    r"unpack (it|the table)$": unpacked,
    r"(save its rows as csv|save it again|get it again|separate values by commas.*|correct the (line|path).*)$": whole,
    r"(save the (table alone|sheet of the table) as csv|save its sheet as csv|add them|name it)$": whole,
    r"show or delete them, or save it as csv$": whole,
    r"(save it again as UTF-8|save one array with numpy.save|get the file by `git lfs pull`)$": whole,
}
OF_SCORE: Mapping[str, Edit] = {
    r"\((--columns [^)]+)\)": by_arguments,
    r"choose with (--columns [^,]+),": by_arguments,
    r"name (it|them) with --columns \w+=NAME, or add (it with a first line of names|them)$": named,
    "which logits become by a softmax": softmax,
    "subtract from each the next": differences,
    r"(drop a row|name or drop them)$": without_last,
    "add their labels or drop them$": labelled,
    "write them alike$": same_folders,
    "write its folder, too$": with_folder,
    r"has shape|save the array (in that shape|again with numpy.save)$|predict that image$": array,
    r"(correct it|predict them|as the network gives them.*|column as text before pasting|write them as csv)$": whole,
    **COMMON,
}
OF_CHECK: Mapping[str, Edit] = {
    r"(data.columns.\w+) must name a column.* choose one of (\w+image),": lambda found, _: [
        f"{found[1][5:]}={found[2]}"
    ],
    r"(data.columns.\w+) must name a column.* choose one of \w+, (dr),": lambda found, _: [
        f"{found[1][5:]}={found[2]}"
    ],
    r"(data.columns.\w+) must name one column of .* may mean (\w+) or": lambda found, _: [f"{found[1][5:]}={found[2]}"],
    r"or set (data.columns.\w+) to another column, or to '' for none$": lambda found, _: [f"{found[1][5:]}="],
    "name the images or remove the rows$": without_last,
    "add it with a first line of names$": named,
    **COMMON,
}


def advised(err: str, path: Path, edits: Mapping[str, Edit]) -> list[str]:
    """Do what a message advises; fail if no edit is known for it."""
    for words, edit in edits.items():
        if found := re.search(words, err.strip()):
            return edit(found, path)
    raise AssertionError(f"no edit is known for: {err}")


# The labels are read by the same code as the predictions.
@pytest.mark.parametrize("case", [case for case in scored.REFUSED if not case.startswith("labels: ")])
def test_a_refused_table_is_scored_after_the_advised_edit(case, capsys):
    contents = dict(zip(WHOLE, scored.REFUSED[case], strict=False))
    for name in ("predictions", "labels"):
        if contents[name] is not None:
            put(name, contents[name])
    command = ("score", "predictions", "--labels", "labels", "--json")
    _, _, err = outcome(capsys, *command)
    fault = re.search(r"\b(predictions|labels)\b (?!must differ|must be readable|need a)", err)
    wrong = fault[1] if fault else "predictions"
    more = advised(err, Path(wrong), OF_SCORE)
    code, _, second = outcome(capsys, *command, *more)
    assert (code, second) == (0, ""), f"after {err}"


@pytest.mark.parametrize("case", checked.REFUSED)
def test_a_refused_table_is_checked_after_the_advised_edit(case, capsys):
    put("own/labels.csv", checked.REFUSED[case][0])
    _, _, err = outcome(capsys, *checked.CHECK)
    more = advised(err, Path("own/labels.csv"), OF_CHECK)
    code, _, second = outcome(capsys, *checked.CHECK, *more)
    assert (code, second) == (0, ""), f"after {err}"


def at(raw: Any, path: list[str]) -> Any:
    """Return the part of some parameters at a path, or None."""
    for part in path:
        raw = raw[part] if isinstance(raw, dict) and part in raw else None
    return raw


def edited(raw: dict[str, Any], err: str) -> dict[str, Any]:
    """Return parameters after every edit that a message advises; values come from the tests' own parameters."""
    for path in re.findall(r"or with -S ([\w.]+)=\.\.\.", err):
        *section, key = path.split(".")
        good = at(declared.RAW, [*section, key])
        if isinstance(at(raw, section), list):
            at(raw, section)[int(key)] = 0
        elif good is None and section[0] in ("arms", "transfer"):
            good = {"size": "small", "n_cells": 1}.get(key, {"source": "csv", "name": "x", "root": "x"})
            at(raw, section)[key] = good
        else:
            at(raw, section)[key] = good
    for path in re.findall(r"`([^`]+)` is not a parameter", err):
        *section, key = path.split(".")
        del at(raw, section)[key]
    for old, new in re.findall(r"`([\w.]+)` is now `([\w.]+)`", err):
        *section, key = old.split(".")
        at(raw, section)[new.rpartition(".")[2]] = at(raw, section).pop(key)
    if "`data.source` must be given" in err or "`data.name` must be given" in err:
        raw["data"] = declared.RAW["data"]
    return raw


UNFINISHED = ("a number as a key", "an arm of a number", "a former key of an arm", "a former key of a system")
"""Parameters with a second fault."""
EDITED = [
    fault for fault, (content, words) in declared.FAULTS.items() if isinstance(content, str) and fault not in UNFINISHED
]


@pytest.mark.parametrize("fault", EDITED)
def test_refused_parameters_are_valid_after_the_advised_edit(fault):
    content = declared.FAULTS[fault][0]
    put("params.yaml", content)
    with pytest.raises(InputError) as refused:
        load_params(Path("params.yaml"))
    err = str(refused.value)
    if line := re.search(r"remove one \(line (\d+)\)$", err):
        lines = content.splitlines(keepends=True)
        del lines[int(line[1]) - 1]
        put("params.yaml", "".join(lines))
    elif re.search(r"-S [\w.]+=|is not a parameter|is now `|`data\.\w+` must be given", err):
        put("params.yaml", yaml.safe_dump(edited(yaml.safe_load(content), err)))
    else:  # The sentence says what is wrong, and that it has to be corrected.
        assert re.search(r"(must be valid YAML: .*|correct it( in params.yaml)?|rename it|add it)$", err, re.DOTALL), (
            err
        )
        return
    load_params(Path("params.yaml"))


ARM = {"loss": "mse", "size": "small"}
Change = dict[str, Any]
SETTINGS: Mapping[str, tuple[Change, str, Change]] = {
    "micro-batches": (
        {"train": {"grad_accum_steps": 5}},
        "lower it, or raise batch_size",
        {"train": {"batch_size": 10}},
    ),
    "micro-batches, too many": (
        {"train": {"grad_accum_steps": 5}},
        "lower it, or raise batch_size",
        {"train": {"grad_accum_steps": 4}},
    ),
    "batch norm over processes": (
        {"train": {"sync_batch_norm": True}},
        "set it to false",
        {"train": {"sync_batch_norm": False}},
    ),
    "class weights": (
        {"train": {"class_weights": 1.0}, "arms": {"basenet": {"a": ARM | {"loss": "soft_kappa"}}}},
        "set it to 0, or use train.resample",
        {"train": {"class_weights": 0.0, "resample": 1.0}},
    ),
    "several processes": (
        {"train": {"processes": 2}, "arms": {"basenet": {"a": ARM | {"loss": "soft_kappa"}}}},
        "set it to 1",
        {"train": {"processes": 1}},
    ),
    "a setting of all arms": (
        {"arms": {"basenet": {"a": ARM | {"train": {"numerics": "native"}}}}},
        "set train.numerics instead",
        {"arms": {"basenet": {"a": ARM}}, "train": {"numerics": "native"}},
    ),
    "epochs and a match": (
        {"arms": {"basenet": {"a": ARM | {"match": "images", "of": "basenet_mt/small", "train": {"epochs": 3}}}}},
        "remove one of them",
        {"arms": {"basenet": {"a": ARM | {"train": {"epochs": 3}}}}},
    ),
    "both weights": (
        {"model": {"pretrained": True, "weights": "x.safetensors"}},
        "has both `pretrained: true` and `weights: x.safetensors`",
        {"model": {"weights": ""}},
    ),
    "a hash without weights": (
        {"model": {"weights_sha256": "0" * 64}},
        "remove the other",
        {"model": {"weights_sha256": ""}},
    ),
}
"""Faulty settings, the advised fix, and the settings after it."""


def with_settings(*changes: Change) -> dict[str, Any]:
    """Return the tests' parameters with changed settings; a method's arms replace the old ones."""
    raw = tiny_params()
    for change in changes:
        for section, values in change.items():
            raw[section] |= values
    return raw


@pytest.mark.parametrize("case", SETTINGS)
def test_refused_settings_are_valid_after_the_advised_change(case):
    fault, advice, fix = SETTINGS[case]
    with pytest.raises(InputError, match=advice):
        parse_params(with_settings(fault))
    parse_params(with_settings(fault, fix))
