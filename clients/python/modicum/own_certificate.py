"""The certificate that this client shows to a server which asks for one."""

import os
from collections.abc import Mapping
from pathlib import Path

import grpc

from modicum.errors import InvalidArgument

CERTIFICATE, KEY = "MODICUM_TLS_CLIENT_CERT", "MODICUM_TLS_CLIENT_KEY"


def channel_credentials(environment: Mapping[str, str] = os.environ) -> grpc.ChannelCredentials:
    """TLS of a channel, with the client's own certificate where the environment names one.

    Raises:
        InvalidArgument: the certificate or its key is missing, or cannot be read.
    """
    certificate, key = environment.get(CERTIFICATE, ""), environment.get(KEY, "")
    if not (certificate or key):
        return grpc.ssl_channel_credentials()
    if not (certificate and key):
        raise InvalidArgument(f"set both {CERTIFICATE} and {KEY}, or neither")
    return grpc.ssl_channel_credentials(private_key=_read(KEY, key), certificate_chain=_read(CERTIFICATE, certificate))


def _read(name: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidArgument(f"{name}: expected a PEM file; {path} cannot be read: {error.strerror}") from None
