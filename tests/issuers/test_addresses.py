"""Which addresses are public, also behind a form that hides a private one."""

import pytest
from modicum_server.issuers.addresses import AddressRefused, is_public, place_of


@pytest.mark.parametrize("address", ["140.82.112.3", "2606:50c0:8000::154", "64:ff9b::8c52:7003"])
def test_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "::",
        "fe80::1%1",
        "fd00::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ],
)
def test_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/keys", "https://localhost/keys", "https://[::1]/keys", "https://2130706433/keys"]
)
async def test_a_private_place_is_refused_however_it_is_written(url):
    with pytest.raises(AddressRefused, match="not public"):
        await place_of(url, private=False)


async def test_http_is_for_loopback_alone_and_by_setting_alone():
    with pytest.raises(AddressRefused):
        await place_of("http://127.0.0.1/keys", private=False)
    with pytest.raises(AddressRefused, match="https"):
        await place_of("http://10.0.0.1/keys", private=True)

    place = await place_of("http://127.0.0.1:8080/keys?a=b", private=True)

    assert (place.authority, place.target, place.tls) == ("127.0.0.1:8080", "/keys?a=b", False)
