"""Folds batch norms into the convolutions before them: the same function of images in fewer operations.

In eval mode a batch norm is a fixed scale and shift of each channel. It can become part of a linear map before it. The
given module stays unchanged; the returned module shares every weight that was not folded. Rounding differs, so the
caller must compare the results.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_weights

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
"""Exactly these classes: a subclass may change its weights before it uses them."""
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
CONVOLUTION_FUNCTIONS: tuple[Callable[..., Tensor], ...] = (torch.conv1d, torch.conv2d, torch.conv3d)
SHAPE_ATTRIBUTES = ("ndim", "shape", "dtype", "device")
NORM_ARGUMENTS = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
WEIGHT, BIAS = 1, 2
"""Positions of the arguments in a call of a convolution function."""


class NotFoldable(Exception):
    """The module's operations cannot be listed without running it, for example if its code branches on an image."""


@dataclass(frozen=True, slots=True)
class _Norm:
    """The fixed numbers of a batch norm, written as a module or as a function."""

    mean: Tensor
    variance: Tensor
    scale: Tensor | None
    shift: Tensor | None
    epsilon: float


def has_norms(module: nn.Module) -> bool:
    """Whether the module may contain a batch norm to fold."""
    return any(isinstance(part, _BatchNorm) for part in module.modules())


def fold_norms(module: nn.Module) -> tuple[nn.Module, int]:
    """A module that computes the same with its batch norms folded, and how many were; `module` itself if none was.

    A norm is folded if its input is the output of a convolution that nothing else uses. Modules and functions count.

    Args:
        module: in eval mode.

    Raises:
        NotFoldable: the module cannot be traced.
    """
    try:
        traced = fx.symbolic_trace(module)
    except Exception as error:  # tracing runs the module's own code on stand-ins, which may fail in any way
        raise NotFoldable(f"{type(error).__name__}: {error}".splitlines()[0]) from error
    folded = sum(_fold(traced, node, name=f"folded_{place}") for place, node in enumerate(list(traced.graph.nodes)))
    if not folded:
        return module, 0
    traced.graph.eliminate_dead_code()
    traced.delete_all_unused_submodules()
    traced.recompile()
    return traced.requires_grad_(False).eval(), folded


def _fold(traced: fx.GraphModule, node: fx.Node, *, name: str) -> bool:
    """Fold one node if it is a norm directly after a convolution."""
    norm = _norm(traced, node)
    before = node.args[0] if norm is not None and node.args else None
    if norm is None or not isinstance(before, fx.Node) or not _feeds_only(before, node):
        return False
    if not (_fold_into_module(traced, before, norm, name=name) or _fold_into_function(traced, before, norm, name=name)):
        return False
    node.replace_all_uses_with(before)
    traced.graph.erase_node(node)
    return True


def _feeds_only(before: fx.Node, node: fx.Node) -> bool:
    """Whether nothing else reads the values. Reading their shape is harmless: folding does not change it."""
    others = (user for user in before.users if user is not node)
    return all(user.target is getattr and user.args[1] in SHAPE_ATTRIBUTES for user in others)


def _norm(traced: fx.GraphModule, node: fx.Node) -> _Norm | None:
    if node.op == "call_module":
        part = traced.get_submodule(str(node.target))
        if type(part) not in NORMS or part.training or _has_hooks(part):
            return None
        assert isinstance(part, _BatchNorm)
        if part.running_mean is None or part.running_var is None:
            return None
        return _Norm(part.running_mean, part.running_var, part.weight, part.bias, part.eps)
    if node.op == "call_function" and node.target is functional.batch_norm:
        return _norm_of_call(traced, node)
    return None


def _norm_of_call(traced: fx.GraphModule, node: fx.Node) -> _Norm | None:
    """The numbers of a call of `batch_norm`, which is how subclasses of the norms compute it."""
    given: dict[str, object] = {"weight": None, "bias": None, "training": False, "eps": 1e-5}
    given.update(zip(NORM_ARGUMENTS, node.args, strict=False))
    given.update(node.kwargs)
    mean, variance = _constant(traced, given.get("running_mean")), _constant(traced, given.get("running_var"))
    scale, shift = _constant(traced, given["weight"]), _constant(traced, given["bias"])
    unknown = (given["weight"] is not None and scale is None) or (given["bias"] is not None and shift is None)
    if mean is None or variance is None or unknown or given["training"] is not False:
        return None
    return _Norm(mean, variance, scale, shift, float(str(given["eps"])))


def _fold_into_module(traced: fx.GraphModule, node: fx.Node, norm: _Norm, *, name: str) -> bool:
    convolution = traced.get_submodule(str(node.target)) if node.op == "call_module" else None
    if type(convolution) not in CONVOLUTIONS or _has_hooks(convolution):
        return False
    assert isinstance(convolution, nn.Conv1d | nn.Conv2d | nn.Conv3d)
    fused = copy.deepcopy(convolution)
    fused.weight, fused.bias = _fused(convolution.weight, convolution.bias, norm)
    traced.add_submodule(name, fused)  # under its own name: the convolution may be called elsewhere too
    node.target = name
    return True


def _fold_into_function(traced: fx.GraphModule, node: fx.Node, norm: _Norm, *, name: str) -> bool:
    if node.op != "call_function" or node.target not in CONVOLUTION_FUNCTIONS or len(node.args) <= WEIGHT:
        return False
    bias_node = node.args[BIAS] if len(node.args) > BIAS else node.kwargs.get("bias")
    weight, bias = _constant(traced, node.args[WEIGHT]), _constant(traced, bias_node)
    if weight is None or (bias is None and bias_node is not None):
        return False
    nodes = []
    for suffix, values in zip(("weight", "bias"), _fused(weight, bias, norm), strict=True):
        traced.register_parameter(f"{name}_{suffix}", values)
        with traced.graph.inserting_before(node):
            nodes.append(traced.graph.get_attr(f"{name}_{suffix}"))
    node.args = (node.args[0], *nodes, *node.args[BIAS + 1 :])
    node.kwargs = {key: value for key, value in node.kwargs.items() if key != "bias"}
    return True


def _fused(weight: Tensor, bias: Tensor | None, norm: _Norm) -> tuple[nn.Parameter, nn.Parameter]:
    return fuse_conv_bn_weights(weight, bias, norm.mean, norm.variance, norm.epsilon, norm.scale, norm.shift)


def _constant(traced: fx.GraphModule, node: object) -> Tensor | None:
    """The tensor of a node that is an unchanged weight or buffer; otherwise None."""
    if not isinstance(node, fx.Node) or node.op != "get_attr":
        return None
    owner, _, name = str(node.target).rpartition(".")
    value = getattr(traced.get_submodule(owner), name)
    return value if isinstance(value, Tensor) else None


def _has_hooks(part: nn.Module | None) -> bool:
    return part is not None and bool(part._forward_hooks or part._forward_pre_hooks)  # noqa: SLF001  torch has no public way to ask
