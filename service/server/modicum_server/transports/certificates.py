"""The certificate of both ports, read anew when its files change, and the authority of clients' certificates.

New connections get the new certificate; open ones keep theirs. A pair that cannot be read, or whose parts do not belong
together, is told in the log, and the one before stays.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import structlog

from modicum_server.settings import Settings

#: Time between two looks at the files.
LOOK_SECONDS = 1.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pems:
    """What the files hold, and TLS for HTTP made of it. `client_authority`: empty where clients show no certificate."""

    certificate: bytes
    key: bytes
    client_authority: bytes
    context: ssl.SSLContext


class Certificates:
    """Reads the files of the settings. Safe to use from any thread."""

    def __init__(
        self, certificate: Path, key: Path, client_authority: Path | None, *, clock: Callable[[], float] = monotonic
    ) -> None:
        """Read them.

        Raises:
            OSError: a file cannot be read, or the pair is not valid (ssl.SSLError is an OSError).
        """
        self._certificate, self._key, self._client_authority = certificate, key, client_authority
        self._clock = clock
        self._looked_at = clock()
        self._seen = self._stamp()
        self._pems = self._read()

    def current(self) -> Pems:
        """Return what is valid now."""
        if self._clock() - self._looked_at >= LOOK_SECONDS:
            self._looked_at = self._clock()
            self._look()
        return self._pems

    def _look(self) -> None:
        try:
            stamp = self._stamp()
            if stamp == self._seen:
                return
            self._seen = stamp
            self._pems = self._read()
        except (OSError, ValueError) as error:
            log.warning("certificate_not_reloaded", certificate=str(self._certificate), cause=str(error))
        else:
            log.info("certificate_reloaded", certificate=str(self._certificate))

    def _files(self) -> list[Path]:
        return [path for path in (self._certificate, self._key, self._client_authority) if path is not None]

    def _stamp(self) -> list[tuple[int, int, int]]:
        stats = [path.stat() for path in self._files()]
        return [(one.st_mtime_ns, one.st_size, one.st_ino) for one in stats]

    def _read(self) -> Pems:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate, self._key)
        authority = b""
        if self._client_authority is not None:
            authority = self._client_authority.read_bytes()
            context.load_verify_locations(cadata=authority.decode("ascii"))
            context.verify_mode = ssl.CERT_REQUIRED
        return Pems(self._certificate.read_bytes(), self._key.read_bytes(), authority, context)


def certificates_of(settings: Settings) -> Certificates | None:
    """Return the certificates of the settings; None where the ports speak in clear.

    Raises:
        OSError
    """
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    return Certificates(settings.tls_cert, settings.tls_key, settings.tls_client_ca)
