"""Random numbers that depend on what is drawn and for whom, never on when: (seed, image digest, purpose) -> generator.

Must not touch torch's global random state. Draws are made on the CPU, so a device change does not change them.
"""

import hashlib

import torch
from torch import Tensor

SEED_BYTES = 8  # torch takes 64 bits; of SHA-256 we keep these


def generator(seed: int, digest: str, purpose: str) -> torch.Generator:
    """A CPU generator that is a pure function of its three arguments."""
    text = f"{seed}\n{digest}\n{purpose}".encode()
    number = int.from_bytes(hashlib.sha256(text).digest()[:SEED_BYTES], "big", signed=True)
    return torch.Generator(device="cpu").manual_seed(number)


def image_digest(image: Tensor) -> str:
    """SHA-256, in hex, of the image's float32 values, row-major: an image's name where the caller gave none."""
    values = image.detach().to(device="cpu", dtype=torch.float32).contiguous().numpy()
    return hashlib.sha256(values.tobytes()).hexdigest()


def draw_other(chosen: int, count: int, source: torch.Generator) -> int:
    """One of `count` indices other than the chosen one, all others equally likely."""
    drawn = draw_index(count - 1, source)
    return drawn + (drawn >= chosen)


def draw_index(count: int, source: torch.Generator) -> int:
    """One of `count` indices, all equally likely."""
    return int(torch.randint(count, (1,), generator=source))
