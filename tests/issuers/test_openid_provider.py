"""Signing in at a provider that runs: whom it names, and which attacks on the code flow fail."""

import asyncio
import base64
import json
import time
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from modicum_server.domain.sign_in import Person, ProviderResponse, SignInFlow
from modicum_server.issuers.fetching import FetchBounds
from modicum_server.issuers.openid_provider import OpenIdProvider, _token_hash
from modicum_server.ports import IdentityTokenInvalid, ProviderUnavailable, SignInRefused
from modicum_server.settings import Settings

from tests.issuer import ec_key, jwk_of, rsa_key, running_issuer
from tests.issuers.test_identity_tokens import PUBLIC, by_shared_secret, text_of
from tests.openid_provider import CLIENT, REDIRECT, SECRET, way_back

BOUNDS = FetchBounds(seconds=1.0, document_bytes=20_000)


@pytest.fixture
def client(settings) -> OpenIdProvider:
    return client_of(settings)


def client_of(settings, **changed) -> OpenIdProvider:
    return OpenIdProvider(Settings(**{**settings, **changed}), bounds=BOUNDS)


def new_flow() -> SignInFlow:
    return SignInFlow.new("/", time.time())


async def response_to(client: OpenIdProvider, flow: SignInFlow, **changed: str) -> ProviderResponse:
    """Send a browser to the provider; what it comes back with."""
    back = await asyncio.to_thread(way_back, await client.sign_in_url(flow, REDIRECT))
    said = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
    named = {"state": said.get("state", ""), "code": said.get("code", ""), "issuer": said.get("iss", "")}
    return ProviderResponse(**{**named, "error": said.get("error", ""), **changed})


async def signed_in(client: OpenIdProvider, **changed: str) -> Person:
    flow = new_flow()
    return await client.person(flow, await response_to(client, flow, **changed), REDIRECT)


async def test_a_person_is_whom_the_provider_names(client, provider):
    provider.person = {"sub": "ada", "email": "Ada@example.org", "email_verified": True}

    person = await signed_in(client)

    assert person == Person(provider.address, "ada", "Ada@example.org")
    assert client.name == "127.0.0.1"
    assert provider.asked == ["/.well-known/openid-configuration", "/authorize", "/token", "/keys"]


async def test_the_provider_is_told_a_challenge_and_nothing_secret(client):
    flow = new_flow()

    url = await client.sign_in_url(flow, REDIRECT)

    asked = parse_qs(urlsplit(url).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == [REDIRECT]
    assert asked["scope"] == ["openid email"]
    assert not any(secret in url for secret in (flow.verifier, flow.secret, SECRET))


def test_all_that_a_flow_tells_differs_and_follows_from_its_cookie():
    flow = SignInFlow.new("/projects/é?state=a.b", time.time())

    again, moved = SignInFlow.read(flow.text), SignInFlow(flow.secret, flow.began, "/elsewhere")

    assert again == flow
    assert len({flow.state, flow.nonce, flow.verifier, flow.challenge, moved.state, new_flow().state}) == 6
    assert [SignInFlow.read(text) for text in ("", "x", flow.text[1:], flow.text + "\n", flow.text + "x" * 3000)] == [
        None
    ] * 5


@pytest.mark.parametrize("verified", [False, None, "false", 1.5, "yes"])
async def test_an_address_that_the_provider_has_not_verified_names_nobody(client, provider, verified):
    provider.person = {"sub": "ada", "email": "ada@example.org", "email_verified": verified}

    assert (await signed_in(client)).email == ""


async def test_a_client_without_a_secret_proves_itself_by_its_verifier_alone(settings, provider):
    provider.secret = None

    person = await signed_in(client_of(settings, sign_in_client_secret_file=None))

    assert person.subject == provider.person["sub"]
    assert provider.forms[-1]["client_id"] == CLIENT


async def test_a_provider_that_wants_it_gets_the_secret_in_the_form(client, provider):
    provider.more = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}

    assert (await signed_in(client)).subject == provider.person["sub"]


async def test_a_new_secret_is_read_without_a_restart(client, provider, secret_file):
    await signed_in(client)
    provider.secret = "another"
    secret_file.write_text("another")

    assert (await signed_in(client)).subject == provider.person["sub"]


async def test_a_code_is_good_once(client):
    flow = new_flow()
    response = await response_to(client, flow)
    await client.person(flow, response, REDIRECT)

    with pytest.raises(SignInRefused, match="did not accept the code"):
        await client.person(flow, response, REDIRECT)


async def test_a_stolen_code_is_worth_nothing_without_the_verifier_of_its_flow(client, provider):
    stolen = await response_to(client, new_flow())

    with pytest.raises(SignInRefused, match="did not accept the code"):
        await client.person(new_flow(), stolen, REDIRECT)

    assert "/token" in provider.asked


@pytest.mark.parametrize(
    ("more", "issuer"),
    [
        ({}, "https://other.example.org"),
        ({}, ""),
        ({"authorization_response_iss_parameter_supported": None}, "https://other.example.org"),
    ],
    ids=["another issuer", "none where it was promised", "another issuer, unasked"],
)
async def test_a_response_of_another_provider_is_refused_before_its_code_is_sent(client, provider, more, issuer):
    provider.more = more

    with pytest.raises(SignInRefused, match="did not come from 127"):
        await signed_in(client, issuer=issuer)

    assert "/token" not in provider.asked


async def test_a_provider_that_names_no_issuer_in_its_responses_may(client, provider):
    provider.more, provider.back = {"authorization_response_iss_parameter_supported": None}, {"iss": None}

    assert (await signed_in(client)).subject == provider.person["sub"]


async def test_an_error_of_the_provider_is_told_by_its_code(client, provider):
    with pytest.raises(SignInRefused, match="did not sign you in; it responded access_denied"):
        await signed_in(client, error="access_denied", code="")

    assert "/token" not in provider.asked


def signed(provider, said, **changed):
    """The token of the provider, changed, with its real signature."""
    return provider.token(without=("jti",), **{**said, **changed})


def unsigned(provider, said):
    return f"{text_of(alg='none', kid='one')}.{signed(provider, said).split('.')[1]}."


def changed_later(provider, said):
    header, claims, signature = signed(provider, said).split(".")
    told = json.loads(base64.urlsafe_b64decode(claims + "=="))
    return f"{header}.{text_of(**{**told, 'sub': 'somebody else'})}.{signature}"


#: By attack: the words of its refusal, and the identity token that comes for the code.
FORGED = {
    "no signature": ("algorithm", unsigned),
    "the public key as a shared secret": (
        "algorithm",
        lambda provider, said: by_shared_secret(signed(provider, said), PUBLIC, alg="HS256", kid="one"),
    ),
    "another key under the same id": ("signature", lambda p, said: p.token(rsa_key("other"), **said)),
    "a key that the provider lacks": ("has no key with the key id", lambda p, said: p.token(key_id="two", **said)),
    "changed claims": ("signature", changed_later),
    "a key in the header": (
        "jwk",
        lambda p, said: p.token(rsa_key("other"), headers={"jwk": jwk_of(rsa_key("other"), "one")}, **said),
    ),
    "another type": ("type", lambda p, said: p.token(headers={"typ": "at+jwt"}, **said)),
    "another audience": ("another client", lambda p, said: signed(p, said, aud="another")),
    "two audiences": ("one audience", lambda p, said: signed(p, said, aud=[CLIENT, "another"])),
    "another authorized party": ("another client", lambda p, said: signed(p, said, azp="another")),
    "another issuer": ("not valid", lambda p, said: signed(p, said, iss="https://other.example.org")),
    "another nonce": ("another sign-in", lambda p, said: signed(p, said, nonce="0" * 64)),
    "no nonce": ("lacks the claim nonce", lambda p, said: p.token(without=("nonce",), **said)),
    "a nonce that is no text": ("another sign-in", lambda p, said: signed(p, said, nonce=1)),
    "another access token": ("access token", lambda p, said: signed(p, said, at_hash="A" * 22)),
    "an end that has passed": (
        "expired",
        lambda p, said: signed(p, said, iat=int(time.time()) - 500, exp=int(time.time()) - 100),
    ),
    "a beginning in the future": ("not valid yet", lambda p, said: signed(p, said, iat=int(time.time()) + 200)),
    "no end": ("lacks the claim exp", lambda p, said: p.token(without=("exp",), **said)),
    "no subject": ("lacks the claim sub", lambda p, said: p.token(without=("sub",), **said)),
    "an empty subject": ("subject", lambda p, said: signed(p, said, sub="")),
    "too long a subject": ("subject", lambda p, said: signed(p, said, sub="x" * 256)),
    "text that is no token": ("cannot be read", lambda _provider, _said: "e30.e30"),
}


@pytest.mark.parametrize(("words", "forged"), FORGED.values(), ids=FORGED.keys())
async def test_a_forged_or_foreign_identity_token_is_refused(client, provider, words, forged):
    provider.sign = lambda said: forged(provider, said)

    with pytest.raises(IdentityTokenInvalid, match=words):
        await signed_in(client)

    assert "/token" in provider.asked


async def test_a_token_may_leave_out_which_key_signed_it_where_there_is_one_key_alone(client, provider):
    provider.sign = lambda said: provider.token(key_id=None, **said)
    person = await signed_in(client)

    provider.sign = lambda said: provider.token(rsa_key("other"), key_id=None, **said)
    with pytest.raises(IdentityTokenInvalid, match="signature"):
        await signed_in(client)

    assert person.subject == provider.person["sub"]


async def test_a_token_that_leaves_out_which_of_two_keys_signed_it_is_refused(client, provider):
    provider.keys.append(jwk_of(rsa_key("other"), "two"))
    provider.sign = lambda said: provider.token(key_id=None, **said)

    with pytest.raises(IdentityTokenInvalid, match="the identity token must name its key"):
        await signed_in(client)


async def test_a_reply_without_an_identity_token_is_refused(client, provider):
    provider.replies["/token"] = (200, b'{"access_token": "x"}', {})

    with pytest.raises(IdentityTokenInvalid, match="scopes must include openid"):
        await signed_in(client)


async def test_a_hash_of_the_access_token_may_be_missing_and_a_curve_may_sign(client, provider):
    provider.keys.append(jwk_of(ec_key(), "curve"))
    provider.claims = {"at_hash": None}
    without = await signed_in(client)
    provider.claims = {}
    provider.sign = lambda said: jwt.encode(
        {**said, "iss": provider.address, "iat": int(time.time()), "exp": int(time.time()) + 60},
        ec_key(),
        "ES256",
        {"kid": "curve"},
    )

    assert without == await signed_in(client)


@pytest.mark.parametrize(
    "more",
    [
        {"issuer": "https://other.example.org"},
        {"authorization_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "ftp://provider.example.org/"},
        {"authorization_endpoint": "https://user:secret@provider.example.org/"},
        {"authorization_endpoint": "https://provider.example.org/\nSet-Cookie: x"},
        {"authorization_endpoint": "http://["},
    ],
)
async def test_a_discovery_document_sends_no_browser_elsewhere(client, provider, more):
    provider.more = more

    with pytest.raises(ProviderUnavailable):
        await client.sign_in_url(new_flow(), REDIRECT)


REPLIES = {
    "a redirect": (302, b"", {"Location": "/elsewhere"}),
    "an endless body": (200, b" " * 50_000, {}),
    "a list": (200, b"[]", {}),
    "a fault": (500, b"", {}),
    "half a document": (200, b'{"id_token":', {}),
}


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/keys"])
@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES.keys())
async def test_odd_replies_of_a_provider_end_the_sign_in_in_words(client, provider, path, reply):
    provider.replies[path] = reply

    with pytest.raises(ProviderUnavailable, match="does not respond as expected"):
        await signed_in(client)

    assert "/elsewhere" not in provider.asked


async def test_a_provider_that_drips_is_left_after_the_bound(client, provider):
    flow = new_flow()
    response = await response_to(client, flow)
    provider.byte_seconds = 0.1

    with pytest.raises(ProviderUnavailable):
        await client.person(flow, response, REDIRECT)


async def test_a_provider_that_is_down_is_told(settings):
    with running_issuer() as gone:
        address = gone.address

    with pytest.raises(ProviderUnavailable, match="try again in a minute, or sign in with a token"):
        await client_of(settings, sign_in_issuer=address).sign_in_url(new_flow(), REDIRECT)


async def test_a_provider_at_a_private_address_is_not_asked_unless_the_operator_allows_it(settings, provider):
    with pytest.raises(ProviderUnavailable):
        await client_of(settings, allow_private_issuers=False).sign_in_url(new_flow(), REDIRECT)

    assert provider.asked == []


async def test_a_wrong_secret_is_told_to_people_without_it(settings, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_text("not the secret")

    with pytest.raises(SignInRefused) as refused:
        await signed_in(client_of(settings, sign_in_client_secret_file=wrong))

    assert "not the secret" not in str(refused.value)


async def test_many_who_begin_at_once_ask_for_the_document_once(client, provider):
    await asyncio.gather(*(client.sign_in_url(new_flow(), REDIRECT) for _ in range(20)))

    assert provider.asked == ["/.well-known/openid-configuration"]


async def test_the_provider_says_where_to_sign_out(client, provider):
    assert await client.sign_out_url() == f"{provider.address}/end?client_id={CLIENT}"


@pytest.mark.parametrize("more", [{"end_session_endpoint": None}, {"issuer": "https://other.example.org"}])
async def test_without_a_place_to_sign_out_none_is_named(client, provider, more):
    provider.more = more

    assert await client.sign_out_url() == ""


async def test_whoever_signs_out_waits_for_no_slow_provider(settings, provider):
    client = OpenIdProvider(Settings(**settings), bounds=BOUNDS, sign_out_seconds=0.01)
    provider.byte_seconds = 0.002

    assert await client.sign_out_url() == ""


def test_the_hash_of_an_access_token_is_that_of_the_specification():
    """The example of OpenID Connect Core 1.0, A.3."""
    key = jwt.PyJWK(jwk_of(rsa_key(), "one"), "RS256")

    assert _token_hash(key, "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y") == "77QmUPtjPfzWtF2AnpK9RQ"
