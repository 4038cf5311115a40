"""Tells a disk that is full from one that fails."""

import errno

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def is_disk_full(error: BaseException) -> bool:
    """Whether the system refused to let a file grow: no space, no quota, or the largest size of a file."""
    return isinstance(error, OSError) and error.errno in _FULL
