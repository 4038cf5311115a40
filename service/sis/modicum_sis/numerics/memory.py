"""Which errors say that memory ran out: torch has a class for them on GPUs only, on a CPU it raises RuntimeError."""

import torch

SAYINGS = (
    "DefaultCPUAllocator",
    "not enough memory",
    "an't allocate memory",
    "annot allocate memory",
    "out of memory",
    "STATUS_ALLOC_FAILED",
)
"""What messages of allocators hold (torch's own, the system's, CUDA's libraries); also where a program quotes them."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the machine is at fault and not the module: smaller batches, or more memory, may help."""
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(saying in str(error) for saying in SAYINGS)
