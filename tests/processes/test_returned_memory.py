"""A process that draws pictures does not keep the memory of those that it drew."""

import subprocess
import sys

DRAWN = """
import io
from concurrent.futures import ThreadPoolExecutor
from PIL import Image
from modicum_server.processes.returned_memory import return_large_blocks
from modicum_server.reports.canvas_pictures import thumbnail

def held():
    return next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmRSS"))

return_large_blocks()
data = io.BytesIO()
Image.new("RGB", (4000, 4000), (9, 99, 199)).save(data, "PNG")
with ThreadPoolExecutor(2) as threads:
    first = held()
    list(threads.map(lambda _: thumbnail(data.getvalue(), side=320, max_pixels=50_000_000), range(6)))
    print(held() - first)
"""
FEW_MEBIBYTES = 40


def test_pictures_that_were_drawn_leave_no_memory_behind():
    ran = subprocess.run([sys.executable, "-c", DRAWN], capture_output=True, text=True, check=True)

    assert int(ran.stdout) < FEW_MEBIBYTES
