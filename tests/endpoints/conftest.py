"""A server of the protocol, over both transports, which behaves as a test asks for."""

import pytest

from tests.endpoints.oip_server import Behaviour, served


@pytest.fixture
def behaviour():
    return Behaviour()


@pytest.fixture(params=["grpc", "http"])
def url(request, behaviour):
    with served(behaviour) as addresses:
        yield addresses[request.param]
