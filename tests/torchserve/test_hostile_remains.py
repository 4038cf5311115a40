"""What a hostile model leaves in its folders is seen, measured and deleted, however it is made."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from modicum_server.processes.folder_deletion import delete_tree
from modicum_server.torchserve.confinement.outside import fresh_folder
from modicum_server.torchserve.memory import memory_of_a_model
from modicum_server.torchserve.model_process import find_model_process
from modicum_server.torchserve.usage import MOST_FILE_BYTES, MOST_FILES, MOST_THREADS, Usage, usage_of

#: More than Python's recursion, and with these names more than a path may hold.
LEVELS, NAME = 1_200, "d" * 100


def nest(folder):
    """Make a deep tree, as a process does that goes into each folder: by its path it could not."""
    code = f"import os\nfor _ in range({LEVELS}):\n os.mkdir('{NAME}')\n os.chdir('{NAME}')\n"
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)


def test_a_tree_deeper_than_a_path_is_deleted(tmp_path):
    folder = tmp_path / "deep"
    folder.mkdir()
    nest(folder)

    delete_tree(folder)

    assert list(tmp_path.iterdir()) == []


def test_files_links_and_folders_closed_to_their_owner_are_deleted_and_what_a_link_names_is_kept(tmp_path):
    kept, folder = tmp_path / "kept", tmp_path / "left"
    (folder / "closed" / "inner").mkdir(parents=True)
    (folder / "closed" / "inner" / "file").write_text("x")
    (folder / ".0").mkdir()
    kept.mkdir()
    (kept / "file").write_text("not the model's")
    (folder / "link").symlink_to(kept)
    (folder / "closed" / "inner").chmod(0)
    (folder / "closed").chmod(0)

    delete_tree(folder)

    assert [path.name for path in tmp_path.rglob("*")] == ["kept", "file"]


def test_a_folder_is_made_fresh_where_there_was_a_link_or_nothing(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("x")
    (tmp_path / "tmp").symlink_to(elsewhere)

    for name in ("tmp", "w/slot0/tmp"):
        assert list(fresh_folder(tmp_path / name).iterdir()) == []

    assert (elsewhere / "file").exists()


@pytest.mark.parametrize(
    ("usage", "words"),
    [
        (Usage(files=MOST_FILES, file_bytes=MOST_FILE_BYTES, threads=MOST_THREADS, memory_bytes=1 << 60), ""),
        (Usage(files=MOST_FILES + 1), "more than 1,000 files"),
        (Usage(file_bytes=MOST_FILE_BYTES + 1), "more than 64 MiB"),
        (Usage(threads=MOST_THREADS + 1), "more than 1,024 threads"),
    ],
)
def test_too_much_is_said_with_its_limit(usage, words):
    assert words in usage.excess()
    assert bool(words) == bool(usage.excess())


def test_files_threads_and_memory_of_a_process_and_its_children_are_counted(tmp_path):
    slot = tmp_path / "slot0"
    (slot / "tmp" / "inner").mkdir(parents=True)
    (slot / "tmp" / "inner" / "file").write_bytes(bytes(1 << 20))
    stop = threading.Event()
    started = [threading.Thread(target=stop.wait) for _ in range(20)]
    for thread in started:
        thread.start()
    (slot / "process").write_text(f"{os.getpid()} {start_of(os.getpid())}")
    held = bytearray(os.urandom(1 << 20) * 32)

    usage = usage_of(find_model_process(tmp_path, "slot0"), slot)

    stop.set()
    assert usage.files == 4
    assert 1 << 20 <= usage.file_bytes < 2 << 20
    assert usage.threads > 20
    assert usage.memory_bytes > len(held)


def test_a_tree_that_cannot_be_counted_is_too_much(tmp_path):
    (tmp_path / "slot0").mkdir()
    nest(tmp_path / "slot0")

    usage = usage_of(None, tmp_path / "slot0")
    delete_tree(tmp_path / "slot0")

    assert "files" in usage.excess()


def test_memory_is_shared_among_the_slots_and_within_the_groups_limit(tmp_path):
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limited, unlimited = tmp_path / "memory.max", tmp_path / "unlimited"
    limited.write_text(str(1 << 20))
    unlimited.write_text("max\n")

    assert memory_of_a_model(2, [unlimited, tmp_path / "none"]) == int(machine * 0.8) // 2
    assert memory_of_a_model(4, [unlimited, limited]) == int((1 << 20) * 0.8) // 4


def start_of(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
