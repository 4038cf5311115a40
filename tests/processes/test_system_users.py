"""A system user is made once, also where several servers start first at the same time."""

import pwd
import time
from concurrent.futures import ThreadPoolExecutor

from modicum_server.processes import system_users


def test_two_servers_that_start_first_at_once_make_one_user(monkeypatch, tmp_path):
    """useradd lets two make one name, and the second gives it another id."""
    made: list[pwd.struct_passwd] = []

    def make(name: str) -> pwd.struct_passwd:
        time.sleep(0.1)  # the other one comes meanwhile
        made.append(pwd.getpwnam("nobody"))
        return made[-1]

    monkeypatch.setattr(system_users, "TURN", tmp_path / "turn")
    monkeypatch.setattr(system_users, "known_user", lambda name: made[-1] if made else None)
    monkeypatch.setattr(system_users, "_made_in_turn", make)

    with ThreadPoolExecutor(2) as servers:
        users = list(servers.map(lambda _: system_users.own_user("modicum-tried"), range(2)))

    assert len(made) == 1
    assert users[0] == users[1]


def test_a_user_that_is_root_by_another_name_counts_as_none():
    assert system_users.known_user("root") is None
