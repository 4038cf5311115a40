"""Forms that a browser sends, as urlencoded fields."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar
from urllib.parse import parse_qs

from starlette.requests import Request

from modicum_server.errors import FieldInvalid, MediaTypeUnknown

MEDIA_TYPE = "application/x-www-form-urlencoded"
LARGEST_FORM_BYTES = 64 * 1024
LARGEST_POLICY_FORM_BYTES = 1024 * 1024
"""Of a form with a policy: the longest takes 768 KiB where each character has four bytes, percent-encoded."""
LARGEST_PUBLIC_FORM_BYTES = 16 * 1024
"""Of what is read before anybody signed in."""
MOST_FIELDS = 200
TOKEN_FIELD = "form_token"  # noqa: S105 - the name of a field

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form, each with its values."""

    fields: Mapping[str, list[str]]

    def text(self, name: str) -> str:
        """Return the first value of a field; empty where it was left out."""
        return self.fields.get(name, [""])[0].strip()

    def texts(self, name: str) -> tuple[str, ...]:
        """Return all values of a field that are not empty."""
        return tuple(value for value in self.fields.get(name, []) if value)

    def whole(self, name: str, default: int = 0) -> int:
        """Return a whole number.

        Raises:
            FieldInvalid
        """
        return int(self._number(name, str(default), _whole_number, "a whole number"))

    def number(self, name: str) -> float:
        """Return a number.

        Raises:
            FieldInvalid
        """
        return self._number(name, "", _decimal_number, "a number")

    def _number(self, name: str, default: str, read: Callable[[str], float], expected: str) -> float:
        text = self.text(name) or default
        if not text:
            raise FieldInvalid(name, f"this is empty; type {expected}")
        try:
            return read(text)
        except ValueError:
            raise FieldInvalid(name, f"expected {expected}, got {text[:40]!r}") from None


EMPTY = Form({})


class Reading:
    """Reads the fields of a form and collects all mistakes, so that the page shows them together.

    A field that cannot be read gets its default. Nothing is done with it, because callers call `end` first.
    """

    def __init__(self, form: Form) -> None:
        self._form = form
        self._mistakes: list[FieldInvalid] = []

    def whole(self, name: str, default: int = 0) -> int:
        """Return a whole number."""
        return self.taken(partial(self._form.whole, name, default), default)

    def number(self, name: str, default: float) -> float:
        """Return a number. An empty field is a mistake, too."""
        return self.taken(partial(self._form.number, name), default)

    def taken(self, read: Callable[[], Value], default: Value) -> Value:
        """Return what a function reads."""
        try:
            return read()
        except FieldInvalid as mistake:
            self._mistakes.append(mistake)
            return default

    def note(self, mistakes: Iterable[FieldInvalid]) -> None:
        """Take further mistakes."""
        self._mistakes += mistakes

    def end(self) -> None:
        """Refuse a form with mistakes.

        Raises:
            FieldInvalid: the first mistake, with the others as its `also`.
        """
        if self._mistakes:
            first, *others = self._mistakes
            first.also = tuple(others)
            raise first


def _whole_number(text: str) -> int:
    """Read a whole number in digits 0 to 9, which may have commas between its thousands."""
    return int(_plain(text).replace(",", ""))


def _decimal_number(text: str) -> float:
    return float(_plain(text))


def _plain(text: str) -> str:
    """Return a number as it was typed; refuse digits of other scripts and underscores, which Python would read."""
    if not text.isascii() or "_" in text:
        raise ValueError(text)
    return text


def require_form(request: Request) -> None:
    """Refuse a request that has no form.

    Raises:
        MediaTypeUnknown
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise MediaTypeUnknown(f"expected a form of media type {MEDIA_TYPE}")


def form_in(body: bytes) -> Form:
    """Return the form in a body.

    Raises:
        FieldInvalid: it has too many fields, or text that is not UTF-8.
    """
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise FieldInvalid("form", f"expected at most {MOST_FIELDS} fields of UTF-8 text") from None
    return Form(fields)
