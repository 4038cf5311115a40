"""The size of pictures that a network of transformers takes, where its config.json says so.

The families listed here fail on pictures of another size. Most others take every size (BEiT, DINOv2, Swin, ConvNeXt,
ResNet, MobileNet). A few have rules of their own (Hiera, LeViT, PVT, Perceiver, and Swin with absolute positions): only
the model's process refuses a size for them.
`tests/hub/test_network_sizes.py` compares the lists with the library.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modicum.errors import InvalidArgument
from modicum.sources.hub_inputs import crops, transformers_input
from modicum.sources.hub_values import OWN_FILE, InputUnknown
from modicum.sources.inputs import InputSpecification

#: By `model_type`, the part of the configuration that has `image_size`; empty if it is the configuration itself.
TAKES_ONE_SIZE = {
    "clip": "vision_config",
    "deit": "",
    "ijepa": "",
    "metaclip_2": "vision_config",
    "vit": "",
    "vit_msn": "",
}
#: Families that take every size with as many whole patches as `image_size` has.
TAKES_ONE_COUNT = {"siglip": "vision_config"}
SIZE, PATCH = "image_size", "patch_size"
AXES = 2


@dataclass(frozen=True, slots=True)
class NetworkSize:
    """The size that a network takes, and its key in the configuration.

    `patch` is the side of a patch if every size with as many whole patches is taken, and 0 otherwise.
    """

    height: int
    width: int
    key: str
    patch: int = 0

    def __str__(self) -> str:
        return f"{self.height} x {self.width}"

    def takes(self, given: InputSpecification) -> bool:
        """Whether the network takes such pictures."""
        if not self.patch:
            return (given.height, given.width) == (self.height, self.width)
        return self._patches(given.height, given.width) == self._patches(self.height, self.width)

    def refuse_other(self, given: InputSpecification, where: Path) -> None:
        """Refuse an input of another size. `where` is the configuration.

        Raises:
            InvalidArgument
        """
        if not self.takes(given):
            raise InvalidArgument(f"input: {self.difference(given, str(where))}. Give an input of {self}")

    def difference(self, given: InputSpecification, where: str) -> str:
        """What is wrong with pictures of another size. `where` names the configuration."""
        return (
            f"pictures of {given.height} x {given.width} pixels, but the network takes {self} ({self.key} in {where})"
        )

    def _patches(self, height: int, width: int) -> int:
        return (height // self.patch) * (width // self.patch)


def network_size(values: Mapping[str, Any]) -> NetworkSize | None:
    """The size in a configuration; None if it names none, or if its family takes others."""
    kind = values.get("model_type")
    part = {**TAKES_ONE_SIZE, **TAKES_ONE_COUNT}.get(str(kind))
    named = values.get(part) if part else values
    if part is None or not isinstance(named, Mapping):
        return None
    sides = _sides(named.get(SIZE))
    patch = _sides(named.get(PATCH)) if kind in TAKES_ONE_COUNT else (0, 0)
    if sides is None or patch is None:
        return None
    return NetworkSize(*sides, f"{part}.{SIZE}" if part else SIZE, patch[0])


def fitting_input(values: Any, channels: int, network: NetworkSize | None) -> InputSpecification:
    """The input specification of an image processor, as `transformers_input`, of a size that the network takes.

    Raises:
        InputUnknown: it makes pictures of another size, or is not one that can be followed.
    """
    values = _processor_keys(values)
    given = transformers_input(values, channels)
    if network is None or network.takes(given):
        return given
    key = "crop_size" if crops(values) else "size"
    raise InputUnknown(
        f"{key}: the processor makes {network.difference(given, 'config.json')}. Save the network's own image "
        f"processor into the folder, or set {key} to {network}"
    )


def _sides(given: Any) -> tuple[int, int] | None:
    """Height and width, which may be one number; None if they are neither."""
    both = given if isinstance(given, list) else [given] * AXES
    if len(both) != AXES or not all(isinstance(one, int) and not isinstance(one, bool) and one > 0 for one in both):
        return None
    return both[0], both[1]


def _processor_keys(values: Any) -> Mapping[str, Any]:
    """The keys of a processor. Those that are null stay: the processors of transformers take no default for them."""
    if not isinstance(values, Mapping):
        raise InputUnknown(f"image_processor: expected a JSON object, got {str(values)[:64]}; {OWN_FILE}")
    return values
