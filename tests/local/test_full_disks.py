"""A full disk is told from one that fails: the first is waited for."""

import errno

import pytest
from modicum_server.processes.full_disks import is_disk_full


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_file_that_may_not_grow_means_a_full_disk(number):
    assert is_disk_full(OSError(number, "no room"))


@pytest.mark.parametrize("error", [OSError(errno.EIO, "input/output error"), OSError("unnumbered"), ValueError("no")])
def test_other_errors_do_not(error):
    assert not is_disk_full(error)
