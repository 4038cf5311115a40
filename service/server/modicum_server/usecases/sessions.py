"""Sessions of browsers. A session stands for a token, and ends with it.

That of somebody who signed in at a provider stands for a token of its own, which ends with the session.

The browser holds a random secret, the store its SHA-256. Nothing that a browser keeps is a token, and every API process
knows every session.
"""

import secrets
from contextlib import suppress
from dataclasses import replace

from modicum_server.domain.access import OpenSession
from modicum_server.domain.projects import Origin, Principal
from modicum_server.domain.trail import Verb
from modicum_server.errors import DependencyUnavailable, SessionMissing, SignInLinkUsed, TokenInvalid
from modicum_server.ports import Store, Transaction
from modicum_server.usecases.access import token_digest
from modicum_server.usecases.token_use import note_use
from modicum_server.usecases.trail import record

SECRET_BYTES = 32
UNUSED_SECONDS = 12 * 3600.0
"""A session that nobody uses ends after this."""
LONGEST_SECONDS = 7 * 24 * 3600.0
"""A session ends after this, however much it is used."""
PROLONGED_SECONDS = 300.0
"""Use prolongs a session if that gives it at least so much more, so that few pages write."""
LINK_SECONDS = 300.0


def new_secret() -> str:
    """Return a random secret."""
    return secrets.token_urlsafe(SECRET_BYTES)


class Sessions:
    """Begins, finds and ends sessions."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def sign_in(self, token: str, origin: Origin) -> str:
        """Begin a session with a token; returns its secret.

        Raises:
            TokenInvalid
        """
        async with self._store.transaction() as transaction:
            return await _begin(transaction, token_digest(token), origin)

    async def sign_in_by_link(self, link_secret: str, origin: Origin) -> str:
        """Begin a session with the secret of a link, which works once; returns the session's secret.

        Raises:
            SignInLinkUsed
        """
        async with self._store.transaction() as transaction:
            token = await transaction.sessions.take_link(token_digest(link_secret))
            if token is None:
                raise SignInLinkUsed
            return await _begin(transaction, token, origin)

    async def sign_out(self, principal: Principal, secret: str) -> str:
        """End a session; returns the issuer at which its principal signed in, or an empty text.

        One that has ended stays so.
        """
        async with self._store.transaction() as transaction:
            issuer = await transaction.sessions.delete(token_digest(secret))
            await record(transaction, principal, Verb.SIGN_OUT, token_name(principal))
        return issuer

    async def principal(self, secret: str, *, by_a_person: bool = False) -> Principal:
        """Return who signed in, with the roles of now. A session's use is a use of its token.

        Use by a person prolongs the session, what a page asks by itself does not.

        Raises:
            SessionMissing: there is no such session, or no longer.
        """
        digest = token_digest(secret)
        async with self._store.transaction() as transaction:
            session = await transaction.sessions.find(digest)
            principal = None if session is None else await transaction.projects.authenticate(session.token_digest)
        if session is None or principal is None:
            raise SessionMissing
        await note_use(self._store, principal)
        if by_a_person and _is_worth_prolonging(session):
            await self._prolong(digest)
        return principal

    async def _prolong(self, digest: str) -> None:
        """A database that cannot write now refuses no page for that."""
        with suppress(DependencyUnavailable):
            async with self._store.transaction() as transaction:
                await transaction.sessions.prolong(digest, seconds=UNUSED_SECONDS)


async def new_link(store: Store, token: str) -> str:
    """Store a link that signs in once with a token; returns its secret.

    Raises:
        TokenInvalid
    """
    secret = new_secret()
    async with store.transaction() as transaction:
        if not await transaction.sessions.add_link(token_digest(secret), token_digest(token), seconds=LINK_SECONDS):
            raise TokenInvalid
    return secret


def _is_worth_prolonging(session: OpenSession) -> bool:
    return min(UNUSED_SECONDS, session.most_seconds_left) - session.seconds_left >= PROLONGED_SECONDS


async def _begin(transaction: Transaction, token: str, origin: Origin) -> str:
    principal, secret = await transaction.projects.authenticate(token), new_secret()
    if principal is None:
        raise TokenInvalid
    await transaction.sessions.create(
        token_digest(secret), token, seconds=UNUSED_SECONDS, longest_seconds=LONGEST_SECONDS
    )
    await transaction.access.note_use(principal.token_id)
    await record(transaction, replace(principal, origin=origin), Verb.SIGN_IN, token_name(principal))
    return secret


def token_name(principal: Principal) -> str:
    """Name the token in the trail: of the only project where it has a role, or of the server."""
    project = f"{next(iter(principal.roles))}/" if len(principal.roles) == 1 else ""
    return f"{project}tokens/{principal.token_id}"
