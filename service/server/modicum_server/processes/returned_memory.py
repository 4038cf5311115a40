"""Gives the memory of large blocks, such as decoded pictures, back to the system as soon as they are freed."""

import ctypes

LARGE_BYTES = 1024 * 1024
"""Blocks from this size on have a mapping of their own, which ends with them."""
_MMAP_THRESHOLD = -3
"""Of `mallopt`. By itself, glibc raises the threshold with each large block that is freed, and keeps later ones."""


def return_large_blocks() -> None:
    """Let the C library keep no freed block of a mebibyte or more. One without `mallopt` stays as it is."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, LARGE_BYTES)
