"""Requirements on every source. A new source needs an entry in SMALL with parameters of a small instance."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import yaml

from benchmark.common.errors import InputError
from benchmark.common.terms import SPLITS
from benchmark.images.reading import read_rgb
from benchmark.sources.registry import SOURCES, Photograph, SourceParams, load_source
from tests.conftest import ROOT
from tests.factories.photographs import folder_params, write_folder, write_table
from tests.factories.sets import WRITE, real_params


def small_csv() -> SourceParams:
    write_folder(Path("photos"))
    return folder_params("photos").data


def small_labels() -> SourceParams:
    splits = {"1_left": "train", "1_right": "train", "2_left": "Public", "3_right": "Private"}
    rows = [{"image": image, "level": grade, "Usage": split} for grade, (image, split) in enumerate(splits.items())]
    write_table(Path("copy"), rows)
    return load_source("labels").Params.model_validate({"source": "labels", "name": "made", "root": "copy/labels.csv"})


def small_phantom() -> SourceParams:
    raw = yaml.safe_load((ROOT / "experiments/conf/data/phantom.yaml").read_text())
    raw |= {"patients": {"train": 5, "val": 3, "test": 3}, "pixels": 160}
    return load_source("phantom").Params.model_validate(raw)


def small_copy(source: str) -> SourceParams:
    WRITE[source](Path("copy"))
    return real_params(source, root="copy")


SMALL: dict[str, Callable[[], SourceParams]] = {
    "aptos2019": partial(small_copy, "aptos2019"),
    "csv": small_csv,
    "ddr": partial(small_copy, "ddr"),
    "deepdrid": partial(small_copy, "deepdrid"),
    "eyepacs": partial(small_copy, "eyepacs"),
    "idrid": partial(small_copy, "idrid"),
    "labels": small_labels,
    "messidor2": partial(small_copy, "messidor2"),
    "phantom": small_phantom,
    "retinamnist": partial(small_copy, "retinamnist"),
}


@pytest.fixture(params=SOURCES)
def source(request, tmp_path, monkeypatch):
    """A source's name and small parameters, in a temporary working directory."""
    monkeypatch.chdir(tmp_path)
    return request.param, SMALL[request.param]()


def read(source: tuple[str, SourceParams], folder: str = "generated") -> list[Photograph]:
    name, params = source
    Path(folder).mkdir(exist_ok=True)
    return list(load_source(name).photographs(params, Path(folder), lambda done, total: None))


def test_photographs_have_valid_fields(source):
    found = read(source)
    assert found
    assert len({photograph.image_id for photograph in found}) == len(found)
    for photograph in found:
        assert photograph.grade in range(5)
        assert photograph.split in SPLITS
        assert photograph.eye in ("left", "right", "unknown")
        if SOURCES[source[0]].has_photographs:
            assert read_rgb(photograph.path).ndim == 3
        else:
            assert photograph.path == Path()


def test_every_split_has_photographs_and_no_patient_is_in_two(source):
    splits: dict[str, set[str]] = {}
    for photograph in read(source):
        splits.setdefault(photograph.patient or photograph.image_id, set()).add(photograph.split)
    assert set.union(*splits.values()) == set(SPLITS)
    assert all(len(found) == 1 for found in splits.values())


def test_a_second_call_returns_the_same_photographs(source):
    assert read(source) == read(source)


def test_the_same_parameters_give_the_same_files_elsewhere(source):
    first, second = read(source), read(source, "elsewhere")
    assert [(p.image_id, p.grade, p.split, p.patient, p.eye) for p in first] == [
        (p.image_id, p.grade, p.split, p.patient, p.eye) for p in second
    ]
    if SOURCES[source[0]].has_photographs:
        assert [p.path.read_bytes() for p in first] == [p.path.read_bytes() for p in second]


def test_progress_ends_at_the_total(source):
    name, params = source
    calls: list[tuple[int, int]] = []
    Path("generated").mkdir()
    list(load_source(name).photographs(params, Path("generated"), lambda done, total: calls.append((done, total))))
    assert calls
    assert calls[-1][0] == calls[-1][1]
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def test_its_facts_are_documented(source):
    name, _ = source
    about = load_source(name).ABOUT
    assert about.title
    assert about.terms
    assert about.citation
    assert about.homepage.startswith("https://") == (name not in ("csv", "labels", "phantom"))
    if name not in ("csv", "labels", "phantom"):
        assert f"| `{name}` |" in (ROOT / "docs/how-to/real-data.md").read_text()


def test_expected_counts_have_a_positive_number_per_grade(source):
    name, params = source
    expected = load_source(name).expected(params)
    for split, counts in (expected or {}).items():
        assert split in SPLITS
        assert len(counts) == 5
        assert all(isinstance(count, int) and count > 0 for count in counts)


def test_the_profile_names_the_source_and_is_complete(source):
    name, params = source
    profile = yaml.safe_load((ROOT / f"experiments/conf/data/{name}.yaml").read_text())
    assert profile["source"] == name
    assert profile.keys() == type(params).model_fields.keys()


def test_an_unknown_source_is_refused():
    with pytest.raises(InputError, match=r"data\.source must be one of .*csv.*phantom.*, but got 'imagenet'"):
        load_source("imagenet")
