"""Recognises errors that mean out of memory. Torch has a class for them on GPUs; on a CPU it raises RuntimeError."""

import torch

MESSAGES = (
    "DefaultCPUAllocator",
    "not enough memory",
    "an't allocate memory",
    "annot allocate memory",
    "out of memory",
    "STATUS_ALLOC_FAILED",
    "Failed to allocate memory",
    "bad_alloc",
)
"""Parts of the messages of torch's, onnxruntime's, the system's and CUDA's allocators, also where quoted."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the machine ran out of memory. The module is not at fault: smaller batches or more memory may help."""
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(message in str(error) for message in MESSAGES)
