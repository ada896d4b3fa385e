"""Plug-ins describe themselves, and are discovered in their folder without being imported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from benchmark.common.errors import InputError
from benchmark.common.plugins import discover


@dataclass(frozen=True, slots=True)
class Step:
    title: str


@dataclass(frozen=True, slots=True)
class Info:
    title: str
    steps: dict[str, Step] = field(default_factory=dict)
    pair: tuple[Step, ...] = ()


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Info]]:
    """Write the modules of a package of plug-ins and discover them."""

    def write(**modules: str) -> dict[str, Info]:
        folder = tmp_path / f"kind_{tmp_path.name}"
        for name, text in {"__init__": "", **modules}.items():
            file = folder / f"{name}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        return discover(folder.name, Info, Step)

    return write


def test_every_module_is_discovered_without_being_imported(write: Callable[..., dict[str, Info]]) -> None:
    found = write(
        b="import absent\nABOUT = Info('B', {'one': Step(title='first')}, pair=(Step('left'), Step('x')))",
        a="ABOUT = Info(title='A' ' and more')",
        registry="raise ValueError",
        _helper="raise ValueError",
    )
    assert found == {
        "a": Info("A and more"),
        "b": Info("B", {"one": Step("first")}, (Step("left"), Step("x"))),
    }
    assert list(found) == ["a", "b"]


def test_a_package_describes_itself_in_its_init(write: Callable[..., dict[str, Info]]) -> None:
    assert write(**{"many/__init__": "ABOUT = Info('many')", "many/part": ""}) == {"many": Info("many")}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def loss(): ...", r"bad\.py must describe itself, but has no `ABOUT = Info\(\.\.\.\)`: add it"),
        ("ABOUT = Step('x')", "has no `ABOUT = Info"),
        ("X = 'x'\nABOUT = Info(X)", "values written out, but line 2 has X"),
        ("ABOUT = Info(colour='red')", "unexpected keyword argument 'colour'"),
        ("ABOUT = Info()", "missing 1 required positional argument: 'title'"),
    ],
)
def test_a_plug_in_without_readable_metadata_is_refused_in_one_sentence(
    write: Callable[..., dict[str, Info]], text: str, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        write(bad=text)
