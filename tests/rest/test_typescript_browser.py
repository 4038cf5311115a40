"""The TypeScript client in a browser, as it is shipped and without a bundler, on a page of another origin."""

import functools
import itertools
import tarfile
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from modicum_server.settings import Settings
from playwright.async_api import async_playwright

from tests.machine import chromium
from tests.node_packages import MODULES, packed
from tests.pages.browsing import ARGUMENTS
from tests.rest.rest_stage import TOKENS

PAGE = """<!doctype html>
<script type="importmap">
{"imports": {
  "@modicum/client": "/package/dist/index.js",
  "@noble/hashes/": "/modules/@noble/hashes/",
  "openapi-fetch": "/modules/openapi-fetch/dist/index.mjs"
}}
</script>
<script type="module">
import * as client from "@modicum/client";
window.client = client;
</script>
"""
UPLOADED = """async ([address, token]) => {
  window.modicum = new client.Modicum(address, { token });
  const file = new File([new Uint8Array(3_000_000).fill(7)], "w.bin");
  const digest = await modicum.upload(file);
  const path = { project: "default", artifact: digest };
  const { sizeBytes } = await modicum.get("/v1/projects/{project}/artifacts/{artifact}", { params: { path } });
  return [digest === await client.digestOf(file), sizeBytes];
}"""
REFUSED = """async () => {
  const params = { path: { project: "default", model: "none" } };
  const told = (error) => [error.reason, error.status];
  return modicum.get("/v1/projects/{project}/models/{model}", { params }).catch(told);
}"""
WATCHING = """(name) => {
  window.seen = [];
  window.watched = (async () => {
    for await (const audit of modicum.watch(name)) seen.push(audit.state);
    return seen;
  })();
}"""


@pytest.fixture
def site(tmp_path) -> Iterator[str]:
    """The address of a page that has the package."""
    with tarfile.open(packed(tmp_path)) as archive:
        archive.extractall(tmp_path, filter="data")
    (tmp_path / "modules").symlink_to(MODULES)
    (tmp_path / "index.html").write_text(PAGE)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler_of(tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def handler_of(folder: Path) -> functools.partial:
    class Handler(SimpleHTTPRequestHandler):
        extensions_map: ClassVar[dict[str, str]] = {
            **SimpleHTTPRequestHandler.extensions_map,
            ".mjs": "text/javascript",
        }

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    return functools.partial(Handler, directory=folder)


@pytest.fixture
def settings(site) -> Settings:
    return Settings(grpc_port=0, http_port=0, cors_origins=(site,), grace_seconds=1)


@pytest.mark.long
async def test_a_page_uploads_a_file_reads_a_refusal_and_watches_an_audit_to_its_end(served, site):
    audit = await served.audit()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        page = await browser.new_page()
        await page.goto(site)
        await page.wait_for_function("window.client")

        uploaded = await page.evaluate(UPLOADED, [f"http://127.0.0.1:{served.http_port}", TOKENS["admin"]])
        refused = await page.evaluate(REFUSED)
        await page.evaluate(WATCHING, audit)
        await page.wait_for_function("seen.length === 1")
        await served.succeed(audit)
        seen = await page.evaluate("watched")
        await browser.close()

    assert uploaded == [True, "3000000"]
    assert refused == ["MODEL_NOT_FOUND", 404]
    assert [state for state, _ in itertools.groupby(seen)] == ["STATE_QUEUED", "STATE_SUCCEEDED"]  # news keep a state
