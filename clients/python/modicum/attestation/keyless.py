"""Keyless signatures: Sigstore's public service signs for an identity. Needs the network and `modicum[keyless]`.

Who signs publishes their identity and digests of the statement in a public log, from which nothing can be removed.
"""

import sys

from sigstore.dsse import Statement
from sigstore.errors import VerificationError
from sigstore.models import Bundle, ClientTrustConfig, InvalidBundle
from sigstore.oidc import IdentityToken, Issuer, detect_credential
from sigstore.sign import SigningContext
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity

from modicum.attestation.checks import Unverified
from modicum.attestation.envelope import PAYLOAD_TYPE
from modicum.attestation.sealing import Seal, Signer
from modicum.errors import InvalidArgument, Unreachable

NO_IDENTITY = (
    "--keyless needs an identity: run it in a pipeline that gives one (in GitHub Actions, `id-token: write`), or on a "
    "terminal, where you sign in with a browser"
)


def keyless_seal() -> Seal:
    """Return what signs for the identity of the pipeline, or of who sits at the terminal.

    Raises:
        InvalidArgument: there is no identity.
        Unreachable: Sigstore did not answer.
    """
    token = _ambient_token()
    if token is None and not sys.stdin.isatty():
        raise InvalidArgument(NO_IDENTITY)
    try:
        trust = ClientTrustConfig.production()
        identity = _asked(trust) if token is None else IdentityToken(token)
        context = SigningContext.from_trust_config(trust)
    except Exception as error:  # sigstore raises errors of its own, of TUF and of requests
        raise Unreachable(f"cannot use Sigstore: {error}") from error

    def seal(payload: bytes) -> bytes:
        try:
            with context.signer(identity) as signer:
                text: str = signer.sign_dsse(Statement(payload)).to_json()
        except Exception as error:  # sigstore raises errors of its own, of TUF and of requests
            raise Unreachable(f"cannot sign by Sigstore: {error}") from error
        return text.encode()

    return seal


def signer_of(identity: str, issuer: str) -> Signer:
    """Return the signer that Sigstore knew by this identity, as this issuer vouched for it."""

    def payload_of(data: bytes) -> tuple[bytes, str]:
        try:
            bundle = Bundle.from_json(data)
        except InvalidBundle as error:
            raise Unverified("expected a Sigstore bundle that was signed without a key (--keyless)") from error
        try:
            kind, payload = _verifier().verify_dsse(bundle, Identity(identity=identity, issuer=issuer))
        except VerificationError as error:
            raise Unverified(f"{identity} of {issuer} did not sign this statement: {error}") from error
        if kind != PAYLOAD_TYPE:
            raise Unverified(f"expected a payload of the type {PAYLOAD_TYPE}, got {kind!r}")
        return payload, f"by {identity} of {issuer}, as Sigstore's public service knew them"

    return payload_of


def _ambient_token() -> str | None:
    try:
        token: str | None = detect_credential()
    except Exception as error:  # sigstore passes on errors of several pipelines
        raise InvalidArgument(f"{NO_IDENTITY}; {error}") from error
    return token


def _asked(trust: ClientTrustConfig) -> IdentityToken:
    return Issuer(trust.signing_config.get_oidc_url()).identity_token()


def _verifier() -> Verifier:
    try:
        return Verifier.production()
    except Exception as error:  # sigstore raises errors of its own, of TUF and of requests
        raise Unreachable(f"cannot fetch the trusted keys of Sigstore: {error}") from error
