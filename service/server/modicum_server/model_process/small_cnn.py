"""A small network for small pictures, trained in seconds on a CPU: `modicum:small_cnn`."""

from torch import nn

from modicum_server.model_process.architectures import BUILT_CHANNELS

NAME = "small_cnn"
WIDTHS = (24, 48, 96)
POOLED_SIDE = 2


def small_cnn(class_count: int, channels: int = BUILT_CHANNELS) -> nn.Sequential:
    """Return three strided convolutions, an average over 2x2 parts of the picture and a linear layer.

    It takes normalised images (N, channels, H, W) of 8x8 pixels or more.
    """
    layers: list[nn.Module] = []
    for given, made in zip((channels, *WIDTHS), WIDTHS, strict=False):
        layers += [nn.Conv2d(given, made, 3, stride=2, padding=1), nn.BatchNorm2d(made), nn.ReLU()]
    head = nn.Linear(WIDTHS[-1] * POOLED_SIDE**2, class_count)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(POOLED_SIDE), nn.Flatten(), head)
