"""Pages of a list (AIP-158): sizes, and tokens that are valid for one list only."""

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Generic, Protocol, TypeVar

from modicum_server.errors import PageTokenInvalid
from modicum_server.ports import Keyed
from modicum_server.usecases.rules import check

DEFAULT_PAGE_SIZE = 100
LARGEST_PAGE_SIZE = 1000
LARGEST_PAGE_BYTES = 3 * 1024 * 1024
"""By default, clients accept messages of up to 4 MiB."""
_SEAL_BYTES = 8
NAMES = "[a-z0-9/._-]{1,300}"
"""Form of the keys of most lists: names and ids."""
NUMBERS = "[0-9]{1,9}"
"""Form of the keys of lists that are ordered by an int32."""
LARGE_NUMBERS = "[0-9]{1,18}"
"""Form of the keys of lists that are ordered by an int64."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The page that a caller wants. Size 0 means 100; a size above 1000 means 1000."""

    size: int = 0
    token: str = ""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows, and the token of the next page, which is empty on the last."""

    rows: tuple[T, ...]
    next_token: str = ""


class Fetch(Protocol[T]):
    """A list of the store."""

    def __call__(self, *, after: str, limit: int) -> Awaitable[list[Keyed[T]]]:
        """Return at most `limit` rows behind the key `after`, each with its key; from the first where it is empty."""


async def read_page(
    request: PageRequest,
    listing: str,
    fetch: Fetch[T],
    *,
    weigh: Callable[[T], int] = lambda _: 0,
    keys: str = NAMES,
) -> Page[T]:
    """Read one page. `listing` identifies the list: what is listed, its parent and its filter.

    One row more than the page is fetched, which shows whether another page follows.
    `weigh` estimates the bytes of a row: a page ends early before its message becomes too large. `keys` is the form
    that a key must have: the seal of a token only tells lists apart, and is not a secret, so a token may be forged.

    Raises:
        FieldInvalid, PageTokenInvalid
    """
    check("page_size", request.size)
    size = min(request.size or DEFAULT_PAGE_SIZE, LARGEST_PAGE_SIZE)
    keyed = await fetch(after=_opened(request.token, listing, keys), limit=size + 1)
    weights = accumulate(weigh(row) for _, row in keyed[:size])
    light = sum(1 for weight in weights if weight <= LARGEST_PAGE_BYTES)
    shown = keyed[: max(1, light)]
    token = _sealed(shown[-1][0], listing) if len(keyed) > len(shown) else ""
    return Page(tuple(row for _, row in shown), token)


def _seal(key: bytes, listing: str) -> bytes:
    return hashlib.sha256(listing.encode() + b"\x00" + key).digest()[:_SEAL_BYTES]


def _sealed(key: str, listing: str) -> str:
    raw = key.encode()
    return base64.urlsafe_b64encode(_seal(raw, listing) + raw).decode().rstrip("=")


def _opened(token: str, listing: str, keys: str) -> str:
    if not token:
        return ""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        seal, key = raw[:_SEAL_BYTES], raw[_SEAL_BYTES:].decode()
    except ValueError:  # not base64, or not text in it: this server did not make it
        raise PageTokenInvalid from None
    if seal != _seal(key.encode(), listing) or re.fullmatch(keys, key, re.ASCII) is None:
        raise PageTokenInvalid
    return key
