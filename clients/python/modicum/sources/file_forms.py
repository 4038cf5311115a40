"""Whether a model's file has the form that its name says, and is whole. Nothing is loaded: tables of contents are read.

A file of ONNX is a message of protobuf: fields one after the other, each with its number, its kind and its length. A
program of torch is a zip, whose table of contents is at its end.
"""

import codecs
import io
import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

from modicum.errors import InvalidSource, ModelFolderRefused
from modicum.sources.shards import is_whole_safetensors, refuse_float8

ONNX_GRAPH = 7
"""Number of the field that holds the network."""
VARINT, LENGTH_DELIMITED = 0, 2
LONGEST_VARINT_BYTES = 10
MOST_FIELDS = 100_000
"""Fields that are looked at. A file with more is left to the server."""
ZIP_BEGINNING = b"PK\x03\x04"
PICKLE_BEGINNING = b"\x80"
TORCH_NUMBER = b"l\xfc\x9cF\xf9 j\xa8P\x19"
"""The pickled number with which files of torch.save begin that are older than its zips."""
STATE_DICT = "data.pkl"
"""What a zip of torch.save has, in its one folder."""
KNOWN_BEGINNINGS = {
    b"GGUF": "a file of GGUF",
    b"\x89HDF": "a file of HDF5, such as Keras writes",
    b"\xff\xd8\xff": "a picture",
    b"\x89PNG": "a picture",
    PICKLE_BEGINNING: "a pickle of something else, which can run code when it is read",
    ZIP_BEGINNING: "a zip of something else",
}
TEXT_BYTES = 1024
MOST_PICKLE_BYTES = 16 * 1024 * 1024
"""Of a pickle, so many bytes are searched for the marks of a module."""
MODULE_MARKS = (b"_modules", b"_parameters", b"_buffers")
"""Names of fields that every pickled module of torch has, and no state dict."""
TORCHSCRIPT_PARTS = frozenset({"constants.pkl", "code"})
PROGRAM_PARTS = frozenset({"serialized_exported_program.json", "archive_format"})
"""Names that torch.export.save writes into its zip: earlier releases the first, later ones the second."""
PROGRAM, TORCHSCRIPT, MODULE = "a program of torch.export", "a TorchScript program", "a whole pickled module"
SAVE_STATE_DICT = (
    "save its state dict, torch.save(model.state_dict(), 'weights.pt'), and give --weights weights.pt with "
    "--architecture, or export it with torch.export.save, and give --exported model.pt2"
)


class _Form(NamedTuple):
    what: str
    is_whole: Callable[[Path], bool]


def refuse_other_form(path: Path) -> None:
    """Refuse a file that is not what its suffix says, or is cut off.

    Raises:
        InvalidSource
        OSError: it cannot be read.
    """
    form = _form_of(path)
    if form is None or form.is_whole(path):
        return
    if _is_text(path):
        raise InvalidSource(f"{path}: expected {form.what}, got text; download or export the file again")
    raise InvalidSource(
        f"{path}: expected {form.what}; the file is cut off, damaged or something else; download or export it again"
    )


def refuse_other_weights(path: Path) -> None:
    """Refuse what a server cannot read as weights, by its content: no safetensors, and no file of torch.save.

    Safetensors are refused if they have tensors in float8.

    Raises:
        InvalidSource
        OSError: it cannot be read.
    """
    begin = _beginning(path, TEXT_BYTES)
    if path.suffix.lower() == ".onnx":
        return
    if is_whole_safetensors(path):
        _refuse_float8(path)
        return
    if begin.startswith(PICKLE_BEGINNING) and TORCH_NUMBER in begin:
        return
    if begin.startswith(ZIP_BEGINNING) and _has_state_dict(path):
        return
    if begin and _is_whole_network(path):
        raise InvalidSource(f"{path}: got a network in ONNX; rename the file so that it ends in .onnx")
    raise InvalidSource(
        f"{path}: expected weights in safetensors or a state dict of torch.save; got {_what_it_is(path, begin)}. Save "
        "them with torch.save(model.state_dict(), 'weights.pt'), or export the network to ONNX and give --weights "
        "model.onnx"
    )


def _refuse_float8(path: Path) -> None:
    try:
        refuse_float8(path)
    except ModelFolderRefused as error:
        raise InvalidSource(str(error)) from error


def refuse_other_kind(path: Path, kind: str) -> None:
    """Refuse what belongs to another option, by its content. `kind` is weights, exported or torchscript.

    Raises:
        InvalidSource: names the option.
        OSError: it cannot be read.
    """
    if kind != "weights" and path.suffix.lower() == ".onnx" and _is_whole_network(path):
        raise InvalidSource(f"--{kind} {path}: got a network in ONNX; give --weights {path}")
    if kind != "weights" and is_whole_safetensors(path):
        raise InvalidSource(
            f"--{kind} {path}: expected a program, got weights in safetensors; give --weights {path} and --architecture"
        )
    options = {PROGRAM: "exported", TORCHSCRIPT: "torchscript"}
    found = kind_of_torch_file(path)
    if not found or options.get(found) == kind:
        return
    if found == MODULE:
        raise InvalidSource(f"--{kind} {path}: got {MODULE}, which can run code when it is read; {SAVE_STATE_DICT}")
    raise InvalidSource(f"--{kind} {path}: got {found}; give --{options[found]} {path}")


def kind_of_torch_file(path: Path) -> str:
    """What a file is of which torch writes several kinds; empty for a state dict, or if it is none of them.

    Raises:
        OSError: it cannot be read.
    """
    if not zipfile.is_zipfile(path):
        begin = _beginning(path, MOST_PICKLE_BYTES if _beginning(path, 1) == PICKLE_BEGINNING else 0)
        return MODULE if all(mark in begin for mark in MODULE_MARKS) else ""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            parts = {part for name in names for part in name.split("/")[:2]}
            if parts >= TORCHSCRIPT_PARTS:
                return TORCHSCRIPT
            if PROGRAM_PARTS & parts:
                return PROGRAM
            pickled = next((name for name in names if name.rpartition("/")[2] == STATE_DICT), None)
            if pickled is None:
                return ""
            with archive.open(pickled) as stream:
                begin = stream.read(MOST_PICKLE_BYTES)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error, EOFError):
        return ""
    return MODULE if all(mark in begin for mark in MODULE_MARKS) else ""


def _has_state_dict(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.rpartition("/")[2] == STATE_DICT for name in archive.namelist())
    except zipfile.BadZipFile:
        return False


def _what_it_is(path: Path, begin: bytes) -> str:
    named = (what for known, what in KNOWN_BEGINNINGS.items() if begin.startswith(known))
    return next(named, "text" if _is_text(path) else "a file of unknown form")


def _form_of(path: Path) -> _Form | None:
    forms = {
        ".onnx": _Form("a network in ONNX", _is_whole_network),
        ".pt2": _Form("a program of torch.export", zipfile.is_zipfile),
        ".safetensors": _Form("weights in safetensors", is_whole_safetensors),
    }
    form = forms.get(path.suffix.lower())
    if form is None and _beginning(path, len(ZIP_BEGINNING)) == ZIP_BEGINNING:
        return _Form("a whole file of torch.save or torch.jit.save", zipfile.is_zipfile)
    return form


def _is_whole_network(path: Path) -> bool:
    with path.open("rb") as stream:
        size, fields = stream.seek(0, io.SEEK_END), set[int]()
        stream.seek(0)
        for _ in range(MOST_FIELDS):
            if stream.tell() == size:
                return ONNX_GRAPH in fields
            field = _skipped_field(stream, size)
            if field is None:
                return False
            fields.add(field)
    return True


def _skipped_field(stream: BinaryIO, size: int) -> int | None:
    """The number of the field that begins here, which is skipped; None if there is none of ONNX, or not all of it."""
    tag = _varint(stream)
    value = None if tag is None else _varint(stream)
    if tag is None or value is None or tag & 7 not in {VARINT, LENGTH_DELIMITED}:
        return None
    if tag & 7 == LENGTH_DELIMITED:
        if value > size - stream.tell():
            return None
        stream.seek(value, os.SEEK_CUR)
    return tag >> 3


def _varint(stream: BinaryIO) -> int | None:
    """A whole number of protobuf, of seven bits a byte; None at the end of the file, or if it is not one."""
    value = 0
    for place in range(LONGEST_VARINT_BYTES):
        byte = stream.read(1)
        if not byte:
            return None
        value |= (byte[0] & 0x7F) << 7 * place
        if byte[0] < 0x80:  # noqa: PLR2004  # the last one lacks the top bit
            return value
    return None


def _is_text(path: Path) -> bool:
    begin = _beginning(path, TEXT_BYTES)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(begin)
    except UnicodeDecodeError:
        return False
    return b"\0" not in begin


def _beginning(path: Path, count: int) -> bytes:
    with path.open("rb") as stream:
        return stream.read(count)
