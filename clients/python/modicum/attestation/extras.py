"""The extras that attestations need, looked for before anything of them is imported."""

from importlib.util import find_spec

from modicum.errors import InvalidArgument

ATTEST = "attest"
KEYLESS = "keyless"
PACKAGES = {
    ATTEST: ("cryptography", "jsonschema", "rfc8785"),
    KEYLESS: ("cryptography", "jsonschema", "rfc8785", "sigstore"),
}


def require_extra(name: str, purpose: str) -> None:
    """Refuse to go on without the packages of an extra.

    Raises:
        InvalidArgument: one of them is missing.
    """
    if any(find_spec(package) is None for package in PACKAGES[name]):
        message = f"{purpose} need the extra `{name}`: run pip install 'modicum[{name}]'"
        raise InvalidArgument(message, reason=f"{name.upper()}_NOT_INSTALLED")
