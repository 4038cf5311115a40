"""Nobody else reads what a local server keeps, and its logs do not grow without end."""

import stat
from pathlib import Path

from modicum_server.local.folder import DataFolder, ServerAddresses
from modicum_server.local.log_files import open_log, rotate


def readable_by_others(folder: Path) -> list[str]:
    """What others could open below a folder that they may enter but not list."""
    open_to_others = stat.S_IRWXG | stat.S_IRWXO
    return sorted(path.name for path in folder.iterdir() if path.stat().st_mode & open_to_others)


def test_what_an_earlier_release_left_open_is_closed_and_new_files_are_private(tmp_path):
    folder = DataFolder.create(tmp_path / "data")
    for name in ("api.log", "worker.log", "server.json"):
        (folder.path / name).touch(mode=0o644)
    (folder.path / "artifacts").mkdir(mode=0o755)
    before = readable_by_others(folder.path)

    folder.close_to_others()
    folder.token()
    folder.announce(ServerAddresses(1, "127.0.0.1:1", "127.0.0.1:2", "now"))
    open_log(folder.path / "new.log").close()

    assert before == ["api.log", "artifacts", "server.json", "worker.log"]
    assert readable_by_others(folder.path) == []
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o711


def test_a_log_that_is_too_large_moves_aside_and_its_writer_goes_on(tmp_path):
    log = tmp_path / "api.log"
    with open_log(log) as writer:
        writer.write(b"a" * 1000)
        writer.flush()
        rotate(log, largest_bytes=1000)
        untouched = log.stat().st_size
        writer.write(b"b")
        writer.flush()
        rotate(log, largest_bytes=1000)
        writer.write(b"next")

    assert untouched == 1000
    assert (tmp_path / "api.log.1").read_bytes() == b"a" * 1000 + b"b"
    assert log.read_bytes() == b"next"
    assert readable_by_others(tmp_path) == []
