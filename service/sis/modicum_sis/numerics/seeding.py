"""Random numbers that are a function of (seed, image digest, purpose), never of when they are drawn.

Torch's global random state stays unchanged. All draws are made on the CPU, so the device does not change them.
"""

import hashlib

import torch
from torch import Tensor

SEED_BYTES = 8  # torch seeds have 64 bits; the first bytes of a SHA-256 are used


def generator(seed: int, digest: str, purpose: str) -> torch.Generator:
    """A CPU generator that depends on these three arguments alone."""
    text = f"{seed}\n{digest}\n{purpose}".encode()
    number = int.from_bytes(hashlib.sha256(text).digest()[:SEED_BYTES], "big", signed=True)
    return torch.Generator(device="cpu").manual_seed(number)


def image_digest(image: Tensor) -> str:
    """SHA-256, in hex, of the image's float32 values in row-major order: the name of an image that has no other."""
    values = image.detach().to(device="cpu", dtype=torch.float32).contiguous().numpy()
    return hashlib.sha256(values.tobytes()).hexdigest()


def draw_other(chosen: int, count: int, source: torch.Generator) -> int:
    """One of `count` indices except the chosen one; all others are equally likely."""
    drawn = draw_index(count - 1, source)
    return drawn + (drawn >= chosen)


def draw_index(count: int, source: torch.Generator) -> int:
    """One of `count` indices; all are equally likely."""
    return int(torch.randint(count, (1,), generator=source))
