"""A running issuer and what verifies its tokens; a running provider and the settings of signing in there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from modicum_server.issuers.fetching import FetchBounds
from modicum_server.issuers.identity_tokens import JwtIdentityTokens
from modicum_server.settings import Settings

from tests.issuer import Issuer, running_issuer
from tests.openid_provider import CLIENT, PAGES, REDIRECT, SECRET, OpenIdProvider, running_provider


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer() as running:
        yield running


@pytest.fixture
def verifier(issuer: Issuer) -> JwtIdentityTokens:
    settings = Settings(trusted_issuers=(issuer.address,), allow_private_issuers=True)
    return JwtIdentityTokens(settings, bounds=FetchBounds(seconds=1.0, document_bytes=20_000))


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with running_provider() as running:
        running.redirect_uri = REDIRECT
        yield running


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    return file


@pytest.fixture
def settings(provider: OpenIdProvider, secret_file: Path) -> dict[str, object]:
    return {
        "sign_in_issuer": provider.address,
        "sign_in_client_id": CLIENT,
        "sign_in_client_secret_file": secret_file,
        "pages_url": PAGES,
        "allow_private_issuers": True,
    }
