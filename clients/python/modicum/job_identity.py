"""How a job of a pipeline logs in without a secret: its identity token is exchanged for a token of the project.

GitHub Actions gives one on request to a job with `id-token: write`. Elsewhere, such as in GitLab, the pipeline puts one
into MODICUM_ID_TOKEN. No token is printed, logged or part of an error.
"""

import asyncio
import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlsplit

from modicum.connection import Connection
from modicum.endpoints import address_of, refuse_malformed_token, refuse_unencrypted_token
from modicum.errors import ModicumError, Unauthenticated
from modicum.v1.trust_service_pb2 import ExchangeTokenRequest

GITHUB_URL = "ACTIONS_ID_TOKEN_REQUEST_URL"
GITHUB_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"  # noqa: S105  # the name of a variable
ID_TOKEN = "MODICUM_ID_TOKEN"  # noqa: S105
AUDIENCE = "MODICUM_AUDIENCE"

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
TOKEN_TYPE = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105
REQUEST_SECONDS = 10.0
LARGEST_REPLY_BYTES = 65_536
#: A token is renewed when this share of its life is over, and tried again after some seconds if that fails.
RENEW_AT = 0.7
AGAIN_SECONDS = 30.0


def has_identity(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process runs in a job that can show who it is."""
    return bool(environment.get(ID_TOKEN)) or _is_github(environment)


async def log_in(
    connection: Connection, environment: Mapping[str, str] = os.environ, *, renew_at: float = RENEW_AT
) -> None:
    """Log in as the job. Where it can have another identity token, the login is renewed until the connection closes.

    `renew_at`: the share of a token's life after which it is renewed.

    Raises:
        Unauthenticated: there is no identity token, or no rule of the project trusts it.
        InsecureAddress: the identity token would be sent unencrypted.
        ModicumError: the error of the server.
    """
    seconds = await _exchange(connection, environment)
    if _is_github(environment) and not environment.get(ID_TOKEN):
        connection.renewal = asyncio.create_task(_renew(connection, environment, seconds, renew_at))


async def _renew(connection: Connection, environment: Mapping[str, str], seconds: float, renew_at: float) -> None:
    wait = seconds * renew_at
    while True:
        await asyncio.sleep(wait)
        wait = AGAIN_SECONDS
        with suppress(ModicumError):  # the token may still be valid; if not, the next call says so
            wait = await _exchange(connection, environment) * renew_at


async def _exchange(connection: Connection, environment: Mapping[str, str]) -> float:
    """Exchange an identity token, and use the new token from now on; the seconds for which it is valid."""
    refuse_unencrypted_token(replace(connection.endpoint, token="of the job"), environment)  # noqa: S106  # no token
    audience = environment.get(AUDIENCE) or address_of(connection.endpoint)
    identity = environment.get(ID_TOKEN, "").strip() or await asyncio.to_thread(_of_github, environment, audience)
    request = ExchangeTokenRequest(
        parent=connection.project, grant_type=GRANT_TYPE, subject_token=identity, subject_token_type=TOKEN_TYPE
    )
    reply = await connection.call_once(connection.trust.ExchangeToken, request)
    endpoint = replace(connection.endpoint, token=reply.access_token)
    refuse_malformed_token(endpoint)
    connection.endpoint = endpoint
    return float(reply.expires_in)


def _is_github(environment: Mapping[str, str]) -> bool:
    return bool(environment.get(GITHUB_URL) and environment.get(GITHUB_TOKEN))


def _of_github(environment: Mapping[str, str], audience: str) -> str:
    """An identity token for this audience.

    Raises:
        Unauthenticated
    """
    url = environment[GITHUB_URL]
    if urlsplit(url).scheme != "https" and urlsplit(url).hostname not in {"127.0.0.1", "localhost", "::1"}:
        raise Unauthenticated(f"{GITHUB_URL}: expected an https address; the job's token is not sent elsewhere")
    asked = f"{url}{'&' if urlsplit(url).query else '?'}audience={quote(audience, safe='')}"
    bearer = {"Authorization": f"Bearer {environment[GITHUB_TOKEN]}", "Accept": "application/json"}
    try:
        with _OPENER.open(urllib.request.Request(asked, headers=bearer), timeout=REQUEST_SECONDS) as reply:  # noqa: S310
            value = json.loads(reply.read(LARGEST_REPLY_BYTES))["value"]
    except urllib.error.HTTPError as error:
        error.close()
        raise Unauthenticated(
            f"GitHub gave no identity token (status {error.code}); give the job the permission `id-token: write`"
        ) from None
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        raise Unauthenticated(
            f"GitHub gave no identity token ({type(error).__name__}); try again, or set MODICUM_TOKEN"
        ) from None
    return str(value)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the job's token is for one address."""

    def redirect_request(self, *_args: Any, **_options: Any) -> None:
        """Return None, which ends the request with the status of the redirect."""


_OPENER = urllib.request.build_opener(_NoRedirects)
