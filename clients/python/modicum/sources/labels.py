"""Class labels of a model, and true labels of pictures."""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from modicum.errors import InvalidSource
from modicum.naming import printable
from modicum.sources.contents import require_file
from modicum.sources.places import inner_name

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
        InvalidSource: the file cannot be read, a row is not `file,label`, or a file lies outside of its folder.
    """
    labels: dict[str, str] = {}
    for number, row in csv_rows(path):
        cells = tuple(cell.strip() for cell in row)
        if not any(cells) or (number == 1 and tuple(cell.lower() for cell in cells) == HEADER):
            continue
        if len(cells) != len(HEADER) or not cells[0]:
            raise InvalidSource(f"{path} line {number}: expected two columns, file and label, got {','.join(row)!r}")
        if cells[0] in labels:
            raise InvalidSource(f"{path} line {number}: {cells[0]} has a label already")
        labels[inner_name(cells[0], f"{path} line {number}")] = cells[1]
    if not labels:
        raise InvalidSource(f"{path}: expected rows of file and label, found none")
    return labels


def _read_names(path: Path) -> list[str]:
    if path.suffix.lower() != ".json":
        return text_of(path).rstrip().splitlines()
    names = json_of(path, f"labels file {path}: expected JSON, one list of class names")
    if not isinstance(names, list):
        raise InvalidSource(f"labels file {path}: expected one JSON list of class names")
    return names


def csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV, each with its number from 1.

    Raises:
        InvalidSource: it cannot be read, or a cell is longer than a CSV's cells are.
    """
    number = 0
    try:
        for number, row in enumerate(csv.reader(text_of(path).splitlines()), start=1):
            yield number, row
    except csv.Error as error:
        raise InvalidSource(f"{path} line {number + 1}: expected rows of a CSV, but: {error}") from error


def json_of(path: Path, expected: str) -> Any:
    """What a JSON file holds; `expected` begins what is said of one that is not as it should be.

    Raises:
        InvalidSource: it cannot be read, is no JSON, or has a key twice.
    """
    text = text_of(path)
    try:
        return json.loads(text, object_pairs_hook=_without_doubles)
    except RecursionError as error:
        raise InvalidSource(f"{expected}, but: it is nested too deep") from error
    except ValueError as error:  # no JSON, a key twice, or a number of thousands of digits
        raise InvalidSource(f"{expected}, but: {error}") from error


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{printable(double)} stands there twice")
    return made


def text_of(path: Path) -> str:
    """What a text file holds, in UTF-8.

    Raises:
        InvalidSource: it cannot be read, or is a pipe or a device, which would be waited for.
    """
    require_file(path)
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidSource(f"{path}: expected a readable text file, but: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidSource(f"{path}: expected text in UTF-8, byte {error.start} is not") from error
