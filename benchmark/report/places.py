"""Folders of the report."""

from __future__ import annotations

from pathlib import Path

REPORTS = Path("reports")
TABLES = REPORTS / "tables"
