"""The architectures of this package: entry point `modicum`."""

from torch import nn

from modicum_server.model_process import small_cnn
from modicum_server.model_process.architectures import ArchitectureUnknown
from modicum_server.model_process.cifar_resnet import build_cifar_resnet


def build_own(name: str, class_count: int) -> nn.Module:
    """Build `small_cnn`, or a CIFAR ResNet.

    Raises:
        ArchitectureUnknown: `name` is neither.
    """
    if name == small_cnn.NAME:
        return small_cnn.small_cnn(class_count)
    try:
        return build_cifar_resnet(name, class_count)
    except ArchitectureUnknown as error:
        raise ArchitectureUnknown(name, (small_cnn.NAME, *error.known), complete=False) from error
