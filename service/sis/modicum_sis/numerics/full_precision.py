"""Float32 arithmetic without reduced precision, for passes that are reported.

Torch has switches that compute products of float32 numbers in fewer bits (TF32, bfloat16). A caller may have set them.
They belong to the whole process, so they are restored afterwards. Nothing here knows a model.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, slots=True)
class _Switch:
    """A setting of torch, and the value for full precision."""

    read: Callable[[], Any]
    write: Callable[[Any], None]
    exact: object


@contextmanager
def full_precision() -> Iterator[None]:
    """Compute products of float32 numbers in float32 inside the `with` block."""
    switches = _switches()
    before = [switch.read() for switch in switches]  # read all first: one switch may change what another one shows
    try:
        for switch in switches:
            switch.write(switch.exact)
        yield
    finally:
        for switch, value in zip(reversed(switches), reversed(before), strict=True):
            switch.write(value)


def _switches() -> list[_Switch]:
    """Since torch 2.9 every library and kind of operation has a switch. The older switches must not contradict them."""
    cudnn: Any = torch.backends.cudnn  # torch's stubs lack some of these attributes
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
    """Torch refuses to read an older switch after a caller has set a newer one."""
    try:
        switch.read()
    except RuntimeError:
        return False
    return True
