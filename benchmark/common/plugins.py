"""Discovery of plug-ins: every module of a plug-in package describes itself in a constant named ``ABOUT``.

``ABOUT`` is a call of the package's metadata class with values written out, so it can be read from the file's syntax
tree without running the file, as setuptools reads versions and Ansible reads the documentation of its plug-ins. A
command that only needs titles and defaults thus never imports torch, and registries need not import what imports them.
"""

from __future__ import annotations

import ast
import pkgutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from benchmark.common.errors import InputError

Info = TypeVar("Info")

REGISTRY = "registry"
"""Module of a plug-in package that holds its interface. It and modules named ``_...`` are not plug-ins."""


def discover(package: str, info: type[Info], *parts: type) -> dict[str, Info]:
    """Read the metadata of every plug-in of a package, a call of ``info`` whose values may be calls of ``parts``.

    Returns the metadata by name of the module, sorted by the field ``order`` if the metadata has one, then by name.
    Raises InputError if a plug-in has no ``ABOUT``, or one that cannot be read.
    """
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    found: dict[str, Info] = {}
    for folder in map(Path, spec.submodule_search_locations):
        for module in pkgutil.iter_modules([str(folder)]):
            if not module.name.startswith("_") and module.name != REGISTRY:
                file = folder / (f"{module.name}/__init__.py" if module.ispkg else f"{module.name}.py")
                found[module.name] = _read(file, info, *parts)
    return dict(sorted(found.items(), key=lambda item: (getattr(item[1], "order", 0), item[0])))


def _read(file: Path, info: type[Info], *parts: type) -> Info:
    """Evaluate the ``ABOUT`` of a file."""
    name = "/".join(file.parts[-3:])
    for statement in ast.parse(file.read_text(encoding="utf-8"), str(file)).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="ABOUT")], value=ast.Call(func=ast.Name(id=called)) as call):
                if called != info.__name__:
                    continue
                try:
                    value: Info = _evaluate(call, {part.__name__: part for part in (info, *parts)})
                except (TypeError, ValueError) as error:
                    msg = f"{name}: ABOUT must be {info.__name__}(...) with its values written out, but {error}"
                    raise InputError(msg) from error
                return value
    msg = (
        f"{name} must describe itself, but has no `ABOUT = {info.__name__}(...)`: add it, or begin the file's name "
        "with an underscore if it only helps plug-ins"
    )
    raise InputError(msg)


def _evaluate(node: ast.expr, classes: dict[str, type]) -> Any:
    """Evaluate literals, and calls of the given classes."""
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in classes:
            named = {word.arg: _evaluate(word.value, classes) for word in node.keywords if word.arg}
            return classes[name](*(_evaluate(value, classes) for value in node.args), **named)
        case ast.Dict(keys=keys) if None not in keys:
            pairs = zip(node.keys, node.values, strict=True)
            return {_evaluate(key, classes): _evaluate(value, classes) for key, value in pairs if key is not None}
        case ast.Tuple():
            return tuple(_evaluate(value, classes) for value in node.elts)
        case _:
            try:
                return ast.literal_eval(node)
            except ValueError:
                msg = f"line {node.lineno} has {ast.unparse(node)}"
                raise ValueError(msg) from None
