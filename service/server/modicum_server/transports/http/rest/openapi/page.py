"""The documentation page: the OpenAPI document, forms that try it, and the table of reasons.

It is one page that loads nothing else but the style of the pages. Its one script and its own style are allowed by their
hashes.
"""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup, escape

from modicum_server.transports.errors import (
    DEADLINE,
    DEADLINE_REASON,
    INTERNAL_REASON,
    UNKNOWN,
    raised_kinds,
    reason_of,
    status_of_error,
)
from modicum_server.transports.http.rest.openapi.trying import tried
from modicum_server.transports.http.rest.problems import METHOD_NOT_ALLOWED, PATH_UNKNOWN, REQUEST_MALFORMED


@cache
def _part(name: str) -> str:
    return (resources.files(__package__) / "templates" / name).read_text()


def _hash(name: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(_part(name).encode()).digest()).decode()}'"


@cache
def security() -> str:
    """Return the content-security policy of the page."""
    return (
        f"default-src 'none'; style-src 'self' {_hash('docs.css')}; script-src {_hash('try.js')}; connect-src 'self'; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )


def render_page(document: dict[str, Any], stylesheet: str) -> str:
    """Return the page of a document. `stylesheet`: the address of the style that it shares with the other pages."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__name__), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["prose"] = prose

    def resolve(one: Mapping[str, Any]) -> Mapping[str, Any]:
        return resolved(document, one)

    operations = [
        (tried(verb.upper(), path, operation, resolve), operation)
        for path, verbs in document["paths"].items()
        for verb, operation in verbs.items()
    ]
    return environment.get_template("docs.html.j2").render(
        document=document,
        stylesheet=stylesheet,
        operations=operations,
        reasons=sorted(reasons()),
        resolve=resolve,
        style=Markup(_part("docs.css")),  # noqa: S704 - a file of this package
        script=Markup(_part("try.js")),  # noqa: S704 - a file of this package
    )


def prose(text: str) -> Markup:
    """Return a text as HTML, with the parts in backticks as code."""
    return Markup(re.sub("`([^`\n]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before


def reasons() -> Iterator[tuple[str, int, str, str]]:
    """Yield every reason that a caller can get: its name, HTTP status, gRPC code and usual text."""
    for kind in raised_kinds():
        status = status_of_error(kind)
        if status.public:
            yield reason_of(kind), status.http_status, status.code.name, kind.__doc__ or ""
    yield (
        INTERNAL_REASON,
        UNKNOWN.http_status,
        UNKNOWN.code.name,
        "The server has a fault; see its log under the request id.",
    )
    yield DEADLINE_REASON, DEADLINE.http_status, DEADLINE.code.name, "The call did not finish before its deadline."
    yield PATH_UNKNOWN, 404, "", "The server has no such path."
    yield METHOD_NOT_ALLOWED, 405, "", "The path does not accept this HTTP method; see the header Allow."
    yield REQUEST_MALFORMED, 400, "", "The request is not a valid HTTP request."


def resolved(document: dict[str, Any], one: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the target of a reference within the document; anything else unchanged."""
    if "$ref" not in one:
        return one
    found: Any = document
    for part in one["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    target: dict[str, Any] = found
    return target
