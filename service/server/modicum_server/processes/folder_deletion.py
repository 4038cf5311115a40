"""Deletes a folder with what a model's process left in it, however it was left. Standard library only.

A hostile tree is nested deeper than a recursion or a path may be, or holds folders that deny their owner. So nothing
here recurses: what lies in a folder is moved up to the top until every folder is empty.
"""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

OWNER_ALL = 0o700


def delete_tree(path: Path) -> None:
    """Delete a folder with all that is in it; a link is deleted, not followed. Nothing happens where there is none.

    Raises:
        OSError: it cannot be deleted, such as on a file system that became read-only.
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
    """Move the folders of a folder up beside it, and delete it with its files."""
    folder.chmod(OWNER_ALL)
    for inner in _folders_of(folder):
        inner.chmod(OWNER_ALL)  # a folder that changes its parent is written to
        inner.rename(next(name for name in names if not os.path.lexists(name)))
    folder.rmdir()
