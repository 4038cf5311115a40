"""A weights file -> tensors by key, as data: nothing in the file is run. Then into a module, strictly.

Safetensors, or a state dict of tensors only, which torch's restricted unpickler reads (in the sandbox, this process).
"""

import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from modicum_sis.memory import is_out_of_memory
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from modicum_server.handler.failures import ModelRefused

ZIP_MAGIC, PICKLE_MAGIC = b"PK\x03\x04", b"\x80"
NESTS = ("state_dict", "model_state_dict", "model", "net")
"""Under these keys checkpoints keep their state dict."""
PARALLEL_PREFIX = "module."
"""What torch's DataParallel puts before every key."""
COUNTER = "num_batches_tracked"
"""Batch norm's counter: old files lack it, and a model in eval mode does not read it."""
NAMED_KEYS = 3


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read tensors by key, on the CPU.

    Raises:
        ModelRefused: WEIGHTS_UNREADABLE, or WEIGHTS_NOT_TENSORS.
    """
    with path.open("rb") as file:
        start = file.read(len(ZIP_MAGIC))
    if start == ZIP_MAGIC or start.startswith(PICKLE_MAGIC):
        return _read_state_dict(path)
    try:
        return dict(load_file(path))
    except (SafetensorError, OSError, ValueError, KeyError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise
        raise ModelRefused(
            "WEIGHTS_UNREADABLE",
            "Expected a safetensors file, or a state dict saved by torch.save; the bytes are neither, or they are "
            "damaged or cut off. Save the weights again with safetensors.torch.save_file(model.state_dict(), ...).",
        ) from error


def fit_weights(module: nn.Module, weights: Mapping[str, Tensor], architecture: str) -> None:
    """Load the weights into the module; every key and shape must be the same.

    Raises:
        ModelRefused: STATE_DICT_MISMATCH, naming the first keys that do not fit.
    """
    expected = module.state_dict()
    given = _without_prefix(weights, expected)
    missing = [key for key in expected if key not in given and not key.endswith(COUNTER)]
    unexpected = [key for key in given if key not in expected]
    misshapen = [key for key in expected if key in given and expected[key].shape != given[key].shape]
    if missing or unexpected or misshapen:
        shapes = (f"{key} {_shape(expected[key])}, came {_shape(given[key])}" for key in misshapen)
        complaints = [
            _named("missing", missing, len(missing)),
            _named("unexpected", unexpected, len(unexpected)),
            _named("of another shape: expected", shapes, len(misshapen)),
        ]
        raise ModelRefused(
            "STATE_DICT_MISMATCH",
            f"Expected the {len(expected)} keys of {architecture}; got {len(given)}. "
            f"{'; '.join(filter(None, complaints))}. Name the architecture that these weights were saved from.",
        )
    module.load_state_dict({**expected, **given})


def _read_state_dict(path: Path) -> dict[str, Tensor]:
    if zipfile.is_zipfile(path):
        _refuse_packed(path)
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler raises anything on hostile bytes
        if is_out_of_memory(error):
            raise
        raise ModelRefused(
            "WEIGHTS_UNREADABLE",
            "Expected a state dict of tensors only; the file holds more than data (a whole model, TorchScript, a "
            "torch.export program), or is damaged. Save model.state_dict(), best with safetensors.torch.save_file; "
            "programs are registered as such.",
        ) from error
    nested = next(
        (loaded[key] for key in NESTS if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping)), loaded
    )
    if not isinstance(nested, Mapping) or not nested or not all(isinstance(value, Tensor) for value in nested.values()):
        raise ModelRefused(
            "WEIGHTS_NOT_TENSORS",
            "Expected a state dict, a mapping of keys to tensors; got something else. Save model.state_dict().",
        )
    if swollen := [str(key) for key, value in nested.items() if not _is_all_there(value)]:
        raise ModelRefused(
            "WEIGHTS_UNREADABLE",
            f"Expected dense tensors whose every value is in the file; {_named('not so', swollen, len(swollen))}. "
            "Save the weights with safetensors.torch.save_file(model.state_dict(), ...).",
        )
    return {str(key): value.detach() for key, value in nested.items()}


def _refuse_packed(path: Path) -> None:
    """Refuse an archive that unpacks to more than it is: torch.save packs nothing, and a few bytes can hide terabytes.

    Raises:
        ModelRefused: WEIGHTS_UNREADABLE.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return  # torch says what is wrong with it
    unpacked = sum(member.file_size for member in members)
    if unpacked > path.stat().st_size or any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise ModelRefused(
            "WEIGHTS_UNREADABLE",
            "Expected a file written by torch.save, which packs nothing; got a packed archive (a .mar, a .zip) that "
            f"unpacks to {unpacked:,} bytes. Take the weights out and save them with safetensors.torch.save_file.",
        )


def _is_all_there(tensor: Tensor) -> bool:
    """Whether it is dense and its storage holds each of its values: a shape of stride 0 costs nothing to claim."""
    if tensor.layout is not torch.strided:
        return False
    return tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()


def _without_prefix(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    if not all(key.startswith(PARALLEL_PREFIX) for key in weights) or any(key in expected for key in weights):
        return dict(weights)
    return {key.removeprefix(PARALLEL_PREFIX): value for key, value in weights.items()}


def _named(kind: str, keys: Iterable[str], count: int) -> str:
    if not count:
        return ""
    first = [key for key, _ in zip(keys, range(NAMED_KEYS), strict=False)]
    rest = f" and {count - len(first)} more" if count > len(first) else ""
    return f"{kind} {', '.join(first)}{rest}"


def _shape(tensor: Tensor) -> str:
    return "x".join(str(size) for size in tensor.shape) or "scalar"
