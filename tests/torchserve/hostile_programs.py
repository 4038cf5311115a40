"""Hostile models: harmless programs that were edited, or modules that were scripted, to do harm.

Bounded on purpose, so that a confinement that fails does not harm the machine.
"""

import base64
import io
import json
import warnings
import zipfile
from pathlib import Path

import torch

PAYLOAD = Path(__file__).with_name("hostile_payload.py")
CLASSES = 3
SIZE = 8


class Honest(torch.nn.Module):
    """A classifier without a secret: the mean of each channel."""

    def forward(self, images):
        return images.mean((2, 3)) * 4.0


def exported():
    """A harmless program as torch.export writes it."""
    shapes = {"images": {0: torch.export.Dim("images", min=1, max=4096)}}
    program = torch.export.export(Honest().eval(), (torch.zeros(2, 3, SIZE, SIZE),), dynamic_shapes=shapes)
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    return buffer.getvalue()


def edited(program, source):
    """The program with Python source in one of its symbolic shapes, which torch evaluates while it loads."""
    code = base64.b64encode(source.encode()).decode()
    shape = "Symbol('s77', positive=True, integer=True)"
    hidden = f"exec(__import__('base64').b64decode('{code}')) or {shape}"
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(program)) as before, zipfile.ZipFile(result, "w", zipfile.ZIP_STORED) as after:
        for name in before.namelist():
            data = before.read(name)
            if name.endswith("models/model.json"):
                data = json.dumps(_with_shape(json.loads(data), hidden, [])).encode()
            after.writestr(name, data)
    return result.getvalue()


def _with_shape(part, hidden, changed):
    """Put the text into the first symbolic shape only, so that it is evaluated once or few times."""
    if isinstance(part, dict):
        if isinstance(part.get("expr_str"), str) and part["expr_str"].startswith("Symbol") and not changed:
            changed.append(part)
            return {**part, "expr_str": hidden}
        return {name: _with_shape(value, hidden, changed) for name, value in part.items()}
    return [_with_shape(value, hidden, changed) for value in part] if isinstance(part, list) else part


def payload(plan):
    """Source of the program that tries everything."""
    return PAYLOAD.read_text().replace("PLAN = {}", f"PLAN = {json.dumps(plan)}") + "\nreport()\n"


def once(source):
    """Source that does nothing the second time it is evaluated in a process."""
    guard = "import sys\nif not hasattr(sys, 'modicum_once'):\n    sys.modicum_once = True\n"
    return guard + f"    exec({source!r}, {{'__name__': 'hidden'}})\n"


def program_doing(source):
    """A `.pt2` that runs this source while it is loaded."""
    return edited(exported(), once(source))


#: What a program in a shape may do beside the table's attempts, each bounded; the reader need not wait for them.
FILLS_TMP = """
import os, time
for number in range(150):
    with open(os.path.join(os.environ["HOME"], str(number)), "wb") as file:
        file.write(bytes((1 << 20) - 1))
time.sleep(60)
"""
NESTS_TMP = """
import os, time
os.chdir(os.environ["HOME"])
for _ in range(40):
    os.mkdir("d" * 200)
    os.chdir("d" * 200)
time.sleep(60)
"""
STARTS_THREADS = """
import threading, time
threading.stack_size(64 << 10)
for _ in range(1500):
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
time.sleep(60)
"""
TAKES_SHARED_MEMORY = """
import mmap, time
held = []
for _ in range(40):
    held.append(mmap.mmap(-1, 64 << 20))
    held[-1].write(bytes(64 << 20))
    time.sleep(0.05)
time.sleep(60)
"""
TAKES_MEMORY = "held = []\nfor _ in range(64):\n    held.append(bytearray(64 << 20))\n"
LEAVES_THE_PROCESS = "import os\nos._exit(0)\n"
EXITS = "raise SystemExit(0)\n"
STAYS_BEHIND = """
import os, sys, threading, time
sys.modicum_planted = True
open(os.path.join(os.environ["HOME"], "planted"), "w").close()
threading.Thread(target=time.sleep, args=(600,)).start()
"""
LOOKS_FOR_WHAT_STAYED = """
import json, os, sys, threading, time
home = os.environ["HOME"]
found = {"file": os.path.exists(os.path.join(home, "planted")), "memory": hasattr(sys, "modicum_planted")}
open(os.path.join(home, "report.new"), "w").write(json.dumps(found))
os.rename(os.path.join(home, "report.new"), os.path.join(home, "report.json"))
deadline = time.monotonic() + 60
while not os.path.exists(os.path.join(home, "read")) and time.monotonic() < deadline:
    time.sleep(0.05)
"""


class Script(torch.nn.Module):
    """A module whose forward does something to files, and then answers as an honest one does."""

    def __init__(self, path):
        super().__init__()
        self.path = path


class ReadsFile(Script):
    def forward(self, images):
        stolen = torch.from_file(self.path, False, 1, dtype=torch.uint8)
        return images.mean((2, 3)) * 4.0 + stolen.sum() * 0.0


class WritesFile(Script):
    def forward(self, images):
        planted = torch.from_file(self.path, True, 16, dtype=torch.uint8)
        return images.mean((2, 3)) * 4.0 + planted.sum() * 0.0


class SavesFile(Script):
    def forward(self, images):
        torch.save(images, self.path)
        return images.mean((2, 3)) * 4.0


class TakesMemory(torch.nn.Module):
    def forward(self, images):
        held = [images]
        for _ in range(64):
            held += [torch.ones(16 << 20) * images.sum()]  # by itself it would be folded into one constant
        return images.mean((2, 3)) * 4.0 + held[-1][0]


class LoopsForEver(torch.nn.Module):
    def forward(self, images):
        while images.sum() < 1e30:
            images = images * 1.0
        return images.mean((2, 3))


def scripted(module):
    """A module as TorchScript."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated
        torch.jit.save(torch.jit.script(module.eval()), buffer)
    return buffer.getvalue()
