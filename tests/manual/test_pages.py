"""The manual's links, its table of choices, and the site that is built from it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.factories.paths import ROOT
from tests.factories.texts import MANUAL

CHOICES = ROOT / "docs/reference/choices.md"


@pytest.mark.parametrize("path", MANUAL, ids=lambda path: path.name)
def test_links_lead_to_existing_files_and_headings(path):
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("https://"):
            continue
        name, _, heading = target.partition("#")
        other = path.parent / name if name else path
        assert other.exists(), target
        slugs = {_slug(line) for line in re.findall(r"^#+ (.*)$", other.read_text("utf-8"), re.M)} if heading else {""}
        assert heading in slugs, target


def _slug(title: str) -> str:
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def test_every_page_is_in_the_index_and_in_the_readme():
    pages = {str(path.relative_to(ROOT / "docs").with_suffix("")) for path in ROOT.glob("docs/**/*.md")} - {"index"}
    listed = re.findall(r"```{toctree}.*?\n\n(.*?)```", (ROOT / "docs/index.md").read_text(), re.S)
    assert set(" ".join(listed).split()) == pages
    assert pages <= set(re.findall(r"\(docs/([\w/-]+)\.md\)", (ROOT / "README.md").read_text()))


def test_the_readme_is_short():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) < 110, "the README must have less than 110 lines: move details to docs/"


def choices(profile: Path) -> str:
    """Return the manual's table of a profile's choices, from the marks in the profile."""
    rows, path, above = ["| key | value | from |", "| --- | --- | --- |"], [], ""
    for line in profile.read_text(encoding="utf-8").splitlines():
        found = re.fullmatch(r"( *)(\w+):\s*(.*?)\s*(?:#\s*(.*))?", line)
        if found is None:
            above = line.strip(" #") if line.startswith(" ") else ""
            continue
        path = [*path[: len(found[1]) // 2], found[2]]
        marks = [(mark, note.strip(" ;")) for mark, note in re.findall(r"\[(\w+)\]\s*([^[]*)", found[4] or above)]
        origin = "; ".join(f"{mark}: {note}" if note else mark for mark, note in marks if mark != "paper")
        if origin and path[0] != "systems":
            rows.append(f"| `{'.'.join(path)}` | `{found[3]}` | {origin} |")
        above = ""
    return "\n".join(rows) + "\n"


def test_the_manual_lists_every_choice_of_the_papers_profile():
    """Compare the table; FUNDUSBENCH_GOLDEN=write updates it."""
    text, table = CHOICES.read_text(encoding="utf-8"), choices(ROOT / "experiments/conf/scale/paper.yaml")
    if os.environ.get("FUNDUSBENCH_GOLDEN") == "write":
        text = re.sub(r"\| key \| value \| from \|\n(\|.*\n)+", lambda _: table, text)
        CHOICES.write_text(text, encoding="utf-8")
    assert table in text


def test_the_citation_names_this_version_and_the_paper():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= cited.keys()
    assert cited["type"] == "software"
    assert f'version = "{cited["version"]}"' in (ROOT / "pyproject.toml").read_text()
    assert f'license = "{cited["license"]}"' in (ROOT / "pyproject.toml").read_text()
    (paper,) = cited["references"]
    assert all(person.keys() == {"family-names", "given-names"} for person in paper["authors"])
    assert paper["title"] in " ".join((ROOT / "README.md").read_text().split())


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_loads_nothing_from_other_hosts(tmp_path):
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "-b", "html"]
    done = subprocess.run([*command, "-d", tmp_path / "trees", ROOT / "docs", tmp_path / "site"], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (tmp_path / "site").rglob("*.html")}
    assert {path.stem for path in ROOT.glob("docs/**/*.md")} <= pages.keys()
    for text in [*pages.values(), *(path.read_text() for path in (tmp_path / "site").rglob("*.css"))]:
        assert not re.findall(r"""(?:src|srcset)=["'](?:https?:)?//""", text)
        assert not re.findall(r"""<link[^>]+href=["'](?:https?:)?//""", text)
        assert not re.findall(r"""url\(["']?(?:https?:)?//|@import""", text)
    assert "<math" in pages["tables"]
    assert "--labels-only" in pages["commands"]
