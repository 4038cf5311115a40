"""Class labels of a model, and true labels of pictures."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

from modicum.errors import InvalidSource

HEADER = ("file", "label")


def class_labels(source: str | Path | Sequence[str] | None) -> tuple[str, ...]:
    """The names of the classes in the order of the outputs, from a list or a file; empty for None.

    A file is text with one name a line, or JSON with one list of strings.

    Raises:
        InvalidSource: the file cannot be read, is empty, or has an empty name in it.
    """
    if source is None:
        return ()
    names = _read_names(Path(source)) if isinstance(source, str | Path) else list(source)
    where = f"labels file {source}" if isinstance(source, str | Path) else "labels"
    if not names:
        raise InvalidSource(f"{where}: expected one class name a line, found none")
    for place, name in enumerate(names, start=1):
        if not isinstance(name, str) or not name.strip():
            raise InvalidSource(f"{where}: expected a class name in place {place}, got {name!r}")
    return tuple(name.strip() for name in names)


def picture_labels(path: Path) -> dict[str, str]:
    """Labels by file name as written, from a CSV of two columns; a first row `file,label` is a header.

    Raises:
        InvalidSource: the file cannot be read or a row is not `file,label`.
    """
    labels: dict[str, str] = {}
    for number, row in enumerate(csv.reader(text_of(path).splitlines()), start=1):
        cells = tuple(cell.strip() for cell in row)
        if not any(cells) or (number == 1 and tuple(cell.lower() for cell in cells) == HEADER):
            continue
        if len(cells) != len(HEADER) or not cells[0]:
            raise InvalidSource(f"{path} line {number}: expected two columns, file and label, got {','.join(row)!r}")
        if cells[0] in labels:
            raise InvalidSource(f"{path} line {number}: {cells[0]} has a label already")
        labels[cells[0]] = cells[1]
    if not labels:
        raise InvalidSource(f"{path}: expected rows of file and label, found none")
    return labels


def _read_names(path: Path) -> list[str]:
    text = text_of(path)
    if path.suffix.lower() != ".json":
        return text.rstrip().splitlines()
    try:
        names = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidSource(f"labels file {path}: expected JSON, but: {error}") from error
    if not isinstance(names, list):
        raise InvalidSource(f"labels file {path}: expected one JSON list of class names")
    return names


def text_of(path: Path) -> str:
    """What a text file holds, in UTF-8.

    Raises:
        InvalidSource: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidSource(f"{path}: expected a readable text file, but: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidSource(f"{path}: expected text in UTF-8, byte {error.start} is not") from error
