"""A running issuer, and what verifies its tokens."""

from collections.abc import Iterator

import pytest
from modicum_server.issuers.fetching import FetchBounds
from modicum_server.issuers.identity_tokens import JwtIdentityTokens
from modicum_server.settings import Settings

from tests.issuer import Issuer, running_issuer


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer() as running:
        yield running


@pytest.fixture
def verifier(issuer: Issuer) -> JwtIdentityTokens:
    settings = Settings(trusted_issuers=(issuer.address,), allow_private_issuers=True)
    return JwtIdentityTokens(settings, bounds=FetchBounds(seconds=1.0, document_bytes=20_000))
