from __future__ import annotations

import math
import os
import re
import shutil
from contextlib import chdir
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from benchmark.common.errors import InputError
from benchmark.common.terms import Arm
from benchmark.report import report
from benchmark.report.captions import PHANTOM
from benchmark.report.inputs import Inputs
from benchmark.report.page.page import to_page
from benchmark.report.render import FORMATS, table_to_csv, to_markdown, to_tex
from benchmark.report.table import estimate_cell
from benchmark.report.tables import ablation
from benchmark.runs.declared import runs_hash
from benchmark.runs.results import read_result
from benchmark.statistics.estimates import read_estimates, write_estimates
from benchmark.statistics.systems import steps
from benchmark.tracking import provenance
from benchmark.tracking.replay import SyncReport
from models.systems.registry import SYSTEMS
from tests.factories.paths import ROOT
from tests.factories.runs import ARMS, make_params, make_run, named_tables, records, tables

GOLDEN = ROOT / "tests/golden"


ONE = {"basenet_mt": {"mid": ARMS["basenet_mt"]["mid"]}}
ABSENT = {("basenet", "ce_large", seed) for seed in (0, 1, 2)} | {("m2cnn", "large", 2)}


PATCHY = {
    "skip": ABSENT,
    "flags": {("basenet", "ce_mid", 1): ["collapsed:prob"]},
    "others": ("idrid", "again"),
    "systems": ("min_pooling",),
}
"""A project where an arm never ran, a seed is missing and a run collapsed."""


@pytest.fixture(scope="module")
def patchy(finished):
    """The finished project: its folder, parameters and tables."""
    folder, params = finished(**PATCHY)
    with chdir(folder):
        return folder, params, named_tables(Inputs(params))


def test_tables_render_as_stored(patchy):
    """Compare with tests/golden; FUNDUSBENCH_GOLDEN=write pytest tests/report/test_report.py renews the files."""
    for name, table in patchy[2].items():
        path, text = GOLDEN / f"{name}.md", to_markdown(table)
        if os.environ.get("FUNDUSBENCH_GOLDEN") == "write":
            path.write_text(text, encoding="utf-8", newline="\n")
        assert text.encode() == path.read_bytes(), f"{path.name} differs"


def test_a_cell_shows_mean_sample_sd_and_interval_beside_the_published_number(patchy):
    folder, _, made = patchy
    rows = pd.read_csv(folder / "evaluation/metrics.csv")
    kappas = rows.query("arm == 'mse_mid' and split == 'val' and metric == 'kappa'")["value"]
    ends = f"[{kappas.mean() - 0.08:.3f}, {kappas.mean() + 0.05:.3f}]"
    expected = f"{kappas.mean():.3f} ± {kappas.std(ddof=1):.3f} {ends} (paper 0.790)"
    assert f"| 80 px (paper: 448) | {expected} |" in to_markdown(made["ablation"])


def test_an_interval_never_reads_minus_zero_and_one_that_is_not_defined_is_not_shown(read):
    row = next(iter(read(seeds=[0], arms=ONE).results.kappa_estimates))
    assert estimate_cell(replace(row, low=-0.0001, high=0.25)).interval == "[0.000, 0.250]"
    assert estimate_cell(replace(row, low=math.nan)).interval == ""


def test_one_seed_prints_no_sd_but_an_interval_over_patients(read):
    for name, table in named_tables(read(seeds=[0], arms=ARMS)).items():
        if name not in ("ablation", "comparison", "components", "metrics"):
            continue
        cells = [line for line in to_markdown(table).splitlines() if line.startswith("|")]
        assert not any("±" in cell for cell in cells)
        lines = [line for line in records(table) if line["estimate"]]
        assert all(line["sd"] == "" for line in lines)
        assert "from one run (seed 0), so it has no ±" in table.caption
        if name == "metrics":
            continue
        assert all(line["low"] and line["resampled"] == "patients alone" for line in lines)
        assert any(f"[{float(lines[0]['low']):.3f}, {float(lines[0]['high']):.3f}]" in cell for cell in cells)
        assert "95 % interval over patients alone (bootstrap, 10,000 resamples;" in table.caption


def test_an_arm_that_a_user_declares_is_in_the_ablation_and_on_the_page(read):
    mine = {"mine": {"soft": {"loss": "mse", "size": "mid"}}}
    inputs = read(arms={"basenet": {"mse_mid": ARMS["basenet"]["mse_mid"]}, **mine})
    made = named_tables(inputs)
    table = made["ablation"]
    measured = inputs.results.measured(Arm("mine", "soft"), "score", "test")
    assert re.search(rf"\| mine/soft, 80 px \| {measured.estimate:.3f} ± .* \| - \|", to_markdown(table))
    lines = [line for line in records(table) if line["row"] == "mine/soft"]
    assert [(line["split"], line["column"], line["status"]) for line in lines] == [
        ("val", "scores", "measured"),
        ("test", "scores", "measured"),
    ]
    assert r"mine/soft, 80 px & \shortstack{" in to_tex(table)
    assert 'href="#runs/mine/soft"' in to_page(list(made.values()), {}, inputs)


def test_an_arm_that_is_not_declared_says_so_where_the_paper_has_a_number(read):
    made = named_tables(read(seeds=[0], arms={"basenet": ARMS["basenet"]}))
    second = made["comparison"]
    assert "not run (paper 0.844)" in to_markdown(made["ablation"])
    assert re.search(r"\| M2CNN \| 0\.844 \[\d+\] \| not run \| 0\.841 \| not run \| -", to_markdown(second))
    added = to_markdown(second).partition("**added here: not in the paper's comparison**")[2]
    assert re.search(r"\| Huang et al\. 2023 \| - (?:\[\d+\] ?)+ \| - \| 0\.8631 \[\d+\] \| not run \|", added)
    assert "not ranked among its rows: Huang et al. 2023." in second.caption
    assert re.search(
        r"\| o_O \| 0\.854 \[\d+\] \| not run \| 0\.844 \[\d+\] \| not run( \| -){6} \|", to_markdown(second)
    )


def test_seeds_of_one_arm_with_one_flag_share_a_note(read):
    flags = {("basenet", "ce_mid", seed): ["collapsed:prob"] for seed in (0, 2)}
    notes = ablation.make(read(arms={"basenet": {"ce_mid": ARMS["basenet"]["ce_mid"]}}, flags=flags)).notes
    assert "basenet/ce_mid seeds 0, 2, prob: collapsed (one grade for all of val)." in notes


def test_long_lists_of_findings_are_whole_in_the_csv_alone(patchy):
    table = patchy[2]["checks"]
    assert len([line for line in records(table) if line["check"] == "tiny"]) == 5
    assert to_markdown(table).count("64 x 48 pixels") == 3
    assert "tiny: and 2 more in checks.csv." in table.notes


@pytest.mark.parametrize("ending", ["md", "tex"])
def test_a_phantom_is_named_in_each_caption(patchy, ending):
    for name, table in patchy[2].items():
        # The spatial table is about networks alone.
        assert (PHANTOM in FORMATS[ending](table)) == (name != "spatial")


def test_real_data_are_not_called_a_phantom(change):
    arms = {"m2cnn": {"mid": {"loss": "ce_mse", "size": "mid", "n_cells": 1}}}
    report.run(change(seeds=[0], arms=arms, name="IDRiD", synthetic=False).params)
    for path in [report.REPORTS / "index.html", *(report.REPORTS / "tables").iterdir()]:
        assert "phantom" not in path.read_text(encoding="utf-8").lower(), path.name
    assert "Data: IDRiD; val 60 images of 30 patients" in (report.REPORTS / "tables/ablation.md").read_text(
        encoding="utf-8"
    )


def test_unknown_patients_are_said_to_be_unknown():
    params = make_params(seeds=[0], arms={"basenet": {"mse_mid": ARMS["basenet"]["mse_mid"]}})
    make_run(params, "basenet", "mse_mid", 0, patients=False)
    first = tables(params)["ablation"]
    assert "60 images (patients unknown: each image counts as its own)" in first.caption


def test_the_csv_has_a_line_per_cell_and_split(patchy):
    first, second = (records(patchy[2][name]) for name in ("ablation", "comparison"))
    assert len(first) == 3 * 6 * 2
    systems, second = [r for r in second if r["step"]], [r for r in second if not r["step"]]
    assert [r["added"] for r in second] == ["false"] * 8 * 2 + ["true"] * 2
    assert [(r["row"], r["published"], r["status"]) for r in second[-2:]] == [
        ("Huang et al. 2023", "", "-"),
        ("Huang et al. 2023", "0.8631", "not run"),
    ]
    assert len(systems) == 7 * 2
    assert all(r["blend_rows"] == "held_out" and r["rule"] == "expected_tuned" for r in systems)
    line = next(r for r in first if r["arm"] == "large" and r["method"] == "m2cnn" and r["head"] == "score")
    assert {
        key: line[key] for key in ("published", "paper_px", "pixels", "seeds", "n_images", "status", "synthetic")
    } == {
        "published": "0.844",
        "paper_px": "720",
        "pixels": "128",
        "seeds": "0 1",
        "n_images": "60",
        "status": "measured",
        "synthetic": "true",
    }
    assert all(r["published"] == "" for r in first if r["split"] == "test")
    assert all(r["inputs"] for r in second)


def test_each_line_of_a_csv_leads_to_its_runs(patchy):
    folder, params, made = patchy
    seeds = dict(params.declared())
    for name in ("ablation", "comparison", "components", "cost", "cost_time"):
        for line in records(made[name]):
            arm = (line["method"], line["arm"])
            ran = [seed for seed in seeds.get(arm, []) if (*arm, seed) not in ABSENT]
            if all(arm) and ran:
                results = [read_result(folder / "runs" / "/".join(arm) / str(seed)) for seed in ran]
                assert line["seeds"] == " ".join(map(str, ran))
                assert line["runs"] == runs_hash(result.key for result in results)
                assert line["data_hash"] == results[0].data_hash
                assert (line["data_hash"] == results[0].data.hash) == (arm[0] in params.arms)
                assert line["parameter_hash"] == results[0].parameter_hash
            elif " / " not in line.get("row", ""):
                assert line["runs"] == line["data_hash"] == line["parameter_hash"] == ""


def test_a_line_about_two_arms_leads_to_both(patchy):
    made = patchy[2]
    verdict = next(line for line in records(made["verdicts"]) if line["a"] and line["b"])
    ratio = next(line for line in records(made["cost"]) if line["row"] == "m2cnn/large / basenet_mt/large")
    alone = {f"{r['method']}/{r['arm']}": r for r in records(made["cost"]) if r["arm"]}
    for line, arms in (
        (verdict, [verdict["a"].split()[0], verdict["b"].split()[0]]),
        (ratio, ["m2cnn/large", "basenet_mt/large"]),
    ):
        assert line["runs"] == " | ".join(alone[arm]["runs"] for arm in arms)
        assert line["parameter_hash"] == " | ".join(alone[arm]["parameter_hash"] for arm in arms)
        assert line["data_hash"] == alone[arms[0]]["data_hash"]


def test_an_undefined_kappa_is_not_a_number(change):
    inputs = change(seeds=[0], arms={"basenet": {"mse_mid": ARMS["basenet"]["mse_mid"]}})
    write_estimates([replace(row, estimate=math.nan) for row in read_estimates(Path())])
    first = ablation.make(inputs)
    assert "undefined (paper 0.790)" in to_markdown(first)
    assert "nan" not in table_to_csv(first)


def test_tex_is_balanced_and_each_row_is_full(patchy):
    for table in (part for whole in patchy[2].values() for part in whole.parts()):
        text = to_tex(table)
        plain = re.sub(r"\\[{}]", "", text)
        assert plain.count("{") == plain.count("}")
        for name in ("table", "tabular"):
            assert text.count(rf"\begin{{{name}}}") == text.count(rf"\end{{{name}}}") == 1
        assert text.count(r"\begin{minipage}") == text.count(r"\end{minipage}") == (1 if table.notes else 0)
        body = text.split(r"\toprule")[1].split(r"\bottomrule")[0]
        rows = [line for line in body.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
        assert {len(re.findall(r"(?<!\\)&", line)) for line in rows} == {len(table.columns) - 1}
        assert text.isascii()


def test_a_table_whose_groups_have_columns_of_their_own_is_a_latex_table_per_group(patchy):
    table = patchy[2]["metrics"]
    text = to_tex(table)
    assert text.count(r"\begin{tabular}") == len(table.groups()) == 2 * 3
    assert len(set(re.findall(r"\\label{(.*)}", text))) == 6
    assert text.count(PHANTOM) == 1
    for group, rows in table.groups():
        assert {len(row.cells) for row in rows} == {len(table.columns_of(group)) - 1}


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found: list[str] = []
        self.places: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.found += [value for key, value in attrs if key in ("src", "href")]
        self.places |= {value for key, value in attrs if key == "id"}


@pytest.mark.slow
def test_the_report_is_whole_and_stands_alone(change):
    params = change(**PATCHY).params
    report.run(params)
    provenance.write(Path(), params, SyncReport())
    page = (report.REPORTS / "index.html").read_text(encoding="utf-8")
    assert "://" not in page
    links = Links()
    links.feed(page)
    files = [link for link in links.found if not link.startswith("#")]
    assert all((report.REPORTS / link).stat().st_size > 0 for link in files)
    assert {
        "tables/ablation.csv",
        "tables/comparison.tex",
        "tables/components.md",
        "tables/comparisons.md",
        "tables/cost.csv",
        "tables/cost_time.tex",
        "tables/decoding.csv",
        "tables/metrics.md",
        "tables/checks.csv",
        "tables/spatial.csv",
        "tables/verdicts.tex",
        "tables/transfer.csv",
        *(
            f"figures/{name}.{ending}"
            for name in ("ablation", "comparisons", "ranks", "learning_curves", "transfer")
            for ending in ("svg", "png")
        ),
        "figures/scores.svg",
        "figures/calibration.svg",
    } <= set(files)
    # Every line within the page leads to something; every arm that ran is led to.
    inner = {link[1:] for link in links.found if link.startswith("#")}
    assert inner <= links.places
    assert {place for place in inner if place.startswith("runs/")} == {
        f"runs/{arm}" for arm, _ in params.declared() if arm.name != "ce_large" and arm.name not in ("net_1", "net_3")
    }
    # All arms but one ran; of another system, the whole is shown.
    shown = [link for link in files if link.startswith("figures/confusion_") and link.endswith(".svg")]
    whole = [arm for arm, _ in params.declared() if arm.method not in SYSTEMS or arm == steps(arm.method)[-1][0]]
    assert len(shown) == len(whole) - 1


@pytest.mark.slow
def test_the_same_evaluation_gives_the_same_bytes(change):
    params = change(seeds=[0], arms=ONE).params
    report.run(params)
    first = {path: path.read_bytes() for path in report.REPORTS.rglob("*.*")}
    report.run(params)
    assert {path: path.read_bytes() for path in report.REPORTS.rglob("*.*")} == first


def test_without_another_set_there_is_no_table_across_sets_and_an_old_one_is_removed(change):
    params = change(seeds=[0], arms=ONE).params
    stale = report.REPORTS / "tables/transfer.md"
    stale.parent.mkdir(parents=True)
    stale.touch()
    report.run(params)
    assert not stale.exists()
    assert "Across data sets" not in (report.REPORTS / "index.html").read_text(encoding="utf-8")


def test_figures_of_arms_that_are_gone_are_removed(change):
    params = change(seeds=[0], arms=ONE).params
    folder = report.REPORTS / "figures"
    folder.mkdir(parents=True)
    for stale in ("confusion_basenet_old.png", "cost.png", "ranks.svg"):
        (folder / stale).touch()
    report.run(params)
    # A single arm has no rank, and nothing that it is compared with.
    assert {path.name for path in folder.iterdir()} == {
        f"{name}.{ending}"
        for name in ("ablation", "learning_curves", "scores", "calibration", "confusion_basenet_mt_mid")
        for ending in ("svg", "png")
    }
    assert not list((report.REPORTS / "photographs").iterdir())


@pytest.mark.parametrize(
    ("missing", "step"),
    [("evaluation", "evaluate"), ("architecture", "architecture"), ("statistics", "statistics"), ("data", "fetch")],
)
def test_a_report_without_a_step_before_it_stops_and_names_it(change, missing, step):
    params = change(seeds=[0], arms=ONE).params
    shutil.rmtree(missing)
    with pytest.raises(InputError, match=f"run `fundusbench {step}`"):
        report.run(params)


def test_statistics_of_other_runs_are_refused(change):
    inputs = change(seeds=[0], arms=ONE)
    write_estimates([row for row in read_estimates(Path()) if row.kind != "metric"])
    with pytest.raises(InputError, match=r"runs in evaluation/, but differs in basenet_mt/mid: run `fundusbench stat"):
        report.run(inputs.params)
