"""The secret of a browser, and the tokens in its forms.

Each browser has a random secret in a cookie. When somebody has signed in, it is that of a session. Each form carries a
seal that only the secret makes, over a salt of its own: another site can send a form, but cannot make the seal, and a
page that is compressed does not reveal it.
"""

import hashlib
import hmac
import re
import secrets

from starlette.requests import Request
from starlette.responses import Response

from modicum_server.transports.http.pages.hosts import port_of

SALT_BYTES = 16
LONGEST_SECRET = 200
FLOW_PATH = "/sign-in"


def cookie_name(request: Request) -> str:
    """Return the cookie's name. It has the port, because the servers of a machine share their cookies."""
    return f"modicum_session_{port_of(request.headers.get('host', ''))}"


def secret_of(request: Request) -> str:
    """Return the secret in the cookie; empty without one."""
    return request.cookies.get(cookie_name(request), "")[:LONGEST_SECRET]


def is_encrypted(request: Request) -> bool:
    """Return whether the browser is known to speak TLS: with this server or, where it sends an Origin, with a proxy."""
    return request.url.scheme == "https" or request.headers.get("origin", "").startswith("https://")


def set_secret(request: Request, response: Response, secret: str, *, encrypted: bool = False) -> None:
    """Give the browser a secret until it is closed. `encrypted`: it speaks TLS, even if no header shows it."""
    secure = encrypted or is_encrypted(request)
    response.set_cookie(cookie_name(request), secret, path="/", httponly=True, samesite="lax", secure=secure)


def forget_secret(request: Request, response: Response) -> None:
    """Take the secret from the browser."""
    response.delete_cookie(cookie_name(request), path="/", httponly=True, samesite="lax", secure=is_encrypted(request))


def flow_of(request: Request) -> str:
    """Return the sign-in at a provider that the browser began; empty without one."""
    return request.cookies.get(_flow_cookie(request), "")


def set_flow(request: Request, response: Response, flow: str, *, seconds: int, encrypted: bool) -> None:
    """Let the browser keep a sign-in that it begins. `SameSite=Lax` lets it come along on the way back."""
    response.set_cookie(
        _flow_cookie(request),
        flow,
        max_age=seconds,
        path=FLOW_PATH,
        httponly=True,
        samesite="lax",
        secure=encrypted or is_encrypted(request),
    )


def forget_flow(request: Request, response: Response) -> None:
    """Take the sign-in from the browser."""
    response.delete_cookie(_flow_cookie(request), path=FLOW_PATH, httponly=True, samesite="lax")


def _flow_cookie(request: Request) -> str:
    return f"modicum_sign_in_{port_of(request.headers.get('host', ''))}"


def form_token(secret: str) -> str:
    """Return a new token for a form of the browser with this secret."""
    salt = secrets.token_hex(SALT_BYTES)
    return f"{salt}.{_seal(secret, salt)}"


def is_form_token(token: str, secret: str) -> bool:
    """Return whether a form of the browser with this secret carries this token."""
    made = re.fullmatch(r"(?P<salt>[0-9a-f]{32})\.(?P<seal>[0-9a-f]{64})", token, re.ASCII)
    return bool(secret) and made is not None and hmac.compare_digest(made["seal"], _seal(secret, made["salt"]))


def _seal(secret: str, salt: str) -> str:
    return hmac.new(secret.encode(), f"form {salt}".encode(), hashlib.sha256).hexdigest()
