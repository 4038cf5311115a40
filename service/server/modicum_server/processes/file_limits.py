"""The process's limit of open files, raised as far as allowed, because every connection is an open file."""

import resource

MOST_OPEN_FILES = 65_536


def most_open_files() -> int:
    """Return how many files this process may open at once, at most `MOST_OPEN_FILES`."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_OPEN_FILES if soft == resource.RLIM_INFINITY else min(soft, MOST_OPEN_FILES)


def raise_open_files() -> None:
    """Raise the soft limit to the hard one, but at most to `MOST_OPEN_FILES`. Never lowers it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
