"""The report: the paper's tables with our numbers in them, the figures, and a page that holds both."""

from pathlib import Path

REPORTS = Path("reports")
TABLES = REPORTS / "tables"
PAGE = REPORTS / "index.html"
