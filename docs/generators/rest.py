"""The operations of REST and the reasons of refusals, from the OpenAPI document that the server serves."""

from collections.abc import Iterator, Mapping
from typing import Any

from modicum_server.transports.http.rest.openapi.document import document
from modicum_server.transports.http.rest.openapi.page import reasons

from docs.generators.markdown import code, table


def operations_page() -> str:
    """Every operation, under its resource: what it does, its parameters, its body."""
    served = document()
    return "\n".join(part for tag in served["tags"] for part in _resource(served, tag["name"]))


def reasons_page() -> str:
    """A table of every reason that a caller can meet."""
    rows = ((code(reason), str(status), code(grpc), text) for reason, status, grpc, text in sorted(reasons()))
    return table(("reason", "HTTP", "gRPC", "meaning"), rows)


def _resource(served: Mapping[str, Any], tag: str) -> Iterator[str]:
    yield f"## {tag}\n"
    for path, verbs in served["paths"].items():
        for verb, operation in verbs.items():
            if tag in operation["tags"]:
                yield from _operation(served, f"{verb.upper()} {path}", operation)


def _operation(served: Mapping[str, Any], request: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {code(request)}\n\n{operation['description']}\n"
    body = operation.get("requestBody")
    if body:
        yield f"Body: {', '.join(map(code, _bodies(_resolved(served, body))))}\n"
    parameters = [_resolved(served, one) for one in operation["parameters"]]
    queries = [one for one in parameters if one["in"] == "query"]
    if queries:
        yield table(("query", "meaning"), ((code(one["name"]), one.get("description", "")) for one in queries))


def _bodies(body: Mapping[str, Any]) -> Iterator[str]:
    """The names of the body's schemas, the media type of one that has none."""
    for media, content in body["content"].items():
        reference = content.get("schema", {}).get("$ref", "")
        yield reference.rpartition("/")[2] or media


def _resolved(served: Mapping[str, Any], one: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a reference within the document leads to; anything else as it is."""
    found: Any = one
    if "$ref" in one:
        found = served
        for part in one["$ref"].removeprefix("#/").split("/"):
            found = found[part]
    resolved: Mapping[str, Any] = found
    return resolved
