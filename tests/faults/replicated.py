"""A database of two servers: a primary, and a standby that confirms each commit and can take its place."""

import asyncio
import contextlib
import shutil
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import psycopg
from modicum_server.local.postgres import EmbeddedPostgres
from modicum_server.local.postgres_binaries import program_of
from modicum_server.local.postgres_user import postgres_user
from modicum_server.store.migrate import migrate

from tests.faults.database import Database
from tests.faults.parts import descendants


class Replicated(Database):
    """Two servers at one address, which leads to the one that takes writes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._folder = folder.with_name("standby")
        self._standby = EmbeddedPostgres(self._folder)
        self._promoted = False

    @property
    def url(self) -> str:
        """The address of both servers."""
        return f"postgresql://modicum@/modicum?host={','.join(self._sockets())}&target_session_attrs=read-write"

    @property
    def pids(self) -> frozenset[int]:
        """Process ids of the postmasters that run."""
        servers = [self._standby] if self._promoted else [self._postgres, self._standby]
        return frozenset(server.pid for server in servers if server.pid is not None)

    def start(self) -> None:
        """Start both. From then on the primary commits only what the standby has."""
        asyncio.run(self._postgres.start())
        self._copy()
        asyncio.run(self._standby.start())
        with psycopg.connect(self._postgres.url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")
        migrate(self.url)

    def fail_over(self) -> None:
        """Kill the primary, and let the standby take its place."""
        assert self._postgres.pid is not None, "it is away"
        postmaster = psutil.Process(self._postgres.pid)
        for process in (postmaster, *descendants(postmaster.pid)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        postmaster.wait()
        self._promoted = True
        with psycopg.connect(self._standby.url, autocommit=True) as connection:
            connection.execute("SELECT pg_promote()")

    def stop(self) -> None:
        """Stop both for good."""
        asyncio.run(self._standby.stop())
        super().stop()

    def _sockets(self) -> list[str]:
        return [parse_qs(urlsplit(server.url).query)["host"][0] for server in (self._postgres, self._standby)]

    def _copy(self) -> None:
        """Make the standby's files from the primary, which lets its user in."""
        owner = postgres_user()
        asyncio.run(self._standby.reserve())
        with psycopg.connect(self._postgres.url, autocommit=True) as connection:
            for setting, rule in (
                ("ident_file", f'owner "{owner.pw_name}" modicum'),
                ("hba_file", "local replication all peer map=owner"),
            ):
                (file,) = connection.execute(f"SHOW {setting}").fetchone() or ("",)
                Path(file).write_text(f"{Path(file).read_text()}{rule}\n")
            connection.execute("SELECT pg_reload_conf()")
        cluster, socket = self._folder / "cluster", self._sockets()[0]
        program = program_of(self._folder, owner) / "bin" / "pg_basebackup"
        command = [program, "--write-recovery-conf", "--checkpoint=fast", "--username=modicum", f"--host={socket}"]
        subprocess.run([*command, f"--pgdata={cluster}"], check=True, timeout=300)
        for path in (cluster, *cluster.rglob("*")):
            shutil.chown(path, owner.pw_uid, owner.pw_gid)
