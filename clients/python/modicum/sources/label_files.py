"""Files that label images: the one that applies, and whether it fits the images. They are read by `labels`."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from modicum.errors import InvalidSource
from modicum.resource_names import printable
from modicum.sources.labels import METADATA_KEYS, true_labels
from modicum.sources.metadata import metadata_beside, metadata_columns

LABELS_FILE = "labels.csv"


def labels_beside(folder: Path) -> Path | None:
    """The labels.csv in a folder of images; None without it.

    Raises:
        InvalidSource: metadata beside it has labels, too.
    """
    path = folder / LABELS_FILE
    if not path.is_file():
        return None
    metadata = metadata_beside(folder)
    if metadata is not None and _has_labels(metadata):
        raise InvalidSource(
            f"{printable(str(folder))}: holds both {LABELS_FILE} and {metadata.name} with labels; remove one of them, "
            "or name one with --photo-labels"
        )
    return path


def _has_labels(metadata: Path) -> bool:
    with suppress(InvalidSource):  # a file of that name in a form of its own
        return METADATA_KEYS.issubset(metadata_columns(metadata))
    return False


def labels_of_images(
    source: Path, path: Path, images: Sequence[PurePosixPath], exists: Callable[[str], bool]
) -> dict[PurePosixPath, str]:
    """The labels in a file, by image. Each image must be in it; its label may be empty.

    Raises:
        InvalidSource: the file cannot be read, names a file that does not exist, or lacks an image.
    """
    labels = true_labels(path)
    refuse_absent(source, labels, path, exists)
    given = {PurePosixPath(name): label for name, label in labels.items()}
    _refuse_unnamed(source, path, given, images)
    return given


def refuse_absent(source: Path, names: Collection[str], origin: Path, exists: Callable[[str], bool]) -> None:
    """Refuse names of files in a list if there is no such file.

    Raises:
        InvalidSource: names the first of them.
    """
    absent = [name for name in names if not exists(name)]
    if absent:
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        raise InvalidSource(
            f"{origin}: expected names of files relative to {source}; these do not exist: {absent[0]}{more}; "
            "add the files, or remove their lines"
        )


def contradictions(path: Path, labels: Mapping[PurePosixPath, str]) -> str:
    """How many images are labelled with the name of another class folder than theirs, in one line; empty if none is."""
    folders = {name.parts[0] for name in labels if len(name.parts) > 1}
    other = [name for name, label in labels.items() if label in folders - {name.parts[0]}]
    if not other:
        return ""
    first = printable(f"{other[0]} ({labels[other[0]]})")
    return (
        f"labels are taken from {printable(path.name)}, which contradicts the class folders of {len(other):,} of "
        f"{len(labels):,} images, such as {first}"
    )


def _refuse_unnamed(
    source: Path, path: Path, labels: Collection[PurePosixPath], images: Sequence[PurePosixPath]
) -> None:
    unnamed = [name for name in images if name not in labels]
    if not unnamed:
        return
    more = f" and {len(unnamed) - 1:,} more" if len(unnamed) > 1 else ""
    raise InvalidSource(
        f"{printable(str(path))}: expected a label for each of the {len(images):,} images of {printable(str(source))}; "
        f"it lacks {printable(str(unnamed[0]))}{more}. {_advice(source, path, images)}"
    )


def _advice(source: Path, path: Path, images: Sequence[PurePosixPath]) -> str:
    advice = ["Add their lines; a label may be empty where none is known"]
    if path.parent == source and path.suffix.lower() == ".csv":
        advice.append(f"or give {printable(str(path))} in place of the folder, to take only the images in it")
    if all(len(name.parts) > 1 for name in images):
        advice.append("or do without this file, to take the labels from the class folders")
    return "; ".join(advice)
