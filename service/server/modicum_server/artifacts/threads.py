"""The threads of the artifact stores. Nothing else runs in them, so no other work of callers keeps a read waiting.

What runs here must not wait for the event loop.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")

_THREADS = ThreadPoolExecutor(thread_name_prefix="artifacts")


async def in_thread(function: Callable[Given, Result], /, *args: Given.args, **named: Given.kwargs) -> Result:
    """Return what a function that reads or writes files returns, from one of these threads."""
    inside = partial(copy_context().run, function, *args, **named)
    return await asyncio.get_running_loop().run_in_executor(_THREADS, inside)
