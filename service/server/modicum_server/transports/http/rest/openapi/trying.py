"""An operation as the page lets a reader try it: the line of curl that calls it, and the fields of its form."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from modicum_server.transports.http.server_sent_events import MEDIA_TYPE as EVENTS

JSON = "application/json"
Resolve = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class TriedOperation:
    """One operation.

    Attributes:
        verb: its HTTP method.
        path: its path, with a name in braces for each id.
        curl: a command that calls it with the examples' values.
        fields: its parameters in the path and in the query.
        body: the example of its body as JSON; None without one.
        by_form: whether the form can send it: what it sends is no file, and what it receives no endless stream.
    """

    verb: str
    path: str
    curl: str
    fields: Sequence[Mapping[str, Any]]
    body: str | None
    by_form: bool


def tried(verb: str, path: str, operation: Mapping[str, Any], resolve: Resolve) -> TriedOperation:
    """Return an operation as the page tries it. `resolve` returns the target of a reference."""
    parameters = [resolve(given) for given in operation["parameters"]]
    sent = operation.get("requestBody", {}).get("content", {})
    body = json.dumps(sent[JSON].get("example", {}), indent=2) if JSON in sent else None
    received = {media for one in operation["responses"].values() for media in resolve(one).get("content", {})}
    return TriedOperation(
        verb,
        path,
        _curl(verb, _address(path, parameters), sent, body),
        [one for one in parameters if one["in"] in {"path", "query"}],
        body,
        by_form=(not sent or JSON in sent) and EVENTS not in received,
    )


def _address(path: str, parameters: Sequence[Mapping[str, Any]]) -> str:
    """Return the path with the examples' ids, and the query that the operation requires."""
    for one in parameters:
        path = path.replace(f"{{{one['name']}}}", str(one.get("example", "")))
    query = {one["name"]: one["example"] for one in parameters if one["in"] == "query" and one.get("required")}
    return f"{path}?{urlencode(query)}" if query else path


def _curl(verb: str, address: str, sent: Mapping[str, Any], body: str | None) -> str:
    words = ["curl"] if verb == "GET" else [f"curl -X {verb}"]
    words.append('-H "Authorization: Bearer $MODICUM_TOKEN"')
    if body is not None:
        words += [f"-H 'Content-Type: {JSON}'", f"--data '{json.dumps(json.loads(body))}'"]
    elif sent:
        words += [f"-H 'Content-Type: {next(iter(sent))}'", "--data-binary @FILE"]
    return " \\\n     ".join([*words, f'"$SERVER{address}"'])
