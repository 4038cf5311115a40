"""The process's limit of open files: raised as far as it may be, because a connection is one of them."""

import resource

MOST_OPEN_FILES = 65_536


def most_open_files() -> int:
    """How many files this process may have open at once, as far as we make use of it."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_OPEN_FILES if soft == resource.RLIM_INFINITY else min(soft, MOST_OPEN_FILES)


def raise_open_files() -> None:
    """Raise the soft limit to the hard one, `MOST_OPEN_FILES` at most; never lower it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
