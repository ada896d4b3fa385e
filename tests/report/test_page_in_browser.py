"""The page as its reader has it: in a real, headless Chromium, by mouse and by keyboard."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import chdir
from dataclasses import replace
from pathlib import Path

import pytest

from benchmark.data.checks.registry import InspectedDataset
from benchmark.data.outcome import run_checks
from benchmark.report import report
from benchmark.report.inputs import Inputs
from benchmark.report.page.page import to_page
from benchmark.report.render import to_markdown
from benchmark.report.tables.checks import check_table
from benchmark.settings.checks import default_policies
from benchmark.sources.registry import Photograph
from tests.data.test_hostile_names import NAMES
from tests.factories.paths import ROOT
from tests.factories.runs import ARMS

pytestmark = pytest.mark.slow

FEW = {
    "basenet": {"mse_large": ARMS["basenet"]["mse_large"]},
    "basenet_mt": {size: ARMS["basenet_mt"][size] for size in ("small", "large")},
    "m2cnn": ARMS["m2cnn"],
}
CELL = "#ablation a.from[data-arms='basenet/mse_large']"


@pytest.fixture(scope="module")
def address(finished, tmp_path_factory):
    """Path of the page of a finished project."""
    made, params = finished(arms=FEW)
    folder = tmp_path_factory.mktemp("page") / "project"
    shutil.copytree(made, folder)
    with chdir(folder):
        report.run(params)
    return (folder / report.REPORTS / "index.html").as_uri()


@pytest.fixture(scope="module")
def browser():
    """One browser for all tests."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("chromium is not installed: `make browser` installs Debian's")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def visit(browser, address):
    """Open the page; fail on console errors and on requests to other origins."""
    faults, contexts = [], []

    def enter(**wanted):
        context = browser.new_context(**{"viewport": {"width": 1400, "height": 1000}} | wanted)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("requestfailed", lambda asked: faults.append(asked.url))
        page.on("request", lambda a: None if a.url.startswith(("file:", "data:")) else faults.append(a.url))
        page.goto(address)
        return page

    yield enter
    for context in contexts:
        context.close()
    assert faults == []


def column(page, table, place):
    """Sort values of the visible rows."""
    return page.locator(f"{table} tbody tr:not(.group) > :nth-child({place}):visible").evaluate_all(
        "cells => cells.map(cell => cell.dataset.sort ?? cell.textContent.trim())"
    )


def cell_in(page):
    """Unfold the numbers of a figure and return a cell of them."""
    page.click("#ablation .numbers > summary")
    return page.locator(CELL).first


def colour(page, what="body", of="backgroundColor"):
    return page.evaluate(f"getComputedStyle(document.querySelector('{what}')).{of}")


@pytest.mark.parametrize("size", [(1400, 1000), (390, 844)])
def test_the_first_screen_is_the_answer(visit, size):
    page = visit(viewport=dict(zip(("width", "height"), size, strict=True)))
    assert page.locator("header .warning").inner_text().endswith("Phantom results: no claim about real eyes.")
    answer = page.locator("#answer ul")
    box, text = answer.bounding_box(), answer.inner_text()
    assert box["y"] + box["height"] < size[1]
    assert "M2CNN above BaseNet+MT on test" in text
    assert "up to 3 seeds, trained on 80 images of phantom, tested on 100 images of 50 patients" in text
    assert "Differs from the paper: data phantom (paper: eyepacs)" in text


def test_the_answer_is_followed_by_the_verdicts_and_the_page_asks_for_nothing_elsewhere(visit):
    page = visit()
    names = ("answer", "board", "ablation", "comparison", "metrics")
    tops = [page.locator(f"#{name}").bounding_box()["y"] for name in names]
    assert tops == sorted(tops)
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
    page.wait_for_function("[...document.images].every(image => { image.loading = 'eager'; return image.complete; })")
    assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")


def test_a_verdict_is_a_sign_and_a_word_beside_its_colour_and_its_interval_is_drawn(visit):
    page = visit()
    page.evaluate("for (const fold of document.querySelectorAll('#board details')) fold.open = true")
    rows = page.locator("#board tbody tr")
    assert rows.count() > 5
    looks = {}
    for verdict in page.locator("#board .verdict").all():
        sign, word = verdict.text_content().split(" ", 1)
        looks.setdefault(verdict.get_attribute("class").split()[-1], set()).add(sign)
        assert word
    assert all(len(signs) == 1 for signs in looks.values())
    assert len({next(iter(signs)) for signs in looks.values()}) == len(looks)
    drawn = rows.filter(has=page.locator("small", has_text="[+")).first
    assert drawn.locator("svg path.interval").count() == drawn.locator("svg path.dot").count() == 1


def test_a_table_sorts_by_number_both_ways_and_what_has_none_stays_last(visit):
    page = visit()
    page.click("#comparison table.sorted th:nth-child(3) button")
    ascending = column(page, "#comparison table.sorted", 3)
    numbers = [float(value) for value in ascending if value not in ("", "-")]
    assert len(numbers) == 3
    assert numbers == sorted(numbers)
    assert page.locator("#comparison table.sorted th:nth-child(3)").get_attribute("aria-sort") == "ascending"
    page.focus("#comparison table.sorted th:nth-child(3) button")
    page.keyboard.press("Enter")
    descending = column(page, "#comparison table.sorted", 3)
    assert [float(value) for value in descending if value not in ("", "-")] == numbers[::-1]
    assert page.locator("#comparison table.sorted [aria-sort]").count() == 1


def test_a_section_unfolds_by_its_title_by_the_index_and_by_the_button(visit):
    page = visit()
    first, second = "#components", "#decoding"
    assert not page.locator(f"{first} table").first.is_visible()
    page.focus(f"{first} > summary")
    page.keyboard.press("Enter")
    assert page.locator(f"{first} table").first.is_visible()
    page.click(f"nav a[href='{second}']")
    assert page.locator(f"{second} table").first.is_visible()
    page.click("#unfold")
    assert page.locator("details.section:not([open])").count() == 0
    page.click("#unfold")
    assert page.locator("details.section[open]").count() == 0


def test_rows_are_filtered_by_every_word_and_counted(visit):
    page = visit()
    page.evaluate("for (const fold of document.querySelectorAll('#metrics, #metrics details')) fold.open = true")
    field, rows = page.locator("#metrics input"), page.locator("#metrics tbody tr:not(.group):visible")
    total = rows.count()
    field.fill("M2CNN scores")
    shown = rows.count()
    assert 0 < shown < total
    assert all("m2cnn" in row.inner_text() and "scores" in row.inner_text() for row in rows.all())
    assert page.locator("#metrics output").inner_text() == f"{shown} of {total} rows"
    field.fill("no such row")
    assert rows.count() == 0
    assert not page.locator("#metrics .group:visible").count()
    field.fill("")
    assert rows.count() > 0
    assert page.locator("#metrics output").inner_text() == ""


@pytest.mark.parametrize("open_by", ["click", "Enter"])
def test_a_number_opens_its_provenance_in_place(visit, open_by):
    page = visit()
    cell = cell_in(page)
    if open_by == "click":
        cell.click()
    else:
        cell.focus()
        page.keyboard.press("Enter")
    provenance = page.locator("#ablation tr.provenance")
    assert cell.evaluate("cell => cell.closest('tr').nextElementSibling.className") == "provenance"
    assert cell.get_attribute("aria-expanded") == "true"
    text = provenance.inner_text()
    assert "basenet/mse_large" in text
    assert [row.locator("th").inner_text() for row in provenance.locator("tbody tr").all()] == ["0", "1", "2"]
    assert text.count("basenet/mse_larg\t") == 3  # The keys of made runs, cut.
    assert text.count("unknown") == 3  # Their commits.
    provenance.locator("summary").click()
    assert "loss:" in provenance.locator("pre").inner_text()
    page.keyboard.press("Escape")
    assert provenance.count() == 0
    assert cell.evaluate("cell => document.activeElement === cell")
    assert cell.get_attribute("aria-expanded") == "false"


def test_sorting_and_filtering_close_what_is_open(visit):
    page = visit()
    page.locator("#comparison table.sorted a.from").first.click()
    page.click("#comparison table.sorted th:nth-child(2) button")
    assert page.locator("#comparison tr.provenance").count() == 0


def test_dark_as_the_browser_asks_and_as_the_button_says(visit):
    light, dark = visit(color_scheme="light"), visit(color_scheme="dark")
    white, black = colour(light), colour(dark)
    assert white == "rgb(255, 255, 255)"
    assert black != white
    light.click("#theme")
    assert colour(light) == black
    assert light.locator("#theme").get_attribute("aria-pressed") == "true"
    assert "invert" in colour(light, "img.plot", "filter")
    dark.click("#theme")
    assert colour(dark) == white
    assert colour(dark, "img.plot", "filter") == "none"


def test_the_index_follows_the_scroll(visit):
    page = visit()
    for name in ("comparison", "ablation"):
        page.evaluate(f"document.getElementById('{name}').scrollIntoView()")
        page.wait_for_function(f"document.querySelector('nav [aria-current]')?.hash === '#{name}'")


def test_a_link_to_a_run_unfolds_it(visit, address):
    page = visit()
    page.goto(f"{address}#runs/m2cnn/mid")
    assert page.locator("[id='runs/m2cnn/mid']").is_visible()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 390)])
def test_axe_finds_no_serious_fault(visit, scheme, width):
    from axe_playwright_python.sync_playwright import Axe

    page = visit(color_scheme=scheme, viewport={"width": width, "height": 900})
    page.click("#unfold")
    cell_in(page).click()
    found = Axe().run(page).response["violations"]
    serious = [
        (fault["id"], fault["nodes"][0]["html"]) for fault in found if fault["impact"] in ("serious", "critical")
    ]
    assert serious == []


@pytest.mark.parametrize("width", [390, 320])
def test_on_a_phone_nothing_but_tables_reaches_beyond_the_screen(visit, width):
    page = visit(viewport={"width": width, "height": 844})
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator("#board tbody tr").first.bounding_box()["width"] <= width


def test_on_paper_there_are_no_tools_and_what_is_folded_is_left_out(visit):
    page = visit(color_scheme="dark")
    page.click("#checks > summary")
    page.emulate_media(media="print")
    assert not any(page.locator(place).first.is_visible() for place in ("nav", ".tools", "#cost"))
    assert all(page.locator(place).first.is_visible() for place in ("#board", "#checks table", "header .warning"))
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_without_a_script_the_page_is_whole(visit):
    page = visit(java_script_enabled=False)
    assert not page.locator(".filter, .tools").first.is_visible()
    cell_in(page).click()
    assert page.locator("[id='runs/basenet/mse_large']").is_visible()


@pytest.fixture(scope="module")
def of_hostile_names(finished, tmp_path_factory):
    """Paths of a page of the report and of one of the manual on a data set whose names and grades are attacks."""
    made, params = finished(arms=FEW)
    tables = []
    for number, name in enumerate(NAMES):
        twice = [Photograph(name, Path(f"{name}.jpg"), 1, "train", written=name) for _ in range(2)]
        rows = run_checks(InspectedDataset(tuple(twice), expected={}), default_policies()).rows
        tables.append(replace(check_table(list(rows), name, False), name=f"checks_{number}"))
    folder = tmp_path_factory.mktemp("hostile")
    with chdir(made):
        page = to_page(tables, {"ablation": NAMES[0]}, Inputs(params))
    (folder / "page.html").write_text(page, encoding="utf-8")
    (folder / "docs").mkdir()
    shutil.copy(ROOT / "docs/conf.py", folder / "docs")
    (folder / "docs/index.md").write_text("# Names\n\n" + "\n\n".join(map(to_markdown, tables)), encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "--quiet", "-b", "html", folder / "docs", folder / "site"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"root:" not in (folder / "site/index.html").read_bytes()
    return folder / "page.html", folder / "site/index.html"


@pytest.mark.parametrize("which", [0, 1], ids=["report", "manual"])
def test_names_that_others_chose_stay_text(browser, of_hostile_names, which):
    page, faults = browser.new_page(), []
    page.on("dialog", lambda dialog: (faults.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith(("file:", "data:")) else faults.append(asked.url))
    page.goto(of_hostile_names[which].as_uri())
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
    page.wait_for_timeout(300)
    attacks = "img[src='x'], [src*='example.org'], [href^='javascript'], [onerror], [srcdoc], svg[onload], iframe"
    assert (faults, page.locator(attacks).count()) == ([], 0)
    text = page.locator("body").inner_text()
    page.close()
    for shown in (
        "<img src=x onerror=alert(1)>",
        "<script>alert(1)</script>",
        "=HYPERLINK(A1)",
        "../../../../etc/passwd",
    ):
        assert shown in text
