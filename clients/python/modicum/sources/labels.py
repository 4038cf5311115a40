"""Names of a model's classes, and true labels of images."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from modicum.errors import InvalidSource
from modicum.resource_names import printable
from modicum.sources.contents import require_file
from modicum.sources.paths import name_inside

HEADER = ("file", "label")
JSON_LINES = ".jsonl"
#: Of the metadata of a Hugging Face `imagefolder`.
METADATA_KEYS = frozenset({"file_name", "label"})
#: A line that begins with an index. A blank counts from 0 only: classes may be called "1 euro" and "2 euro".
NUMBERED = re.compile(r"\s*(\d{1,9})(\s*[,;:\t]\s*| +)\S")
WORDNET = re.compile(r"\s*n\d{8}[\s,]+\S")
ONLY_NAMES = "Leave only the names, in the order of the model's outputs; a JSON list (.json) is read as it is"


def class_names(source: str | Path | Sequence[str] | None) -> tuple[str, ...]:
    """The names of the classes in the order of the outputs, from a list or a file. Empty for None.

    The file is text with one name per line, or a JSON list of strings.

    Raises:
        InvalidSource: the file cannot be read, is empty, has an empty name or one name twice in it, or is text with an
            index or a WordNet id before each name.
    """
    if source is None:
        return ()
    if isinstance(source, Mapping):
        raise InvalidSource(
            "labels: expected a list of class names or a file, got a dictionary; give its names in the order of the "
            "model's outputs, such as [id2label[number] for number in range(len(id2label))]"
        )
    names = _read_names(Path(source)) if isinstance(source, str | Path) else list(source)
    where = f"labels file {source}" if isinstance(source, str | Path) else "labels"
    if not names:
        raise InvalidSource(f"{where}: expected one class name per line, found none")
    for place, name in enumerate(names, start=1):
        if isinstance(source, str | Path) and Path(source).suffix.lower() != ".json" and not name.strip():
            raise InvalidSource(f"{where}: line {place} is blank; expected one class name per line")
        if not isinstance(name, str) or not name.strip():
            raise InvalidSource(f"{where}: expected a class name at position {place}, got {name!r}")
    stripped = tuple(name.strip() for name in names)
    _refuse_equal_names(stripped, where)
    return stripped


def _refuse_equal_names(names: Sequence[str], where: str) -> None:
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        before = first.setdefault(name, index)
        if before != index:
            raise InvalidSource(
                f"{where}: classes {before} and {index} (counted from 0) are both called {printable(name)}; class "
                "names must be unique"
            )


def true_labels(path: Path) -> dict[str, str]:
    """Labels by file name, from a CSV of two columns whose first row may be the header `file,label`.

    Or from the metadata of a Hugging Face `imagefolder`: a CSV with columns `file_name` and `label` among others, or
    JSON lines with these keys. A label there is a name or a class index; null stands for none.

    Raises:
        InvalidSource: the file cannot be read, a row has another form, or a file lies outside the folder.
    """
    labels: dict[str, str] = {}
    for where, name, label in _json_lines(path) if path.suffix.lower() == JSON_LINES else _csv_lines(path):
        file = PurePosixPath(name_inside(name, where)).as_posix()
        if file in labels:
            raise InvalidSource(f"{where}: {name} already has a label; remove one of the rows")
        labels[file] = label
    if not labels:
        raise InvalidSource(f"{path}: expected rows of file,label; found none")
    return labels


def _csv_lines(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield where a row stands, its file and its label."""
    header: tuple[str, ...] = HEADER
    columns = (0, 1)
    for number, row in csv_rows(path):
        cells, where = tuple(cell.strip() for cell in row), f"{path} line {number}"
        if number == 1 and frozenset(_lowered(cells)) >= METADATA_KEYS:
            header = _lowered(cells)
            columns = (header.index("file_name"), header.index("label"))
        elif any(cells) and not (number == 1 and _lowered(cells) == HEADER):
            if len(cells) != len(header) or not cells[columns[0]]:
                wanted = "two columns, file and label" if header == HEADER else f"the columns {','.join(header)}"
                raise InvalidSource(f"{where}: expected {wanted}, got {','.join(row)!r}")
            yield where, cells[columns[0]], cells[columns[1]]


def _json_lines(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield where a line stands, its file and its label."""
    for where, entry in json_line_entries(path):
        name = entry.get("file_name")
        if not isinstance(name, str) or not name:
            raise InvalidSource(f"{where}: expected file_name, and label; got {str(entry)[:80]}")
        yield where, name, json_label(entry.get("label"), where)


def json_label(label: object, where: str) -> str:
    """A label as it stands in JSON: a name, a class index, or null for none.

    Raises:
        InvalidSource: it is something else.
    """
    if label is not None and (isinstance(label, bool) or not isinstance(label, str | int)):
        raise InvalidSource(f"{where}: expected label as a name or a class index; got {str(label)[:80]}")
    return "" if label is None else str(label)


def json_line_entries(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield where each line of JSON stands, and its object.

    Raises:
        InvalidSource: the file cannot be read, or a line is no JSON object.
    """
    for number, line in enumerate(lines_of(path), start=1):
        where = f"{path} line {number}"
        if line.strip():
            entry = json_in(line, f"{where}: expected JSON with file_name and label")
            if not isinstance(entry, dict):
                raise InvalidSource(f"{where}: expected JSON with file_name and label, got {line[:80]}")
            yield where, entry


def _lowered(cells: Iterable[str]) -> tuple[str, ...]:
    return tuple(cell.strip().lower() for cell in cells)


def _read_names(path: Path) -> list[str]:
    if path.is_dir():
        raise InvalidSource(f"labels file {path}: expected a file, got a folder; give a file in it")
    if path.suffix.lower() != ".json":
        names = lines_of(path)
        _refuse_identified(names, path)
        return names
    names = json_of(path, f"labels file {path}: expected a JSON list of class names")
    if not isinstance(names, list):
        got = "an object" if isinstance(names, dict) else type(names).__name__
        raise InvalidSource(
            f"labels file {path}: expected a JSON list of class names, got {got}; write a list in the order of the "
            'model\'s outputs, such as ["cat", "dog"]'
        )
    return names


def _refuse_identified(lines: Sequence[str], path: Path) -> None:
    """Refuse lines with an index or an id before each name. The first line may be a header."""
    if lines and all(map(WORDNET.match, lines)):
        raise InvalidSource(
            f"labels file {path}: expected only a class name on each line, got a WordNet id before each, such as "
            f"{printable(lines[0].strip())[:80]}. {ONLY_NAMES}. For images whose labels are such ids, give a file with "
            "ids and names as --label-names"
        )
    if _are_numbered(lines) or _are_numbered(lines[1:]):
        raise InvalidSource(
            f"labels file {path}: expected only a class name on each line, got an index before each, such as "
            f"{printable(lines[-1].strip())[:80]}. {ONLY_NAMES}"
        )


def _are_numbered(lines: Sequence[str]) -> bool:
    """Whether each line begins with its own index, from 0 or 1, and a separator."""
    found = [match for match in map(NUMBERED.match, lines) if match]
    if not found or len(found) < len(lines):
        return False
    first = int(found[0][1])
    by_blanks = any(not match[2].strip(" ") for match in found)
    return first <= (0 if by_blanks else 1) and [int(match[1]) for match in found] == [
        *range(first, first + len(lines))
    ]


def csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV, each with its number from 1.

    Raises:
        InvalidSource: the file cannot be read, or is not a valid CSV.
    """
    number = 0
    try:
        for number, row in enumerate(csv.reader(io.StringIO(text_of(path))), start=1):
            yield number, row
    except csv.Error as error:
        raise InvalidSource(f"{path} line {number + 1}: not a valid CSV: {error}") from error


def json_of(path: Path, expected: str) -> Any:
    """The content of a JSON file. `expected` is the beginning of the error message.

    Raises:
        InvalidSource: the file cannot be read, is not valid JSON, or has a key twice.
    """
    return json_in(text_of(path), expected)


def json_in(text: str, expected: str) -> Any:
    """The value of JSON text. `expected` is the beginning of the error message.

    Raises:
        InvalidSource: it is not valid JSON, or has a key twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_refuse_duplicate_keys)
    except RecursionError as error:
        raise InvalidSource(f"{expected}, but it is nested too deeply") from error
    except ValueError as error:  # not JSON, a key that occurs twice, or a number of thousands of digits
        raise InvalidSource(f"{expected}, but it is not valid: {error}") from error


def _refuse_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {printable(double)} occurs twice")
    return made


def lines_of(path: Path) -> list[str]:
    """The lines of a text file in UTF-8, without blank lines at the end.

    Only line feeds and carriage returns end a line. Unicode has more separators, which may stand within a name.

    Raises:
        InvalidSource: it cannot be read, or is not UTF-8.
    """
    text = text_of(path).rstrip()
    return text.split("\n") if text else []


def text_of(path: Path) -> str:
    """The content of a text file in UTF-8.

    Raises:
        InvalidSource: it cannot be read, or is not UTF-8.
    """
    require_file(path)
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidSource(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidSource(f"{path}: expected text in UTF-8; byte {error.start} is not valid UTF-8") from error
