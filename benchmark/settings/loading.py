"""Reading and validation of ``params.yaml``; each fault is reported with key, rule, value and fix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmark.common.errors import InputError
from benchmark.common.files import read_yaml
from benchmark.settings.data_loading import PARAMS as PARAMS
from benchmark.settings.data_loading import mapping, parse_data, parse_section, validate_sections
from benchmark.settings.params import PREDICTIONS, Params
from benchmark.settings.predictions import GivenPredictions


def load_params(path: Path = PARAMS) -> Params:
    """Read and validate a parameter file.

    Raises InputError if the file is missing, is not valid YAML, or breaks a rule; the sentence names every fault.
    """
    return parse_params(read_yaml(path, "the parameters are"), str(path))


def parse_params(raw: Any, origin: str = "params.yaml") -> Params:
    """Validate parameters; ``origin`` is their name in error messages.

    Raises InputError if a rule is broken; the sentence names the key, the rule, the value and the fix.
    """
    raw = _split_systems(mapping(raw, origin), origin)
    if isinstance(raw.get("transfer"), dict):
        others = raw["transfer"].items()
        raw = raw | {"transfer": {name: parse_data(data, origin, ("transfer", str(name))) for name, data in others}}
    return validate_sections(Params, raw, origin)


def _split_systems(raw: dict[str, Any], origin: str) -> dict[str, Any]:
    """Separate the systems that are given by their predictions from those that are trained here.

    Raises InputError if such a system breaks a rule.
    """
    if "predicted" in raw:
        msg = f"{origin}: `predicted` is not a parameter: declare the files as `systems.NAME.{PREDICTIONS}`"
        raise InputError(msg)
    systems = raw.get("systems")
    if not isinstance(systems, dict):
        return raw
    given = {name: system for name, system in systems.items() if isinstance(system, dict) and PREDICTIONS in system}
    for name, system in given.items():
        if others := [key for key in system if key != PREDICTIONS]:
            msg = (
                f"{origin}: `systems.{name}` is either trained or given by its predictions, but has `{PREDICTIONS}` "
                f"and `{others[0]}`: remove one"
            )
            raise InputError(msg)
    parsed = {
        name: parse_section(GivenPredictions, system[PREDICTIONS], origin, ("systems", str(name), PREDICTIONS))
        for name, system in given.items()
    }
    trained = {name: system for name, system in systems.items() if name not in given}
    return raw | {"systems": trained, "predicted": parsed}
