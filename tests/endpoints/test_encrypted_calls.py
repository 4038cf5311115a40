"""Calls over TLS: the certificate must be that of the host, although the address comes from the entry."""

import subprocess
from dataclasses import replace

import numpy as np
import pytest
from modicum_server.endpoints.adding import entry_of
from modicum_server.endpoints.calls import EndpointCalls
from modicum_server.model_server import TaskFailed

from tests.endpoints.entries import VERSION, Kept, added, asked
from tests.endpoints.oip_server import Behaviour, scores_of, served

IMAGES = np.random.default_rng(0).random((3, 3, 8, 8), np.float32)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate that signed itself, for localhost, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return cert, key


@pytest.fixture(params=["grpc", "http"])
def url(request, certificate):
    with served(Behaviour(), certificate=certificate, host="localhost") as addresses:
        yield addresses[request.param]


async def answered(entry, source):
    async with EndpointCalls(Kept(entry), hang_seconds=2.0).opened(source, VERSION, lambda: None) as endpoint:
        scores = await endpoint.scores(IMAGES.shape, IMAGES.astype("<f4").tobytes())
    return np.frombuffer(scores.values, "<f4").reshape(-1, scores.class_count)


async def test_an_endpoint_is_called_over_tls(url, certificate):
    scores = await answered(*await added(url, ca_file=str(certificate[0])))

    np.testing.assert_allclose(scores, scores_of(IMAGES), rtol=1e-6)


async def test_a_certificate_of_an_unknown_authority_is_not_taken(url):
    with pytest.raises(TaskFailed) as failed:
        await entry_of(asked(url), patience_seconds=0.5)

    assert failed.value.task_reason == "ENDPOINT_UNREACHABLE"


async def test_a_certificate_of_another_host_is_not_taken(url, certificate):
    entry, source = await added(url, ca_file=str(certificate[0]))
    other = replace(entry, url=url.replace("localhost", "models.example.org"))

    with pytest.raises(TaskFailed) as failed:
        await answered(other, source)

    assert failed.value.task_reason == "ENDPOINT_UNREACHABLE"
