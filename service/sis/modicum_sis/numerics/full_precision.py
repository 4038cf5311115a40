"""Float32 arithmetic in all its bits, whatever the caller has allowed elsewhere: for passes that are reported.

Torch's switches that let products of float32 numbers be computed in fewer bits (TF32, bfloat16) would else reach into a
verification. They are the process's own, and are put back. Must not know any model.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, slots=True)
class _Switch:
    """A setting of torch's, and the value under which nothing is rounded."""

    read: Callable[[], Any]
    write: Callable[[Any], None]
    exact: object


@contextmanager
def full_precision() -> Iterator[None]:
    """Products of float32 numbers are float32, as long as this is open."""
    switches = _switches()
    before = [switch.read() for switch in switches]  # all of them first: one may show what another was set to
    try:
        for switch in switches:
            switch.write(switch.exact)
        yield
    finally:
        for switch, value in zip(reversed(switches), reversed(before), strict=True):
            switch.write(value)


def _switches() -> list[_Switch]:
    """Since torch 2.9 there is one a library and kind of operation beside the older ones, which must not contradict."""
    cudnn: Any = torch.backends.cudnn  # torch's stubs lack some of what these hold
    matmul = torch.backends.cuda.matmul
    benchmark = _attribute(cudnn, "benchmark", exact=False)
    older_matmul = _Switch(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "highest")
    if not hasattr(matmul, "fp32_precision"):
        return [benchmark, _attribute(cudnn, "allow_tf32", exact=False), older_matmul]
    mkldnn: Any = torch.backends.mkldnn
    owners = (matmul, cudnn.conv, cudnn.rnn, mkldnn.matmul, mkldnn.conv, mkldnn.rnn)
    newer = [_attribute(owner, "fp32_precision", exact="ieee") for owner in owners]
    return [benchmark, *newer, *([older_matmul] if _is_readable(older_matmul) else [])]


def _attribute(owner: object, name: str, *, exact: object) -> _Switch:
    return _Switch(lambda: getattr(owner, name), lambda value: setattr(owner, name, value), exact)


def _is_readable(switch: _Switch) -> bool:
    """Torch refuses to read an older switch once a caller has used a newer one."""
    try:
        switch.read()
    except RuntimeError:
        return False
    return True
