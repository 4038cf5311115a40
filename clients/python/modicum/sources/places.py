"""Where the files of a data set may lie: in its folder, so that nothing from elsewhere is read or sent unawares."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from modicum.errors import InvalidSource
from modicum.naming import printable

_ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:")


def inner_name(name: str, where: str) -> str:
    """`name` if a file of a folder can have it; `where` it was written begins what is said of one that cannot.

    Raises:
        InvalidSource: it is absolute or leads upwards, on this system or another.
    """
    if _ABSOLUTE.match(name) or ".." in re.split(r"[/\\]", name):
        raise InvalidSource(
            f"{where}: file is expected to be a name relative to the pictures' folder and below it, without '..', "
            f"got {printable(name)}; move or copy the file into that folder"
        )
    return name


def refuse_links_out(folder: Path, paths: Iterable[Path]) -> None:
    """Refuse symbolic links that lead out of `folder`, which may be one itself; `paths` are relative to it.

    Raises:
        InvalidSource: names the first.
    """
    inside = Path(os.path.realpath(folder))
    for path in paths:
        end = Path(os.path.realpath(folder / path))
        if not end.is_relative_to(inside):
            raise InvalidSource(
                f"{printable(str(folder / path))}: expected a file in {folder}, got a link that leads out of it to "
                f"{printable(str(end))}; copy that file into the folder, or remove the link"
            )
