"""A real browser for the tests of pages."""

from pathlib import Path

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


@pytest.fixture
def opened(browser, tmp_path: Path):
    """Opens a page in a window of its own."""
    windows = []

    def open_page(text: str, **window):
        file = tmp_path / "report.html"
        file.write_text(text, encoding="utf-8")
        windows.append(browser.new_page(**window))
        windows[-1].goto(file.as_uri())
        return windows[-1]

    yield open_page
    for window in windows:
        window.close()
