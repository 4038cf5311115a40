"""Faults of an upgrade: the next release migrates the database while workers of this release run."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import modicum_server
import psycopg
from modicum_server.store.migrate import migrations_folder
from modicum_server.store.schema import REVISIONS

from tests.faults.fault import WITHOUT_MECHANISM, Fault, Trial
from tests.faults.gates import Point
from tests.faults.signs import Line
from tests.faults.stage import Stage
from tests.waiting import PATIENCE_SECONDS, eventually

NEXT = "0999"
WITHIN_A_SHARD = (1, 5, 9)
MIGRATION = f'''"""Add a column that this release does not know."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "{NEXT}", "{REVISIONS[0]}"
branch_labels = depends_on = None


def upgrade():
    op.add_column("findings", sa.Column("of_the_next_release", sa.Integer))
'''
#: Returns the database to the schema of this release.
UNDO = f"""
ALTER TABLE public.findings DROP COLUMN IF EXISTS of_the_next_release;
UPDATE public.alembic_version SET version_num = '{REVISIONS[0]}';
"""


def upgrade_under_a_worker(trial: Trial) -> None:
    """Migrate while a worker's transaction is open, restart the API, and start a worker of the next release."""
    stage = trial.stage
    release = _next_release(stage.folder / "next-release")
    old, environment = trial.holder, {"PYTHONPATH": f"{release}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    try:
        early = _command(stage, environment, "worker")
        migration = threading.Thread(target=_command, args=(stage, environment, "migrate"), daemon=True)
        migration.start()
        blocked = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'ALTER TABLE%%'"
        eventually(lambda: stage.sql(blocked), "the migration to wait for the transaction of the worker")
        trial.gate.open()
        migration.join(PATIENCE_SECONDS)
        assert stage.value("SELECT version_num FROM alembic_version") == NEXT
        stage.api.terminate()
        stage.wait_whole()
        stored = trial.stored
        trial.ended()
        with stage.another_worker(**environment):
            eventually(lambda: trial.stored > stored or trial.audit.state.terminal, "findings to be stored")
            trial.wait_ended()
    finally:
        with psycopg.connect(stage.database.url, autocommit=True) as connection:
            connection.execute(UNDO)
        shutil.rmtree(release)
    assert "run modicum-server migrate" in early, f"expected the next release to request its migration, got {early}"
    trial.note(f"{old.name} of this release kept running; {stored} findings were stored when the next release started")


def _next_release(folder: Path) -> Path:
    """Copy the package and add one more revision. Return the folder to import it from."""
    package = folder / "modicum_server"
    shutil.copytree(Path(modicum_server.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(migrations_folder(), package / "migrations", dirs_exist_ok=True)
    (package / "migrations" / "versions" / f"{NEXT}_next.py").write_text(MIGRATION)
    schema = package / "store" / "schema.py"
    schema.write_text(schema.read_text().replace("] = (", f'] = ("{NEXT}", ', 1))
    return folder


def _command(stage: Stage, environment: dict[str, str], word: str) -> str:
    """Run a command of the next release until it ends. Return its output."""
    words = [sys.executable, "-m", "modicum_server.cli", word]
    variables = stage.environment | environment
    ended = subprocess.run(words, env=variables, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    return ended.stdout + ended.stderr


FAULTS = (
    Fault(
        name="migrated_while_an_old_worker_works",
        when="A worker is storing findings.",
        injected="A worker of the next release starts too early and is refused. The next release migrates the "
        "database, and the API restarts unchanged. A worker of the next release then runs beside the old one.",
        mechanism="This release keeps running on the schema of a later one. A release refuses the schema of an earlier "
        "one and says what to do.",
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        strike=upgrade_under_a_worker,
        signs=(Line("api", "api_started"),),
        fails_without=WITHOUT_MECHANISM,
    ),
)
