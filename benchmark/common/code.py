"""The code that determines a result, and its hash: what a module's imports reach, less its comments and wording.

A list of files kept by hand misses the file that somebody adds. So a result names a folder or a module, and every file
of this project that these import follows, at whatever place of a file the import stands. Comments, docstrings and the
wording of errors are not hashed.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

from benchmark.common.files import PROJECT, sha256_json

version = cache(metadata.version)
"""Version of an installed package."""
_PACKAGES = ("benchmark", "models")


def code_sha256(*roots: str, without: Iterable[str] = (), libraries: Iterable[str] = ()) -> str:
    """Hash the code that determines a result: the same wherever it lies and however it is commented and worded.

    Args:
        roots: files and folders, relative to the project; what their imports reach belongs to them.
        without: files that determine nothing: neither they nor what only they import is hashed.
        libraries: installed packages whose versions determine the result, too.
    """
    found = closure(*roots, without=without)
    files = [[str(path), _bare((PROJECT / path).read_text(encoding="utf-8"))] for path in found]
    return sha256_json([files, {name: version(name) for name in libraries}])


def closure(*roots: str, without: Iterable[str] = ()) -> tuple[Path, ...]:
    """List every file of the project that the roots and their imports reach, relative to it, sorted.

    A module reaches the ``__init__`` of its packages. Imports for type checkers reach nothing, for they never run.

    Args:
        roots: files and folders, relative to the project.
        without: files that are not followed.
    """
    found, names = set[Path](), set[str]()
    outside = {PROJECT / path for path in without}
    ahead = [path for root in roots for path in _below(PROJECT / root)]
    while ahead:
        path = ahead.pop()
        if path not in found and path not in outside:
            found.add(path)
            package = ".".join(path.relative_to(PROJECT).parts[:-1])
            new = {*_imports(path.read_text(encoding="utf-8")), *_around(package)} - names
            names |= new
            ahead += [file for name in new for file in _files(name)]
    return tuple(sorted(path.relative_to(PROJECT) for path in found))


def _below(root: Path) -> list[Path]:
    """A file, or all of a folder's; what does not exist is a mistake of ours."""
    files = sorted(root.rglob("*.py")) if root.is_dir() else [root]
    assert files, root
    assert all(path.exists() for path in files), root
    return files


@cache
def _imports(text: str) -> frozenset[str]:
    """Name the modules of this project that a file's text imports, and the packages around them."""
    names = {name for statement in _running(ast.parse(text)) for name in _names(statement)}
    return frozenset(each for name in names if name.split(".")[0] in _PACKAGES for each in _around(name))


def _around(name: str) -> list[str]:
    """Name a module and the packages around it."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _running(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Import statements that may run."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield from _running(node)


def _names(statement: ast.Import | ast.ImportFrom) -> list[str]:
    """Modules that a statement may name: of ``from a import b``, both a and a.b."""
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    module = statement.module or ""
    return [module, *(f"{module}.{alias.name}" for alias in statement.names)]


def _files(name: str) -> list[Path]:
    """The file of a module or package; none for a name that is neither."""
    stem = PROJECT.joinpath(*name.split("."))
    return [path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.exists()]


@cache
def _bare(text: str) -> str:
    """Return a file's text without comments, docstrings, error messages and the blanks at the ends of lines."""
    lines = text.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for span in sorted((node for tree in ast.walk(ast.parse(text)) for node in _wording(tree)), reverse=True):
        _cut_out(lines, *span)
    return "\n".join(stripped for line in lines if (stripped := line.rstrip()))


Place = tuple[int, int]
"""Line from 1 and byte from 0, as the nodes of a syntax tree have them."""


def _wording(node: ast.AST) -> Iterator[tuple[Place, Place]]:
    """Where a node holds words for people: a docstring, what ``raise`` is given, or the message that it will be given.

    The message is built in a statement ``msg = ...`` of its own, as ruff's rule EM101 wants it.
    """
    match node:
        case ast.Expr(value=ast.Constant(value=str())):
            yield _span(node)
        case ast.Assign(targets=[ast.Name(id="msg")]):
            yield _span(node)
        case ast.Raise(exc=ast.Call(func=raised) as call):
            yield _span(raised)[1], _span(call)[1]


def _span(node: ast.expr | ast.stmt) -> tuple[Place, Place]:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)


def _cut_out(lines: list[str], start: Place, end: Place) -> None:
    """Remove what lies between two places, in place; the number of lines stays."""
    (first, column), (last, behind) = start, end
    rest = lines[last - 1].encode()[behind:].decode()
    lines[first - 1 : last] = [lines[first - 1].encode()[:column].decode() + rest, *[""] * (last - first)]
