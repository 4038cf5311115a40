"""Where browsers find the pages of a server. Replies of gRPC say it, so that commands can print links."""

from modicum_server.settings import LOOPBACK_NAMES, Settings

PAGES_HEADER = "modicum-pages"


def pages_address(settings: Settings, http_port: int) -> str:
    """Return the address of the settings, or that of a server on loopback, without a slash at its end.

    It is empty where neither is known: a server that listens on a network does not know under which name it is reached.
    """
    if settings.pages_url:
        return settings.pages_url.rstrip("/")
    if settings.host not in LOOPBACK_NAMES:
        return ""
    scheme = "http" if settings.tls_cert is None else "https"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{scheme}://{host}:{http_port}"
