"""The CIFAR ResNets of He et al. 2016, section 4.2: `modicum:cifar_resnetDEPTH`, depth 6n + 2.

Widths 16, 32, 64; 3x3 convolutions without bias; shortcuts without parameters: every second pixel, and zero channels
padded equally before and after.
"""

from torch import Tensor, nn
from torch.nn import functional

from modicum_server.model_process.architectures import ArchitectureUnknown

PREFIX = "cifar_resnet"
WIDTHS = (16, 32, 64)
USUAL_DEPTHS = (20, 32, 44, 56, 110)
DEEPEST = 1202


class Block(nn.Module):
    """Two convolutions and a shortcut."""

    def __init__(self, width_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width_in, width, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.stride, self.padding = stride, (width - width_in) // 2

    def forward(self, x: Tensor) -> Tensor:
        """(B, width_in, H, W) -> (B, width, H / stride, W / stride)."""
        shortcut = x[:, :, :: self.stride, :: self.stride]
        shortcut = functional.pad(shortcut, (0, 0, 0, 0, self.padding, self.padding))
        out = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.norm2(self.conv2(out)) + shortcut)


class CifarResNet(nn.Module):
    """Three stages of `blocks` blocks each."""

    def __init__(self, blocks: int, class_count: int) -> None:
        super().__init__()
        self.stem_conv = nn.Conv2d(3, WIDTHS[0], 3, 1, 1, bias=False)
        self.stem_norm = nn.BatchNorm2d(WIDTHS[0])
        widths = zip((WIDTHS[0], *WIDTHS[:-1]), WIDTHS, (1, 2, 2), strict=True)
        self.stages = nn.Sequential(
            *(
                nn.Sequential(Block(width_in, width, stride), *(Block(width, width, 1) for _ in range(blocks - 1)))
                for width_in, width, stride in widths
            )
        )
        self.head = nn.Linear(WIDTHS[-1], class_count)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> logits (B, K)."""
        out = functional.relu(self.stem_norm(self.stem_conv(images)))
        logits: Tensor = self.head(self.stages(out).mean(dim=(2, 3)))
        return logits


def build_cifar_resnet(name: str, class_count: int) -> nn.Module:
    """Build the network of that name; raises ArchitectureUnknown."""
    depth = name.removeprefix(PREFIX)
    if not name.startswith(PREFIX) or not depth.isdecimal() or not 8 <= int(depth) <= DEEPEST or int(depth) % 6 != 2:  # noqa: PLR2004  depth is 6n + 2
        raise ArchitectureUnknown(name, [f"{PREFIX}{known}" for known in USUAL_DEPTHS], complete=False)
    return CifarResNet((int(depth) - 2) // 6, class_count)
