"""Signing in at an OpenID provider: what a browser keeps meanwhile, what comes back with it, and who it then is."""

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from enum import StrEnum
from typing import Self
from urllib.parse import quote, unquote

SECRET_BYTES = 32
#: How long somebody may take at the provider.
FLOW_SECONDS = 600
LONGEST_FLOW_TEXT = 3000
_FLOW = re.compile(r"(?P<secret>[A-Za-z0-9_-]{43})\.(?P<began>[0-9]{1,12})\.(?P<path>[!-~]*)", re.ASCII)


class NamedBy(StrEnum):
    """Which claim names the principal of a person."""

    SUBJECT = "sub"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class SignInFlow:
    """One sign-in that a browser began, kept in its cookie.

    State, nonce and verifier are made of the secret, the time and the path. If one of these is changed in the cookie,
    the state no longer equals the one that comes back. `began`: seconds since 1970. `path`: where to go afterwards.
    """

    secret: str
    began: int
    path: str

    @classmethod
    def new(cls, path: str, now: float) -> Self:
        """Return a new one."""
        return cls(secrets.token_urlsafe(SECRET_BYTES), int(now), path)

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return the one in a cookie; None for any other text."""
        kept = _FLOW.fullmatch(text) if len(text) <= LONGEST_FLOW_TEXT else None
        return None if kept is None else cls(kept["secret"], int(kept["began"]), unquote(kept["path"]))

    @property
    def text(self) -> str:
        """The value of the cookie."""
        return f"{self.secret}.{self.began}.{quote(self.path, safe='')}"

    @property
    def state(self) -> str:
        """What ties the way back to this browser."""
        return self._derived("state")

    @property
    def nonce(self) -> str:
        """What ties the identity token to this sign-in."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """What ties the code to this sign-in (PKCE, RFC 7636): only who has it can use the code."""
        return self._derived("verifier")

    @property
    def challenge(self) -> str:
        """The SHA-256 of the verifier. The provider gets it first, and the verifier only with the code."""
        return urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()

    def is_over(self, now: float) -> bool:
        """Return whether it took too long."""
        return not 0 <= now - self.began <= FLOW_SECONDS

    def _derived(self, use: str) -> str:
        return hmac.new(self.secret.encode(), f"{use}\n{self.began}\n{self.path}".encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class ProviderResponse:
    """What came back from the provider with the browser. Nothing of it is verified; what is missing is empty."""

    state: str = ""
    code: str = ""
    issuer: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the provider says that it has signed in. `email` is empty where the provider has not verified it."""

    issuer: str
    subject: str
    email: str = ""
