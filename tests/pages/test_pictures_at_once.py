"""Thumbnails of many at once: nobody waits for another project's, and who has left is not drawn for."""

import io
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from modicum_server.domain.projects import Principal, Role
from modicum_server.reports.renderer import Renderer
from PIL import Image

from tests.pages.pages_stage import OTHER, PATIENCE_SECONDS, PROJECT, PlainBrowser, Scene
from tests.waiting import eventually

CROWD = 5
VERA = Principal("vera", {PROJECT: Role.VIEWER})


def pixels(shade: int) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (4, 4), (shade, 77, 201)).save(data, "PNG")
    return data.getvalue()


@dataclass
class Slow:
    """Drawing that takes until it may end, but for the files that are drawn at once."""

    quick: set[bytes] = field(default_factory=set)
    begun: list[bytes] = field(default_factory=list)
    may_end: threading.Event = field(default_factory=threading.Event)

    def thumbnail(self, data: bytes, **_: object) -> bytes:
        self.begun.append(data)
        assert data in self.quick or self.may_end.wait(PATIENCE_SECONDS)
        return data


@pytest.fixture
def slow(monkeypatch) -> Iterator[Slow]:
    drawing = Slow()
    monkeypatch.setattr(Renderer, "thumbnail", lambda _, data, **how: drawing.thumbnail(data, **how))
    yield drawing
    drawing.may_end.set()


def waiting(scene: Scene) -> int:
    """How many of vera's pictures are drawn or wait for their turn."""
    return scene.services.use_cases.drawn_pictures._threads._turns._of_principals.count(VERA.share)


def begun_request(browser: PlainBrowser, path: str) -> socket.socket:
    """Ask for a path, and return the connection, which can be closed before the response."""
    connection = socket.create_connection(("127.0.0.1", browser.port))
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {browser.host}\r\nCookie: {cookie}\r\n\r\n".encode())
    return connection


def test_a_crowd_of_one_project_does_not_keep_another_waiting(scene, slow):
    shown = [scene.run(scene.hold(pixels(shade))) for shade in range(CROWD)]
    theirs = scene.run(scene.hold(pixels(99), OTHER))
    slow.quick.add(pixels(99))
    crowd, other = scene.browser("vera"), scene.browser("eve")

    with ThreadPoolExecutor(CROWD) as callers:
        asked = [callers.submit(crowd.get, f"/{PROJECT}/thumbnails/{digest}") for digest in shown]
        eventually(lambda: slow.begun)
        assert other.get(f"/{OTHER}/thumbnails/{theirs}").status == 200
        assert len(slow.begun) == 2
        slow.may_end.set()
        assert {one.result().status for one in asked} == {200}


def test_nothing_is_drawn_for_a_browser_that_left_while_it_waited(scene, slow):
    first, second, third = (scene.run(scene.hold(pixels(shade))) for shade in (31, 32, 33))
    browser = scene.browser("vera")

    with ThreadPoolExecutor(2) as callers:
        drawn = callers.submit(browser.get, f"/{PROJECT}/thumbnails/{first}")
        eventually(lambda: slow.begun)
        leaving = begun_request(browser, f"/{PROJECT}/thumbnails/{second}")
        eventually(lambda: waiting(scene) == 2, "the second to wait")
        leaving.close()
        eventually(lambda: waiting(scene) == 1, "the second to be gone")
        last = callers.submit(browser.get, f"/{PROJECT}/thumbnails/{third}")
        slow.may_end.set()
        assert (drawn.result().status, last.result().status) == (200, 200)

    assert slow.begun == [pixels(31), pixels(33)]
