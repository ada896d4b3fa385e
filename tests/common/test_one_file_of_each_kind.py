"""A plug-in of each kind is added as one file, without any other edit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.factories.paths import ROOT

pytestmark = pytest.mark.slow

KINDS = {
    "models/losses/mse.py": "from models.losses.registry import *; LOSSES['mine'].heads; load_loss('mine')",
    "models/heads/softmax.py": "from models.heads.registry import *; HEADS['mine']; load_head('mine').predict",
    "models/blends/score.py": "from models.blends.registry import *; BLENDS['mine']; load_blend('mine').fit",
    "models/weights/efficientnet_pytorch.py": "from models.weights.registry import *; load_mapping([*MAPPINGS][1])",
    "models/systems/huang.py": "from models.systems.registry import *; SYSTEMS['mine']; load_system('mine').build",
    "benchmark/scoring/decision_rules/argmax.py": (
        "from benchmark.scoring.decision_rules.registry import *; DECISION_RULES['mine']"
    ),
    "benchmark/report/tables/cost.py": "from benchmark.report.tables.registry import *; TABLE_INFOS['mine']",
    "benchmark/report/figures/scores.py": "from benchmark.report.figures.registry import *; FIGURES['mine']",
}
"""A plug-in of each kind to copy under another name, and a use of the copy."""


def test_a_new_file_of_every_kind_is_found_and_used(tmp_path):
    for package in ("benchmark", "models"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    for path in KINDS:
        file = tmp_path / path
        shutil.copy(file, file.with_name("mine.py"))
    code = "\n".join(KINDS.values())
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)


def test_metadata_is_read_without_importing_torch():
    code = "import sys, benchmark.settings.params, benchmark.report.tables.registry; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
