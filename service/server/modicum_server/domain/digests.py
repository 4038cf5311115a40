"""How a SHA-256 is written."""

import hashlib
import re

DIGEST = "[0-9a-f]{64}"
"""The pattern: 64 hexadecimal digits in lower case."""


def is_digest(text: str) -> bool:
    """Whether a text is a digest."""
    return re.fullmatch(DIGEST, text, re.ASCII) is not None


def digest_of(data: bytes) -> str:
    """Return the SHA-256 of bytes, as it is written."""
    return hashlib.sha256(data).hexdigest()
