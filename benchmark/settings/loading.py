"""Reading and validation of ``params.yaml``; each fault is reported with key, rule, value and fix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmark.common.files import read_yaml
from benchmark.settings.data_loading import PARAMS as PARAMS
from benchmark.settings.data_loading import mapping, parse_data, validate_sections
from benchmark.settings.params import Params


def load_params(path: Path = PARAMS) -> Params:
    """Read and validate a parameter file.

    Raises InputError if the file is missing, is not valid YAML, or breaks a rule; the sentence names every fault.
    """
    return parse_params(read_yaml(path, "the parameters are"), str(path))


def parse_params(raw: Any, origin: str = "params.yaml") -> Params:
    """Validate parameters; ``origin`` is their name in error messages.

    Raises InputError if a rule is broken; the sentence names the key, the rule, the value and the fix.
    """
    raw = mapping(raw, origin)
    if isinstance(raw.get("transfer"), dict):
        others = raw["transfer"].items()
        raw = raw | {"transfer": {name: parse_data(data, origin, ("transfer", str(name))) for name, data in others}}
    return validate_sections(Params, raw, origin)
