"""The address of the database, read by libpq itself: each spelling that psql takes works everywhere."""

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo, ConninfoOption

from modicum_server.errors import InvalidArgument

SECRET = b"*"
"""How libpq marks a parameter that must not be shown."""
HIDDEN = "***"


class AddressUnreadable(InvalidArgument):
    """The address of the database is not valid: expected postgresql://user:password@host/database, %40 for an @."""


def libpq_parameters(database_url: str) -> dict[str, str]:
    """Return an address as libpq's parameters by their names; lists of hosts and ports stay lists.

    Raises:
        AddressUnreadable
    """
    return {one.keyword.decode(): _value(one) for one in _given(database_url)}


def libpq_address(database_url: str, **more: str | int) -> str:
    """Return an address with more parameters, as psycopg takes it.

    Raises:
        AddressUnreadable
    """
    return make_conninfo("", **{**libpq_parameters(database_url), **more})


def shown_address(database_url: str) -> str:
    """Return an address as `name=value` words, without passwords.

    Raises:
        AddressUnreadable
    """
    shown = {one.keyword.decode(): HIDDEN if one.dispchar == SECRET else _value(one) for one in _given(database_url)}
    return make_conninfo("", **shown)


def _given(database_url: str) -> list[ConninfoOption]:
    try:
        options = Conninfo.parse(database_url.encode())
    except psycopg.Error as error:  # its message may have a password
        raise AddressUnreadable from error
    return [one for one in options if one.val is not None]


def _value(option: ConninfoOption) -> str:
    assert option.val is not None, "only given parameters are read"
    return option.val.decode()
