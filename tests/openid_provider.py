"""A real OpenID provider on loopback, at which people sign in: the authorization code flow with PKCE.

It is as strict as RFC 6749 and RFC 7636 ask for. Tests make it say something else, one thing at a time.
"""

import base64
import hashlib
import html
import http.client
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from tests.issuer import Issuer, Reply, running

CLIENT, SECRET = "modicum", "a secret: of/the+client"
PAGES = "http://127.0.0.1:7401"
"""Where a client of no served pages says that browsers come back."""
REDIRECT = f"{PAGES}/sign-in/callback"
PATIENCE_SECONDS = 60.0
TEXT = {"Content-Type": "text/html; charset=utf-8"}


@dataclass(frozen=True)
class Granted:
    """What a code was given for."""

    redirect_uri: str
    challenge: str
    nonce: str
    person: Mapping[str, Any]


@dataclass
class OpenIdProvider(Issuer):
    """An issuer that also has people, and one client.

    `person`: who signs in next. `claims`: changes of the identity token; None takes one out. `sign`: makes the token
    of its claims. `more`: changes of the discovery document. `back`: changes of what goes back with the browser.
    `asks_first`: it shows a page with a button before it sends a browser back.
    """

    redirect_uri: str = ""
    secret: str | None = SECRET
    person: dict[str, Any] = field(default_factory=lambda: {"sub": "248289761001"})
    claims: dict[str, Any] = field(default_factory=dict)
    sign: Callable[[dict[str, Any]], str] | None = None
    more: dict[str, Any] = field(default_factory=dict)
    back: dict[str, str | None] = field(default_factory=dict)
    asks_first: bool = False
    reuses_codes: bool = False
    codes: dict[str, Granted] = field(default_factory=dict)
    forms: list[dict[str, str]] = field(default_factory=list)

    def discovery(self) -> dict[str, Any]:
        endpoints = {
            "authorization_endpoint": f"{self.address}/authorize?tenant=octo",
            "token_endpoint": f"{self.address}/token",
            "end_session_endpoint": f"{self.address}/end",
            "authorization_response_iss_parameter_supported": True,
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        }
        said = {**super().discovery(), **endpoints, **self.more}
        return {name: value for name, value in said.items() if value is not None}

    def reply(self, path: str) -> Reply:
        parts = urlsplit(path)
        if parts.path not in {"/authorize", "/approve", "/end"} or parts.path in self.replies:
            return super().reply(parts.path)
        self.asked.append(parts.path)
        if parts.path == "/end":
            return 200, b"<!doctype html><title>Signed out</title><h1>Signed out of the provider</h1>", TEXT
        asked = dict(parse_qsl(parts.query))
        if problem := self._problem_of(asked):
            return 400, problem.encode(), {}
        if self.asks_first and parts.path == "/authorize":
            link = html.escape(f"/approve?{parts.query}")
            return 200, f"<!doctype html><title>Provider</title><a href='{link}'>Continue</a>".encode(), TEXT
        return 302, b"", {"Location": f"{self.redirect_uri}?{urlencode(self._way_back(asked))}"}

    def _problem_of(self, asked: Mapping[str, str]) -> str:
        """What is wrong with a request that came with a browser."""
        expected = {
            "tenant": "octo",
            "response_type": "code",
            "client_id": CLIENT,
            "redirect_uri": self.redirect_uri,
            "code_challenge_method": "S256",
        }
        wrong = [name for name, value in expected.items() if asked.get(name) != value]
        wrong += [name for name in ("state", "nonce", "code_challenge") if len(asked.get(name, "")) < 43]
        if "openid" not in asked.get("scope", "").split():
            wrong.append("scope")
        return ", ".join(wrong)

    def _way_back(self, asked: Mapping[str, str]) -> dict[str, str]:
        code = secrets.token_urlsafe()
        self.codes[code] = Granted(asked["redirect_uri"], asked["code_challenge"], asked["nonce"], dict(self.person))
        said = {"code": code, "state": asked["state"], "iss": self.address, **self.back}
        return {name: value for name, value in said.items() if value is not None}

    def answer(self, path: str, form: bytes, headers: Mapping[str, str]) -> Reply:
        if path in self.replies or path != "/token":
            return super().reply(path)
        self.asked.append(path)
        asked = dict(parse_qsl(form.decode(), keep_blank_values=True))
        self.forms.append(asked)
        if not self._is_client(asked, headers):
            return 401, json.dumps({"error": "invalid_client"}).encode(), {}
        granted = self.codes.get(asked.get("code", "")) if self.reuses_codes else self.codes.pop(asked["code"], None)
        if granted is None or not _fits(asked, granted):
            return 400, json.dumps({"error": "invalid_grant"}).encode(), {}
        return 200, json.dumps(self._tokens(granted)).encode(), {"Content-Type": "application/json"}

    def _is_client(self, asked: Mapping[str, str], headers: Mapping[str, str]) -> bool:
        if self.secret is None:
            return asked.get("client_id") == CLIENT and "Authorization" not in headers
        if self.more.get("token_endpoint_auth_methods_supported") == ["client_secret_post"]:
            return (asked.get("client_id"), asked.get("client_secret")) == (CLIENT, self.secret)
        given = headers.get("Authorization", "").partition(" ")
        pair = base64.b64decode(given[2]).decode().partition(":")
        return given[0] == "Basic" and (unquote(pair[0]), unquote(pair[2])) == (CLIENT, self.secret)

    def _tokens(self, granted: Granted) -> dict[str, str]:
        access = secrets.token_urlsafe()
        digest = hashlib.sha256(access.encode()).digest()
        said = {
            **granted.person,
            "aud": CLIENT,
            "nonce": granted.nonce,
            "at_hash": base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode(),
            **self.claims,
        }
        without = tuple(name for name, value in said.items() if value is None)
        token = self.sign(said) if self.sign else self.token(without=("jti", *without), **said)
        return {"access_token": access, "token_type": "Bearer", "id_token": token}


def _fits(asked: Mapping[str, str], granted: Granted) -> bool:
    """Whether a code is used by whoever it was given for (RFC 7636, 4.6)."""
    digest = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return (
        asked.get("grant_type") == "authorization_code"
        and asked.get("redirect_uri") == granted.redirect_uri
        and challenge == granted.challenge
    )


def way_back(url: str) -> str:
    """Visit the provider as a browser does; returns the path and the query with which it sends the browser back."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        response = connection.getresponse()
        assert response.status == 302, response.read().decode()
        back = urlsplit(response.headers["Location"])
    finally:
        connection.close()
    return f"{back.path}?{back.query}"


@contextmanager
def running_provider() -> Iterator[OpenIdProvider]:
    """Start a provider on a free port of loopback."""
    with running(OpenIdProvider) as provider:
        yield provider
