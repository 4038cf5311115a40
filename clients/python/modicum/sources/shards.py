"""Weights in several safetensors files, joined to one without holding them in memory.

A safetensors file is the length of its header (8 bytes), the header (JSON: type, shape and place of each tensor), and
the numbers. The joined file has the numbers of each file one after the other, and one header with places moved.
"""

import io
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modicum.errors import ModelFolderRefused
from modicum.resource_names import printable
from modicum.sources.contents import Content, hashed_content, reason_of
from modicum.sources.files import Piece, opened_pieces
from modicum.sources.folder_json import json_object

INDEX = "model.safetensors.index.json"
LENGTH = struct.Struct("<Q")
MOST_HEADER_BYTES = 16 * 1024 * 1024
MOST_SHARDS = 1_000
METADATA = "__metadata__"
ALIGNMENT = 8
FLOAT8 = "F8_"
"""The beginning of the names of the types of 8 bits, each in one byte."""


@dataclass(frozen=True, slots=True)
class _Shard:
    path: Path
    tensors: Mapping[str, Any]
    start: int
    size: int


def joined_shards(index: Path) -> Content:
    """The content of the files that an index names, as one safetensors file.

    Raises:
        ModelFolderRefused: the index or a file is missing, damaged, out of bounds or outside the folder.
    """
    of_tensors = _weight_map(index)
    names = sorted(set(of_tensors.values()))
    shards = [_shard(index.parent / name) for name in names]
    pieces = _pieces(index, of_tensors, shards)
    try:
        return hashed_content(lambda: opened_pieces(pieces), str(index))
    except OSError as error:
        raise ModelFolderRefused(f"{index}: its files cannot be read: {reason_of(error)}") from error


def weight_files(index: Path) -> list[str]:
    """The names of the files that an index names.

    Raises:
        ModelFolderRefused: the index is damaged, or names something else.
    """
    return sorted(set(_weight_map(index).values()))


def require_whole(path: Path) -> None:
    """Refuse a file of safetensors that is not whole, or an index with such a file. Only headers are read.

    Raises:
        ModelFolderRefused: names the file.
    """
    for file in _files_of(path):
        _shard(file)


def is_whole_safetensors(path: Path) -> bool:
    """Whether a file has a header of safetensors, and all numbers that the header names."""
    try:
        _shard(path)
    except ModelFolderRefused:
        return False
    return True


def refuse_float8(path: Path) -> None:
    """Refuse a file of safetensors with tensors in float8, or an index with such a file. Only headers are read.

    Raises:
        ModelFolderRefused: names the file, and the first of these tensors.
    """
    for shard in map(_shard, _files_of(path)):
        for name, entry in shard.tensors.items():
            if str(entry.get("dtype", "")).startswith(FLOAT8):
                raise ModelFolderRefused(
                    f"{shard.path}: expected weights in float32, float16, bfloat16 or float64; "
                    f"{printable(name[:128])} is in float8 ({printable(entry['dtype'][:32])}). Save the weights from "
                    "before they were quantized, as float32, float16 or bfloat16"
                )


def _files_of(path: Path) -> list[Path]:
    """The file itself, or the files that an index names."""
    return [path.parent / name for name in weight_files(path)] if path.name == INDEX else [path]


def _weight_map(index: Path) -> dict[str, str]:
    """The file of each tensor."""
    files = json_object(index).get("weight_map")
    if not isinstance(files, dict) or not files or not all(isinstance(name, str) for name in files.values()):
        raise ModelFolderRefused(f"{index}: expected a weight_map from tensors to files; save the model again")
    if len(set(files.values())) > MOST_SHARDS:
        raise ModelFolderRefused(f"{index}: expected at most {MOST_SHARDS:,} files; save the model in larger ones")
    for name in files.values():
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise ModelFolderRefused(
                f"{index}: expected names of .safetensors files in the same folder, got {printable(name[:128])}; save "
                "the model again with save_pretrained"
            )
    return files


def _shard(path: Path) -> _Shard:
    if not path.is_file():
        raise ModelFolderRefused(f"{path}: this part of the weights is missing; download it into the folder")
    try:
        with path.open("rb") as stream:
            begin = stream.read(LENGTH.size)
            length = LENGTH.unpack(begin)[0] if len(begin) == LENGTH.size else 0
            header = stream.read(length) if 0 < length <= MOST_HEADER_BYTES else b""
            size = stream.seek(0, io.SEEK_END) - LENGTH.size - length
        tensors = json.loads(header)
    except OSError as error:
        raise ModelFolderRefused(f"{path}: cannot be read: {reason_of(error)}") from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path) from error
    if not isinstance(tensors, dict) or size < 0:
        raise _damaged(path)
    tensors.pop(METADATA, None)
    if any(not _lies_within(entry, size) for entry in tensors.values()):
        raise _damaged(path)
    return _Shard(path, tensors, LENGTH.size + length, size)


def _lies_within(entry: Any, size: int) -> bool:
    """Whether a tensor's place lies within the numbers of its file."""
    place = entry.get("data_offsets") if isinstance(entry, dict) else None
    if not isinstance(place, list) or not all(type(one) is int for one in place):
        return False
    return len(place) == 2 and 0 <= place[0] <= place[1] <= size  # noqa: PLR2004  # begin and end


def _damaged(path: Path) -> ModelFolderRefused:
    return ModelFolderRefused(f"{path}: not a complete safetensors file; download it again, or save the model again")


def _pieces(index: Path, of_tensors: Mapping[str, str], shards: Sequence[_Shard]) -> tuple[Piece, ...]:
    header: dict[str, Any] = {}
    offset = 0
    for shard in shards:
        for name, entry in shard.tensors.items():
            if of_tensors.get(name) != shard.path.name:
                raise ModelFolderRefused(
                    f"{index}: {printable(name[:128])} is in {shard.path.name}, but the index says otherwise; download "
                    "both again, or save the model again"
                )
            begin, end = entry["data_offsets"]
            header[name] = {**entry, "data_offsets": [begin + offset, end + offset]}
        offset += shard.size
    absent = next((name for name in of_tensors if name not in header), None)
    if absent is not None:
        raise ModelFolderRefused(
            f"{index}: {printable(absent[:128])} is not in {of_tensors[absent]}; download both again, or save the "
            "model again"
        )
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    begin = LENGTH.pack(len(text)) + text
    return (
        Piece(len(begin), data=begin),
        *(Piece(shard.size, path=shard.path, start=shard.start) for shard in shards),
    )
