"""How DVC makes params.yaml out of experiments/conf, and what a new composition would lose of a file edited by hand.

``dvc exp run`` always composes params.yaml anew before any stage starts. What was composed here is remembered by its
hash, so that everything else in the file is known to be somebody's own.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmark.common.errors import InputError
from benchmark.common.files import read_yaml, sha256_json, write_text

CONF = Path("experiments/conf")
COMPOSED = Path(".dvc/tmp/composed.txt")
"""Hashes of the compositions that were made in this clone, one a line."""
PARAMS = Path("params.yaml")

Tree = Mapping[str, Any]


def compose(root: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """What ``dvc exp run`` writes to params.yaml, given its ``-S`` flags."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    with initialize_config_dir(str(root.absolute() / CONF), version_base=None):
        return OmegaConf.to_container(compose("config", list(overrides)), resolve=True)  # type: ignore[return-value]


def guard(root: Path, overrides: Sequence[str]) -> str:
    """Look at params.yaml before it is composed anew, and remember what will be composed.

    Returns:
        One sentence where the file holds settings that are lost but which git has; else nothing.

    Raises:
        InputError: the file was edited by hand, git has not got it, and not all of the edit is among the overrides.
    """
    file, kept = root / PARAMS, root / COMPOSED
    known = kept.read_text().split() if kept.exists() else []
    told = ""
    if file.exists() and sha256_json(held := read_yaml(file, "the parameters are")) not in known:
        if not isinstance(held, dict):
            msg = f"{PARAMS} must hold a mapping of parameters, but holds {type(held).__name__}: mend or remove it"
            raise InputError(msg)
        if forgotten := unsaid(edits(held, root), overrides):
            told = (
                f"{PARAMS} was edited by hand, and `dvc exp run` composes it anew from {CONF}, which loses the edit; "
                f"to keep it, add {' '.join(f'-S {shlex.quote(flag)}' for flag in forgotten)}"
            )
            if not _is_committed(file):
                msg = f"{told}; or run `dvc repro`, which composes nothing; to drop it, remove {PARAMS}"
                raise InputError(msg)
    composed = sha256_json(compose(root, overrides))
    if composed not in known:
        write_text(kept, "\n".join([*known, composed]) + "\n")
    return told


def edits(held: Tree, root: Path) -> list[str]:
    """The ``-S`` flags that compose what a file holds, each group of profiles by its option that comes nearest."""
    chosen: list[str] = []
    for group in sorted((root / CONF).glob("*/")):
        options = [f"{group.name}={file.stem}" for file in sorted(group.glob("*.yaml"))]
        trials: list[list[str]] = [[], *([option] for option in options)]
        chosen += min(trials, key=lambda trial: len(flags(held, compose(root, [*chosen, *trial]))))
    return [*chosen, *flags(held, compose(root, chosen))]


def flags(held: Tree, composed: Tree, prefix: str = "") -> list[str]:
    """Hydra's overrides that turn a composition into what is held."""
    found = [f"~{prefix}{key}" for key in composed if key not in held]
    for key, value in held.items():
        name, other = f"{prefix}{key}", composed.get(key)
        if key not in composed:
            found.append(f"+{name}={_spelt(value)}")
        elif value == other:
            continue
        elif isinstance(value, dict) and isinstance(other, dict) and not any("." in key for key in (*value, *other)):
            found += flags(value, other, f"{name}.")
        # A section cannot be set to something else, nor a key named that holds a dot itself.
        elif isinstance(value, dict) or isinstance(other, dict):
            found += [f"~{name}", f"+{name}={_spelt(value)}"]
        else:
            found.append(f"{name}={_spelt(value)}")
    return found


def unsaid(wanted: Iterable[str], overrides: Sequence[str]) -> list[str]:
    """Those flags whose key no override names, be it as a part of what that sets."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parsed = OverridesParser.create().parse_overrides(list(overrides))
    named = [override.package or override.key_or_group for override in parsed]
    keys = {flag: flag.lstrip("~+").partition("=")[0] for flag in wanted}
    return [flag for flag, key in keys.items() if not any(f"{key}.".startswith(f"{name}.") for name in named)]


def _spelt(value: Any) -> str:
    """A value in the grammar of Hydra's overrides."""
    if isinstance(value, dict):
        return f"{{{','.join(f'{key}:{_spelt(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_spelt, value))}]"
    if isinstance(value, str):
        # Backslashes escape a quote alone, and themselves before one.
        escaped = re.sub(r"(\\*)('|$)", lambda match: match[1] * 2 + match[2].replace("'", r"\'"), value)
        return f"'{escaped}'"
    return json.dumps(value)


def _is_committed(file: Path) -> bool:
    """Whether git's last commit has the file as it is."""
    with suppress(OSError):
        command = ["git", "show", f"HEAD:./{file.name}"]
        shown = subprocess.run(command, cwd=file.parent, capture_output=True, check=False)
        return shown.returncode == 0 and shown.stdout == file.read_bytes()
    return False
