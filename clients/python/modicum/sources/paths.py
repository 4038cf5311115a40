"""The files of a data set must lie in its folder, so that no other file is read or sent by accident."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from modicum.errors import InvalidSource
from modicum.resource_names import printable

_ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:")


def name_inside(name: str, where: str) -> str:
    """Return `name` if it is the name of a file inside a folder. `where` is the beginning of the error message.

    Raises:
        InvalidSource: the name is absolute or contains `..`, on this system or another.
    """
    if not lies_inside(name):
        raise InvalidSource(
            f"{where}: expected the name of a file inside the folder of the images, without '..'; got "
            f"{printable(name)}. Move or copy the file into that folder"
        )
    return name


def lies_inside(name: str) -> bool:
    """Return whether a name is relative and without `..`, on this system and others."""
    return not _ABSOLUTE.match(name) and ".." not in re.split(r"[/\\]", name)


def refuse_outside_links(folder: Path, paths: Iterable[Path]) -> None:
    """Refuse symbolic links that lead out of `folder`. `paths` are relative to it; `folder` itself may be a link.

    Raises:
        InvalidSource: names the first such link.
    """
    inside = Path(os.path.realpath(folder))
    for path in paths:
        end = Path(os.path.realpath(folder / path))
        if not end.is_relative_to(inside):
            raise InvalidSource(
                f"{printable(str(folder / path))}: expected a file in {folder}, got a link to {printable(str(end))}; "
                "copy that file into the folder, or remove the link"
            )
