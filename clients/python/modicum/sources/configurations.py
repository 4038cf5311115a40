"""The configuration from which a library builds an architecture: plain values, with bounds.

Command and server refuse by the same rules. Only the model's process builds anything from a configuration. Nothing here
imports a library of models.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

#: As JSON text.
MOST_BYTES = 65_536
MOST_DEPTH = 6
MOST_ENTRIES = 10_000
LONGEST_TEXT = 256
#: Of a width, a size of images or any other whole number.
MOST_NUMBER = 1_000_000
#: Of classes of a version. A library makes a name for each one before it builds anything.
MOST_CLASSES = 100_000
CLASS_COUNTS = frozenset({"num_labels", "num_classes"})
#: Of what is built one after the other.
MOST_LAYERS = 1_000
LAYERS = re.compile(r"(layers|depths?|blocks|repeats|stages)$")
#: What makes a library load Python code.
CODE_KEYS = frozenset({"auto_map", "custom_pipelines", "trust_remote_code", "code_revision"})
#: What makes a library load a file or another model, or a kernel of the Hub.
FILE_KEYS = frozenset(
    {
        "_attn_implementation",
        "_name_or_path",
        "attn_implementation",
        "backbone",
        "backbone_config",
        "backbone_kwargs",
        "cache_dir",
        "checkpoint_path",
        "experts_implementation",
        "hf_hub_id",
        "kernel_config",
        "pretrained",
        "pretrained_cfg",
        "pretrained_cfg_overlay",
        "pretrained_strict",
        "use_kernels",
        "use_pretrained_backbone",
        "use_timm_backbone",
    }
)
#: What says that the weights are not plain numbers.
QUANTIZED_KEYS = frozenset({"compression_config", "quantization_config"})
OTHER_WAY = "correct the configuration, or export the model (--exported)"
PATH = re.compile(r"[/\\]|^\.|://")


class ConfigurationRefused(ValueError):
    """The configuration is not plain, or not within its bounds. The message says what to do."""


def read_configuration(text: str) -> dict[str, Any]:
    """The configuration in a JSON text, checked. Empty for an empty text.

    Raises:
        ConfigurationRefused
    """
    if not text:
        return {}
    size = len(text.encode())
    if size > MOST_BYTES:
        raise ConfigurationRefused(f"expected at most {MOST_BYTES:,} bytes of JSON, got {size:,}; {OTHER_WAY}")
    try:
        values = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ConfigurationRefused(
            f"expected a JSON object of plain values, got text that is not valid JSON; {OTHER_WAY}"
        ) from error
    if not isinstance(values, dict):
        raise ConfigurationRefused(f"expected a JSON object, got {type(values).__name__}; {OTHER_WAY}")
    check_configuration(values)
    return values


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not valid JSON")


def check_configuration(values: Mapping[str, Any]) -> None:
    """Refuse what loads code or files, and what is out of bounds.

    Raises:
        ConfigurationRefused: names the key.
    """
    for entries, (key, value, depth) in enumerate(_entries(values, "", 1), start=1):
        if depth > MOST_DEPTH:
            raise ConfigurationRefused(f"{key}: expected at most {MOST_DEPTH} levels of values, got more; {OTHER_WAY}")
        if entries > MOST_ENTRIES:
            raise ConfigurationRefused(f"expected at most {MOST_ENTRIES:,} values, got more; {OTHER_WAY}")
        _check_key(key, value)
        _check_value(key, value)


def _most(key: str) -> int:
    """The largest number that may stand under this key."""
    if key in CLASS_COUNTS:
        return MOST_CLASSES
    return MOST_LAYERS if LAYERS.search(key) else MOST_NUMBER


def _number_text(value: float) -> str:
    """A number of JSON in few characters. JSON's whole numbers may be too large for a float."""
    try:
        return f"{value:.4g}"
    except OverflowError:
        return "one with hundreds of digits"


def _entries(value: Any, key: str, depth: int) -> Iterator[tuple[str, Any, int]]:
    """Each value with the key that it stands under. Those of a list stand under the key of the list."""
    if depth > MOST_DEPTH:
        yield key, None, depth
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield str(name), inner, depth
            yield from _entries(inner, str(name), depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield key, inner, depth
            yield from _entries(inner, key, depth + 1)


def _check_key(key: str, value: Any) -> None:
    if len(key) > LONGEST_TEXT:
        raise ConfigurationRefused(f"expected keys of at most {LONGEST_TEXT} characters, got {len(key)}; {OTHER_WAY}")
    if key in CODE_KEYS and value:
        raise ConfigurationRefused(
            f"the key {key} would load Python code, which is never run. Use an architecture that the library has "
            "itself, or export the model (--exported)"
        )
    if key in QUANTIZED_KEYS and value:
        raise ConfigurationRefused(
            f"the key {key} says that the weights are quantized. Save the floating point weights of the model"
        )
    if key in FILE_KEYS and value:
        raise ConfigurationRefused(
            f"the key {key} would load a file or another model. Save a model without it, or export the model "
            "(--exported)"
        )


def _check_value(key: str, value: Any) -> None:
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            raise ConfigurationRefused(
                f"{key}: expected at most {LONGEST_TEXT} characters, got {len(value):,}; {OTHER_WAY}"
            )
        if PATH.search(value):
            raise ConfigurationRefused(f"{key}: expected a plain word, got a path or an address; remove the key")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        most = _most(key)
        if not -most <= value <= most:
            raise ConfigurationRefused(
                f"{key}: expected a number of at most {most:,}, got {_number_text(value)}; {OTHER_WAY}"
            )
    elif value is not None and not isinstance(value, bool | list | Mapping):
        raise ConfigurationRefused(f"{key}: expected a plain value of JSON, got {type(value).__name__}; {OTHER_WAY}")
