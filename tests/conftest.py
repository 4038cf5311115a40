"""What tests share: one PostgreSQL a run, and a fresh, migrated database for each test that asks for one."""

import asyncio
import gc
import itertools
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import psycopg
import pytest
import structlog
from modicum_server.local.postgres import EmbeddedPostgres
from modicum_server.store.migrate import migrate
from psycopg import sql
from sqlalchemy import make_url

from tests import buckets, scheduling, service_logs, tiers
from tests.forked.command import forked_command

TEMPLATE = "modicum_template"
MEMORY = Path("/dev/shm")
MEMORY_BYTES = 2 << 30
#: A database is cloned in a tenth of the time. The server itself keeps what a crash must not take.
QUICK_DATABASES = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "16MB"}
#: After how many new objects, and how many smaller looks, Python looks for garbage.
RARELY = (20_000, 20, 100)
_numbers = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    """Set what the tests and the programs that they start inherit."""
    config.pluginmanager.register(tiers.LongAfter())
    config.pluginmanager.register(buckets)
    # A program that a shell starts in the background ignores interrupts, and so would our commands.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # The models are tiny and the processes many: more threads would only wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # A traceback with colours and the values of all variables takes seconds.
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])
    # As the command does: with it, jsonschema takes two seconds to be imported.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    # No deadline: an example takes as long as the machine is loaded. `make test-all` asks for the thorough profile.
    hypothesis.settings.register_profile("quick", deadline=None, max_examples=15)
    hypothesis.settings.register_profile("thorough", deadline=None, max_examples=100)
    hypothesis.settings.load_profile("quick")


def pytest_collection() -> None:
    """Let nothing look for garbage while ten thousand tests are made, of which none is garbage: a fifth of the time."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Look for garbage again, but no more among what the collection made, and seldom: it takes a tenth of the time."""
    gc.freeze()
    gc.set_threshold(*RARELY)
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests for `make test`."""
    scheduling.begin_with_the_longest(items)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> scheduling.ByShare:
    """Share the tests out among the processes of `make test`."""
    return scheduling.ByShare(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of tests/faults; only here does pytest look for them wherever it is started."""
    group = parser.getgroup("faults")
    group.addoption("--fault-seed", type=int, default=1, help="what the faults leave to chance")
    group.addoption("--write-faults-page", action="store_true", help="write docs/reference/faults.md from what is seen")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the logs of the service with a test that failed."""
    report = yield
    if report.failed:
        report.sections.extend(service_logs.ends())
    return report


@pytest.fixture(autouse=True)
def process_as_it_was() -> Iterator[None]:
    """Undo what a test changed for those after it, whose order is random: variables, the folder, the log's form."""
    variables, folder, log = dict(os.environ), Path.cwd(), structlog.get_config()
    yield
    for name in os.environ.keys() - variables.keys():
        del os.environ[name]
    os.environ.update({name: value for name, value in variables.items() if os.environ.get(name) != value})
    os.chdir(folder)
    if structlog.get_config() != log:
        structlog.configure(**log)


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder that every user may enter, and whose path is short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="mt-"))
    folder.chmod(0o711)
    with service_logs.shown(folder):
        yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def forked_modicum() -> Iterator[str]:
    """The command for a line of a shell. It runs in a process of its own, but need not be imported each time."""
    with forked_command() as words:
        yield words


def _memory() -> Path | None:
    """Return the file system in memory if there is room: a database is cloned there ten times as fast."""
    if not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK):
        return None
    return MEMORY if shutil.disk_usage(MEMORY).free >= MEMORY_BYTES else None


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL for this run; its databases are made by `database_url`."""
    folder = Path(tempfile.mkdtemp(prefix="mt-", dir=_memory()))
    folder.chmod(0o711)
    postgres = EmbeddedPostgres(folder / "postgres", settings=QUICK_DATABASES)
    asyncio.run(postgres.start())
    try:
        yield postgres.url
    finally:
        asyncio.run(postgres.stop())
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def _template(postgres_url: str) -> str:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {TEMPLATE}")
    migrate(_with_database(postgres_url, TEMPLATE))
    return TEMPLATE


@pytest.fixture(scope="session")
def _administration(postgres_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def empty_database_url(postgres_url: str, _administration: psycopg.Connection) -> Iterator[str]:
    """A database of its own in which nothing is."""
    yield from _database(postgres_url, _administration, "template1")


@pytest.fixture
def database_url(postgres_url: str, _administration: psycopg.Connection, _template: str) -> Iterator[str]:
    """A migrated database of its own."""
    yield from _database(postgres_url, _administration, _template)


def _database(postgres_url: str, administration: psycopg.Connection, template: str) -> Iterator[str]:
    name = sql.Identifier(f"test_{os.getpid()}_{next(_numbers)}")
    administration.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(name, sql.Identifier(template))
    )
    yield _with_database(postgres_url, name.as_string().strip('"'))
    administration.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def _with_database(url: str, database: str) -> str:
    return make_url(url).set(database=database).render_as_string(hide_password=False)
