"""Headers of the pages' responses: what a browser may load, run, frame and keep.

No inline script or style, no eval, nothing of another origin. A report has scripts of its own; it is framed in a
sandbox without an origin, from where it reaches nothing of this server.
"""

from collections.abc import Mapping

from modicum_server.transports.http.security_headers import REPORT_POLICY

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "frame-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
_COMMON = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
PAGE: Mapping[str, str] = {
    **_COMMON,
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
"""Of a page."""
ASSET: Mapping[str, str] = {**_COMMON, "Cache-Control": "public, max-age=31536000, immutable"}
"""Of a file that a page loads. Its address changes with its content."""
REPORT: Mapping[str, str] = {
    **_COMMON,
    "Content-Security-Policy": f"{REPORT_POLICY}; frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
    "Cache-Control": "private, no-cache",
}
"""Of a report, which is one file with everything in it."""
EVENTS: Mapping[str, str] = {**PAGE, "X-Accel-Buffering": "no"}
"""Of a stream of events, which no proxy should hold back."""
PICTURE: Mapping[str, str] = {
    **_COMMON,
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "private, max-age=3600",
}
"""Of a picture that somebody uploaded."""
REVIEWED: Mapping[str, str] = {**PICTURE, "Cache-Control": "no-store"}
"""Of a picture of a blind review. Each is fetched when it is shown, so that no speed tells which were seen before."""
IN_ITS_PLACE: Mapping[str, str] = REVIEWED
"""Of what says that a picture cannot be shown. Who opens the page again asks for the picture again."""
DOWNLOAD: Mapping[str, str] = {**_COMMON, "Content-Security-Policy": "sandbox", "Cache-Control": "private, no-cache"}
"""Of a file to keep."""


def attached(filename: str) -> Mapping[str, str]:
    """Return the headers of a file to keep under a name."""
    return {**DOWNLOAD, "Content-Disposition": f'attachment; filename="{filename}"'}
