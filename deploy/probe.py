"""The images' health check: requests this container's probe on loopback. It uses only the standard library.

python probe.py api       /readyz of the API: its database and its artifact store respond
python probe.py worker    /healthz of a worker: it runs and is not stopping

Exit codes: 0 healthy, 1 not. The ports come from the same environment variables that the service reads.
"""

import http.client
import os
import ssl
import sys
from collections.abc import Mapping

LOOPBACK = "127.0.0.1"
TIMEOUT_SECONDS = 4.0  # below that of HEALTHCHECK; readiness itself waits up to 3
#: Per service: the setting with its port, the default of that setting, the path.
PROBES = {"api": ("MODICUM_HTTP_PORT", 7401, "/readyz"), "worker": ("MODICUM_WORKER_METRICS_PORT", 7402, "/healthz")}


def ask(service: str, environment: Mapping[str, str]) -> tuple[int, str]:
    """Return the HTTP status and the text of a service's probe.

    Raises:
        OSError, HTTPException: no response in time.
    """
    variable, port, path = PROBES[service]
    connection = _connection(int(environment.get(variable) or port), tls=_has_tls(service, environment))
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode(errors="replace").strip()
    finally:
        connection.close()


def _has_tls(service: str, environment: Mapping[str, str]) -> bool:
    return service == "api" and bool(environment.get("MODICUM_TLS_CERT"))


def _connection(port: int, *, tls: bool) -> http.client.HTTPConnection:
    if not tls:
        return http.client.HTTPConnection(LOOPBACK, port, timeout=TIMEOUT_SECONDS)
    # The certificate names the address that clients use. On loopback there is no need to check it.
    trusting = ssl._create_unverified_context()  # noqa: S323, SLF001
    return http.client.HTTPSConnection(LOOPBACK, port, timeout=TIMEOUT_SECONDS, context=trusting)


def main(arguments: list[str]) -> int:
    """Print the probe's response. Return the exit code."""
    if len(arguments) != 1 or arguments[0] not in PROBES:
        sys.stderr.write(f"expected one of {', '.join(PROBES)}, got {' '.join(arguments) or 'nothing'}\n")
        return 1
    try:
        status, text = ask(arguments[0], os.environ)
    except (OSError, http.client.HTTPException) as error:
        sys.stderr.write(f"no answer: {error}\n")
        return 1
    sys.stdout.write(f"{status} {text}\n")
    return 0 if status == http.HTTPStatus.OK else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
