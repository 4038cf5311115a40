"""`ports.SignInProvider`: the authorization code flow of OpenID Connect, with PKCE, at the provider of the settings.

Discovery and the token request go through `fetching`, keys and signatures through what pipelines use. What comes with
the browser is compared before the provider is asked anything. The access token is thrown away.
"""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import jwt
import structlog

from modicum_server.domain.sign_in import Person, ProviderResponse, SignInFlow
from modicum_server.issuers.discovery import read_discovery, read_keys
from modicum_server.issuers.fetching import FetchBounds, FetchRefused, FormRefused, fetch_json, post_form
from modicum_server.issuers.issuer_keys import IssuerKeys
from modicum_server.issuers.kept_document import KeptDocument
from modicum_server.issuers.signed_tokens import audience_of, decoded, key_id_of, unverified
from modicum_server.ports import IdentityTokenInvalid, IssuerUnavailable, ProviderUnavailable, SignInRefused
from modicum_server.settings import Settings

REQUIRED = ("iss", "sub", "aud", "exp", "iat", "nonce")
#: OpenID Connect allows no longer one.
LONGEST_SUBJECT_CHARACTERS = 255
LONGEST_EMAIL_CHARACTERS = 254
#: Whoever signs out has done so; they wait no longer than this to be told where else.
SIGN_OUT_SECONDS = 2.0
#: The hash of an access token is the left half of this one, by the algorithm that signs.
HASHES = {"RS256": hashlib.sha256, "ES256": hashlib.sha256, "ES384": hashlib.sha384}

log = structlog.get_logger(__name__)


class OpenIdProvider:
    """Signs people in at one provider."""

    def __init__(
        self, settings: Settings, *, bounds: FetchBounds | None = None, sign_out_seconds: float = SIGN_OUT_SECONDS
    ) -> None:
        """Take the provider of the settings.

        Raises:
            OSError: the file of the client's secret cannot be read, or is empty.
        """
        self.issuer = settings.sign_in_issuer
        self.name = settings.sign_in_name or str(urlsplit(self.issuer).hostname)
        self._settings = settings
        self._sign_out_seconds = sign_out_seconds
        bounds = bounds or FetchBounds()
        self._fetch = partial(fetch_json, private=settings.allow_private_issuers, bounds=bounds)
        self._post = partial(post_form, private=settings.allow_private_issuers, bounds=bounds)
        self._discovery = KeptDocument(partial(read_discovery, self.issuer, self._fetch))
        self._keys = IssuerKeys(self.issuer, self._read_keys)
        self._secret()

    async def sign_out_url(self) -> str:
        """Return where a browser ends its session with the provider; empty where it names no such place, or not now."""
        try:
            async with asyncio.timeout(self._sign_out_seconds):
                place = self._address("end_session_endpoint", await self._discovery.get())
        except (FetchRefused, TimeoutError):
            return ""
        return _with_query(place, {"client_id": self._settings.sign_in_client_id})

    async def sign_in_url(self, flow: SignInFlow, redirect_uri: str) -> str:
        """Return where to send a browser.

        Raises:
            ProviderUnavailable
        """
        try:
            place = self._address("authorization_endpoint", await self._discovery.get())
        except FetchRefused as error:
            raise self._unavailable(error) from error
        asked = {
            "response_type": "code",
            "client_id": self._settings.sign_in_client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self._settings.sign_in_scopes),
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": flow.challenge,
            "code_challenge_method": "S256",
        }
        return _with_query(place, asked)

    async def person(self, flow: SignInFlow, response: ProviderResponse, redirect_uri: str) -> Person:
        """Exchange the code of a response whose state is right, and verify who it is.

        Raises:
            SignInRefused: the response is another provider's, or an error, or the provider refuses the code.
            IdentityTokenInvalid: the token that came for the code is not valid here.
            ProviderUnavailable
        """
        try:
            discovery = await self._discovery.get()
            self._require_own(response, discovery)
            if response.error or not response.code:
                raise SignInRefused(
                    f"{self.name} did not sign you in; it responded {response.error or 'without a code'}"
                )
            tokens = await self._tokens(flow, response.code, redirect_uri, discovery)
            return await self._verified(tokens, flow)
        except (FetchRefused, IssuerUnavailable) as error:
            raise self._unavailable(error) from error

    def _require_own(self, response: ProviderResponse, discovery: Mapping[str, Any]) -> None:
        """Refuse a response that another provider gave (RFC 9207).

        Raises:
            SignInRefused
        """
        named = response.issuer or not discovery.get("authorization_response_iss_parameter_supported")
        if not named or response.issuer not in {"", self.issuer}:
            raise SignInRefused(f"the response did not come from {self.name}; start the sign-in again")

    async def _tokens(
        self, flow: SignInFlow, code: str, redirect_uri: str, discovery: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Exchange a code for tokens.

        Raises:
            SignInRefused, FetchRefused
        """
        place = self._address("token_endpoint", discovery)
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": self._settings.sign_in_client_id,
            "code_verifier": flow.verifier,
        }
        headers: dict[str, str] = {}
        try:
            secret = self._secret()
        except OSError as error:
            raise FetchRefused(f"the secret of the client cannot be read: {error}") from error
        if secret:
            if _takes_basic(discovery):
                headers["Authorization"] = _basic(fields.pop("client_id"), secret)
            else:
                fields["client_secret"] = secret
        try:
            return await self._post(place, fields, headers)
        except FormRefused as error:
            log.warning("sign_in_code_refused", issuer=self.issuer, code=error.code, cause=str(error))
            raise SignInRefused(
                f"{self.name} did not accept the code that came back; start the sign-in again"
            ) from None

    async def _verified(self, tokens: Mapping[str, Any], flow: SignInFlow) -> Person:
        """Return whom the identity token of a reply names.

        Raises:
            IdentityTokenInvalid, IssuerUnavailable
        """
        token = tokens.get("id_token")
        if not isinstance(token, str):
            raise IdentityTokenInvalid(f"{self.name} gave no identity token; the scopes must include openid")
        key_id = key_id_of(unverified(token)[0])
        key = await self._keys.find(key_id)
        if key is None:
            raise IdentityTokenInvalid(
                f"the identity token must name its key (kid), because {self.name} does not have exactly one key"
                if key_id is None
                else f"{self.name} has no key with the key id (kid) of the identity token"
            )
        claims = decoded(token, key, self.issuer, required=REQUIRED)
        client = self._settings.sign_in_client_id
        if audience_of(claims) != client or claims.get("azp", client) != client:
            raise IdentityTokenInvalid("the identity token was issued to another client than this server")
        if not _is_text(claims["nonce"], flow.nonce):
            raise IdentityTokenInvalid("the identity token belongs to another sign-in; start the sign-in again")
        if "at_hash" in claims and not _is_text(claims["at_hash"], _token_hash(key, tokens.get("access_token"))):
            raise IdentityTokenInvalid(
                "the identity token belongs to another access token than the one that came with it"
            )
        return self._person(claims)

    def _person(self, claims: Mapping[str, Any]) -> Person:
        subject, email = claims["sub"], claims.get("email")
        if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT_CHARACTERS:
            raise IdentityTokenInvalid(f"expected a subject (sub) of 1 to {LONGEST_SUBJECT_CHARACTERS} characters")
        verified = claims.get("email_verified") in (True, "true")  # a few providers write it as a text
        known = verified and isinstance(email, str) and len(email) <= LONGEST_EMAIL_CHARACTERS
        return Person(self.issuer, subject, str(email) if known else "")

    def _address(self, name: str, discovery: Mapping[str, Any]) -> str:
        """Return an address of the discovery document.

        Raises:
            FetchRefused: it names none, or one that is not https.
        """
        place = discovery.get(name)
        schemes = ("https", "http") if self._settings.allow_private_issuers else ("https",)
        if not isinstance(place, str) or not place.isascii() or not place.isprintable() or " " in place:
            raise FetchRefused(f"{self.issuer}: the discovery document has no {name}, or one that is not a URL")
        try:
            parts = urlsplit(place)
        except ValueError:
            raise FetchRefused(f"{self.issuer}: {name} is not a URL") from None
        if parts.scheme not in schemes or not parts.hostname or parts.username is not None or parts.fragment:
            raise FetchRefused(f"{self.issuer}: {name} must be an https address")
        return place

    async def _read_keys(self) -> Mapping[str, jwt.PyJWK]:
        return await read_keys(await self._discovery.get(), self._fetch)

    def _secret(self) -> str:
        """Return the client's secret; empty for a client without one. It is read anew, so that it can be replaced."""
        file = self._settings.sign_in_client_secret_file
        if file is None:
            return ""
        secret = file.read_text(encoding="utf-8", errors="replace").strip()
        if not secret:
            raise OSError(f"{file}: expected the secret of the client at the provider, got an empty file")
        return secret

    def _unavailable(self, cause: Exception) -> ProviderUnavailable:
        log.warning("provider_unavailable", issuer=self.issuer, cause=str(cause))
        return ProviderUnavailable(
            f"{self.name} does not respond as expected; try again in a minute, or sign in with a token"
        )


def _takes_basic(discovery: Mapping[str, Any]) -> bool:
    """Return whether the client's secret goes into the header, which is what providers take that say nothing."""
    methods = discovery.get("token_endpoint_auth_methods_supported")
    return not isinstance(methods, list) or "client_secret_basic" in methods or "client_secret_post" not in methods


def _basic(client: str, secret: str) -> str:
    """Return the header of a client and its secret (RFC 6749, 2.3.1)."""
    pair = ":".join(quote(part, safe="") for part in (client, secret))
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _token_hash(key: jwt.PyJWK, access_token: object) -> str:
    """Return the `at_hash` of an access token (OpenID Connect Core, 3.1.3.6)."""
    digest = HASHES[str(key.algorithm_name)](str(access_token).encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def _is_text(value: object, expected: str) -> bool:
    return isinstance(value, str) and hmac.compare_digest(value.encode(), expected.encode())


def _with_query(address: str, fields: Mapping[str, str]) -> str:
    """Return an address with more fields in its query."""
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(fields)}"
