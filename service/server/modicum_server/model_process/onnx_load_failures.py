"""Why onnxruntime cannot load a network, in its own words, and what to do about it.

The network is loaded from bytes, so a message names parts of the graph, and no file of this machine.
"""

import re

LONGEST_CAUSE = 240  # characters
CODE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
SOURCE = re.compile(r"^\S*onnxruntime_src/\S+:\d+ .*?\) (?=[A-Z])")
"""The place in onnxruntime's source code, with the signature of the function, before some messages."""
NEWER_OPSET = re.compile(r"Opset \d+ is under development.*is till opset (\d+)", re.DOTALL)
NEWER_FORMAT = re.compile(r"max supported IR version: (\d+)")
OPERATOR_MISSING = re.compile(r"No Op registered for (\w+)")
KERNEL_MISSING = re.compile(r"Could not find an implementation for (\w+)")


def cause_of(error: Exception) -> str:
    """Return the first line of onnxruntime's message: printable, and not longer than `LONGEST_CAUSE`."""
    lines = CODE.sub("", str(error)).strip().splitlines()
    line = SOURCE.sub("", lines[0]) if lines else ""
    line = "".join(one if one.isprintable() else "?" for one in line).strip().rstrip(".")
    if len(line) > LONGEST_CAUSE:
        line = f"{line[:LONGEST_CAUSE]}..."
    return line or type(error).__name__


def cure_of(error: Exception) -> str:
    """Return what to do. Only a message about the opset gets the advice to use another one."""
    text = str(error)
    if found := NEWER_OPSET.search(text):
        return f"Export the network again with opset {found[1]} or an older one (opset_version={found[1]})"
    if found := NEWER_FORMAT.search(text):
        return f"Set model.ir_version = {found[1]} with the package onnx, and save the file again"
    if found := OPERATOR_MISSING.search(text):
        return f"Export the network again with an opset that has the operator {found[1]}, or without this operator"
    if found := KERNEL_MISSING.search(text):
        return f"Export the network again in float32, or without the operator {found[1]}"
    return (
        "Mend the graph, or export the network again; onnx.checker.check_model('model.onnx', full_check=True) checks "
        "a file"
    )
