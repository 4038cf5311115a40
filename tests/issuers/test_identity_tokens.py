"""Which identity tokens hold, and which attacks on them fail, against an issuer that runs."""

import base64
import hashlib
import hmac
import json
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from modicum_server.issuers.fetching import FetchBounds
from modicum_server.issuers.identity_tokens import JwtIdentityTokens
from modicum_server.ports import IdentityNotTrusted, IdentityTokenInvalid, IssuerUnavailable
from modicum_server.settings import Settings

from tests.issuer import AUDIENCE, CLAIMS, ec_key, jwk_of, rsa_key, running_issuer


async def verified(verifier, issuer, token, audiences=(AUDIENCE,)):
    return await verifier.verified(token, issuer=verifier.issuer_of(token), audiences=audiences)


def text_of(**values):
    return base64.urlsafe_b64encode(json.dumps(values).encode()).rstrip(b"=").decode()


def by_shared_secret(token: str, secret: bytes, **header: str) -> str:
    """The claims of a token, signed anew with HMAC: PyJWT itself would refuse to sign with a public key."""
    signed = f"{text_of(**header)}.{token.split('.')[1]}"
    signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


async def test_a_token_of_the_issuer_says_who_the_job_is(verifier, issuer):
    identity = await verified(verifier, issuer, issuer.token(jti="run-7", run_attempt=2))

    assert (identity.issuer, identity.audience, identity.token_id) == (issuer.address, AUDIENCE, "run-7")
    assert identity.subject == CLAIMS["sub"]
    assert {name: identity.claims[name] for name in ("repository_id", "ref_protected", "run_attempt")} == {
        "repository_id": "1296269",
        "ref_protected": "true",
        "run_attempt": "2",
    }
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


async def test_a_key_on_a_curve_signs_as_well(verifier, issuer):
    issuer.keys = [jwk_of(ec_key(), "curve")]

    identity = await verified(verifier, issuer, issuer.token(ec_key(), key_id="curve", algorithm="ES256"))

    assert identity.subject == CLAIMS["sub"]


PUBLIC = rsa_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def unsigned(issuer):
    return f"{text_of(alg='none', kid='one')}.{issuer.token().split('.')[1]}."


def with_changed_claims(issuer):
    """A token whose claims were changed after it was signed."""
    header, claims, signature = issuer.token().split(".")
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    return f"{header}.{text_of(**{**said, 'repository_id': '1'})}.{signature}"


def endlessly_nested(_issuer):
    return f"{text_of(alg='RS256', kid='one')}.{base64.urlsafe_b64encode(b'[' * 9000).decode()}.e30"


def ended(issuer):
    now = int(time.time())
    return issuer.token(iat=now - 500, exp=now - 100)


#: By attack: the words of its refusal, and what makes the token.
FORGED = {
    "no signature": ("algorithm", unsigned),
    "the public key as a shared secret": (
        "algorithm",
        lambda issuer: by_shared_secret(issuer.token(), PUBLIC, alg="HS256", kid="one"),
    ),
    "the JWK as a shared secret": (
        "algorithm",
        lambda issuer: by_shared_secret(issuer.token(), json.dumps(issuer.keys[0]).encode(), alg="HS256", kid="one"),
    ),
    "a shared secret that claims to be RS256": (
        "signature",
        lambda issuer: by_shared_secret(issuer.token(), PUBLIC, alg="RS256", kid="one"),
    ),
    "another key under the same id": ("signature", lambda issuer: issuer.token(rsa_key("other"))),
    "an id that no key has": ("no key", lambda issuer: issuer.token(rsa_key("other"), key_id="two")),
    "no key id": ("key id", lambda issuer: issuer.token(key_id=None)),
    "a key in the header": (
        "jwk",
        lambda issuer: issuer.token(rsa_key("other"), headers={"jwk": jwk_of(rsa_key("other"), "one")}),
    ),
    "a key set of the caller's": ("jku", lambda issuer: issuer.token(headers={"jku": f"{issuer.address}/mine"})),
    "a certificate of the caller's": ("x5u", lambda issuer: issuer.token(headers={"x5u": f"{issuer.address}/mine"})),
    "an unknown critical header": ("cannot be read", lambda issuer: issuer.token(headers={"crit": ["exp"]})),
    "another type": ("type", lambda issuer: issuer.token(headers={"typ": "at+jwt"})),
    "another algorithm of the same key": ("algorithm", lambda issuer: issuer.token(algorithm="PS256")),
    "an algorithm of another kind of key": ("signature", lambda issuer: issuer.token(ec_key(), algorithm="ES256")),
    "changed claims": ("signature", with_changed_claims),
    "two audiences": ("one audience", lambda issuer: issuer.token(aud=[AUDIENCE, "https://elsewhere.example.org"])),
    "no audience": ("lacks the claim aud", lambda issuer: issuer.token(without=("aud",))),
    "no token id": ("lacks the claim jti", lambda issuer: issuer.token(without=("jti",))),
    "an empty token id": ("jti", lambda issuer: issuer.token(jti="")),
    "no subject": ("lacks the claim sub", lambda issuer: issuer.token(without=("sub",))),
    "no end": ("lacks the claim exp", lambda issuer: issuer.token(without=("exp",))),
    "an end that has passed": ("expired", ended),
    "a beginning in the future": ("not valid yet", lambda issuer: issuer.token(iat=int(time.time()) + 200)),
    "a life of two days": ("valid for at most", lambda issuer: issuer.token(exp=int(time.time()) + 2 * 86_400)),
    "an issuer that is not allowed": ("issuer", lambda issuer: issuer.token(iss="https://issuer.example.org")),
    "an issuer that only begins alike": ("issuer", lambda issuer: issuer.token(iss=issuer.address + ".example.org")),
    "text that is no token": ("cannot be read", lambda _issuer: "e30.e30"),
    "brackets without end": ("cannot be read", endlessly_nested),
    "too long a token": ("at most 16,384", lambda issuer: issuer.token(padding="x" * 20_000)),
}


@pytest.mark.parametrize(("words", "forged"), FORGED.values(), ids=FORGED.keys())
async def test_a_forged_or_stale_token_is_refused_in_words_without_the_token(verifier, issuer, words, forged):
    token = forged(issuer)

    with pytest.raises(IdentityTokenInvalid, match=words) as refused:
        await verified(verifier, issuer, token)

    assert token not in str(refused.value)
    assert set(issuer.asked) <= {"/.well-known/openid-configuration", "/keys"}


async def test_a_token_for_another_audience_is_not_trusted_and_is_told_what_it_says(verifier, issuer):
    with pytest.raises(IdentityNotTrusted, match=r"'https://elsewhere.example.org'.*repository_id '1296269'"):
        await verified(verifier, issuer, issuer.token(aud="https://elsewhere.example.org"))


async def test_clocks_may_differ_by_less_than_a_minute(verifier, issuer):
    now = int(time.time())

    late = await verified(verifier, issuer, issuer.token(iat=now - 300, exp=now - 30))
    early = await verified(verifier, issuer, issuer.token(iat=now + 30, nbf=now + 30))

    assert late.subject == early.subject


async def test_another_issuers_key_signs_nothing_of_this_one(issuer):
    with running_issuer() as other:
        other.keys = [jwk_of(rsa_key("other"), "one")]
        both = Settings(trusted_issuers=(issuer.address, other.address), allow_private_issuers=True)
        verifier = JwtIdentityTokens(both)
        with pytest.raises(IdentityTokenInvalid, match="signature"):
            await verified(verifier, issuer, issuer.token(rsa_key("other")))


async def test_keys_for_something_else_are_left_out(verifier, issuer):
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    issuer.keys = [
        jwk_of(rsa_key(), "for encryption", use="enc"),
        jwk_of(weak, "short"),
        jwk_of(rsa_key(), "of another algorithm", alg="PS256"),
        {"kty": "oct", "kid": "shared", "k": base64.urlsafe_b64encode(b"x" * 32).decode()},
        "no key",
        {"kty": "RSA", "kid": "broken", "n": 7},
        jwk_of(rsa_key(), "good"),
    ]

    for key_id in ("for encryption", "short", "of another algorithm", "shared", "broken"):
        with pytest.raises(IdentityTokenInvalid, match="no key"):
            await verified(verifier, issuer, issuer.token(key_id=key_id))
    assert (await verified(verifier, issuer, issuer.token(key_id="good"))).subject == CLAIMS["sub"]


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://elsewhere.example.org"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "https://user:secret@127.0.0.1/keys"},
        {"jwks_uri": None},
        {"jwks_uri": "http://169.254.169.254/latest/meta-data"},
    ],
)
async def test_a_discovery_document_leads_to_no_other_place(verifier, issuer, document):
    whole = {"issuer": issuer.address, "jwks_uri": f"{issuer.address}/keys"} | document
    issuer.replies["/.well-known/openid-configuration"] = (200, json.dumps(whole).encode(), {})

    with pytest.raises(IssuerUnavailable):
        await verified(verifier, issuer, issuer.token())

    assert "/keys" not in issuer.asked


async def test_redirects_large_and_slow_replies_and_odd_ones_end_the_reading(issuer):
    moved = (302, b"", {"Location": f"{issuer.address}/elsewhere"})
    whole = json.dumps({"keys": issuer.keys}).encode()
    for reply, byte_seconds in (
        (moved, 0.0),
        ((200, whole + b" " * 50_000, {}), 0.0),
        ((200, whole, {}), 0.1),
        ((200, b"[]", {}), 0.0),
        ((200, b"{", {}), 0.0),
        ((200, b"[" * 15_000, {}), 0.0),
        ((200, json.dumps({"keys": issuer.keys * 101}).encode()[:19_999], {}), 0.0),
        ((200, whole, {"Content-Length": str(len(whole) + 1)}), 0.0),
        ((500, b"", {}), 0.0),
    ):
        issuer.replies["/keys"], issuer.byte_seconds = reply, 0.0
        issuer.byte_seconds = byte_seconds
        settings = Settings(trusted_issuers=(issuer.address,), allow_private_issuers=True)
        verifier = JwtIdentityTokens(settings, bounds=FetchBounds(seconds=1.0, document_bytes=20_000))
        with pytest.raises(IssuerUnavailable, match="cannot be read now"):
            await verified(verifier, issuer, issuer.token())
    assert "/elsewhere" not in issuer.asked


async def test_an_issuer_at_a_private_address_or_by_http_is_not_asked_unless_the_operator_allows_it(issuer):
    verifier = JwtIdentityTokens(Settings(trusted_issuers=(issuer.address,)))

    with pytest.raises(IssuerUnavailable):
        await verified(verifier, issuer, issuer.token())

    assert issuer.asked == []
