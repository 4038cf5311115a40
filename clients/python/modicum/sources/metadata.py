"""The metadata.csv or metadata.jsonl of a Hugging Face `imagefolder`, beside its pictures."""

from collections.abc import Iterable
from pathlib import Path

from modicum.errors import InvalidSource
from modicum.resource_names import printable
from modicum.sources.labels import JSON_LINES, csv_rows, json_line_entries
from modicum.sources.skipped import MOST_NAMED

METADATA_FILES = ("metadata.csv", "metadata.jsonl")


def metadata_beside(folder: Path) -> Path | None:
    """The metadata in a folder of images; None without it.

    Raises:
        InvalidSource: there are two such files.
    """
    found = [folder / name for name in METADATA_FILES if (folder / name).is_file()]
    if len(found) > 1:
        raise InvalidSource(
            f"{printable(str(folder))}: holds both {found[0].name} and {found[1].name}; remove one of them"
        )
    return found[0] if found else None


def metadata_columns(path: Path) -> tuple[str, ...]:
    """The columns of a metadata.csv, or the keys of a metadata.jsonl, in lower case for a CSV.

    Raises:
        InvalidSource: the file cannot be read, or has no `file_name`.
    """
    if path.suffix.lower() == JSON_LINES:
        columns = tuple(dict.fromkeys(key for _, entry in json_line_entries(path) for key in entry))
    else:
        columns = next((tuple(cell.strip().lower() for cell in row) for _, row in csv_rows(path)), ())
    if "file_name" not in columns:
        got = printable(",".join(columns))[:80] if columns else "an empty file"
        raise InvalidSource(
            f"{printable(str(path))}: expected the columns file_name and label; got {got}; give them these names"
            f"{'' if path.suffix.lower() == JSON_LINES else ', with commas between them'}"
        )
    return columns


def missing_label_text(path: Path, columns: Iterable[str]) -> str:
    """What a user is told about images whose metadata has no labels."""
    return (
        f"{path.name} has columns {printable(', '.join(columns))}; without a column `label` these images have no labels"
    )


def refuse_splits(folder: Path, paths: Iterable[Path]) -> None:
    """Refuse folders with metadata of their own where the names of folders would be labels.

    Raises:
        InvalidSource: a path, relative to `folder`, is such metadata.
    """
    own = [path for path in paths if path.name in METADATA_FILES and len(path.parts) > 1]
    splits = list(dict.fromkeys(printable(str(folder / path.parent)) for path in own))
    if splits:
        raise InvalidSource(
            f"{splits[0]} holds its own {own[0].name}: it is one split of a data set. Give one split: "
            f"{' or '.join(splits[:MOST_NAMED])}"
        )
