"""A system user is made once, also where several servers start first at the same time."""

import fcntl
import pwd
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from modicum_server.processes import system_users
from modicum_server.processes.system_users import Making


def test_two_servers_that_start_first_at_once_make_one_user(monkeypatch, tmp_path):
    """useradd lets two make one name, and the second gives it another id."""
    making = Making(turn=tmp_path / "turn")
    made: list[pwd.struct_passwd] = []
    looked, both_looked = set[int](), threading.Barrier(2)

    def look(name: str) -> pwd.struct_passwd | None:
        seen, thread = made[-1] if made else None, threading.get_ident()
        if thread not in looked:
            looked.add(thread)
            both_looked.wait(60)
        return seen

    def make(name: str, making: Making) -> pwd.struct_passwd:
        with making.turn.open() as turn, pytest.raises(BlockingIOError):
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        made.append(pwd.getpwnam("nobody"))
        return made[-1]

    monkeypatch.setattr(system_users, "known_user", look)
    monkeypatch.setattr(system_users, "_made_in_turn", make)

    with ThreadPoolExecutor(2) as servers:
        users = list(servers.map(lambda _: system_users.own_user("modicum-tried", making), range(2)))

    assert len(made) == 1
    assert users[0] == users[1]


def test_a_user_that_is_root_by_another_name_counts_as_none():
    assert system_users.known_user("root") is None
