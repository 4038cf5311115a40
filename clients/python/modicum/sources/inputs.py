"""How images are prepared for a model: the built-in input specifications, and those in a file.

A file is TOML. Required: `height`, `width` (pixels after the crop), `mean`, `std` (a number per channel, for values
within the bounds). Optional: `channels` (3; arrays may have 1 to 64), `bounds` ([0, 1]), `resize` (length of the
shorter side before the centre crop; 0, the default, resizes to height x width directly), `interpolation` ("bilinear",
"bicubic" or "nearest"), `fill_mean` (the colour of the mean fill, within the bounds; the default is `mean`),
`stretched` (false; true resizes both sides to `resize` before the crop), `crop_rounded_down` (false; true cuts out the
centre as transformers does, where it falls between two pixels).
"""

import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from modicum.arguments import checked_path
from modicum.errors import InvalidArgument, InvalidSource
from modicum.sources.npy import MOST_CHANNELS

INTERPOLATIONS = ("bilinear", "bicubic", "nearest")
KEYS = frozenset(
    {
        "bounds",
        "channels",
        "crop_rounded_down",
        "fill_mean",
        "height",
        "interpolation",
        "mean",
        "resize",
        "std",
        "stretched",
        "width",
    }
)
#: Longest side that a server accepts.
MOST_PIXELS = 4096
REQUIRED_KEYS = ("height", "width", "mean", "std")

#: A file as help shows it, in lines that fit a narrow terminal: what ImageNet's networks take.
EXAMPLE = """height = 224
width = 224
resize = 256
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpecification:
    """How an image becomes a canvas of `height` x `width` pixels, and the canvas the model's input.

    The shorter side is resized to `resize` pixels (0: the image is resized to height x width directly), the centre is
    cropped, and values are scaled to the bounds. The model gets `(canvas - mean) / std` per channel. `fill_mean` is a
    colour within the bounds; empty means `mean`. `stretched` resizes both sides to `resize`, whatever the image's
    shape. `crop_rounded_down` cuts out the centre as transformers does where it falls between two pixels.
    """

    height: int
    width: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    channels: int = 3
    lower_bound: float = 0.0
    upper_bound: float = 1.0
    resize: int = 0
    interpolation: str = "bilinear"
    fill_mean: tuple[float, ...] = ()
    stretched: bool = False
    crop_rounded_down: bool = False

    def __post_init__(self) -> None:
        """Refuse values that are not valid.

        Raises:
            InvalidArgument: names the field, what was expected and what came.
        """
        for name, expected, holds in self._rules():
            if not holds:
                raise InvalidArgument(f"input: {name}: expected {expected}; got {getattr(self, name)!r}")

    def _rules(self) -> tuple[tuple[str, str, bool], ...]:
        channels = f"{self.channels} finite numbers, one per channel"
        largest = max(self.height, self.width)
        return (
            ("channels", f"1 to {MOST_CHANNELS}", 1 <= self.channels <= MOST_CHANNELS),
            ("height", f"1 to {MOST_PIXELS:,} pixels", 0 < self.height <= MOST_PIXELS),
            ("width", f"1 to {MOST_PIXELS:,} pixels", 0 < self.width <= MOST_PIXELS),
            (
                "resize",
                f"0, or {largest} (the longer side of the crop) to {MOST_PIXELS:,}",
                self.resize == 0 or largest <= self.resize <= MOST_PIXELS,
            ),
            (
                "stretched",
                "false where resize is 0, which stretches already",
                not (self.stretched and self.resize == 0),
            ),
            ("interpolation", f"one of {', '.join(INTERPOLATIONS)}", self.interpolation in INTERPOLATIONS),
            ("upper_bound", "a number above the lower bound", self.lower_bound < self.upper_bound),
            ("mean", channels, self._fits(self.mean)),
            ("std", f"{channels}, above 0", self._fits(self.std) and all(value > 0 for value in self.std)),
            ("fill_mean", f"nothing, or {channels}", not self.fill_mean or self._fits(self.fill_mean)),
        )

    def _fits(self, values: tuple[float, ...]) -> bool:
        return len(values) == self.channels and all(map(math.isfinite, values))


IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
LITE_MEAN = (127 / 255,) * 3
LITE_STD = (128 / 255,) * 3


def _lite(crop: int) -> InputSpecification:
    """EfficientNet-Lite: (x - 127) / 128 of values in 0..255, and the centre of an image that is 32 pixels larger."""
    return InputSpecification(
        height=crop, width=crop, mean=LITE_MEAN, std=LITE_STD, resize=crop + 32, interpolation="bicubic"
    )


BUILT_IN: Mapping[str, InputSpecification] = {
    "imagenet": InputSpecification(height=224, width=224, mean=IMAGENET_MEAN, std=IMAGENET_STD, resize=256),
    # Many CIFAR networks are trained at 32 x 32 with ImageNet's normalisation. Others need a file with their own.
    "cifar10": InputSpecification(height=32, width=32, mean=IMAGENET_MEAN, std=IMAGENET_STD),
    "efficientnet_lite0": _lite(224),
    "efficientnet_lite1": _lite(240),
    "efficientnet_lite2": _lite(260),
}

#: What names an input specification, in messages.
EXPECTED_INPUT = f"one of {', '.join(BUILT_IN)}, or a .toml file"


def input_specification(source: str | Path | InputSpecification) -> InputSpecification:
    """The input specification of that name or in that TOML file.

    Raises:
        InvalidArgument: it is neither a built-in name nor a .toml file.
        InvalidSource: the file cannot be read or is not valid.
    """
    if isinstance(source, InputSpecification):
        return source
    if str(source) in BUILT_IN:
        return BUILT_IN[str(source)]
    checked_path(source, "input", "for values, give modicum.InputSpecification(height=, width=, mean=, std=)")
    path = Path(source)
    if path.suffix.lower() != ".toml":
        raise InvalidArgument(f"input: expected {EXPECTED_INPUT}; got {str(source)!r}")
    try:
        return _from_table(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InvalidSource(f"{path}: the input file cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidSource(f"{path}: not valid TOML: {error}") from error
    except (InvalidArgument, TypeError, ValueError) as error:
        raise InvalidSource(f"{path}: {error}") from error


def file_keys(given: InputSpecification) -> str:
    """The keys and values of an input file that says this, in one line."""
    values = {one.name: getattr(given, one.name) for one in fields(given) if getattr(given, one.name) != one.default}
    bounds = values.pop("lower_bound", 0.0), values.pop("upper_bound", 1.0)
    if bounds != (0.0, 1.0):
        values["bounds"] = bounds
    return ", ".join(f"{key} = {json.dumps(value)}" for key, value in values.items())


def _from_table(table: Mapping[str, Any]) -> InputSpecification:
    unknown = sorted(set(table) - KEYS)
    absent = [key for key in REQUIRED_KEYS if key not in table]
    if unknown or absent:
        raise InvalidArgument(
            (f"unknown key {unknown[0]!r}; " if unknown else f"the key {absent[0]!r} is missing; ")
            + f"the keys are {', '.join(sorted(KEYS))}"
        )
    bounds = _numbers(table, "bounds", (0.0, 1.0))
    if len(bounds) != 2:  # noqa: PLR2004  # lower and upper
        raise InvalidArgument(f"bounds: expected [lower, upper], got {list(bounds)}")
    return InputSpecification(
        height=_whole(table, "height"),
        width=_whole(table, "width"),
        mean=_numbers(table, "mean"),
        std=_numbers(table, "std"),
        channels=_whole(table, "channels", 3),
        lower_bound=bounds[0],
        upper_bound=bounds[1],
        resize=_whole(table, "resize", 0),
        interpolation=str(table.get("interpolation", "bilinear")),
        fill_mean=_numbers(table, "fill_mean", ()),
        stretched=_switch(table, "stretched"),
        crop_rounded_down=_switch(table, "crop_rounded_down"),
    )


def _whole(table: Mapping[str, Any], key: str, default: int | None = None) -> int:
    value = table.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidArgument(f"{key}: expected a whole number, got {value!r}")
    return value


def _switch(table: Mapping[str, Any], key: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise InvalidArgument(f"{key}: expected true or false, got {value!r}")
    return value


def _numbers(table: Mapping[str, Any], key: str, default: tuple[float, ...] | None = None) -> tuple[float, ...]:
    values = table.get(key, default)
    if not isinstance(values, list | tuple) or not all(type(value) in {int, float} for value in values):
        raise InvalidArgument(f"{key}: expected a list of numbers, got {values!r}")
    return tuple(float(value) for value in values)
