import pytest
import torch
from modicum_sis.acceleration.folding import NotFoldable, fold_norms, has_norms
from torch import nn
from torch.nn import functional


def settled(module, seed=0):
    """In eval mode, with statistics and weights that reveal wrong folding."""
    source = torch.Generator().manual_seed(seed)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d) and part.track_running_stats:
            for values, low, high in ((part.running_mean, -0.5, 0.5), (part.running_var, 0.3, 3.0)):
                values.copy_(low + (high - low) * torch.rand(values.shape, generator=source))
            for weights in part.parameters():
                weights.data = 0.5 + torch.rand(weights.shape, generator=source)
    return module.eval().requires_grad_(False)


def norms(module):
    return sum(isinstance(part, nn.BatchNorm2d) for part in module.modules())


class SharedConvolution(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 3, padding=1)
        self.first, self.second = nn.BatchNorm2d(3), nn.BatchNorm2d(3)

    def forward(self, images):
        return self.second(self.convolution(self.first(self.convolution(images))))


class UsedTwice(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)

    def forward(self, images):
        features = self.convolution(images)
        return self.norm(features) + features


class Functions(nn.Module):
    """Written with functions, as subclasses of layers often are; it reads a shape too."""

    def __init__(self, *, bias):
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(3, 4, 3, bias=bias), nn.BatchNorm2d(4)

    def forward(self, images):
        features = functional.conv2d(images, self.convolution.weight, self.convolution.bias, padding=1)
        torch._assert(features.ndim == 4, "expected four axes")
        norm = self.norm
        return functional.batch_norm(
            features, norm.running_mean, norm.running_var, norm.weight, norm.bias, False, 0.1, norm.eps
        )


class OwnStatistics(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)

    def forward(self, images):
        return self.norm(self.convolution(images))


class Doubling(nn.Conv2d):
    def forward(self, images):
        return 2 * super().forward(images)


FOLDED = {
    "convolution and norm": (lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), 1, 0),
    "with an activation after them": (lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()), 1, 0),
    "without a bias, in groups": (
        lambda: nn.Sequential(nn.Conv2d(3, 6, 3, bias=False, groups=3), nn.BatchNorm2d(6)),
        1,
        0,
    ),
    "an activation between them": (lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4)), 0, 1),
    "the norm before the convolution": (lambda: nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3)), 0, 1),
    "a convolution called twice": (SharedConvolution, 2, 0),
    "a convolution whose output is used elsewhere": (UsedTwice, 0, 1),
    "functions": (lambda: Functions(bias=True), 1, 0),
    "functions without a bias": (lambda: Functions(bias=False), 1, 0),
    "a norm with no weights of its own": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, affine=False)),
        1,
        0,
    ),
    "a norm that looks at the batch": (OwnStatistics, 0, 1),
    "a convolution of another kind": (lambda: nn.Sequential(Doubling(3, 4, 3), nn.BatchNorm2d(4)), 0, 1),
}


@pytest.mark.parametrize(("make", "count", "left"), FOLDED.values(), ids=FOLDED)
def test_norms_are_folded_only_where_the_function_stays_the_same(make, count, left):
    module, images = settled(make()), torch.rand(4, 3, 8, 8)
    before = {name: values.clone() for name, values in module.state_dict().items()}

    folded, found = fold_norms(module)

    assert (found, norms(folded)) == (count, left)
    torch.testing.assert_close(folded(images), module(images), rtol=1e-4, atol=1e-5)
    assert all(torch.equal(values, before[name]) for name, values in module.state_dict().items())


def test_weights_that_are_not_folded_are_shared():
    module = settled(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 5)))

    folded, _ = fold_norms(module)

    addresses = {weights.data_ptr() for weights in module.parameters()}
    new = [weights for weights in folded.parameters() if weights.data_ptr() not in addresses]
    assert sorted(tuple(weights.shape) for weights in new) == [(4,), (4, 3, 3, 3)]
    assert not any(weights.requires_grad for weights in folded.parameters())


def test_a_module_without_norms_to_fold_is_returned_unchanged():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval()

    assert fold_norms(module) == (module, 0)
    assert not has_norms(module)


def test_a_norm_in_training_mode_is_not_folded():
    module = settled(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
    module[1].train()

    assert fold_norms(module)[1] == 0


def test_a_convolution_with_a_hook_is_not_folded():
    module = settled(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
    module[0].register_forward_hook(lambda _module, _inputs, output: 2 * output)

    folded, found = fold_norms(module)

    assert found == 0
    assert folded is module


def test_code_that_branches_on_the_image_cannot_be_folded():
    class Branching(UsedTwice):
        def forward(self, images):
            return super().forward(images) if images.sum() > 0 else images

    with pytest.raises(NotFoldable, match="TraceError"):
        fold_norms(settled(Branching()))
