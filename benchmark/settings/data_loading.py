"""Reading and validation of the data stages' sections of ``params.yaml``."""

from __future__ import annotations

import difflib
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from benchmark.common.errors import InputError
from benchmark.common.files import read_yaml
from benchmark.common.section import flattened, in_words
from benchmark.settings.data import DataParams
from benchmark.settings.renamed import refuse_renamed
from benchmark.sources.registry import load_source

PARAMS = Path("params.yaml")

S = TypeVar("S", bound=BaseModel)


def load_data_params(path: Path = PARAMS) -> DataParams:
    """Read and validate the data stages' sections of a parameter file.

    Raises InputError if the file is missing, is not valid YAML, or breaks a rule; the sentence names every fault.
    """
    raw = mapping(read_yaml(path, "the parameters are"), str(path))
    return validate_sections(
        DataParams, {key: raw[key] for key in raw.keys() & DataParams.model_fields.keys()}, str(path)
    )


def mapping(raw: Any, origin: str) -> dict[str, Any]:
    """Check that parameters are a mapping with present keys.

    Raises:
        InputError: they are not a mapping, or have a key that was renamed.
    """
    if not isinstance(raw, dict):
        msg = f"{origin} must hold a mapping of parameters, but holds {type(raw).__name__}: correct it"
        raise InputError(msg)
    refuse_renamed(raw, origin)
    return raw


def validate_sections(model: type[S], raw: dict[str, Any], origin: str) -> S:
    """Validate the sections of a parameter file, of which ``data`` has the rules of its source.

    Args:
        model: model of the sections.
        raw: keys and values of the sections.
        origin: name of the file in error messages.

    Raises:
        InputError: a rule is broken; the sentence names the key, the rule, the value and the fix.
    """
    if "data" in raw:
        raw = raw | {"data": parse_data(raw["data"], origin)}
        _refuse_enclosing_root(raw["data"], origin)
    return parse_section(model, raw, origin)


def _has_truth(value: Any) -> bool:
    return any(isinstance(each, bool) for each in (value if isinstance(value, list | tuple) else [value]))


def _refuse_enclosing_root(data: Any, origin: str) -> None:
    """Refuse a folder of photographs that contains this project: its own outputs would be among its inputs."""
    root = getattr(data, "root", "")
    if root and Path.cwd().is_relative_to(Path(root).resolve()):
        msg = (
            f"{origin}: `data.root` must not contain the project's folder, but {root} does: move the photographs to a "
            "folder of their own, beside the project or in it"
        )
        raise InputError(msg)


def parse_data(raw: Any, origin: str, path: tuple[str, ...] = ("data",)) -> Any:
    """Validate a data set's section by the rules of its ``source``; return it unchanged if it names none.

    Args:
        raw: keys and values of the section.
        origin: name of the file in error messages.
        path: keys above the section.

    Raises:
        InputError: a rule is broken.
    """
    if not isinstance(raw, dict) or not isinstance(raw.get("source"), str):
        return raw
    return parse_section(load_source(raw["source"]).Params, raw, origin, path)


def parse_section(model: type[S], raw: Any, origin: str, path: tuple[str, ...] = ()) -> S:
    """Validate one section by its own rules.

    Args:
        model: model of the section.
        raw: keys and values of the section.
        origin: name of the file in error messages.
        path: keys of the section.

    Raises:
        InputError: a rule is broken.
    """

    def fix(key: str) -> str:
        if key.endswith("[key]"):
            return "rename it"
        return f"correct it there or with -S {key}=..." if origin.endswith(".yaml") else "correct it"

    try:
        valid = model.model_validate(raw)
    except ValidationError as error:
        raise InputError(in_words(error, origin, path, near=partial(_near, model), fix=fix)) from error
    # DVC records true, and pydantic reads 1.
    read = dict(flattened(valid.model_dump(by_alias=True)))
    for name, value in flattened(raw):
        if _has_truth(value) and not _has_truth(read.get(name, value)):
            key = ".".join([*path, name])
            raise InputError(f"{origin}: `{key}` must be a number, but got {value}: {fix(key)}")
    return valid


def _near(section: Any, path: tuple[Any, ...]) -> str:
    """Return a hint at the known key that an unknown one resembles most, or at all known keys."""
    for part in path[:-1]:
        field = section.model_fields.get(str(part)) if hasattr(section, "model_fields") else None
        section = field.annotation if field else None
    known = [f.alias or name for name, f in getattr(section, "model_fields", {}).items()]
    near = difflib.get_close_matches(str(path[-1]), known, n=1)
    return f" (did you mean `{near[0]}`?)" if near else (f"; known are {', '.join(known)}" if known else "")
