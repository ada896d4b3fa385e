"""What surrounds the manual's prose: its links, the choices that it lists, and the site that is built of it."""

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
def test_links_lead_to_files_and_headings_that_are_there(path):
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
    assert len(lines) < 110, "the README is for one screen and a half; the rest belongs into docs/"


def choices(profile: Path) -> str:
    """The manual's table of what a profile chose where the paper is silent, from the profile's own marks."""
    rows, path, above = ["| key | value | from |", "| --- | --- | --- |"], [], ""
    for line in profile.read_text(encoding="utf-8").splitlines():
        found = re.fullmatch(r"( *)(\w+):\s*(.*?)\s*(?:#\s*(.*))?", line)
        if found is None:
            above = line.strip(" #") if line.startswith(" ") else ""
            continue
        path = [*path[: len(found[1]) // 2], found[2]]
        told = [(mark, why.strip(" ;")) for mark, why in re.findall(r"\[(\w+)\]\s*([^[]*)", found[4] or above)]
        said = "; ".join(f"{mark}: {why}" if why else mark for mark, why in told if mark != "paper")
        if said and path[0] != "systems":
            rows.append(f"| `{'.'.join(path)}` | `{found[3]}` | {said} |")
        above = ""
    return "\n".join(rows) + "\n"


def test_the_manual_lists_every_choice_of_the_papers_profile():
    """FUNDUSBENCH_GOLDEN=write renews the table."""
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
def test_the_site_builds_without_a_warning_and_asks_for_nothing_from_elsewhere(tmp_path):
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
