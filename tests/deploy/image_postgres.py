"""The embedded Postgres on a port of loopback, where two roles log in with passwords that stand in files alone."""

import asyncio
import os
import secrets
from pathlib import Path
from typing import Any

import psycopg
from modicum_server.local.postgres import EmbeddedPostgres
from modicum_server.local.postgres_roles import DATABASE, OWNER, SERVICE
from psycopg import sql

from tests.ports import free_port

HOST = "127.0.0.1"
#: By TCP with a password; by its socket only the operating system's user who starts it.
RULES = f"local all all peer map=owner\nhost {DATABASE} all {HOST}/32 scram-sha-256\n"
#: In a password file these have a backslash before them.
SPECIAL = ("\\", ":")


class Postgres:
    """It runs from `start` to `stop`, in the thread that starts it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o711)
        rules = folder / "rules"
        rules.write_text(RULES)
        self._port = free_port()
        # libpq adds it to the path of the socket, as Postgres does.
        os.environ["PGPORT"] = str(self._port)
        settings = {"listen_addresses": HOST, "port": str(self._port), "hba_file": str(rules)}
        self._postgres = EmbeddedPostgres(folder / "data", settings=settings)
        #: With the characters that files and addresses have to escape.
        self.passwords = {role: f"p:a\\s's@/{secrets.token_hex(16)}" for role in (OWNER, SERVICE)}

    def start(self) -> None:
        """Start it, and give both roles their passwords."""
        asyncio.run(self._postgres.start())
        with psycopg.connect(self._postgres.url, autocommit=True) as connection:
            for role, password in self.passwords.items():
                words = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(password))
                connection.execute(words)

    def stop(self) -> None:
        """Stop it."""
        asyncio.run(self._postgres.stop())
        del os.environ["PGPORT"]

    def url(self, role: str) -> str:
        """The address for a role, without its password."""
        return f"postgresql://{role}@{HOST}:{self._port}/{DATABASE}"

    def password_line(self, role: str) -> str:
        """The line of a password file (`PGPASSFILE`) for a role."""
        password = self.passwords[role]
        for character in SPECIAL:
            password = password.replace(character, f"\\{character}")
        return f"{HOST}:{self._port}:{DATABASE}:{role}:{password}\n"

    def value(self, query: str, *values: object) -> Any:
        """The first column of the first row."""
        with psycopg.connect(self._postgres.url) as connection:
            row = connection.execute(query.encode(), values).fetchone()
            assert row is not None, query
            return row[0]
