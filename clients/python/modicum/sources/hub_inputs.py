"""The input specification in what Hugging Face's libraries write beside a model.

transformers has `preprocessor_config.json`, timm the `pretrained_cfg` of its `config.json`. Both are followed exactly
or refused: a model that sees its pictures otherwise than it was trained on gives figures that look right and are not.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from modicum.errors import InvalidArgument
from modicum.sources.hub_values import OWN_FILE, InputUnknown, length, number, per_channel, whole_numbers
from modicum.sources.inputs import IMAGENET_MEAN, IMAGENET_STD, InputSpecification, file_keys

#: Pillow's numbers.
RESAMPLING = {0: "nearest", 2: "bilinear", 3: "bicubic"}
OTHER_RESAMPLING = {1: "lanczos", 4: "box", 5: "hamming"}
#: The most similar of those that an input specification has.
NEAREST_RESAMPLING = {"lanczos": "bicubic", "box": "bilinear", "hamming": "bilinear"}
LARGEST_BYTE = 255
#: From this size on, the processors of ConvNeXt and ResNet stretch the picture and crop nothing.
CONVNEXT_STRETCHES_FROM = 384
LEVIT_GROWTH = 256 / 224
POOLFORMER_CROP_PCT = 0.9
#: Steps of a processor that no input specification has, by the key that switches them on: what it does, what to do.
STEPS_REFUSED = {
    "do_pad": ("pads pictures", "pad"),
    "do_flip_channel_order": ("exchanges red and blue", "exchange red and blue"),
    "do_thumbnail": ("makes thumbnails", "make thumbnails"),
    "do_align_long_axis": ("turns pictures", "turn"),
}
#: Steps after which the network is not given a picture, so that no prepared pictures help.
STEPS_TO_EXPORT = {
    "do_color_quantize": "replaces colours by clusters",
    "do_image_splitting": "splits pictures",
}
#: Processors that give the network patches of a picture instead of the picture.
CUT_INTO_PATCHES = frozenset({"Siglip2"})
#: Processors that normalise only where their file says so.
UNNORMALIZED = frozenset({"MobileViT"})
#: Processors that resize, crop, rescale and normalise as their keys say.
PLAIN_PROCESSORS = frozenset(
    {"Beit", "Bit", "CLIP", "DeiT", "EfficientNet", "MobileNetV1", "MobileNetV2", "Pvt", "Siglip", "ViT"}
)
PROCESSORS = PLAIN_PROCESSORS | {"ConvNext", "Levit", "PoolFormer"}
#: Those for which a size of one number is height and width.
SQUARE = frozenset({"Beit", "DeiT", "EfficientNet", "Pvt", "Segformer", "ViT"})
#: Those that crop only where their file says so.
UNCROPPED = frozenset({"Beit", "EfficientNet", "Pvt", "Siglip", "ViT"})
ENDINGS = ("ImageProcessorFast", "ImageProcessorPil", "ImageProcessor", "FeatureExtractor")
TIMM_CROP_PCT = 0.875
TIMM_CROP_MODES = ("center", "squash")
#: Of what is seen. A smaller one would resize pictures to more than a thousand times that.
LEAST_CROP_SHARE = 0.001


def transformers_input(values: Mapping[str, Any], channels: int) -> InputSpecification:
    """The input specification in a preprocessor_config.json, or in that part of a processor_config.json.

    A step whose key is null is not done, and a value that is null is refused, as by transformers.

    Raises:
        InputUnknown: it has a step that no input specification has, or lacks a key.
    """
    _refuse_other_steps(values, channels)
    kind = _processor(values, channels)
    if not values.get("do_resize", True):
        raise InputUnknown(f"do_resize is false, but pictures of all sizes must become one; {OWN_FILE}")
    scale = _scale(kind, values)
    height, width, resize, stretched = _framing(kind, values, channels)
    named = _resampling(values.get("resample"))
    given = _specification(
        channels=channels,
        height=height,
        width=width,
        resize=resize,
        stretched=stretched,
        interpolation=NEAREST_RESAMPLING.get(named, named),
        bounds=scale,
        normalization=_normalization(kind, values, channels),
        crop_rounded_down=True,
    )
    _refuse_other_resampling("resample", named, given)
    return given


def timm_input(values: Mapping[str, Any]) -> InputSpecification:
    """The input specification in a `pretrained_cfg` of timm.

    Raises:
        InputUnknown: as `transformers_input`.
    """
    channels, height, width = whole_numbers(values, "input_size", 3)
    share = _crop_share({} if values.get("crop_pct") is None else values, TIMM_CROP_PCT)
    mode = values.get("crop_mode") or "center"
    if mode not in TIMM_CROP_MODES:
        raise InputUnknown(f"crop_mode: expected {' or '.join(TIMM_CROP_MODES)}, got {str(mode)[:64]}; {OWN_FILE}")
    if values.get("crop_border_pixels"):
        raise InputUnknown(f"crop_border_pixels: a trimmed border is not supported; {OWN_FILE}")
    scaled = int(height / share), int(width / share)
    if height != width and (mode == "center" or scaled != (height, width)):
        raise InputUnknown(f"input_size: {height} x {width} is not square, and is cropped; {OWN_FILE}")
    word = values.get("interpolation") or "bicubic"
    interpolation = "bilinear" if word == "random" else word
    if interpolation not in (*RESAMPLING.values(), *NEAREST_RESAMPLING):
        raise InputUnknown(f"interpolation: expected {', '.join(RESAMPLING.values())}; got {word!r}; {OWN_FILE}")
    stretched = mode == "squash"
    given = _specification(
        channels=channels,
        height=height,
        width=width,
        resize=0 if stretched and scaled == (height, width) else scaled[0],
        stretched=stretched,
        interpolation=NEAREST_RESAMPLING.get(interpolation, interpolation),
        bounds=(0.0, 1.0),
        normalization=(
            per_channel(values.get("mean", IMAGENET_MEAN), "mean", channels),
            per_channel(values.get("std", IMAGENET_STD), "std", channels),
        ),
        crop_rounded_down=False,
    )
    _refuse_other_resampling("interpolation", interpolation, given)
    return given


def _refuse_other_steps(values: Mapping[str, Any], channels: int) -> None:
    for key, does in STEPS_TO_EXPORT.items():
        if values.get(key):
            raise InputUnknown(
                f"{key}: the processor {does}, and no file for --input can say so. Export a network that does it "
                "(--exported)"
            )
    for key, (does, do) in STEPS_REFUSED.items():
        if values.get(key):
            raise InputUnknown(
                f"{key}: the processor {does}, and no file for --input can say so. "
                f"{_prepared(values, channels, f'resize, crop and {do} as the processor does')}; or export a network "
                "that does it (--exported)"
            )


def _refuse_other_resampling(key: str, named: str, given: InputSpecification) -> None:
    """Refuse an interpolation that no input specification has. `given` has the most similar one."""
    if named == given.interpolation:
        return
    resized = replace(given, resize=0, stretched=False, crop_rounded_down=False, interpolation="bilinear")
    raise InputUnknown(
        f"{key}: expected {', '.join(RESAMPLING.values())}; got {named}. Give --input FILE.toml with "
        f"{file_keys(given)}: {given.interpolation} is the most similar to {named}, and scores will differ slightly. "
        f"For equal scores, make the pictures {given.height} x {given.width} with {named} yourself, save them as PNG, "
        f"and write only {file_keys(resized)}"
    )


def _prepared(values: Mapping[str, Any], channels: int, steps: str) -> str:
    """The way out by pictures that have gone through these steps, with what the file says of their normalisation."""
    kind, _ = _kind(values)
    try:
        height, width = _final_size(kind, values)
        size, all_to = f"height = {height}, width = {width}", f"all to {height} x {width}"
    except InputUnknown:
        size, all_to = "the height and width of these pictures", "all to one size"
    try:
        low, high = _scale(kind, values)
        bounds = "" if (low, high) == (0, 1) else f", bounds = {json.dumps([low, high])}"
        does = values.get("do_normalize", kind not in UNNORMALIZED)
        mean, std = _normalization(kind, {**values, "do_normalize": does}, channels)
        rest = f"mean = {json.dumps(mean)}, std = {json.dumps(std)}{bounds}"
    except InputUnknown:
        rest = "the mean and std of the processor (0 and 1 for each channel if it does not normalise)"
    more = "" if channels == len(IMAGENET_MEAN) else f", channels = {channels}"
    return (
        f"Prepare the pictures yourself ({steps}, {all_to}, and save them as PNG), and give --input FILE.toml with "
        f"{size}, {rest}{more}"
    )


def _final_size(kind: str, values: Mapping[str, Any]) -> tuple[int, int]:
    """Height and width after all steps."""
    if values.get("do_pad"):
        return _size(kind, {"size": values.get("pad_size")})[1]
    both = _crop_size(values) if values.get("do_center_crop") else _size(kind, values)[1]
    if not all(both):
        raise InputUnknown("the pictures keep their shape")
    return both


def _specification(
    *,
    channels: int,
    height: int,
    width: int,
    resize: int,
    stretched: bool,
    interpolation: str,
    bounds: tuple[float, float],
    normalization: tuple[tuple[float, ...], tuple[float, ...]],
    crop_rounded_down: bool,
) -> InputSpecification:
    mean, std = normalization
    low, high = bounds
    visible = any(mean) and all(low <= value <= high for value in mean)
    try:
        return InputSpecification(
            channels=channels,
            height=height,
            width=width,
            lower_bound=low,
            upper_bound=high,
            resize=resize,
            stretched=stretched and resize > 0,
            crop_rounded_down=crop_rounded_down and resize > 0,
            interpolation=interpolation,
            mean=mean,
            std=std,
            fill_mean=() if visible else ((low + high) / 2,) * channels,
        )
    except InvalidArgument as error:
        raise InputUnknown(f"{error}; {OWN_FILE}") from error


def _kind(values: Mapping[str, Any]) -> tuple[str, str]:
    """The kind of processor and the ending of its name; older files name a feature extractor."""
    named = values.get("image_processor_type") or values.get("feature_extractor_type") or ""
    if not isinstance(named, str):
        return "", ""
    ending = next((one for one in ENDINGS if named.endswith(one)), "")
    return named.removesuffix(ending), ending


def _processor(values: Mapping[str, Any], channels: int) -> str:
    """The kind of processor, without its ending."""
    kind, ending = _kind(values)
    if not kind:
        raise InputUnknown(f"image_processor_type is missing; {OWN_FILE}")
    named = f"{kind}{ending}"[:64]
    if kind in CUT_INTO_PATCHES:
        raise InputUnknown(
            f"the image processor {named} cuts pictures into patches, and no file for --input can say so. Export a "
            "network that does it (--exported)"
        )
    if not ending or kind not in PROCESSORS:
        known = ", ".join(sorted(PROCESSORS))
        raise InputUnknown(
            f"the image processor {named} is not supported (supported: {known}). "
            f"{_prepared(values, channels, 'run its steps up to the normalisation')}"
        )
    return kind


def crops(values: Mapping[str, Any]) -> bool:
    """Whether `crop_size` decides the size of the pictures; otherwise `size` does."""
    kind, _ = _kind(values)
    return kind != "ConvNext" and bool(values.get("do_center_crop", kind not in UNCROPPED))


def _framing(kind: str, values: Mapping[str, Any], channels: int) -> tuple[int, int, int, bool]:
    """Height and width of what the model sees, the length to resize to (0: to these), and whether both sides are."""
    shorter, both = _size(kind, values)
    if kind == "ConvNext":
        return _convnext_framing(shorter, both, values)
    if kind == "Levit" and shorter:
        shorter = int(LEVIT_GROWTH * shorter)
    if kind == "PoolFormer":
        _refuse_oblong(both)
        shorter, both = int((shorter or both[0]) / _crop_share(values, POOLFORMER_CROP_PCT)), (0, 0)
    if shorter and not crops(values):
        raise InputUnknown(
            "size: pictures keep their shape and are not cropped, so their sizes differ. "
            f"{_prepared(values, channels, 'resize as the processor does, then pad or crop')}"
        )
    if not crops(values):
        return (*both, 0, True)
    height, width = _crop_size(values)
    if both == (height, width):
        return height, width, 0, True
    _refuse_oblong(both)
    return height, width, shorter or both[0], not shorter


def _refuse_oblong(both: tuple[int, int]) -> None:
    if both[0] != both[1]:
        raise InputUnknown(f"size: {both[0]} x {both[1]} is not square, and is cropped; {OWN_FILE}")


def _convnext_framing(shorter: int, both: tuple[int, int], values: Mapping[str, Any]) -> tuple[int, int, int, bool]:
    """ConvNeXt and ResNet crop by a share of their size, and at large sizes not at all."""
    side = shorter or (both[0] if both[0] == both[1] else 0)
    if not side:
        raise InputUnknown(f"size: expected shortest_edge, got {values.get('size')!r}; {OWN_FILE}")
    if values.get("do_center_crop") and _crop_size(values) != (side, side):
        raise InputUnknown(f"crop_size: expected {side} x {side}, the size; {OWN_FILE}")
    if side >= CONVNEXT_STRETCHES_FROM:
        return side, side, 0, True
    return side, side, int(side / _crop_share(values, 224 / 256)), False


def _size(kind: str, values: Mapping[str, Any]) -> tuple[int, tuple[int, int]]:
    """The length of the shorter side, or else height and width; the other is 0. Older files have one number."""
    given = values.get("size")
    if isinstance(given, int) and not isinstance(given, bool):
        side = length(values, "size")
        return (0, (side, side)) if kind in SQUARE else (side, (0, 0))
    if isinstance(given, Mapping):
        if set(given) == {"shortest_edge"}:
            return length(given, "shortest_edge", "size."), (0, 0)
        if set(given) == {"height", "width"}:
            return 0, (length(given, "height", "size."), length(given, "width", "size."))
    raise InputUnknown(f"size: expected shortest_edge, or height and width; got {str(given)[:64]}; {OWN_FILE}")


def _crop_size(values: Mapping[str, Any]) -> tuple[int, int]:
    given = values.get("crop_size")
    if isinstance(given, int) and not isinstance(given, bool):
        side = length(values, "crop_size")
        return side, side
    if not isinstance(given, Mapping):
        raise InputUnknown(f"crop_size: expected height and width; got {str(given)[:64]}; {OWN_FILE}")
    return length(given, "height", "crop_size."), length(given, "width", "crop_size.")


def _crop_share(values: Mapping[str, Any], default: float) -> float:
    share = number(values, "crop_pct", default)
    if not LEAST_CROP_SHARE <= share <= 1:
        raise InputUnknown(f"crop_pct: expected {LEAST_CROP_SHARE} to 1, got {share:g}; {OWN_FILE}")
    return share


def _scale(kind: str, values: Mapping[str, Any]) -> tuple[float, float]:
    """The bounds of a canvas: what the darkest and the lightest byte become before the mean is subtracted."""
    if not values.get("do_rescale", True):
        return 0.0, float(LARGEST_BYTE)
    factor = number(values, "rescale_factor", 1 / LARGEST_BYTE)
    if not factor > 0:
        raise InputUnknown(f"rescale_factor: expected a number above 0, got {factor:g}; {OWN_FILE}")
    lower = -1.0 if values.get("rescale_offset") and kind == "EfficientNet" else 0.0
    upper = lower + factor * LARGEST_BYTE
    return lower, round(upper, 6) if abs(upper - round(upper)) < 1e-5 else upper  # noqa: PLR2004  # 0.00392156862745098


def _normalization(kind: str, values: Mapping[str, Any], channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    # With a head, EfficientNet divides by the deviation once more, as its first training did.
    again = kind == "EfficientNet" and values.get("include_top", True)
    if not values.get("do_normalize", True) and not again:
        return (0.0,) * channels, (1.0,) * channels
    if "image_mean" not in values or "image_std" not in values:
        raise InputUnknown(f"image_mean or image_std is missing; {OWN_FILE}")
    mean = per_channel(values["image_mean"], "image_mean", channels)
    std = per_channel(values["image_std"], "image_std", channels)
    if not values.get("do_normalize", True):
        return (0.0,) * channels, std
    return mean, tuple(one**2 for one in std) if again else std


def _resampling(given: Any) -> str:
    number = given if isinstance(given, int) and not isinstance(given, bool) else -1
    if number in RESAMPLING:
        return RESAMPLING[number]
    if number in OTHER_RESAMPLING:
        return OTHER_RESAMPLING[number]
    expected = ", ".join(f"{number} ({name})" for number, name in RESAMPLING.items())
    raise InputUnknown(f"resample: expected a number, {expected}; got {repr(given)[:32]}; {OWN_FILE}")
