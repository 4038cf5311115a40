"""Deletes a folder with everything that a model's process left in it. Standard library only.

A hostile tree can be nested more deeply than recursion or paths allow, or contain folders that are closed to their
owner. So nothing here recurses: inner folders are moved up to the top until every folder is empty.
"""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

OWNER_ALL = 0o700


def delete_tree(path: Path) -> None:
    """Delete a folder with everything in it. A link is deleted, not followed. A missing folder is no error.

    Raises:
        OSError: it cannot be deleted, for instance on a file system that became read-only.
    """
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    path.chmod(OWNER_ALL)
    names = (path / f".{number}" for number in itertools.count())
    while folders := _folders_of(path):
        for folder in folders:
            _empty(folder, names)
    path.rmdir()


def _folders_of(path: Path) -> list[Path]:
    """Delete the files of a folder and return the folders in it."""
    with os.scandir(path) as entries:
        found = [(Path(entry.path), entry.is_dir(follow_symlinks=False)) for entry in entries]
    for entry, is_folder in found:
        if not is_folder:
            entry.unlink(missing_ok=True)
    return [entry for entry, is_folder in found if is_folder]


def _empty(folder: Path, names: Iterator[Path]) -> None:
    """Move the folders in a folder up, and delete it with its files."""
    folder.chmod(OWNER_ALL)
    for inner in _folders_of(folder):
        inner.chmod(OWNER_ALL)  # moving a folder to another parent writes to it
        inner.rename(next(name for name in names if not os.path.lexists(name)))
    folder.rmdir()
