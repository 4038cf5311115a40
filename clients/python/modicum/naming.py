"""Resource names: from what a user writes to what the service knows (AIP-122)."""

import re

from modicum.errors import InvalidArgument

ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
ID_RULE = "1 to 63 of a-z, 0-9, hyphen, underscore and dot, beginning with a letter or a digit"


def checked_id(text: str, what: str) -> str:
    """`text` if it can be the last part of a resource name.

    Raises:
        InvalidArgument: it cannot.
    """
    if not ID.fullmatch(text):
        raise InvalidArgument(f"the name of a {what} is {ID_RULE}, not {text!r}")
    return text


def suggested_id(text: str) -> str:
    """A valid id that resembles a file name."""
    cleaned = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._")
    return cleaned[:50] or "unnamed"


def resource_name(project: str, collection: str, name: str) -> str:
    """The full name of `name` in a collection, e.g. models, of a project; a full name stays as it is.

    Raises:
        InvalidArgument: it is no text in UTF-8.
    """
    checked_text(name, f"a name of {collection}")
    if name.startswith("projects/"):
        return name
    return f"{project}/{collection}/{name.removeprefix(f'{collection}/')}"


def printable(text: str) -> str:
    """`text` fit to be shown: what is no character, or would move a terminal's cursor, as its bytes in hexadecimal.

    A file name that is not UTF-8 is such a text: Python holds each foreign byte as a lone surrogate.
    """
    return "".join(
        character if character.isprintable() else "".join(f"\\x{byte:02x}" for byte in _bytes_of(character))
        for character in text
    )


def _bytes_of(character: str) -> bytes:
    try:
        return character.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a pair, as JSON can write it: no byte of a file name
        return character.encode("utf-8", "surrogatepass")


def checked_text(text: str, what: str) -> str:
    """`text` if it can be sent: in UTF-8.

    Raises:
        InvalidArgument: it cannot.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidArgument(f"{what}: expected text in UTF-8, got {printable(text)}") from None
    return text


def last_part(name: str) -> str:
    """The id at the end of a resource name."""
    return name.rsplit("/", 1)[-1]


def short_version(name: str) -> str:
    """A version's name for people: resnet18/3 for projects/p/models/resnet18/versions/3."""
    parts = name.split("/")
    return f"{parts[3]}/{parts[5]}" if len(parts) == 6 else name  # noqa: PLR2004  # projects, p, models, m, versions, v
