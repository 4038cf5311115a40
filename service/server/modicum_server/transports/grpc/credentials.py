"""TLS of the gRPC port: each handshake gets the certificate that is valid then."""

from collections.abc import Callable
from typing import cast

import grpc

from modicum_server.transports.certificates import Certificates, Pems


def credentials_of(certificates: Certificates) -> grpc.ServerCredentials:
    """Return the credentials. Where clients have an authority, a caller without a certificate of it is refused."""
    told = certificates.current()

    def newer() -> "grpc.ServerCertificateConfiguration | None":
        """Return what changed since it was asked last; None if nothing did. gRPC asks in a thread of its own."""
        nonlocal told
        before, told = told, certificates.current()
        return None if told is before else _configuration(told)

    asked = cast("Callable[[], grpc.ServerCertificateConfiguration]", newer)  # the stubs do not know of None
    return grpc.dynamic_ssl_server_credentials(
        _configuration(told), asked, require_client_authentication=bool(told.client_authority)
    )


def _configuration(pems: Pems) -> grpc.ServerCertificateConfiguration:
    pair = [(pems.key, pems.certificate)]
    return grpc.ssl_server_certificate_configuration(pair, root_certificates=pems.client_authority or None)
