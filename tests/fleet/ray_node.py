"""`ray` as its command is, but for two things.

It stays on loopback, where Ray replaces a loopback address by the machine's. And it starts no server for Ray's remote
clients, which nobody asks here.

python -m tests.fleet.ray_node start --head --node-ip-address=127.0.0.1
"""

from ray._private import services
from ray.scripts import scripts


def _loopback(address: str | None = None) -> str:
    """What Ray asks for when it is told 127.0.0.1."""
    return "127.0.0.1"


def _no_remote_clients() -> str:
    """Why there are none."""
    return "left out"


if __name__ == "__main__":
    services.get_node_ip_address = _loopback
    scripts.get_ray_client_dependency_error = _no_remote_clients
    scripts.main()
