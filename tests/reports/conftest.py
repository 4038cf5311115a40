"""A real browser for the tests of pages."""

import pytest
from playwright.sync_api import sync_playwright

from tests import machine

WITHOUT_NETWORK = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser():
    path = machine.chromium()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=WITHOUT_NETWORK)
        yield browser
        browser.close()
