"""Saves findings to a file and loads them, to read them later or to resume a run. Loading runs no code of the file.

The file is a NumPy archive: one JSON text with everything except the arrays, and the arrays of all findings joined end
to end, with masks at eight pixels a byte. No other part of the library opens files.
"""

import io
import json
import math
import os
import secrets
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modicum_sis.acceleration.fast_path import Acceleration
from modicum_sis.errors import FindingsFileRefused, ParameterError
from modicum_sis.findings import Finding, Narrowing, Parameters, Passes, Reason, Subset, Trace
from modicum_sis.model.input_parameters import InputParameters
from modicum_sis.searches.backselect import BackSelect
from modicum_sis.searches.batched_gradient import BatchedGradient
from modicum_sis.searches.gradient_free import GradientFree
from modicum_sis.searches.mask_optimization import MaskOptimization

FORMAT, VERSION = "modicum findings", 1
SEARCHES = (BackSelect, BatchedGradient, GradientFree, MaskOptimization)
OTHERWISE = ("passes", "reason", "parameters", "subset", "trace", "narrowing")
"""Fields of a finding that are not written as they are."""
PLAIN = tuple(field for field in fields(Finding) if field.name not in OTHERWISE)
ARRAYS = {"masks": np.uint8, "orders": np.int64, "scores": np.float64, "kept": np.int64, "starts": np.uint8}
LATER_ARRAYS = {"narrowings": np.uint8, "narrowing_confidences": np.float64}
"""Arrays that files of releases up to 0.1.0 lack."""
NPY_VERSION = (1, 0)
LARGEST_RATIO = 1032
"""Largest ratio of unpacked to packed bytes that deflate can reach."""
DAMAGE = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)
"""Exceptions that reading a damaged or foreign file can raise."""


def save_findings(path: str | os.PathLike[str], findings: Iterable[Finding]) -> None:
    """Write findings to a file. An existing file is replaced in one step, or not at all.

    Raises:
        ParameterError: their search is not a dataclass of plain values.
        OSError: the file cannot be written.
    """
    packed = _Packed()
    rows = [packed.row(finding) for finding in findings]
    header = {"format": FORMAT, "version": VERSION, "parameters": packed.parameters, "findings": rows}
    text = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    content = io.BytesIO()
    np.savez_compressed(content, header=text, **packed.joined())
    _replace(Path(path), content.getvalue())


def load_findings(
    path: str | os.PathLike[str], *, searches: Sequence[Callable[..., object]] = SEARCHES
) -> list[Finding]:
    """Read findings that `save_findings` wrote.

    Args:
        path: the path of the file.
        searches: the search classes that findings may name. Give your own classes beside the library's.

    Raises:
        FindingsFileRefused: the file is damaged or foreign, has a later version, or names an unknown search.
        OSError: the file cannot be read.
    """
    content = Path(path).read_bytes()
    try:
        _check_sizes(content)
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            header = json.loads(archive["header"].tobytes())
            if header["format"] != FORMAT:
                raise FindingsFileRefused
            if header["version"] != VERSION:
                raise FindingsFileRefused(
                    f"expected findings of version {VERSION}; got version {header['version']}. "
                    "Use the version of modicum-sis that wrote them, or a later one"
                )
            arrays = _Arrays(
                {name: _checked(archive[name], kind) for name, kind in ARRAYS.items()}
                | {name: _checked(archive[name], kind) for name, kind in LATER_ARRAYS.items() if name in archive}
            )
        parameters = [_parameters(values, searches) for values in header["parameters"]]
        return [_finding(row, parameters, arrays) for row in header["findings"]]
    except DAMAGE as error:
        if isinstance(error, FindingsFileRefused):
            raise
        raise FindingsFileRefused from error


class _Packed:
    """Collects the arrays of all findings, and each set of parameters once."""

    def __init__(self) -> None:
        self.parameters: list[dict[str, Any]] = []
        self._known: dict[Parameters, int] = {}
        self._parts: dict[str, list[np.ndarray[Any, Any]]] = {name: [] for name in ARRAYS | LATER_ARRAYS}

    def row(self, finding: Finding) -> dict[str, Any]:
        """Everything of a finding except its arrays, and their lengths."""
        row = {field.name: getattr(finding, field.name) for field in PLAIN}
        row["passes"] = [finding.passes.forward, finding.passes.backward]
        row["reason"] = finding.reason
        row["parameters"] = self._place(finding.parameters)
        row["mask"] = self._pack("masks", finding.subset.mask) if finding.subset is not None else None
        row["trace"] = self._trace(finding.trace) if finding.trace is not None else None
        row["narrowing"] = self._narrowing(finding.narrowing) if finding.narrowing is not None else None
        return row

    def joined(self) -> dict[str, Any]:
        """The arrays, joined end to end."""
        kinds = ARRAYS | LATER_ARRAYS
        return {name: np.concatenate([np.zeros(0, kind), *self._parts[name]]) for name, kind in kinds.items()}

    def _place(self, parameters: Parameters) -> int:
        if parameters not in self._known:
            self._known[parameters] = len(self.parameters)
            search = parameters.search
            values = {field.name: getattr(parameters, field.name) for field in fields(parameters)}
            described = {
                "search": _described(search),
                "acceleration": asdict(parameters.acceleration),
                "input": asdict(parameters.input) if parameters.input is not None else None,
            }
            self.parameters.append({**values, **described})
        return self._known[parameters]

    def _trace(self, trace: Trace) -> dict[str, Any]:
        for name, values in (("orders", trace.order), ("scores", trace.scores), ("kept", trace.kept)):
            self._parts[name].append(values.numpy())
        return {"order": len(trace.order), "scores": len(trace.scores), "start": self._pack("starts", trace.start)}

    def _narrowing(self, narrowing: Narrowing) -> list[list[int]]:
        self._parts["narrowing_confidences"].append(narrowing.confidences.numpy())
        return [self._pack("narrowings", mask) for mask in narrowing.masks]

    def _pack(self, name: str, mask: Tensor) -> list[int]:
        self._parts[name].append(np.packbits(mask.numpy()))
        return list(mask.shape)


class _Arrays:
    """Reads the joined arrays from front to back."""

    def __init__(self, arrays: dict[str, np.ndarray[Any, Any]]) -> None:
        self._arrays, self._read = arrays, dict.fromkeys(arrays, 0)

    def take(self, name: str, count: int) -> Tensor:
        """The next values of an array."""
        begun = self._read[name]
        values = self._arrays[name][begun : begun + count]
        if count < 0 or len(values) != count:
            raise FindingsFileRefused
        self._read[name] = begun + count
        return torch.from_numpy(values.copy())

    def mask(self, name: str, shape: Sequence[int]) -> Tensor:
        """The next mask."""
        height, width = shape
        packed = self.take(name, (height * width + 7) // 8).numpy()
        return torch.from_numpy(np.unpackbits(packed, count=height * width).astype(bool)).view(height, width)


def _described(search: object) -> dict[str, Any]:
    if not is_dataclass(search) or isinstance(search, type):
        raise ParameterError(f"only a search that is a dataclass of plain values can be saved; got {search!r}")
    values = asdict(search)
    try:
        json.dumps(values)
    except TypeError as error:
        raise ParameterError(
            f"only a search of plain values can be saved; got {search!r}. Store its findings in another way"
        ) from error
    return {"name": type(search).__name__, "values": values}


def _parameters(values: dict[str, Any], searches: Sequence[Callable[..., object]]) -> Parameters:
    known = {getattr(search, "__name__", ""): search for search in searches}
    name = values["search"]["name"]
    if name not in known:
        raise FindingsFileRefused(
            f"expected findings of {', '.join(known)}; got findings of {name}. Give its class in searches="
        )
    lists = {key: tuple(values[key]) for key in ("donor_digests", "probe_scores")}
    made = {"search": known[name](**values["search"]["values"])}
    if "acceleration" in values:  # older files do not record it
        made["acceleration"] = Acceleration(**values["acceleration"])
    if values.get("input") is not None:
        made["input"] = _input(values["input"])
    return Parameters(**{**values, **lists, **made})


def _input(values: dict[str, Any]) -> InputParameters:
    made: dict[str, Any] = {name: tuple(value) if value is not None else None for name, value in values.items()}
    return InputParameters(**made)


def _finding(row: dict[str, Any], parameters: Sequence[Parameters], arrays: _Arrays) -> Finding:
    # older files lack fields that were added since: those have a default
    plain = {field.name: row[field.name] for field in PLAIN if field.name in row or field.default is MISSING}
    return Finding(
        **plain,
        passes=Passes(*row["passes"]),
        reason=Reason(row["reason"]) if row["reason"] is not None else None,
        parameters=parameters[row["parameters"]],
        subset=Subset(arrays.mask("masks", row["mask"])) if row["mask"] is not None else None,
        trace=_trace(row["trace"], arrays) if row["trace"] is not None else None,
        narrowing=_narrowing(row["narrowing"], arrays) if row.get("narrowing") is not None else None,
    )


def _trace(row: dict[str, Any], arrays: _Arrays) -> Trace:
    return Trace(
        order=arrays.take("orders", row["order"]),
        scores=arrays.take("scores", row["scores"]),
        kept=arrays.take("kept", row["scores"]),
        start=arrays.mask("starts", row["start"]),
    )


def _narrowing(shapes: Sequence[Sequence[int]], arrays: _Arrays) -> Narrowing:
    masks = torch.stack([arrays.mask("narrowings", shape) for shape in shapes])
    return Narrowing(masks, arrays.take("narrowing_confidences", len(shapes)))


def _check_sizes(content: bytes) -> None:
    """Check the announced size of each array. NumPy allocates that much before it reads the values."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.infolist():
            if member.file_size > LARGEST_RATIO * len(content):
                raise FindingsFileRefused
            with archive.open(member) as file:
                if np.lib.format.read_magic(file) != NPY_VERSION:
                    raise FindingsFileRefused
                shape, _, kind = np.lib.format.read_array_header_1_0(file)
                if math.prod(shape) * kind.itemsize > member.file_size:
                    raise FindingsFileRefused


def _checked(array: np.ndarray[Any, Any], kind: type) -> np.ndarray[Any, Any]:
    if array.dtype != kind or array.ndim != 1:
        raise FindingsFileRefused
    return array


def _replace(path: Path, content: bytes) -> None:
    """Write to a file next to it first, so that the last step is a rename."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with beside.open("xb") as file:  # tempfile would make a file that only its owner can read
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
