"""`ray` as its command is, but for two things.

It stays on loopback, where Ray replaces a loopback address by the machine's. And its head starts neither the server
for remote clients nor the API of the dashboard: nobody asks them, and Ray gives a raylet's agents 15 seconds to start.

python -m tests.fleet.ray_node start --head --node-ip-address=127.0.0.1
"""

from ray._private import node, services
from ray.scripts import scripts


def _loopback(address: str | None = None) -> str:
    """Return loopback, in place of the address that Ray would choose."""
    return "127.0.0.1"


def _no_remote_clients() -> str:
    """Why there are none."""
    return "left out"


def _no_dashboard(self: node.Node, **_: object) -> None:
    """Leave it out: without it the head has no address of one."""


if __name__ == "__main__":
    services.get_node_ip_address = _loopback
    scripts.get_ray_client_dependency_error = _no_remote_clients
    node.Node.start_api_server = _no_dashboard
    scripts.main()
