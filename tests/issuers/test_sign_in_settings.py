"""Settings of signing in at a provider that cannot work are told when the server starts."""

import pytest
from modicum_server.issuers.openid_provider import OpenIdProvider
from modicum_server.settings import Settings
from pydantic import ValidationError


def test_a_client_needs_the_file_of_its_secret(settings, tmp_path):
    empty = tmp_path / "empty"
    empty.touch()

    with pytest.raises(OSError, match="missing"):
        OpenIdProvider(Settings(**{**settings, "sign_in_client_secret_file": tmp_path / "missing"}))
    with pytest.raises(OSError, match="empty file"):
        OpenIdProvider(Settings(**{**settings, "sign_in_client_secret_file": empty}))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"sign_in_client_id": ""}, "MODICUM_SIGN_IN_CLIENT_ID"),
        ({"pages_url": ""}, "MODICUM_PAGES_URL"),
        ({"pages_url": "https://modicum.example.org/under"}, "MODICUM_PAGES_URL"),
        ({"pages_url": "http://modicum.example.org"}, "over https"),
        ({"sign_in_issuer": "ftp://x"}, "expected addresses such as"),
        ({"sign_in_scopes": "email"}, "openid"),
        ({"sign_in_claim": "preferred_username"}, "'sub' or 'email'"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_the_start(settings, changed, words):
    with pytest.raises(ValidationError, match=words):
        Settings(**{**settings, **changed})
