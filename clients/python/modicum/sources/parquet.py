"""Images in the rows of parquet files, as Hugging Face writes them, read by the library pyarrow, which is optional.

The column of pictures holds their bytes, alone or as `bytes` of a struct. The label is a name or a class index; where
the schema has the features of the library `datasets`, a ClassLabel says the names. Pictures are not decoded here.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, BinaryIO

from modicum.errors import InvalidSource
from modicum.resource_names import printable
from modicum.sources.contents import require_file
from modicum.sources.parquet_rows import Group, Limits, Rows, opened_file

SUFFIX = ".parquet"
INSTALL = "pip install 'modicum[parquet]'"
IMAGE, LABEL = "image", "label"
MOST_LABEL_CHARACTERS = 256
LABELS_A_BATCH = 10_000
#: A large file that unpacks to more times its bytes is refused.
MOST_UNPACKED = 100
NO_LABEL = -1


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its item within the file, its label, what messages call it, and its picture from the first byte on."""

    item: str
    label: str
    where: str
    open: Callable[[], BinaryIO] = field(repr=False)


def rows_of(path: Path, rows: Rows) -> list[Row]:
    """The rows of a file in order. `rows` reads their pictures, and may be shared by several files.

    Raises:
        InvalidSource: pyarrow is missing, the file is not valid parquet, or its columns do not fit.
    """
    require_file(path)
    if find_spec("pyarrow") is None:
        raise InvalidSource(f"{path}: no library here reads parquet; {INSTALL} adds one")
    try:
        with opened_file(path) as file:
            schema, metadata = file.schema_arrow, file.metadata
        features = _features(schema, path)
        groups = _groups(path, _leaf(schema, _picture_column(schema, features, path)), metadata, rows.limits)
        labels = _labels(path, schema, features, metadata.num_rows)
    except (OSError, import_module("pyarrow").ArrowException) as error:
        raise InvalidSource(f"{path}: not valid parquet: {printable(str(error))}") from error
    count = groups[-1].end if groups else 0
    if len(labels) != count:
        raise InvalidSource(f"{path}: expected a label for each of {count:,} rows, got {len(labels):,}; write it again")
    if not count:
        raise InvalidSource(f"{path}: expected rows with pictures, found none")
    digits = len(str(len(labels) - 1))
    return [
        Row(f"{row:0{digits}d}", labels[row], f"{path}: row {row}", partial(rows.open, group, row))
        for group in groups
        for row in range(group.first, group.end)
    ]


def _features(schema: Any, path: Path) -> Mapping[str, Any]:
    """What the library `datasets` wrote of the columns. Empty if it wrote nothing."""
    text = (schema.metadata or {}).get(b"huggingface", b"{}")
    try:
        features = (json.loads(text).get("info") or {}).get("features", {})
    except (ValueError, AttributeError, RecursionError):
        features = None
    if not isinstance(features, dict):
        raise InvalidSource(f"{path}: its schema has no valid features; save the data set again")
    return features


def _of_type(features: Mapping[str, Any], kind: str, schema: Any) -> list[str]:
    return [
        name
        for name, feature in features.items()
        if isinstance(feature, dict) and feature.get("_type") == kind and name in schema.names
    ]


def _picture_column(schema: Any, features: Mapping[str, Any], path: Path) -> str:
    structs = [name for name in schema.names if _leaf(schema, name) == f"{name}.bytes"]
    plain = [name for name in schema.names if _leaf(schema, name) == name]
    declared = [name for name in _of_type(features, "Image", schema) if name in {*structs, *plain}]
    found = declared or structs or plain
    if not found:
        raise InvalidSource(
            f"{path}: expected a column of pictures, their bytes or structs of these, found none among "
            f"{_named(schema.names)}"
        )
    return _one(found, IMAGE, "pictures", path)


def _leaf(schema: Any, name: str) -> str:
    """The path of the bytes in a column; empty if it has none."""
    types = import_module("pyarrow").types
    kind = schema.field(name).type
    if types.is_binary(kind) or types.is_large_binary(kind):
        return name
    if types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        inner = kind.field("bytes").type
        return f"{name}.bytes" if types.is_binary(inner) or types.is_large_binary(inner) else ""
    return ""


def _one(found: Sequence[str], preferred: str, what: str, path: Path) -> str:
    if len(found) > 1 and preferred not in found:
        raise InvalidSource(
            f"{path}: expected one column of {what}, or one of them called {preferred}; found {_named(found)}; rename "
            "or leave out columns"
        )
    return found[0] if len(found) == 1 else preferred


def _named(names: Sequence[str]) -> str:
    return printable(", ".join(names)[:200])


def _groups(path: Path, leaf: str, metadata: Any, limits: Limits) -> list[Group]:
    """The row groups, by what the footer says of them. What it says of single columns is not asked: pyarrow may abort.

    Raises:
        InvalidSource: there are too many rows, or they unpack to far more than the file has.
    """
    found = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    ends = list(accumulate((group.num_rows for group in found), initial=0))
    if any(group.num_rows < 0 for group in found) or ends[-1] != metadata.num_rows:
        raise InvalidSource(f"{path}: its footer does not fit its rows; write it again")
    if ends[-1] > limits.rows:
        raise InvalidSource(f"{path}: expected at most {limits.rows:,} rows, got {ends[-1]:,}; divide it into files")
    size, unpacked = path.stat().st_size, sum(group.total_byte_size for group in found)
    if unpacked > max(limits.unchecked_bytes, MOST_UNPACKED * size):
        raise InvalidSource(
            f"{path}: its {size:,} bytes unpack to {unpacked:,}. Pictures do not compress that much, so the file is "
            "refused"
        )
    return [Group(path, leaf, number, first, end) for number, (first, end) in enumerate(pairwise(ends))]


def _labels(path: Path, schema: Any, features: Mapping[str, Any], count: int) -> list[str]:
    """The label of each row."""
    classes = _of_type(features, "ClassLabel", schema)
    if not classes and LABEL not in schema.names:
        return [""] * count
    name = _one(classes, LABEL, "labels", path) if classes else LABEL
    names = features[name].get("names") if classes else None
    if names is not None and not (isinstance(names, list) and all(isinstance(one, str) for one in names)):
        raise InvalidSource(f"{path}: {printable(name)}: its schema has no valid names; save the data set again")
    types = import_module("pyarrow").types
    kind = schema.field(name).type
    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_string(kind) or types.is_large_string(kind):
        return [label or "" for label in _texts(path, name)]
    if not types.is_integer(kind):
        raise InvalidSource(f"{path}: {printable(name)}: expected names or indices of classes, got {kind}")
    with opened_file(path) as file:
        values = [value for batch in _batches(file, name) for value in batch.column(0).to_pylist()]
    return [_named_label(value, names, f"{path}: row {row}") for row, value in enumerate(values)]


def _batches(file: Any, name: str) -> Iterator[Any]:
    yield from file.iter_batches(LABELS_A_BATCH, columns=[name], use_threads=False)


def _texts(path: Path, name: str) -> Iterator[str | None]:
    """The texts of a column. Each is held once, however often it comes."""
    with opened_file(path, read_dictionary=[name]) as file:
        for batch in _batches(file, name):
            column = batch.column(0)
            values = column.dictionary.to_pylist()
            if any(value is not None and len(value) > MOST_LABEL_CHARACTERS for value in values):
                raise InvalidSource(
                    f"{path}: {printable(name)}: expected at most {MOST_LABEL_CHARACTERS} characters in a label"
                )
            yield from (None if index is None else values[index] for index in column.indices.to_pylist())


def _named_label(value: int | None, names: Sequence[str] | None, where: str) -> str:
    if value is None:
        return ""
    if names is None:
        return str(value)
    if not NO_LABEL <= value < len(names):
        raise InvalidSource(
            f"{where}: expected a label from 0 to {len(names) - 1}, or {NO_LABEL} for none, got {value}"
        )
    return "" if value == NO_LABEL else names[value]
