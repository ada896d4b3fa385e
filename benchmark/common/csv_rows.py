"""Tables of typed rows as csv files; a row is a frozen dataclass with plain fields."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from benchmark.common.errors import InputError
from benchmark.common.files import write_text

if TYPE_CHECKING:
    import pandas as pd

DIGITS = 6
"""Decimals of a float in a file."""

R = TypeVar("R")

ColumnType = type[str] | type[int] | type[bool] | type[float]


def rows_to_csv(kind: type[R], rows: Iterable[R]) -> str:
    """Format dataclasses as csv, with a column per field in declared order; NaN and None are empty."""
    import pandas as pd

    columns = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    frame = pd.DataFrame([[_plain(getattr(row, column)) for column in columns] for row in rows], columns=columns)
    return frame.to_csv(index=False, float_format=f"%.{DIGITS}f", lineterminator="\n")


def write_rows(path: Path, kind: type[R], rows: Iterable[R]) -> None:
    """Write rows atomically in the format of :func:`rows_to_csv`."""
    write_text(path, rows_to_csv(kind, rows))


def no_formula(text: str) -> str:
    """Return the text of a cell that others have written so that no spreadsheet runs it as a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def read_rows(path: Path, kind: type[R], made_by: str) -> list[R]:
    """Read a file of :func:`write_rows`, which the command ``made_by`` writes.

    Raises InputError if the file is missing, or its columns or values do not fit the fields of ``kind``.
    """
    hints = get_type_hints(kind)
    # Literals are text.
    plain: dict[str, ColumnType] = {name: hint if hint in (int, float, bool) else str for name, hint in hints.items()}
    types = {field.name: plain[field.name] for field in fields(kind)}  # type: ignore[arg-type]
    frame = read_frame(path, types, made_by)
    return [kind(**dict(zip(types, record, strict=True))) for record in frame.itertuples(index=False, name=None)]


def read_frame(path: Path, types: Mapping[str, ColumnType], made_by: str) -> pd.DataFrame:
    """Read a table with exactly these columns; an empty float is NaN, any other empty number is an error.

    Raises InputError, which names the command ``made_by``, if the file is missing, or its columns or values do not fit.
    """
    import pandas as pd

    if not path.exists():
        msg = f"{path} must exist, but does not yet: run `{made_by}` or `dvc repro`"
        raise InputError(msg)
    nan_values = {name: [""] for name, type_ in types.items() if type_ is float}
    try:
        with warnings.catch_warnings(category=pd.errors.ParserWarning, action="error"):
            frame = pd.read_csv(path, dtype=dict(types), keep_default_na=False, na_values=nan_values, index_col=False)
    except (OSError, ValueError, OverflowError, pd.errors.ParserWarning) as error:
        why = " ".join(str(error).split())
        msg = f"{path} must be unchanged since it was written, but is damaged ({why}): make it again with `{made_by}`"
        raise InputError(msg) from error
    if list(frame) != list(types):
        msg = f"{path} must have the columns {', '.join(types)}, but has others: make it again with `{made_by}`"
        raise InputError(msg)
    return frame


def _plain(value: Any) -> Any:
    """Round a float to the written decimals, without the sign of a negative zero."""
    return round(value, DIGITS) + 0.0 if isinstance(value, float) else value
