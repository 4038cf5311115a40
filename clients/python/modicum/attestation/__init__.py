"""Attestations: a verdict as a signed statement, and what somebody who holds the weights may conclude from it.

Knows no network but in `keyless`, no protobuf and no torch. Needs the extra `modicum[attest]`
(cryptography, jsonschema, rfc8785).
Formats: in-toto Statement v1 in a DSSE envelope in a Sigstore bundle v0.3.
"""
