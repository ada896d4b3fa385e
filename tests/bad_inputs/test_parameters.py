"""Invalid or damaged params.yaml and manifests are refused in one sentence with exit code 2."""

from __future__ import annotations

import random
import re
import warnings
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmark.common.errors import InputError
from benchmark.common.files import read_yaml
from benchmark.settings.loading import load_params
from tests.bad_inputs.running import is_one_sentence, outcome, put
from tests.conftest import tiny_params


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


RAW = tiny_params()


def changed(**values: Any) -> str:
    """Return the parameters as YAML with some values replaced, by keys like ``train__epochs``."""
    raw = deepcopy(RAW)
    for key, value in values.items():
        section: Any = raw
        *path, last = key.split("__")
        for part in path:
            section = section[part]
        section[last] = value
    return yaml.safe_dump(raw)


ARM = {"loss": "mse", "size": "small"}
M2CNN = {"loss": "ce_mse", "size": "mid", "n_cells": 1, "from": "basenet_mt/small"}
GOOD = changed()
FAULTS: Mapping[str, tuple[str | bytes | None, str]] = {
    "no file": (None, "params.yaml, which does not exist here: run from the project's root"),
    "empty": ("", "must hold a mapping of parameters, but holds NoneType"),
    "a list": ("[1, 2]", "must hold a mapping of parameters, but holds list"),
    "text": ("hello", "must hold a mapping of parameters, but holds str"),
    "a tab": ("data:\n\tsource: csv\n", "must be valid YAML: .*cannot start any token"),
    "an open bracket": ("seeds: [1, 2\n", "must be valid YAML"),
    "Latin-1": ("data: œ".encode("cp1252"), "must be valid YAML: 'utf-8' codec can't decode"),
    "UTF-16": ("data: 1".encode("utf-16"), "must be valid YAML: 'utf-8' codec can't decode"),
    "NUL": (b"data: \0", "must be valid YAML: unacceptable character"),
    "an object of Python": (
        "data: !!python/object:os.system x",
        "could not determine a constructor",
    ),
    "a scalar tagged as mapping": ("data: !!map x", "must be valid YAML: expected a mapping node"),
    "an invalid date": ("data: 2020-99-99", "must be valid YAML: month must be in 1..12"),
    "a key twice": (f"{GOOD}seeds: [7]\n", "must be valid YAML: the key 'seeds' occurs twice: remove one"),
    "a key twice below": (
        GOOD.replace("  batch_size: 8\n", "  batch_size: 8\n  batch_size: 16\n"),
        "the key 'batch_size' occurs twice",
    ),
    "a mistyped section": (
        changed(trane={}),
        "`trane` is not a parameter .did you mean `train`.*remove or",
    ),
    "a mistyped key": (changed(train__epoch=3), "`train.epoch` is not a parameter"),
    "a number as a key": (f"{GOOD}3: 4\n", "`3` Keys should be strings"),
    "no data": (changed(data=None), "`data` should be a valid dictionary"),
    "data of no source": (changed(data={}), "`data.source` must be given"),
    "an unknown source": (changed(data__source="eyepac"), "data.source must be one of .*'eyepac'"),
    "a number as a source": (changed(data={"source": 3}), "`data.source` should be a valid string"),
    "no patients": (
        changed(data__patients={"train": 0, "val": 1, "test": 1}),
        "`data.patients.train` should be",
    ),
    "one pixel": (changed(data__pixels=1), "`data.pixels` should be greater than or equal to 160"),
    "no epochs": (changed(train__epochs=0), "`train.epochs` should be greater than or equal to 1"),
    "half an epoch": (changed(train__epochs=1.5), "`train.epochs` should be a valid integer"),
    "epochs in words": (changed(train__epochs="two"), "`train.epochs` should be a valid integer"),
    "epochs of NaN": (changed(train__epochs=float("nan")), "`train.epochs` should be a finite number"),
    "an infinite rate": (changed(train__lr=float("inf")), "`train.lr` should be less than or equal to"),
    "a rate in words": (changed(train__lr="small"), "`train.lr` should be a valid number"),
    "a batch of 0": (changed(train__batch_size=0), "`train.batch_size` should be greater"),
    "a huge batch": (changed(train__batch_size=10**9), "`train.batch_size` should be less than or equal to"),
    "no seeds": (changed(seeds=[]), "`seeds` List should have at least 1 item"),
    "a seed twice": (changed(seeds=[1, 1]), "seeds must differ from one another"),
    "a seed below 0": (changed(seeds=[-1]), "`seeds.0` should be greater than or equal to 0"),
    "a seed beyond 32 bits": (changed(seeds=[10**30]), "`seeds.0` should be less than 4294967296"),
    "one seed without brackets": (changed(seeds=3), "`seeds` should be a valid list"),
    "sizes that shrink": (changed(sizes={"small": 64, "mid": 48, "large": 32}), "sizes must grow from small to mid"),
    "a size of text": (changed(sizes__small="big"), "`sizes.small` should be a valid integer"),
    "a size too large": (changed(sizes__large=10**6), "`sizes.large` should be less than or equal to 2048"),
    "no arms": (changed(arms=None), "`arms` should be a valid dictionary"),
    "an arm of a number": (changed(arms__basenet={3: ARM}), "should be a valid string"),
    "an arm above its folder": (changed(arms__basenet={"..": ARM}), "String should match pattern"),
    "a method above its folder": (changed(arms={"../x": {"a": ARM}}), "arms.*x.* String should match pattern"),
    "a system above its folder": (changed(systems={"../x": {}}), "systems.*x"),
    "an arm of two folders": (changed(arms__basenet={"a/b": ARM}), "String should match pattern"),
    "an arm of an unknown loss": (changed(arms__basenet={"a": ARM | {"loss": "mae"}}), "must be one of .*'mae'"),
    "an arm of an unknown size": (
        changed(arms__basenet={"a": ARM | {"size": "tiny"}}),
        "should be 'small', 'mid'",
    ),
    "an arm with three cells": (
        changed(arms__m2cnn={"a": M2CNN | {"n_cells": 3}}),
        "should be less than or equal to 2",
    ),
    "an arm from nowhere": (changed(arms__m2cnn={"a": M2CNN | {"from": "nowhere"}}), "`from` must name another arm"),
    "an arm from itself": (changed(arms__m2cnn={"a": M2CNN | {"from": "m2cnn/a"}}), "arm"),
    "former keys": (
        changed(gates={}, prepare={"variant": "plain"}),
        "`gates` is now `checks`; `prepare.variant` is now `prepare.colour_normalisation`: rename",
    ),
    "a former key of an arm": (
        changed(arms__m2cnn={"a": {"objective": "mse"}, "b": {"objective": "mse"}}),
        "`arms.m2cnn.a.objective` is now `arms.m2cnn.a.loss`; `arms.m2cnn.b.objective` is now `arms.m2cnn.b.loss`",
    ),
    "a former key of a system": (
        changed(systems={"huang": {"share": 0.1}}),
        r"`systems.huang.share` is now `systems.huang.holdout_fraction`",
    ),
    "a check that cannot warn": (changed(checks__ids="warn"), "`checks` must set ids to stop or drop, but got 'warn'"),
    "an unknown check": (changed(checks__colour="stop"), "`checks` must name checks among .*'colour'"),
    "no checks": (changed(checks=None), "`checks` should be a valid dictionary"),
    "an unknown colour normalisation": (changed(prepare__colour_normalisation="sepia"), "must be one of .*'sepia'"),
    "workers below 0": (changed(prepare__workers=-1), "`prepare.workers` should be greater than or equal to 0"),
    "transfer as a list": (changed(transfer=[1]), "`transfer` should be a valid dictionary"),
    "transfer of a number": (changed(transfer={"x": 3}), "`transfer.x` should be a valid dictionary"),
    "transfer above its folder": (
        changed(transfer={"../x": {"source": "csv", "name": "x", "root": "x"}}),
        "String should match pattern",
    ),
    "transfer of an unknown key": (
        changed(transfer={"x": {"source": "csv", "name": "x", "root": "x", "tabel": "y"}}),
        "`transfer.x.tabel` is not a parameter",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_invalid_parameters_are_refused_in_one_sentence(fault, capsys):
    content, words = FAULTS[fault]
    if content is not None:
        put("params.yaml", content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        code, out, err = outcome(capsys, "plan")
    assert (code, out) == (2, "")
    assert is_one_sentence(err)
    assert re.search(words, err), err


@pytest.mark.parametrize("command", ["fetch", "check", "prepare", "evaluate", "statistics", "report", "verify", "plan"])
@pytest.mark.parametrize("fault", ["no file", "Latin-1", "a key twice", "a size of text"])
def test_every_command_refuses_invalid_parameters(command, fault, capsys):
    content, words = FAULTS[fault]
    if content is not None:
        put("params.yaml", content)
    code, _, err = outcome(capsys, command)
    assert (code, is_one_sentence(err)) == (2, True), err
    assert re.search(words, err), err


def test_a_folder_in_place_of_the_parameters_is_refused_in_one_sentence(capsys):
    put("params.yaml/x", "")
    code, _, err = outcome(capsys, "plan")
    assert (code, is_one_sentence(err)) == (2, True)
    assert "Is a directory" in err


HEAD = "image_id,path,patient,eye,grade,split,sha256,width,height,source\n"
LINE = "a,a.png,,unknown,0,train,ff,3,3,own\n"
MANIFESTS: Mapping[str, tuple[str | bytes, str]] = {
    "empty": ("", "is damaged .No columns"),
    "another table": ("image,level\na,0\n", "must have the columns image_id, path"),
    "cut off in a line": (f"{HEAD}{LINE}"[:-12], "is damaged"),
    "cut off in a number": (f"{HEAD}{LINE}".replace(",0,", ",,"), "is damaged"),
    "a fifth grade": (f"{HEAD}{LINE}".replace(",0,", ",5,"), "'a' has the grade 5 and the split 'train'"),
    "an unknown split": (f"{HEAD}{LINE}".replace("train", "dev"), "'a' has the grade 0 and the split 'dev'"),
    "a field too many": (f"{HEAD}{LINE[:-1]},x\n", "is damaged"),
    "an open quote": (f'{HEAD}{LINE}"a', "is damaged"),
    "a number with many digits": (f"{HEAD}{LINE}".replace(",0,", f",{'9' * 30},"), "is damaged"),
    "noise": (b"\xff\xfe\0\1", "is damaged"),
}


@pytest.mark.parametrize("fault", MANIFESTS)
def test_a_damaged_manifest_is_refused_in_one_sentence(fault, capsys):
    content, words = MANIFESTS[fault]
    put("params.yaml", GOOD)
    put("data/manifest.csv", content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        code, _, err = outcome(capsys, "prepare")
    assert (code, is_one_sentence(err)) == (2, True), err
    assert re.search(words, err), err
    assert "fundusbench fetch" in err


def placed(name: str, content: str) -> Path:
    """Write a file and return its path."""
    put(name, content)
    return Path(name)


SCALARS = (
    *("010", "-010", "08", "0o10", "0x1f", "0b11", "1_000", "+3", "1:30", "1e-1", "5e-3", "1e3", "1.", ".5", "0.1e2"),
    *("yes", "no", "on", "Off", "y", "true", "TRUE", "~", "null", "", "2020-01-01", ".inf", "-.INF", "'010'", "1,5"),
    *("!!int '3'", "!!str 3", "!!float 3", "!!bool true", "&a 3", "[3]", "{a: 3}", "3#x", "3.0"),
    *("1e400", "-0", "0.1_0", "１", "3 0", "0b1_0", "190:20:30", "12e03", "00", "0o0", "0O7", "1_", ".NaN"),
)
"""Scalars that versions of YAML read differently, and their neighbours."""


@pytest.mark.parametrize("scalar", SCALARS)
def test_a_scalar_is_read_as_dvc_records_it(scalar):
    from dvc.utils.serialize import parse_yaml

    text = f"a: {scalar}\nb: [{scalar}]\n"
    path = placed("scalar.yaml", text)
    assert repr(read_yaml(path, "scalars are")) == repr(parse_yaml(text, str(path)))


@pytest.mark.parametrize(
    ("key", "written", "read"),
    [
        ("epochs: 2", "epochs: 010", 10),
        ("epochs: 2", "epochs: 0b11", 3),
        ("lr: 0.003", "lr: 5e-3", 0.005),
        ("lr: 0.003", "lr: 1E-1", 0.1),
        ("epochs: 2", "epochs: '010'", 10),
        ("epochs: 2", "epochs: 3.0", 3),
        ("epochs: 2", "epochs: true", "`train.epochs` must be a number, but got True"),
        ("lr: 0.003", "lr: TRUE", "`train.lr` must be a number, but got True"),
        ("epochs: 2", "epochs: yes", "valid integer"),
        ("epochs: 2", "epochs: 1_0", 10),
        ("epochs: 2", "epochs: 1:30", "valid integer"),
        ("epochs: 2", "epochs: 2020-01-01", "valid integer"),
    ],
)
def test_a_training_runs_with_the_number_that_dvc_records_or_is_refused(key, written, read):
    assert key in GOOD
    path = placed("params.yaml", GOOD.replace(key, written, 1))
    if isinstance(read, str):
        with pytest.raises(InputError, match=read):
            load_params(path)
    else:
        assert getattr(load_params(path).train, key.partition(":")[0]) == read


DOCUMENTS = (
    "{}",
    "%YAML 1.1\n---\n{}",
    "---\n{}...\n",
    "{}---\na: 1\n",
    "\ufeff{}",
    "# a\n{}",
    "x: &a {{lr: 010}}\n{}y: *a\n",
)


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("number", range(8))
def test_a_file_is_read_as_dvc_records_it_or_refused(document, number):
    """Some values of a whole file are replaced by scalars that versions of YAML read differently."""
    from dvc.utils.serialize import parse_yaml

    rng = random.Random(number)
    lines = GOOD.splitlines(keepends=True)
    for place in rng.sample([i for i, line in enumerate(lines) if re.search(r": \S", line)], 3):
        lines[place] = f"{lines[place].partition(': ')[0]}: {rng.choice(SCALARS)}\n"
    path = placed("params.yaml", document.format("".join(lines)))
    try:
        found = read_yaml(path, "the parameters are")
    except InputError:
        return
    assert repr(found) == repr(parse_yaml(path.read_text(), str(path)))


def test_seeds_and_weights_are_read_as_dvc_records_them():
    weighted = GOOD.replace("weight: 1.0", "weight: 1e-1")
    assert load_params(placed("params.yaml", weighted)).loss_parameters("ce_mse") == {"weight": 0.1}
    seeds = yaml.safe_dump({"seeds": RAW["seeds"]})
    assert seeds in GOOD
    with pytest.raises(InputError, match=r"`seeds.0` should be a valid integer.*'1:30'"):
        load_params(placed("params.yaml", GOOD.replace(seeds, "seeds: [1:30]\n")))
