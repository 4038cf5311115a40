"""Every operation that names a project, as somebody outside of it calls it: what is sent, and what the reply says.

The operations are those of the OpenAPI document.
"""

import http.client
import json
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from modicum_server.transports.http.rest.openapi.document import document

from benchmarks.attack.site import TEAM, Site

#: A project that does not exist.
NOWHERE = "projects/nowhere"
#: Takes no token, and says of every project alike that the identity token is not good; tests/rest/test_trust.py.
WITHOUT_A_TOKEN = frozenset({"/v1/{project}:exchangeToken"})
BODIES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        ":setRole": {"role": "ROLE_ADMIN"},
        ":setRetention": {"retention": {"findingsDays": 1}},
        ":findMissing": {"digests": ["0" * 64]},
        ":judge": {"policy": "version: 1\nrules: {spot: off, accuracy: {min: 0.9}}\n"},
    }
)
"""A body with which the operation would do something for a member, where an empty one is refused for its form."""
NOT_SHOWN = frozenset({400, 404})
CALL_SECONDS = 60.0


@dataclass(slots=True)
class Probed:
    """How many calls there were, and those that showed something: verb and path."""

    calls: int = 0
    shown: list[str] = field(default_factory=list)


def operations() -> list[tuple[str, str]]:
    """Each operation below a project: its verb, and its path with the project's whole name as one variable."""
    return [
        (verb.upper(), path.replace("projects/{project}", "{project}"))
        for path, verbs in document()["paths"].items()
        for verb in verbs
        if "projects/{project}" in path
    ]


def path_in(template: str, project: str, ids: Mapping[str, str]) -> str:
    """Return the path in a project, with these ids as its variables."""
    return re.sub(
        r"\{(\w+)\}", lambda found: project if found[1] == "project" else quote(ids[found[1]], safe=""), template
    )


def sent_with(verb: str, path: str) -> Mapping[str, Any] | bytes | None:
    """Return what is sent: an object as JSON, bytes as they are, or nothing."""
    if verb in {"GET", "DELETE"}:
        return None
    return b"ab" if path.endswith("/artifacts") or verb == "PUT" else BODIES.get(f":{path.rpartition(':')[2]}", {})


def plain(body: bytes, project: str) -> Any:
    """Return what a reply says, without the request's id, and with the project named alike."""
    said = json.loads(body) if body else {}
    said.pop("request_id", None)
    return json.loads(json.dumps(said).replace(project, "projects/P"))


def probe(site: Site, tokens: Sequence[str], ids: Mapping[str, str]) -> Probed:
    """Call every operation on the team's project and on one that does not exist; any difference shows something.

    `ids` are those of what the team has, by the variables of paths.
    """
    probed = Probed()
    for verb, template in operations():
        if template in WITHOUT_A_TOKEN:
            continue
        for token in tokens:
            probed.calls += 1
            here, nowhere = [_reply(site, token, verb, path_in(template, project, ids)) for project in (TEAM, NOWHERE)]
            if here[0] not in NOT_SHOWN or plain(here[1], TEAM) != plain(nowhere[1], NOWHERE):
                probed.shown.append(f"{verb} {template}: {here[0]}")
    return probed


def ids_of_the_team(site: Site) -> dict[str, str]:
    """Return names of what the team has. It has no verdict, hold, erasure, review, finding and trust rule."""
    made = {"audit": site.audits[TEAM].rpartition("/")[2], "model": "net", "version": "1", "dataset": "photos"}
    listed = {kind: _first(site, f"{kind}s") for kind in ("artifact", "token")}
    others = {"finding": "0-0-0", "verdict": "1", "hold": "kept", "erasure": "1", "review": "1", "trustRule": "main"}
    return {**made, **listed, **others, "member": "ada"}


def _first(site: Site, kind: str) -> str:
    status, body = _reply(site, site.admin, "GET", f"/v1/{TEAM}/{kind}")
    if status != http.client.OK:
        raise RuntimeError(f"the team could not list its {kind}: status {status}")
    name: str = json.loads(body)[kind][0]["name"]
    return name.rpartition("/")[2]


def _reply(site: Site, token: str, verb: str, path: str) -> tuple[int, bytes]:
    sent = sent_with(verb, path)
    body = json.dumps(sent).encode() if isinstance(sent, Mapping) else sent
    kind = {"Content-Type": "application/json"} if isinstance(sent, Mapping) else {}
    trust = ssl.create_default_context(cafile=str(site.certificate))
    connection = http.client.HTTPSConnection(site.http_address, timeout=CALL_SECONDS, context=trust)
    try:
        connection.request(verb, path, body=body, headers={"Authorization": f"Bearer {token}", **kind})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
