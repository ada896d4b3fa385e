"""Reading ``params.yaml``: a fault becomes a sentence that names the key, the rule, the value and the mend."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from benchmark.common.errors import InputError
from benchmark.common.files import read_yaml
from benchmark.common.section import Section as Section
from benchmark.common.section import in_words
from benchmark.settings.params import Params
from benchmark.settings.renamed import refuse_renamed
from benchmark.sources.registry import load_source

PARAMS = Path("params.yaml")


def load_params(path: Path = PARAMS) -> Params:
    """Read and validate a parameter file.

    Raises:
        InputError: the file is missing, is no YAML, or breaks a rule; the sentence names every fault.
    """
    raw = read_yaml(path, "the parameters are")
    return parse_params(raw, str(path))


def parse_params(raw: Any, origin: str = "params.yaml") -> Params:
    """Validate parameters; ``origin`` is what error sentences call them.

    Raises:
        InputError: a rule is broken; the sentence names the key, the rule, the value and the mend.
    """
    if not isinstance(raw, dict):
        msg = f"{origin} must hold a mapping of parameters, but holds {type(raw).__name__}"
        raise InputError(msg)
    refuse_renamed(raw, origin)
    if "data" in raw:
        raw = raw | {"data": parse_data(raw["data"], origin, ("data",))}
    if isinstance(raw.get("transfer"), dict):
        others = raw["transfer"].items()
        raw = raw | {"transfer": {name: parse_data(data, origin, ("transfer", str(name))) for name, data in others}}
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        raise InputError(_in_words(error, origin)) from error


def parse_data(raw: Any, origin: str, path: tuple[str, ...] = ("data",)) -> Any:
    """Validate what describes a data set, by the rules of its ``source``; what names none is left to the rules for all.

    Args:
        raw: the keys and values of the section.
        origin: named where one is wrong.
        path: of the section.

    Raises:
        InputError: as in :func:`parse_params`.
    """
    if not isinstance(raw, dict) or not isinstance(raw.get("source"), str):
        return raw
    try:
        return load_source(raw["source"]).Params.model_validate(raw)
    except ValidationError as error:
        raise InputError(_in_words(error, origin, path)) from error


def _in_words(error: ValidationError, origin: str, prefix: tuple[str, ...] = ()) -> str:
    mend = "correct it there or with -S {}=...".format
    return in_words(error, origin, prefix, near=lambda loc: "" if prefix else _near(loc), mend=mend)


def _near(loc: tuple[Any, ...]) -> str:
    """Name the known key that an unknown one resembles most."""
    section: Any = Params
    for part in loc[:-1]:
        field = section.model_fields.get(str(part)) if hasattr(section, "model_fields") else None
        section = field.annotation if field else None
    known = [f.alias or name for name, f in getattr(section, "model_fields", {}).items()]
    near = difflib.get_close_matches(str(loc[-1]), known, n=1)
    return f" (did you mean `{near[0]}`?)" if near else (f"; known are {', '.join(known)}" if known else "")
