"""What the acceptance tests audit: a small network that tells a bright patch's colour, photographs of such patches.

And how they run things: the commands as a user runs them, and a look for what they leave behind.
"""

from pathlib import Path

import numpy as np
import torch
from modicum_server.handler.cifar_resnet import build_cifar_resnet
from PIL import Image
from safetensors.torch import save_file

CLASSES = ("red", "green", "blue")
SIZE = 32
ARCHITECTURE = "modicum:cifar_resnet8"
INPUT = """
height = 32
width = 32
mean = [0.5, 0.5, 0.5]
std = [0.25, 0.25, 0.25]
"""
#: The variables that a developer's own server would come in by.
OURS = ("MODICUM_ADDRESS", "MODICUM_TOKEN", "MODICUM_INSECURE", "MODICUM_DATABASE_URL", "MODICUM_ARTIFACTS_URL")
TRAINING_STEPS = 40
COMMAND_SECONDS = 150


def patches(labels: "np.ndarray[tuple[int], np.dtype[np.int64]]", seed: int) -> "np.ndarray":
    """Photographs, uint8 (N, 32, 32, 3): noise about grey, and a patch of 12 x 12 in the label's channel."""
    random = np.random.default_rng(seed)
    images = random.integers(90, 166, (len(labels), SIZE, SIZE, 3))
    for image, label in zip(images, labels, strict=True):
        row, column = random.integers(2, SIZE - 14, 2)
        image[row : row + 12, column : column + 12, label] += 89
    return images.astype(np.uint8)


def trained_network() -> torch.nn.Module:
    """A network that tells the patches apart with confidence, and a grey picture's class with little."""
    torch.manual_seed(0)
    network = build_cifar_resnet("cifar_resnet8", len(CLASSES))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for step in range(TRAINING_STEPS):
        labels = np.random.default_rng(step).integers(0, len(CLASSES), 48)
        images = torch.from_numpy(patches(labels, seed=1000 + step)).permute(0, 3, 1, 2) / 255
        loss = torch.nn.functional.cross_entropy(network((images - 0.5) / 0.25), torch.from_numpy(labels))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


def write_materials(folder: Path) -> None:
    """Write a model's files and photographs as a user has them."""
    network = trained_network()
    save_file(network.state_dict(), folder / "w.safetensors")
    (folder / "labels.txt").write_text("\n".join(CLASSES))
    (folder / "input.toml").write_text(INPUT)
    labels = np.arange(9) % len(CLASSES)
    for number, (image, label) in enumerate(zip(patches(labels, seed=7), labels, strict=True)):
        path = folder / "photos" / CLASSES[label] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
