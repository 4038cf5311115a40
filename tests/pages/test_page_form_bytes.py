"""Forms that have not come whole: each has a limit, and together they count like the bodies of REST."""

import contextlib
import select
import socket
from collections.abc import Iterator

from tests.pages.pages_stage import PATIENCE_SECONDS, PROJECT, TOKENS

ALMOST_4_MIB = 4 * 1024 * 1024 - 1000


@contextlib.contextmanager
def unfinished(scene, path: str, header: str, media_type: str, came: int) -> Iterator[socket.socket]:
    """A request of which `came` bytes of the body have come, and one more is due."""
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{scene.http_port}\r\n{header}\r\n"
    with socket.create_connection(("127.0.0.1", scene.http_port), PATIENCE_SECONDS) as connection:
        connection.sendall(f"{head}content-type: {media_type}\r\ncontent-length: {came + 1}\r\n\r\n".encode())
        connection.sendall(b" " * came)
        yield connection


def form(scene, who: str, path: str, came: int) -> contextlib.AbstractContextManager[socket.socket]:
    cookies = "; ".join(f"{name}={value}" for name, value in scene.browser(who).cookies.items())
    return unfinished(scene, path, f"cookie: {cookies}", "application/x-www-form-urlencoded", came)


def body_of_rest(scene, who: str) -> contextlib.AbstractContextManager[socket.socket]:
    path, token = f"/v1/{PROJECT}/models?modelId=m", f"authorization: Bearer {TOKENS[who]}"
    return unfinished(scene, path, token, "application/json", ALMOST_4_MIB)


def status_of(connection: socket.socket) -> int:
    return int(connection.recv(20).split()[1])


def test_a_form_of_few_fields_is_refused_before_it_has_come(scene):
    with form(scene, "vera", "/sign-out", 70_000) as sent:
        assert status_of(sent) == 413


def test_a_form_has_room_for_the_longest_policy(scene):
    browser = scene.browser("otto")
    path = f"/{PROJECT}/audits/to-judge/judge"

    longest = browser.send(path, path, policy="\N{GRINNING FACE}" * 65_536)

    assert longest.status == 400
    assert "expected" in longest.text


def test_forms_and_bodies_of_rest_share_a_budget_and_others_go_on(scene):
    path = f"/{PROJECT}/audits/to-judge/judge"
    with contextlib.ExitStack() as stack:
        bodies = [stack.enter_context(body_of_rest(scene, "otto")) for _ in range(4)]
        sent = stack.enter_context(form(scene, "otto", path, 8_000))
        [refused], _, _ = select.select([*bodies, sent], [], [], PATIENCE_SECONDS)  # what would be too much

        others = stack.enter_context(form(scene, "ada", path, 8_000))
        others.sendall(b" ")
        statuses = status_of(refused), status_of(others)

    assert statuses == (429, 403)  # the other one is none of our forms, but it was read
