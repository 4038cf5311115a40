"""Threads of the model process that run beside a block."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def thread_beside(name: str, run: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run a function in a thread within the block. At the block's end its event is set, and its end is awaited."""
    done = threading.Event()
    thread = threading.Thread(target=run, args=(done,), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
