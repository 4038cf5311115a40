"""Signing in at a provider (OpenID Connect, authorization code with PKCE). Its caller has no token yet.

A browser that begins keeps a flow in its cookie; the state that comes back must be that of its own flow, and each flow
signs in once. Whoever comes back has the roles that members gave to their principal, and no other: the provider decides
who somebody is, never what they may do.
"""

import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from modicum.resource_names import NOT_PLAIN

from modicum_server.domain.access import NewToken
from modicum_server.domain.projects import Origin, Principal
from modicum_server.domain.sign_in import FLOW_SECONDS, NamedBy, Person, ProviderResponse, SignInFlow
from modicum_server.domain.trail import Verb
from modicum_server.errors import PageNotFound
from modicum_server.ports import SignInProvider, SignInRefused, Store, Transaction
from modicum_server.settings import Settings
from modicum_server.usecases.access import token_digest
from modicum_server.usecases.bearer_tokens import new_token_id
from modicum_server.usecases.places import Places
from modicum_server.usecases.rules import RULES
from modicum_server.usecases.sessions import UNUSED_SECONDS, new_secret, token_name
from modicum_server.usecases.trail import record

CALLBACK = "/sign-in/callback"
MOST_AT_ONCE = 32
#: A session ends after this, however much it is used: who is locked out at the provider is out here after it.
LONGEST_SECONDS = 24 * 3600.0
#: The oldest session of a person ends where there would be more.
MOST_SESSIONS = 20
#: How long a flow that signed in is remembered: longer than its cookie is valid.
REMEMBERED = timedelta(seconds=2 * FLOW_SECONDS)
#: A principal that is named by the provider's id of the person begins with this. Tokens of that name can be made, too.
SUBJECT_PREFIX = "oidc-"
DIGEST_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class Begun:
    """Where to send a browser that begins, and what it keeps in its cookie until it comes back."""

    url: str
    cookie: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The secret of the session, and where to go."""

    secret: str
    path: str


class ProviderSignIn:
    """Signs people in at the provider of the settings, if there is one. `clock`: seconds since 1970."""

    def __init__(
        self,
        store: Store,
        provider: SignInProvider | None,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._provider = provider
        self._named_by = settings.sign_in_claim
        self._redirect_uri = f"{settings.pages_url.rstrip('/')}{CALLBACK}"
        self._clock = clock
        self._places = Places(MOST_AT_ONCE, share="sign_ins", doing="signing {} people in")

    @property
    def name(self) -> str:
        """What people call the provider; empty where there is none."""
        return "" if self._provider is None else self._provider.name

    async def sign_out_url(self) -> str:
        """Return where a browser ends its session with the provider; empty where none is known."""
        return "" if self._provider is None else await self._provider.sign_out_url()

    async def begin(self, path: str) -> Begun:
        """Begin a sign-in that leads to a path of the pages.

        Raises:
            PageNotFound: there is no provider.
            ProviderUnavailable, ShareExceeded
        """
        flow = SignInFlow.new(path, self._clock())
        with self._places.place():
            url = await self._required().sign_in_url(flow, self._redirect_uri)
        return Begun(url, flow.text)

    async def finish(self, cookie: str, response: ProviderResponse, origin: Origin) -> SignedIn:
        """Begin a session of whoever came back from the provider.

        Raises:
            PageNotFound: there is no provider.
            SignInRefused, IdentityTokenInvalid, ProviderUnavailable, ShareExceeded
        """
        provider, flow = self._required(), self._flow_of(cookie, response)
        with self._places.place():
            person = await provider.person(flow, response, self._redirect_uri)
        principal = principal_of(person, self._named_by)
        async with self._store.transaction() as transaction:
            end = datetime.now(UTC) + REMEMBERED
            if not await transaction.trust.use_up(_digest(person.issuer, flow.nonce), end):
                raise SignInRefused("this sign-in was already completed; start the sign-in again")
            return SignedIn(await _begin(transaction, principal, person, origin), flow.path)

    def _required(self) -> SignInProvider:
        if self._provider is None:
            raise PageNotFound("this server has no sign-in provider; use a token")
        return self._provider

    def _flow_of(self, cookie: str, response: ProviderResponse) -> SignInFlow:
        """Return the flow of this browser to which a response belongs.

        Raises:
            SignInRefused
        """
        flow = SignInFlow.read(cookie)
        if flow is None or not hmac.compare_digest(flow.state.encode(), response.state.encode()):
            raise SignInRefused(
                "this browser did not start this sign-in, or has started another one since; start the sign-in again"
            )
        if flow.is_over(self._clock()):
            raise SignInRefused(f"the sign-in took longer than {FLOW_SECONDS // 60} minutes; start the sign-in again")
        return flow


def principal_of(person: Person, named_by: NamedBy) -> str:
    """Return the name of a person here.

    Raises:
        SignInRefused: people are named by e-mail address, and the provider has verified none of this person, or the
            address cannot be a name here.
    """
    if named_by is NamedBy.SUBJECT:
        return f"{SUBJECT_PREFIX}{_digest(person.issuer, person.subject)[:DIGEST_CHARACTERS]}"
    if not person.email:
        raise SignInRefused("the provider sent no verified e-mail address for you; ask the operator of the server")
    # other alphabets have letters that become one of a to z in lower case
    name, rule = person.email.lower() if person.email.isascii() else "", RULES["principal"]
    if not rule.holds(name) or "@" not in name:
        raise SignInRefused(
            f"your e-mail address cannot be used as a name here; expected {rule.text}, with an @; ask the operator of "
            "the server"
        )
    return name


async def _begin(transaction: Transaction, name: str, person: Person, origin: Origin) -> str:
    """Begin a session, and store the token for which it stands. Nobody has the secret of that token."""
    secret, token = new_secret(), NewToken(new_token_id(), name, display_name=f"signed in at {person.issuer}"[:100])
    digest = token_digest(new_secret())
    await transaction.sessions.add_person(
        digest, token, issuer=person.issuer, seconds=LONGEST_SECONDS, most=MOST_SESSIONS
    )
    await transaction.sessions.create(
        token_digest(secret), digest, seconds=UNUSED_SECONDS, longest_seconds=LONGEST_SECONDS
    )
    principal = await transaction.projects.authenticate(digest)
    assert principal is not None, "its token was stored just now"
    who = Principal(name, principal.roles, token.id, origin=origin)
    said = NOT_PLAIN.sub(" ", f"at {person.issuer} as {person.subject}")
    await record(transaction, who, Verb.SIGN_IN, token_name(who), said)
    return secret


def _digest(issuer: str, text: str) -> str:
    return hashlib.sha256(f"{issuer}\n{text}".encode()).hexdigest()
