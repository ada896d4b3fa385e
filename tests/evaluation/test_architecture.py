from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
import yaml

from benchmark.common.errors import InputError
from benchmark.evaluation import architecture
from benchmark.settings.loading import parse_params
from tests.conftest import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def params():
    return parse_params(yaml.safe_load((ROOT / "params.yaml").read_text()))


@pytest.fixture(scope="module")
def networks(params):
    return list(architecture.networks(params))


def of(networks, whose):
    return {(n.pixels, n.n_cells): n for n in networks if n.of == whose}


def test_inception_resnet_v2_has_the_printed_map_sizes_except_at_256(networks):
    sides = {key: (n.before, n.after) for key, n in of(networks, "paper").items()}
    assert sides == {
        (224, 0): (5, 5),
        (256, 0): (6, 6),
        (299, 0): (8, 8),
        (448, 0): (12, 12),
        (448, 1): (12, 5),
        (720, 0): (21, 21),
        (720, 2): (21, 4),
    }


def test_the_backbone_is_inception_resnet_v2_up_to_block8(networks):
    """Expect the parameters of timm's network without the last convolution and the classifier, plus two heads."""
    import timm
    import torch

    with torch.device("meta"):
        whole = timm.create_model("inception_resnet_v2")
    dropped = sum(p.numel() for part in (whole.conv2d_7b, whole.classif) for p in part.parameters())
    heads = 6 * (2080 + 1)
    expected = sum(p.numel() for p in whole.parameters()) - dropped + heads
    assert {n.parameters for (_, n_cells), n in of(networks, "paper").items() if n_cells == 0} == {expected}


def test_multiply_adds_grow_with_input_size_and_cells(networks):
    paper = of(networks, "paper")
    assert paper[224, 0].macs < paper[448, 0].macs < paper[448, 1].macs < paper[720, 0].macs < paper[720, 2].macs
    assert paper[720, 0].macs / paper[224, 0].macs == pytest.approx((720 / 224) ** 2, rel=0.3)


def test_the_networks_of_params_are_measured_too(params, networks):
    ours = of(networks, "params")
    assert {key: (n.before, n.after) for key, n in ours.items()} == {
        (40, 0): (5, 5),
        (64, 0): (8, 8),
        (64, 1): (8, 3),
        (88, 0): (11, 11),
        (88, 2): (11, 2),
    }
    assert {n.backbone for n in ours.values()} == {params.model.backbone}


def test_a_feature_map_too_small_for_the_cells_is_reported(params):
    small = architecture.measure_network("params", params.model, 32, 2)
    assert (small.before, small.after, small.parameters) == (4, 0, 0)


def test_an_unknown_backbone_is_refused(params):
    wrong = params.model.model_copy(update={"backbone": "resnet_fifty"})
    with pytest.raises(InputError, match="must be a timm model"):
        architecture.measure_network("params", wrong, 64, 0)


def test_a_written_table_reads_back(params, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = architecture.Architecture("params", "test_byobnet", 8, "", 40, 1, 5, 5, 1234, 5678)
    monkeypatch.setattr(architecture, "networks", lambda _: [made, replace(made, n_cells=1)])
    architecture.run(params)
    assert architecture.read_networks() == [made, replace(made, n_cells=1)]


def test_reading_needs_no_torch_and_names_the_command_to_run(tmp_path):
    code = (
        "import sys; from benchmark.evaluation.architecture import read_networks\n"
        "from benchmark.common.errors import InputError\n"
        "try: read_networks()\n"
        "except InputError as error: assert 'run `fundusbench architecture`' in str(error)\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 0
