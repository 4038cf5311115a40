"""Reads a weights file as tensors by key, without running anything in it, and loads them into a module, strictly.

The file is safetensors, or a state dict of tensors only, which torch's restricted unpickler reads in this confined
process.
"""

import struct
import zipfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import torch
from modicum_sis.numerics.out_of_memory import is_out_of_memory
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from modicum_server.model_process.failure_reasons import ModelRefused

ZIP_MAGIC, PICKLE_MAGIC = b"PK\x03\x04", b"\x80"
HEADER = struct.Struct("<Q")
"""The length of a safetensors file's header, in bytes."""
NESTS = ("state_dict", "model_state_dict", "model", "net")
"""Keys under which checkpoints have their state dict."""
PARALLEL_PREFIX = "module."
"""The prefix that torch's DataParallel puts before every key."""
COUNTER = "num_batches_tracked"
"""The counter of batch norm. Old files lack it, and a model in eval mode does not use it."""
NAMED_KEYS = 3


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read tensors by key, on the CPU.

    Raises:
        ModelRefused: WEIGHTS_UNREADABLE, or WEIGHTS_NOT_TENSORS.
    """
    with path.open("rb") as file:
        start = file.read(HEADER.size + 1)
    if start.startswith((ZIP_MAGIC, PICKLE_MAGIC)) and not _begins_as_safetensors(start, path.stat().st_size):
        return _read_state_dict(path)
    try:
        weights = dict(load_file(path))
    except (SafetensorError, OSError, ValueError, KeyError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise
        raise ModelRefused(
            "WEIGHTS_UNREADABLE",
            "the file is not a safetensors file and not a state dict saved by torch.save, or it is damaged or cut off. "
            "Save the weights again with safetensors.torch.save_file(model.state_dict(), ...)",
        ) from error
    _refuse_unusable(weights)
    return weights


def _begins_as_safetensors(start: bytes, size: int) -> bool:
    """Return whether a length and a JSON object come first: some lengths begin with the byte that begins a pickle."""
    return len(start) > HEADER.size and HEADER.unpack_from(start)[0] < size and start.endswith(b"{")


def fit_weights(module: nn.Module, weights: Mapping[str, Tensor], architecture: str) -> None:
    """Load the weights into the module. All keys, shapes and kinds of numbers must agree.

    Raises:
        ModelRefused: STATE_DICT_MISMATCH, naming the first keys that do not fit.
    """
    expected = module.state_dict()
    given = _without_prefix(weights, expected)
    missing = [key for key in expected if key not in given and not key.endswith(COUNTER)]
    unexpected = [key for key in given if key not in expected]
    misshapen = [key for key in expected if key in given and expected[key].shape != given[key].shape]
    if missing or unexpected or misshapen:
        shapes = (f"{key} {_shape(expected[key])}, got {_shape(given[key])}" for key in misshapen)
        complaints = [
            _named("missing", missing, len(missing)),
            _named("unexpected", unexpected, len(unexpected)),
            _named("different shape: expected", shapes, len(misshapen)),
        ]
        raise ModelRefused(
            "STATE_DICT_MISMATCH",
            f"expected the {len(expected)} keys of {architecture}; got {len(given)}. "
            f"{'; '.join(filter(None, complaints))}. Name the architecture that these weights were saved from",
        )
    refuse_changed(expected, given, architecture)
    module.load_state_dict({**expected, **given})


def refuse_changed(expected: Mapping[str, Tensor], given: Mapping[str, Tensor], architecture: str) -> None:
    """Refuse a cast to another kind of number: torch would drop imaginary parts, and take quantised codes for weights.

    Weights in float8 are usually such codes, with their scales elsewhere.

    Raises:
        ModelRefused: STATE_DICT_MISMATCH.
    """
    changed = [key for key in given if key in expected and not _keeps_kind(given[key].dtype, expected[key].dtype)]
    if changed:
        types = (f"{key} {_type(expected[key])}, got {_type(given[key])}" for key in changed)
        raise ModelRefused(
            "STATE_DICT_MISMATCH",
            f"the tensors must have the types of {architecture}, and floating point float32, float16, bfloat16 or "
            f"float64; {_named('different type: expected', types, len(changed))}. Save the weights of the model before "
            "it was quantized or made complex, as float32, float16 or bfloat16, with "
            "safetensors.torch.save_file(model.state_dict(), ...)",
        )


def _keeps_kind(given: torch.dtype, expected: torch.dtype) -> bool:
    if given.is_complex:
        return expected.is_complex
    if given.is_floating_point:
        return given.itemsize > 1
    return not expected.is_floating_point


def _read_state_dict(path: Path) -> dict[str, Tensor]:
    if zipfile.is_zipfile(path):
        _refuse_packed(path)
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler can raise anything on hostile bytes
        if is_out_of_memory(error):
            raise
        raise ModelRefused(
            "WEIGHTS_UNREADABLE",
            "the file must hold a state dict of tensors only. It holds more than that (a whole model, TorchScript, a "
            "torch.export program), or it is damaged. Save model.state_dict(), best with safetensors.torch.save_file. "
            "Register TorchScript by --torchscript, and a program of torch.export by --exported",
        ) from error
    nested = next(
        (loaded[key] for key in NESTS if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping)), loaded
    )
    if not isinstance(nested, Mapping) or not nested or not all(isinstance(value, Tensor) for value in nested.values()):
        raise ModelRefused(
            "WEIGHTS_NOT_TENSORS",
            "the file must hold a state dict, a mapping of names to tensors, but it holds something else. "
            "Save model.state_dict()",
        )
    weights = {str(key): value.detach() for key, value in nested.items()}
    _refuse_unusable(weights)
    return weights


def _refuse_packed(path: Path) -> None:
    """Refuse a compressed archive: torch.save compresses nothing, and a few bytes could unpack to terabytes.

    Raises:
        ModelRefused: WEIGHTS_UNREADABLE.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return  # torch reports what is wrong with it
    unpacked = sum(member.file_size for member in members)
    if unpacked > path.stat().st_size or any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise ModelRefused(
            "WEIGHTS_UNREADABLE",
            "expected a file written by torch.save, which compresses nothing; got a compressed archive (.mar, .zip) "
            f"that unpacks to {unpacked:,} bytes. Extract the weights and save them with safetensors.torch.save_file",
        )


def _refuse_unusable(weights: Mapping[str, Tensor]) -> None:
    """Refuse tensors that cannot be copied into those of a module.

    Raises:
        ModelRefused: WEIGHTS_UNREADABLE, naming the first of them and their kind.
    """
    faults = {key: fault for key, value in weights.items() if (fault := _fault(value))}
    if faults:
        named = (f"{key} ({fault})" for key, fault in faults.items())
        raise ModelRefused(
            "WEIGHTS_UNREADABLE",
            f"{_named('these tensors cannot be used:', named, len(faults))}. Each must be dense, hold plain numbers "
            "and lie whole in the file. Save the floating point weights of the loaded model, before any quantization, "
            "with safetensors.torch.save_file(model.state_dict(), ...)",
        )


def _fault(tensor: Tensor) -> str:
    """Return why a tensor cannot be copied into one of a module, or ""."""
    if tensor.is_nested:
        return "nested"
    if tensor.layout is not torch.strided:
        return str(tensor.layout).removeprefix("torch.")
    if tensor.is_meta:
        return "on the meta device, without values"
    if tensor.is_quantized:
        return f"quantized, {_type(tensor)}"
    if not _is_plain(tensor.dtype):
        return _type(tensor)
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        return "it claims more values than its storage has"  # with stride 0 a file can claim any shape at no cost
    return ""


def _is_plain(dtype: torch.dtype) -> bool:
    """Return whether torch can read its values as numbers: not when several are packed into a byte."""
    if dtype.is_complex:
        return True
    try:
        torch.zeros(1).copy_(torch.empty(1, dtype=dtype))
    except (RuntimeError, NotImplementedError):
        return False
    return True


def common_prefix(keys: Collection[str]) -> str:
    """Return the name, with its dot, with which all keys begin, such as that of a wrapper; empty if they have none."""
    names = {key.partition(".")[0] + "." for key in keys}
    return names.pop() if len(names) == 1 and all("." in key for key in keys) else ""


def _without_prefix(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Remove the name of a wrapper from keys that all have it: of DataParallel, or one without which all keys fit."""
    prefix = common_prefix(weights.keys())
    bare = {key.removeprefix(prefix): value for key, value in weights.items()}
    if any(key in expected for key in weights) or not (prefix == PARALLEL_PREFIX or bare.keys() <= expected.keys()):
        return dict(weights)
    return bare


def _named(kind: str, keys: Iterable[str], count: int) -> str:
    if not count:
        return ""
    first = [key for key, _ in zip(keys, range(NAMED_KEYS), strict=False)]
    rest = f" and {count - len(first)} more" if count > len(first) else ""
    return f"{kind} {', '.join(first)}{rest}"


def _type(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _shape(tensor: Tensor) -> str:
    return "x".join(str(size) for size in tensor.shape) or "scalar"
