"""Every response over HTTP has the headers of security, and a token in a path is not logged."""

import asyncio

import pytest
from modicum_server.transports.http.security_headers import ALWAYS, SecurityHeaders
from modicum_server.usecases.bearer_tokens import new_token
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

PATHS = {
    "a probe": "/healthz",
    "metrics": "/metrics",
    "a refused call": "/v1/projects",
    "no such path": "/nothing",
    "the contract": "/openapi.json",
    "a page": "/",
}


async def heads_of(served, path: str) -> dict[str, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.http_port)
    writer.write(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{served.http_port}\r\nconnection: close\r\n\r\n".encode())
    head, _, _ = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    lines = (line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    return {name.lower(): value for name, value in lines}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
async def test_every_reply_has_them(served, path):
    heads = await heads_of(served, path)

    assert {name.lower() for name in ALWAYS} <= heads.keys()
    assert heads["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in heads["content-security-policy"]


@pytest.mark.parametrize("tls", [True, False])
def test_only_over_tls_a_browser_is_told_to_come_back_by_tls(tls):
    async def answer(_request):
        return PlainTextResponse("x", headers={"Referrer-Policy": "same-origin"})

    app = SecurityHeaders(Starlette(routes=[Route("/", answer)]), tls=tls)

    heads = TestClient(app).get("/").headers

    assert ("strict-transport-security" in heads) is tls
    assert heads["referrer-policy"] == "same-origin"


async def test_a_token_that_somebody_puts_into_a_path_is_not_logged(served, capsys):
    token = new_token()

    await heads_of(served, f"/v1/{token}/x")

    said = capsys.readouterr()
    assert "modicum_..." in said.out + said.err
    assert token not in said.out + said.err
