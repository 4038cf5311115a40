"""The form of a bearer token: a prefix that secret scanners find, random letters and digits, and a checksum.

`modicum_` + 40 of 0-9A-Za-z (238 random bits) + 6 of 0-9A-Za-z (CRC-32 of what is before). Tokens of earlier releases
have no prefix; they stay valid.
"""

import re
import secrets
import string
import zlib

PREFIX = "modicum_"
SECRET_CHARACTERS = 40
CHECKSUM_CHARACTERS = 6
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
ID_BYTES = 8


def new_token() -> str:
    """Return a random token."""
    text = PREFIX + "".join(secrets.choice(ALPHABET) for _ in range(SECRET_CHARACTERS))
    return text + _checksum(text)


def new_token_id() -> str:
    """Return the id under which a token is shown: 16 random hexadecimal digits, which say nothing of its secret."""
    return secrets.token_hex(ID_BYTES)


def is_damaged(token: str) -> bool:
    """Return whether a token with our prefix has another length or checksum than we gave it."""
    if not token.startswith(PREFIX):
        return False
    text, checksum = token[:-CHECKSUM_CHARACTERS], token[-CHECKSUM_CHARACTERS:]
    return len(token) != len(PREFIX) + SECRET_CHARACTERS + CHECKSUM_CHARACTERS or _checksum(text) != checksum


def without_tokens(text: str) -> str:
    """Return a text with every token in it cut to its prefix, for a log."""
    return re.sub(f"{PREFIX}[0-9A-Za-z]+", f"{PREFIX}...", text)


def _checksum(text: str) -> str:
    """Return CRC-32 in base 62, the highest digit first."""
    rest, digits = zlib.crc32(text.encode()), ""
    for _ in range(CHECKSUM_CHARACTERS):
        rest, digit = divmod(rest, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
