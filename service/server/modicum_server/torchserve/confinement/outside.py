"""First half of the wrapper: `python -I -m ...outside PLAN ARGUMENTS...`, started by TorchServe in a model's folder.

It still sees the whole machine. It gives the model's process a private temporary folder, a socket folder and a clean
environment, writes down the process id, and runs `inside`, through bubblewrap where the plan says so. It is still our
user; `inside` becomes the slot's, if the plan has one.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from modicum_server.processes.folder_deletion import delete_tree
from modicum_server.torchserve.confinement import bubblewrap
from modicum_server.torchserve.confinement.allowed_paths import rules
from modicum_server.torchserve.confinement.environment import worker_environment
from modicum_server.torchserve.confinement.plan import Level, Plan, User
from modicum_server.torchserve.confinement.process import die_with_parent

MANIFEST = Path("MAR-INF", "MANIFEST.json")
SOCKET_OPTION = "--sock-name"


def main() -> None:
    """Prepare the folders, then become the confined process."""
    die_with_parent()
    plan = Plan.read(Path(sys.argv[1]))
    slot = slot_of(Path.cwd(), plan)
    place = Path(plan.workers) / slot
    tmp, socket_folder = fresh_folder(place / "tmp"), fresh_folder(place / "socket")
    user = plan.users.get(slot)
    if user is not None:
        let_in(user, Path(plan.workers).resolve().parent, place)
    arguments = redirect_socket(sys.argv[2:], socket_folder)
    note_process(place / "process")
    allowed = rules(
        plan.level,
        readable=[str(Path.cwd()), plan.slots[slot]],
        writable=[str(tmp), str(socket_folder)],
        memory_bytes=plan.memory_bytes,
        user=user,
    )
    inner = [plan.python, "-I", "-m", "modicum_server.torchserve.confinement.inside", allowed.dumps()]
    command = [*inner, plan.python, *arguments]
    if plan.level is Level.BUBBLEWRAP:
        command = bubblewrap.command(plan.bubblewrap, allowed, command, str(Path.cwd()))
    os.execve(command[0], command, worker_environment(os.environ, tmp, plan.threads))  # noqa: S606 - no shell is wanted


def slot_of(model_folder: Path, plan: Plan) -> str:
    """Return the slot whose model is unpacked in this folder; exit when the plan has no such slot."""
    name = str(json.loads((model_folder / MANIFEST).read_text(encoding="utf-8"))["model"]["modelName"])
    if name not in plan.slots:
        sys.exit(f"expected the model of one of the slots {', '.join(plan.slots)}, found {name}")
    return name


def fresh_folder(path: Path) -> Path:
    """Return an empty private folder, after deleting what an earlier process left there."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    delete_tree(path)
    path.mkdir(mode=0o700)
    return path


def let_in(user: User, root: Path, place: Path) -> None:
    """Give the process's user its own folders, and let every user read the model's folder, in which we are.

    That has a few lines of ours and no bytes of a user. Of the folders above these, up to `root`, every user may enter
    each and list none.
    """
    for folder in (place / "tmp", place / "socket"):
        os.chown(folder, user.uid, user.gid)
    model = Path.cwd()
    for path in (model, *model.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    for folder in (place, place.parent, *(parent for parent in model.parents if parent.is_relative_to(root))):
        folder.chmod(0o711)


def redirect_socket(arguments: Sequence[str], socket_folder: Path) -> list[str]:
    """Let the process create its socket in its own folder, with a link to it where TorchServe looks."""
    changed = list(arguments)
    if SOCKET_OPTION in changed:
        place = changed.index(SOCKET_OPTION) + 1
        expected = Path(changed[place])
        private = socket_folder / expected.name.lstrip(".")
        expected.unlink(missing_ok=True)
        expected.symlink_to(private)
        changed[place] = str(private)
    return changed


def note_process(path: Path) -> None:
    """Write our process id and start time, so that the worker can kill us. Both stay when we become another program."""
    text = Path("/proc/self/stat").read_text(encoding="utf-8")
    started = text.rpartition(")")[2].split()[19]
    fresh = path.with_suffix(".new")
    fresh.write_text(f"{os.getpid()} {started}", encoding="utf-8")
    fresh.replace(path)


if __name__ == "__main__":
    main()
