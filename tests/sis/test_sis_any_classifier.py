"""Channels, sizes, class counts, outputs and architectures: each gets verified subsets within its budget."""

import math
import warnings
from collections.abc import Callable

import pytest
import torch
from modicum_sis import Classifier, Finding, MaskOptimization, find_subsets
from torch import Tensor, nn

from tests.tiers import long

THRESHOLD = 0.9
SURE = 0.97
Canvas = tuple[int, int, int]


class OneBand(nn.Module):
    """Class 0 scores 2 for every pixel of a short diagonal that is bright in the last channel; the others score 0."""

    def __init__(self, canvas: Canvas, classes: int = 2, *, pixels: int = 6) -> None:
        super().__init__()
        weights = torch.zeros(canvas)
        for at in range(pixels):
            weights[-1, at, at] = 2.0
        self.weights = nn.Parameter(weights)
        self.others = classes - 1

    def forward(self, images: Tensor) -> Tensor:
        evidence = (images * self.weights).sum(dim=(1, 2, 3))
        return torch.cat([evidence[:, None], torch.zeros(len(images), self.others)], dim=1)


class Opinionated(nn.Module):
    """An untrained network that is confident on one image and undecided on a blank one."""

    def __init__(self, network: nn.Module, image: Tensor) -> None:
        super().__init__()
        self.network = network.eval()
        with torch.no_grad():
            blank, shown = self.network(torch.stack([torch.zeros_like(image), image]))
        self.blank = nn.Parameter(blank)
        self.gain = 1.0
        while float(torch.softmax(self.gain * (shown - blank), dim=0).max()) < SURE:
            self.gain *= 1.25

    def forward(self, images: Tensor) -> Tensor:
        return self.gain * (self.network(images) - self.blank)


def tiny_network(channels: int, classes: int, *, stride: int = 4) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, 8, stride, stride=stride),
        nn.GELU(),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.GELU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, classes),
    )


def torchvision_vit() -> nn.Module:
    from torchvision.models.vision_transformer import VisionTransformer  # noqa: PLC0415  seconds, for two rows

    network = VisionTransformer(
        image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=32, mlp_dim=64, num_classes=7
    )
    nn.init.normal_(network.heads.head.weight)  # its initial weights are zeros
    return network


def torchvision_swin() -> nn.Module:
    from torchvision.models.swin_transformer import SwinTransformer  # noqa: PLC0415  as above

    return SwinTransformer([2, 2], 16, [1, 1], [1, 2], [4, 4], num_classes=7)


def timm_model(name: str, **options: object) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # timm warns about its own old module names
        import timm  # noqa: PLC0415  as above

        return timm.create_model(name, pretrained=False, num_classes=7, **options)


def random_image(canvas: Canvas) -> Tensor:
    return torch.rand(1, *canvas, generator=torch.Generator().manual_seed(3))


def search(classifier: Classifier, images: Tensor, *, passes: int) -> Finding:
    (finding,) = find_subsets(classifier, images, threshold=THRESHOLD, search=MaskOptimization(passes=passes))
    return finding


def seeded(build: Callable[[], nn.Module]) -> nn.Module:
    """A network with the weights of one seed, independent of earlier random draws."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build()


def confidence_alone(module: nn.Module, image: Tensor, finding: Finding) -> float:
    """The confidence of the target class by the module itself, on the image with zeros where the mask is False."""
    assert finding.subset is not None
    with torch.no_grad():
        answer = module(image * finding.subset.mask)[0].double()
    rows = answer if answer.min() >= 0 and math.isclose(float(answer.sum()), 1, rel_tol=1e-4) else answer.softmax(0)
    return float(rows[finding.target_class])


@pytest.mark.long_after(3)
@pytest.mark.parametrize("canvas", [(1, 8, 8), (3, 33, 57), (4, 8, 512), (13, 33, 57), (64, 8, 8)], ids=str)
def test_the_two_sufficient_pixels_are_found_on_any_canvas(canvas):
    classifier = Classifier(OneBand(canvas), mean=[0.0] * canvas[0])

    finding = search(classifier, torch.ones(1, *canvas), passes=300)

    assert finding.subset.size == 2  # log-odds of 0.9 are 2.2, and a pixel gives 2
    assert finding.subset.mask.nonzero().diff(dim=1).abs().max() == 0
    assert finding.verified_confidence == pytest.approx(1 / (1 + math.exp(-4)))


@pytest.mark.long_after(2)
@pytest.mark.parametrize(("classes", "needed"), [(2, 2), (21_841, 7)])
@pytest.mark.parametrize("output", ["logits", "probabilities"])
def test_any_number_of_classes_as_logits_or_probabilities(classes, needed, output):
    module: nn.Module = OneBand((1, 8, 8), classes, pixels=8)
    module = nn.Sequential(module, nn.Softmax(dim=1)) if output == "probabilities" else module
    classifier = Classifier(module)

    finding = search(classifier, torch.ones(1, 1, 8, 8), passes=300)

    assert (classifier.output_kind, classifier.class_count) == (output, classes)
    assert finding.subset.size == needed  # 2 n >= 2.2 + log(classes - 1)


NETWORKS = {
    "grey 8x8": (lambda: tiny_network(1, 5, stride=2), (1, 8, 8), 300),
    "13 channels": (lambda: tiny_network(13, 5), (13, 33, 57), 200),
    "4 channels, 8x512": (lambda: tiny_network(4, 5), (4, 8, 512), 200),
    "224x224": (lambda: tiny_network(3, 1000, stride=16), (3, 224, 224), 200),
    "512x512": (lambda: tiny_network(3, 5, stride=16), (3, 512, 512), 100),
    "two classes": (lambda: tiny_network(3, 2), (3, 32, 32), 200),
    "21,841 classes": (lambda: tiny_network(3, 21_841), (3, 32, 32), 200),
    "torchvision vision transformer": (torchvision_vit, (3, 32, 32), 200),
    "torchvision swin": (torchvision_swin, (3, 32, 32), 200),
    "timm vision transformer": (
        lambda: timm_model("vit_tiny_patch16_224", img_size=32, patch_size=8, depth=2, in_chans=4),
        (4, 32, 32),
        200,
    ),
    "timm convnext": (lambda: timm_model("convnext_atto", depths=(1, 1, 1, 1), dims=(8, 16, 24, 32)), (3, 64, 64), 200),
    "timm mobilenet": (lambda: timm_model("mobilenetv3_small_050", in_chans=1), (1, 64, 64), 200),
}

#: Of each kind of input and of each library one is in `make test`.
QUICK = {"grey 8x8", "4 channels, 8x512", "21,841 classes", "torchvision vision transformer", "timm vision transformer"}
QUICK_AND_LONG = [
    pytest.param(*row, id=name) if name in QUICK else long(*row, id=name) for name, row in NETWORKS.items()
]


@pytest.mark.long_after(3)
@pytest.mark.parametrize(("build", "canvas", "passes"), QUICK_AND_LONG)
def test_any_network_gets_a_verified_subset_within_its_budget(build, canvas, passes):
    image = random_image(canvas)
    module = Opinionated(seeded(build), image[0])

    finding = search(Classifier(module), image, passes=passes)

    assert finding.eligible
    assert not finding.baseline_confident
    assert 0 < finding.subset.fraction < 0.6
    assert finding.verified_confidence >= THRESHOLD
    assert confidence_alone(module, image, finding) == pytest.approx(finding.verified_confidence, abs=1e-4)
    assert finding.passes.equivalents <= passes
