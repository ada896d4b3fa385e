"""Hashes of every operation of one training step, which must be equal on every processor.

Run as a script, it pins the instruction sets of libraries before they load, and prints one line per operation.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator

from benchmark.common.numerics import pin_process


def operations(pixels: int, n_cells: int) -> Iterator[tuple[str, str]]:
    """Yield name and hash of every layer's output and gradient, of the weights' gradients and the updated weights."""
    import torch

    from benchmark.settings.training import Augment
    from benchmark.training.augment import N_DRAWS, Normalisation, augment
    from models.losses.registry import LOSSES, load_loss
    from models.network import build_network
    from models.settings import Cells, Model

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(0)
    found: list[tuple[str, str]] = []

    def record(name: str, tensor: torch.Tensor) -> None:
        found.append((name, hashed(tensor.detach().contiguous().numpy())))

    def recorder(name: str) -> Callable[..., None]:
        def hook(_module: object, _inputs: object, output: object) -> None:
            if isinstance(output, torch.Tensor):
                record(name, output)
                if output.requires_grad:
                    output.register_hook(lambda gradient: record(f"gradient at {name}", gradient))

        return hook

    heads = LOSSES["ce_mse"].heads
    model = Model(backbone="test_resnet", stride=8, cells=Cells(width=0.125, normal=1))
    network = build_network(model, n_cells, heads, pixels).to(memory_format=torch.channels_last)
    for name, module in network.named_modules():
        if not list(module.children()):
            module.register_forward_hook(recorder(f"{name} ({type(module).__name__})"))
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (16, pixels, pixels, 3), dtype=torch.uint8, generator=generator)
    draws = torch.rand(16, N_DRAWS, generator=generator)
    augmented = augment(images, draws, Augment(rotate=0.0, scale=0.0), Normalisation(network.mean, network.std))
    record("augmented images", augmented)
    loss = load_loss("ce_mse")(network(augmented), torch.arange(16) % 5, weight=1.0).mean()
    record("loss", loss)
    loss.backward()
    for name, parameter in network.named_parameters():
        record(f"gradient of {name}", parameter.grad)
    record("norm", torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0))
    torch.optim.AdamW(network.parameters(), lr=0.005, fused=True).step()
    for name, parameter in network.named_parameters():
        record(f"updated {name}", parameter)
    yield from found


def other_operations() -> Iterator[tuple[str, str]]:
    """Yield name and hash of operations outside of networks, by NumPy, SciPy and OpenCV."""
    import cv2
    import numpy as np
    from scipy import stats

    generator = np.random.default_rng(0)
    matrix = generator.standard_normal((300, 200))
    yield "numpy product", hashed(matrix @ matrix.T)
    yield "numpy exp and log", hashed(np.exp(matrix), np.log(np.abs(matrix)))
    yield "numpy sum", hashed(matrix.sum(), matrix.mean(0))
    yield "scipy t", hashed(stats.t.cdf(matrix[0], 2))
    image = generator.integers(0, 256, (301, 407, 3), dtype=np.uint8)
    yield "opencv resize", hashed(cv2.resize(image, (128, 128), interpolation=cv2.INTER_AREA))
    yield "opencv blur", hashed(cv2.GaussianBlur(image.astype(np.float32), (0, 0), 4.5))


def hashed(*arrays: object) -> str:
    import numpy as np

    return hashlib.sha256(b"".join(np.asarray(array).tobytes() for array in arrays)).hexdigest()[:12]


if __name__ == "__main__":
    if "--unpinned" not in sys.argv:
        pin_process()
    for pixels, n_cells in ((40, 0), (80, 1), (128, 2)):
        for name, value in operations(pixels, n_cells):
            print(f"{pixels} px, {n_cells} cells, {name}: {value}")
    for name, value in other_operations():
        print(f"{name}: {value}")
    sys.stdout.flush()
