"""Pages of a list (AIP-158): sizes, and tokens that only fit the list they were given for."""

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Generic, TypeVar

from modicum_server.errors import PageTokenInvalid
from modicum_server.usecases.rules import check

DEFAULT_PAGE_SIZE = 100
LARGEST_PAGE_SIZE = 1000
LARGEST_PAGE_BYTES = 3 * 1024 * 1024
"""Clients take messages of 4 MiB unless told otherwise."""
_SEAL_BYTES = 8
NAMES = "[a-z0-9/._-]{1,300}"
"""Form of the keys of most lists: names, and ids."""
NUMBERS = "[0-9]{1,9}"
"""Form of the keys of lists that are ordered by an int32."""
LARGE_NUMBERS = "[0-9]{1,18}"
"""Form of the keys of lists that are ordered by an int64."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What a caller asks of a list; size 0 means 100, and above 1000 means 1000."""

    size: int = 0
    token: str = ""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows and the token of the next page; empty on the last."""

    rows: tuple[T, ...]
    next_token: str = ""


async def read_page(
    request: PageRequest,
    listing: str,
    fetch: Callable[[str, int], Awaitable[list[tuple[str, T]]]],
    *,
    weigh: Callable[[T], int] = lambda _: 0,
    keys: str = NAMES,
) -> Page[T]:
    """Read one page; `listing` tells this list, its parent and its filter from all others.

    `fetch(after, limit)` returns rows with their keys; one row more than the page tells whether there is a next one.
    `weigh` estimates a row's bytes: a page ends early before it grows past what a message may hold. `keys` is the form
    of the keys: the seal keeps tokens of different lists apart, and is no secret that would keep out an invented one.

    Raises:
        FieldInvalid, PageTokenInvalid
    """
    check("page_size", request.size)
    size = min(request.size or DEFAULT_PAGE_SIZE, LARGEST_PAGE_SIZE)
    keyed = await fetch(_opened(request.token, listing, keys), size + 1)
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
    except ValueError:  # no base64, or no text in it: nothing that this server gave
        raise PageTokenInvalid from None
    if seal != _seal(key.encode(), listing) or re.fullmatch(keys, key, re.ASCII) is None:
        raise PageTokenInvalid
    return key
