"""What the acceptance tests audit: a small network that recognises the colour of a bright patch, and photographs."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from modicum_server.model_process.cifar_resnet import build_cifar_resnet
from PIL import Image
from safetensors.torch import save_file

CLASSES = ("red", "green", "blue")
ARCHITECTURE = "modicum:cifar_resnet8"
MODEL = (
    "--weights",
    "w.safetensors",
    "--architecture",
    ARCHITECTURE,
    "--input",
    "input.toml",
    "--class-labels",
    "labels.txt",
)
"""Options that name the model of a folder, which `patches` fills."""
SIZE = 32
PATCH = 12
PHOTOGRAPHS = 9
INPUT = "height = 32\nwidth = 32\nmean = [0.5, 0.5, 0.5]\nstd = [0.25, 0.25, 0.25]\n"
TRAINING_STEPS = 40


def patches(labels: np.ndarray, seed: int) -> np.ndarray:
    """Photographs, uint8 (N, 32, 32, 3): noise around grey, and a patch in the channel of the label."""
    random = np.random.default_rng(seed)
    images = random.integers(90, 166, (len(labels), SIZE, SIZE, 3))
    for image, label in zip(images, labels, strict=True):
        row, column = random.integers(2, SIZE - PATCH - 2, 2)
        image[row : row + PATCH, column : column + PATCH, label] += 89
    return images.astype(np.uint8)


@contextmanager
def one_thread() -> Iterator[None]:
    """Use one torch thread: for small work, several threads that wait for a busy core cost more than they save."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def trained_network() -> torch.nn.Module:
    """A network that recognises the patches with confidence and has low confidence on a grey picture."""
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
    """Write a model in its three forms, its class labels, its input, and photographs in class folders, flat, as npz."""
    with one_thread():
        network = trained_network()
    save_file(network.state_dict(), folder / "w.safetensors")
    _write_programs(network, folder)
    (folder / "labels.txt").write_text("\n".join(CLASSES))
    (folder / "input.toml").write_text(INPUT)
    labels = np.arange(PHOTOGRAPHS) % len(CLASSES)
    images = patches(labels, seed=7)
    (folder / "flat").mkdir()
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / "photos" / CLASSES[label] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
        Image.fromarray(image).save(folder / "flat" / path.name)
    np.savez(folder / "photos.npz", images=images, labels=labels)


def _write_programs(network: torch.nn.Module, folder: Path) -> None:
    example = torch.zeros(2, 3, SIZE, SIZE)
    shapes = {"images": {0: torch.export.Dim("images", min=1, max=4096)}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, but models in it can still be audited
        torch.export.save(torch.export.export(network, (example,), dynamic_shapes=shapes), folder / "model.pt2")
        torch.jit.trace(network, example).save(folder / "model.pt")


def write_imagenet_materials(folder: Path, *, photographs: int) -> None:
    """Write an untrained ResNet-18 that is confident on photographs and has low confidence on grey."""
    from torchvision.models import resnet18  # noqa: PLC0415 - one test needs it

    torch.manual_seed(0)
    network = resnet18(num_classes=len(CLASSES)).eval()
    with torch.no_grad(), one_thread():
        head, network.fc = network.fc, torch.nn.Identity()
        grey = network(torch.zeros(1, 3, 224, 224))[0]
        head.weight.mul_(200)
        head.bias.copy_(-(head.weight @ grey))
        network.fc = head
    save_file(network.state_dict(), folder / "w.safetensors")
    (folder / "labels.txt").write_text("\n".join(CLASSES))
    random = np.random.default_rng(3)
    for number in range(photographs):
        path = folder / "photos" / CLASSES[number % len(CLASSES)] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((320, 240), Image.Resampling.BICUBIC).save(path)
