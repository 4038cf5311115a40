"""A provider at which people sign in (OpenID Connect), and its errors as a part of the tree in `errors`."""

from typing import Protocol

from modicum_server.domain.sign_in import Person, ProviderResponse, SignInFlow
from modicum_server.errors import DependencyUnavailable, Unauthenticated


class SignInRefused(Unauthenticated):
    """The sign-in did not succeed. Start it again."""


class ProviderUnavailable(DependencyUnavailable):
    """The sign-in provider does not respond now. Try again, or sign in with a token."""


class SignInProvider(Protocol):
    """Sends browsers to the provider, and learns who came back."""

    @property
    def issuer(self) -> str: ...
    @property
    def name(self) -> str:
        """What people call it."""

    async def sign_out_url(self) -> str:
        """Where a browser ends its session with the provider; empty where it names no such place, or not now."""

    async def sign_in_url(self, flow: SignInFlow, redirect_uri: str) -> str:
        """Where to send a browser.

        Raises ProviderUnavailable.
        """

    async def person(self, flow: SignInFlow, response: ProviderResponse, redirect_uri: str) -> Person:
        """Exchange the code of a response whose state is right, and verify who it is.

        Raises SignInRefused, ProviderUnavailable, or IdentityTokenInvalid for the token that came for the code.
        """
