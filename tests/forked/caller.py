"""Stands in a shell for the `modicum` command: hands its streams to `server.py`, and ends as the command there ends.

It imports little, and `command.py` starts it without site-packages, because tests start it hundreds of times.
"""

import marshal
import os
import socket
import struct
import sys


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def main() -> None:
    """Run the command with our arguments, folder, variables and streams."""
    address, *arguments = sys.argv[1:]
    streams = [descriptor for descriptor in range(3) if _is_open(descriptor)]  # before the socket takes a number
    folder = os.getcwd()  # noqa: PTH109 - pathlib takes longer to import than all else here
    request = marshal.dumps((arguments, folder, dict(os.environ), streams))
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        socket.send_fds(server, [struct.pack("!I", len(request))], streams)
        server.sendall(request)
        code, number = struct.unpack("!ii", server.recv(8, socket.MSG_WAITALL))
    if number:
        os.kill(os.getpid(), number)
    os._exit(code)


if __name__ == "__main__":
    main()
