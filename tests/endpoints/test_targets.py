"""Where an endpoint may be: an address that an operator can read, and never one that tells secrets of a machine."""

import pytest
from modicum_server.endpoints.adding import entry_of
from modicum_server.endpoints.targets import (
    Target,
    TargetRefused,
    refuse_addresses,
    refuse_open_credential,
    resolved,
    target_of,
)

from tests.endpoints.entries import asked


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("grpc://models:8001/cat", Target(True, False, "models", 8001, "cat", "")),
        ("grpcs://models/cat/3", Target(True, True, "models", 443, "cat", "3")),
        ("http://[::1]:80/cat", Target(False, False, "::1", 80, "cat", "")),
        ("https://models.example.org:8443/cat-2/v1", Target(False, True, "models.example.org", 8443, "cat-2", "v1")),
    ],
)
def test_an_address_in_parts(url, target):
    assert target_of(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "ftp://models:21/cat",
        "grpc://models/cat",
        "grpc://:8001/cat",
        "grpc://models:8001/",
        "grpc://models:8001/a/b/c",
        "grpc://models:8001/..",
        "http://models:80/cat?x=1",
        "http://models:80/cat#x",
        "http://models:port/cat",
        "http://user:secret@models:80/cat",
        "models:8001/cat",
    ],
)
def test_an_address_of_another_form_is_refused(url):
    with pytest.raises(TargetRefused, match="expected"):
        target_of(url)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.0.1",
        "fe80::1",
        "fe80::1%eth0",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "::ffff:0.0.0.0",
    ],
)
def test_an_address_that_tells_secrets_of_a_machine_is_refused_however_it_is_written(address):
    with pytest.raises(TargetRefused, match="is refused: it is"):
        refuse_addresses([address])


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.7", "192.168.1.2", "140.82.112.3", "fd12::7", "::1"])
def test_an_address_that_an_operator_may_choose(address):
    refuse_addresses(["127.0.0.1", address])


@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "0xa9fea9fe"])
async def test_a_host_is_resolved_before_its_addresses_are_looked_at(host):
    with pytest.raises(TargetRefused, match="is refused: it is"):
        await resolved(target_of(f"http://{host}:80/latest"))


async def test_an_entry_for_a_metadata_service_is_refused_before_anything_is_sent():
    with pytest.raises(TargetRefused, match="is refused: it is"):
        await entry_of(asked("http://169.254.169.254:80/latest"))


def test_a_credential_goes_over_tls_or_to_loopback_alone():
    open_target, closed = target_of("http://models:80/cat"), target_of("https://models/cat")
    refuse_open_credential(closed, ["10.0.0.7"], "token")
    refuse_open_credential(open_target, ["127.0.0.1"], "token")
    refuse_open_credential(open_target, ["10.0.0.7"], "")
    with pytest.raises(TargetRefused, match="only over TLS"):
        refuse_open_credential(open_target, ["127.0.0.1", "10.0.0.7"], "token")


@pytest.mark.parametrize("path", ["/v2/models/cats", "/v2/models/cats/infer", "/v2/models/cats/versions/3"])
def test_a_path_of_the_protocol_is_told_as_the_address_without_it(path):
    version = "/3" if path.endswith("/3") else ""
    with pytest.raises(
        TargetRefused, match=f"; give http://models:80/cats{version}: the paths of the protocol are added"
    ):
        target_of(f"http://models:80{path}")


async def test_a_host_that_is_not_found_is_told_with_what_to_do():
    with pytest.raises(TargetRefused, match=r"the host nosuch\.invalid cannot be found; correct it, or give its"):
        await resolved(target_of("http://nosuch.invalid:80/cats"))
