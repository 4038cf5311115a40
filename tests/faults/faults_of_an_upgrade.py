"""Faults of an upgrade: the next release migrates the database while workers of this one are at work."""

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
from tests.faults.parts import PATIENCE_SECONDS, eventually
from tests.faults.signs import Line
from tests.faults.stage import Stage

NEXT = "0999"
WITHIN_A_SHARD = (1, 5, 9)
MIGRATION = f'''"""What a next release adds: a column that this one does not know."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "{NEXT}", "{REVISIONS[0]}"
branch_labels = depends_on = None


def upgrade():
    op.add_column("findings", sa.Column("of_the_next_release", sa.Integer))
'''
#: Afterwards the database is this release's again.
UNDO = f"""
ALTER TABLE public.findings DROP COLUMN IF EXISTS of_the_next_release;
UPDATE public.alembic_version SET version_num = '{REVISIONS[0]}';
"""


def upgrade_under_a_worker(trial: Trial) -> None:
    """Migrate while a worker's transaction is open, restart the API, and let a worker of the next release help."""
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
    assert "run modicum-server migrate" in early, f"expected the next release to ask for its migration, got {early}"
    trial.note(f"{old.name} of this release went on, {stored} findings stored when the next release came")


def _next_release(folder: Path) -> Path:
    """A copy of the package that knows one revision more; the folder to import it from."""
    package = folder / "modicum_server"
    shutil.copytree(Path(modicum_server.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(migrations_folder(), package / "migrations", dirs_exist_ok=True)
    (package / "migrations" / "versions" / f"{NEXT}_next.py").write_text(MIGRATION)
    schema = package / "store" / "schema.py"
    schema.write_text(schema.read_text().replace("] = (", f'] = ("{NEXT}", ', 1))
    return folder


def _command(stage: Stage, environment: dict[str, str], word: str) -> str:
    """Run a command of the next release to its end; what it said."""
    words = [sys.executable, "-m", "modicum_server.cli", word]
    variables = stage.environment | environment
    ended = subprocess.run(words, env=variables, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    return ended.stdout + ended.stderr


FAULTS = (
    Fault(
        name="migrated_while_an_old_worker_works",
        where="a worker stores findings",
        injected="a worker of the next release comes too early and is refused; that release migrates the database; "
        "the API is restarted as it is; a worker of the next release works beside the old one",
        mechanism="a later release's schema keeps this one running; an earlier one's is refused with what to do",
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        strike=upgrade_under_a_worker,
        signs=(Line("api", "api_started"),),
        seen_to_fail=WITHOUT_MECHANISM,
    ),
)
