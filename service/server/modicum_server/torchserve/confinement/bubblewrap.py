"""The command line of bubblewrap: new namespaces, in which only the named files are visible."""

from collections.abc import Sequence
from pathlib import Path

from modicum_server.torchserve.confinement.plan import Rules

#: bubblewrap makes these itself, instead of showing those of the machine.
OWN = ("/proc", "/dev")
#: What `inside` needs to become another user.
BECOMES_ANOTHER = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")


def command(bubblewrap: str, rules: Rules, inner: Sequence[str], cwd: str) -> list[str]:
    """Return the command that runs `inner` with nothing of the machine but what `rules` allow.

    Where it becomes another user, it is in our user namespace, in which that user exists; it gives up the rest itself.
    """
    return [
        bubblewrap,
        *(() if rules.user else ("--unshare-user",)),
        *("--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
        *("--die-with-parent", "--new-session", "--cap-drop", "ALL"),
        *(word for name in (BECOMES_ANOTHER if rules.user else ()) for word in ("--cap-add", name)),
        *("--proc", "/proc", "--dev", "/dev"),
        *(_open_parents(rules) if rules.user else ()),
        *_binds("--ro-bind", [path for path in rules.readable if path not in OWN]),
        *_binds("--dev-bind", [path for path in rules.devices if not _own_device(path)]),
        *_binds("--bind", rules.writable),
        # Everything else that is visible is in two file systems in memory, which a model could fill.
        *("--remount-ro", "/dev", "--remount-ro", "/"),
        *("--chdir", cwd, "--"),
        *inner,
    ]


def _binds(flag: str, paths: Sequence[str]) -> list[str]:
    # Shorter paths first: a later mount can be inside an earlier one, but not the reverse.
    return [word for path in sorted(paths, key=lambda path: len(Path(path).parts)) for word in (flag, path, path)]


def _open_parents(rules: Rules) -> list[str]:
    """Make the folders above what is shown ourselves, so that every user may enter them. They hold nothing else."""
    shown = {Path(path) for path in (*rules.readable, *rules.writable)}
    above = {parent for path in shown for parent in path.parents if parent.parent != parent}
    made = {parent for parent in above if shown.isdisjoint({parent, *parent.parents})}
    return [word for path in sorted(map(str, made)) for word in ("--perms", "0755", "--dir", path)]


def _own_device(path: str) -> bool:
    return path in {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}
