"""Resource names (AIP-122): from the short names that users write to full names and back."""

import re
from typing import Protocol

from modicum.errors import InvalidArgument

ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
#: A condition of a filter whose value is a resource name.
CONDITION = re.compile(r'(?<!\w)(audit|dataset|model_version)(\s*=\s*"?)([^\s"=]+)')
#: The collection in which such a name lies, by field. A version lies in that of its model.
COLLECTIONS = {"audit": "audits", "dataset": "datasets"}
#: What no text of a server has: control characters (C0, C1), line and paragraph separators, controls of writing
#: direction (UAX 9), lone surrogates.
NOT_PLAIN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
ID_RULE = "1 to 63 characters from a-z, 0-9, hyphen, underscore and dot, the first a letter or a digit"


class Named(Protocol):
    """Something of a server that has a resource name, such as an audit."""

    @property
    def name(self) -> str:
        """Its resource name."""


def checked_id(text: str, what: str) -> str:
    """Return `text` if it can be the last part of a resource name.

    Raises:
        InvalidArgument: it cannot.
    """
    if not isinstance(text, str) or not ID.fullmatch(text):
        raise InvalidArgument(f"name of the {what}: expected {ID_RULE}; got {text!r}")
    return text


def suggested_id(text: str) -> str:
    """A valid id that resembles a file name."""
    cleaned = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._")
    return cleaned[:50] or "unnamed"


def resource_name(project: str, collection: str, name: str) -> str:
    """The full name of `name` in a collection of a project, e.g. models. A full name stays as it is.

    Raises:
        InvalidArgument: it is not valid UTF-8.
    """
    checked_text(name, f"name in {collection}")
    if name.startswith("projects/"):
        return name
    return f"{project}/{collection}/{name.removeprefix(f'{collection}/')}"


def full_filter(project: str, text: str) -> str:
    """A filter of a list with full names for short ones: model_version = resnet18/3, audit = first.

    Raises:
        InvalidArgument: it names a model where a version is expected, or is not valid UTF-8.
    """
    return CONDITION.sub(lambda found: _full_condition(project, *found.groups()), checked_text(text, "filter"))


def _full_condition(project: str, field: str, between: str, name: str) -> str:
    if field != "model_version":
        return f"{field}{between}{resource_name(project, COLLECTIONS[field], name)}"
    if name.startswith("projects/"):
        return f"{field}{between}{name}"
    model, _, number = name.removeprefix("models/").partition("/")
    if not number:
        raise InvalidArgument(f"filter: expected model_version = MODEL/VERSION, such as resnet18/3; got {name}")
    return f"{field}{between}{project}/models/{model}/versions/{number.removeprefix('versions/')}"


def printable(text: str) -> str:
    """`text` for display: unprintable characters are shown as their bytes in hexadecimal.

    A file name that is not UTF-8 has such characters: Python holds each byte that it cannot decode as a lone surrogate.
    """
    return "".join(
        character if character.isprintable() else "".join(f"\\x{byte:02x}" for byte in _bytes_of(character))
        for character in text
    )


def _bytes_of(character: str) -> bytes:
    try:
        return character.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a surrogate pair, as JSON can have it; it is not from a file name
        return character.encode("utf-8", "surrogatepass")


def checked_text(text: str, what: str) -> str:
    """Return `text` if it is valid UTF-8, and so can be sent.

    Raises:
        InvalidArgument: it is not, or is no text.
    """
    if not isinstance(text, str):
        raise InvalidArgument(f"{what}: expected text, got {text!r}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidArgument(f"{what}: expected text in UTF-8, got {printable(text)}") from None
    return text


def last_part(name: str) -> str:
    """The id at the end of a resource name."""
    return name.rsplit("/", 1)[-1]


def short_version(name: str) -> str:
    """The short name of a version: resnet18/3 for projects/p/models/resnet18/versions/3."""
    parts = name.split("/")
    return f"{parts[3]}/{parts[5]}" if len(parts) == 6 else name  # noqa: PLR2004  # projects, p, models, m, versions, v
