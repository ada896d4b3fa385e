"""Whatever parameters accept is evaluated, judged and shown: random subsets of arms, systems, seeds and files."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import yaml

from benchmark.common.files import write_text
from benchmark.evaluation import evaluate
from benchmark.report import report
from benchmark.report.figures import registry
from benchmark.statistics import decision_rules, metrics, multiverse, ranks, statistics, systems, verdicts
from benchmark.statistics.published.claims import CLAIMS, OWN_CLAIMS
from benchmark.statistics.published.dataset_authors import DATASET_AUTHORS
from benchmark.statistics.published.tables import PUBLISHED
from models.losses.registry import LOSSES
from tests.factories.paths import ROOT
from tests.factories.runs import ARMS, make_all, make_check_rows, make_networks, make_params
from tests.factories.systems import SYSTEMS
from tests.statistics.test_given import GIVEN

pytestmark = pytest.mark.slow

SEEDS = (0, 1, 7, 14, 17, 19)
RENAMED = {"basenet": "mine", "m2cnn": "m2cnn.v2", "large": "x-1", "mid": "0", "small": "a_" + "b" * 60}


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    for module in (decision_rules, metrics, multiverse, systems, verdicts):
        monkeypatch.setattr(module, "N_RESAMPLES", 20)
    monkeypatch.setattr(metrics, "N_OUTPUT_RESAMPLES", 10)
    monkeypatch.setattr(ranks.rank_estimates, "__defaults__", (20,))


def with_needed(arms: set[str]) -> dict[str, dict]:
    """Return the settings of some arms and of those that they start from or match."""
    pending, found = sorted(arms), {}
    while pending:
        path = pending.pop()
        method, name = path.split("/")
        found.setdefault(method, {})[name] = arm = dict(ARMS[method][name])
        pending += [arm[key] for key in ("from", "of") if key in arm]
    return found


def renamed(path: str) -> str:
    return "/".join(RENAMED.get(part, part) for part in path.split("/"))


def declaration(seed: int) -> tuple[dict, set, list]:
    """Return arguments of make_params, unfinished runs, and claims of the user's own."""
    draw = random.Random(seed)
    every = [f"{method}/{name}" for method, arms in ARMS.items() for name in arms]
    kind = draw.choice(["arms", "arms", "arms", "systems", "files", "all"])
    arms = with_needed(set(draw.sample(every, draw.randint(1, 5)))) if kind in ("arms", "all") else {}
    for own in arms.values():
        for arm in own.values():
            if draw.random() < 0.3:
                arm["loss"] = draw.choice(sorted(LOSSES))
    if draw.random() < 0.5:
        arms = {
            renamed(method): {
                renamed(name): arm | {key: renamed(arm[key]) for key in ("from", "of") if key in arm}
                for name, arm in own.items()
            }
            for method, own in arms.items()
        }
    wanted = {
        "arms": arms,
        "seeds": tuple(draw.sample(range(60), draw.randint(1, 3))),
        "systems": tuple(draw.sample(sorted(SYSTEMS), draw.randint(1, 3))) if kind in ("systems", "all") else (),
        "given": dict(draw.sample(sorted(GIVEN.items()), draw.randint(1, 2))) if kind in ("files", "all") else {},
        "synthetic": draw.random() < 0.5,
    }
    declared = [(method, name) for method, own in arms.items() for name in own]
    declared += [(name, "predictions") for name in wanted["given"]]
    claims = [
        {
            "id": f"own-{number}",
            "claim": "one grades better than the other",
            "split": draw.choice(["val", "test"]),
            **{
                side: {"method": method, "arm": name, "head": draw.choice(["score", "prob"])}
                for side, (method, name) in zip(("better", "worse"), draw.sample(declared, 2), strict=True)
            },
        }
        for number in range(draw.randint(0, 2) if len(declared) > 1 else 0)
    ]
    runs = [(method, name, one) for method, own in arms.items() for name in own for one in wanted["seeds"]]
    return wanted, set(draw.sample(runs, len(runs) // 4)) if draw.random() < 0.4 else set(), claims


@pytest.mark.parametrize("seed", SEEDS)
def test_what_parameters_accept_is_judged_and_shown(seed, monkeypatch, capsys):
    wanted, unfinished, claims = declaration(seed)
    params = make_params(**wanted)
    make_all(params, unfinished)
    for path in (PUBLISHED, CLAIMS, DATASET_AUTHORS):
        write_text(path, (ROOT / path).read_text(encoding="utf-8"))
    if claims:
        write_text(OWN_CLAIMS / "own.yaml", yaml.safe_dump(claims))
    make_networks()
    make_check_rows()
    evaluate.run(params)
    statistics.run(params)
    if seed % 3:  # Drawing takes most of the time.
        monkeypatch.setattr(registry, "draw_all", lambda *_: {})
    report.run(params)
    assert "The page: " in capsys.readouterr().out
    assert report.PAGE.stat().st_size > 10_000
    assert len(list(Path(report.TABLES).glob("*.md"))) >= 5
