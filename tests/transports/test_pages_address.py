"""Where a server says that its pages are."""

import pytest
from modicum.v1 import project_service_pb2 as projects
from modicum_server.settings import Settings
from modicum_server.transports.pages_address import pages_address
from pydantic import ValidationError


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({}, "http://127.0.0.1:7401"),
        ({"host": "::1"}, "http://[::1]:7401"),
        ({"host": "localhost", "tls_cert": "c.pem", "tls_key": "k.pem"}, "https://localhost:7401"),
        ({"host": "0.0.0.0"}, ""),
        ({"host": "10.0.0.7"}, ""),
        ({"host": "0.0.0.0", "pages_url": "https://modicum.example.org/"}, "https://modicum.example.org"),
    ],
)
def test_a_server_says_the_address_of_its_settings_or_its_own_on_loopback(given, address):
    assert pages_address(Settings(**given), 7401) == address


@pytest.mark.parametrize("address", ["modicum.example.org", "javascript:alert(1)", "http://a b", "http://a\n"])
def test_an_address_that_no_browser_opens_is_refused(address):
    with pytest.raises(ValidationError, match="pages_url"):
        Settings(pages_url=address)


async def test_each_reply_says_where_the_pages_are(served):
    caller = served.caller("viewer")
    call = caller.projects.ListProjects(projects.ListProjectsRequest(), metadata=caller.metadata)

    await call

    told = dict(await call.trailing_metadata())
    assert told["modicum-pages"] == f"http://127.0.0.1:{served.http_port}"
