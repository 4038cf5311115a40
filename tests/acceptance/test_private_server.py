"""A server that `up` runs, while it runs: nobody else reads its folder, and its processes cannot change the trail."""

import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
from modicum_server.local.log_files import rotate
from modicum_server.local.running_database import running_database_url

ENTER, READ = stat.S_IXGRP | stat.S_IXOTH, stat.S_IRGRP | stat.S_IROTH
ROTATED = "api.log"
#: Who uses the database, and what of the trail their role may do beside reading and adding.
USERS = """
SELECT usename, bool_or(has_table_privilege(usename, name, 'UPDATE') OR has_table_privilege(usename, name, 'DELETE')
    OR has_table_privilege(usename, name, 'TRUNCATE'))
FROM pg_stat_activity, unnest(ARRAY['trail_entries', 'trail_seals']) AS name
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
GROUP BY usename
"""


def read_by_others(folder: Path) -> Iterator[str]:
    """What another user could read or list below a folder: only what lies in folders that they may enter."""
    for path in sorted(folder.iterdir()):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            continue
        if mode & READ:
            yield str(path)
        if stat.S_ISDIR(mode) and mode & ENTER:
            yield from read_by_others(path)


def test_nobody_else_reads_what_a_running_server_keeps_its_logs_after_a_rotation_included(server):
    data = server.place.data
    rotate(data / ROTATED, largest_bytes=0)

    kept = {path.name for path in data.iterdir()}

    assert {"artifacts", "postgres", "token", "worker.log", ROTATED, f"{ROTATED}.1"} <= kept
    assert list(read_by_others(data)) == []


def test_a_file_that_others_could_read_would_be_found(tmp_path):
    for mode, folder in ((0o755, "open"), (0o700, "closed")):
        (tmp_path / folder).mkdir(mode=mode)
        (tmp_path / folder / "file").touch(mode=0o644)

    assert list(read_by_others(tmp_path)) == [str(tmp_path / "open"), str(tmp_path / "open" / "file")]


def test_a_running_server_uses_a_role_that_can_only_add_to_the_trail(server):
    data = server.place.data

    with psycopg.connect(running_database_url(data)) as connection:
        may_change = dict(connection.execute(USERS).fetchall())
    told = "".join(path.read_text(errors="replace") for path in data.glob("*.log*"))

    assert may_change, "the API and the worker are connected"
    assert not any(may_change.values()), may_change
    assert "trail_not_protected" not in told
