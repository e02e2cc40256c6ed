"""Which addresses may be called: public ones however they are written, and what the operator names."""

from __future__ import annotations

from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.contracts.topics import SERVICES
from shared.outbound.destinations import PUBLIC, Allowed, Forbidden, host_of

WORD = "secret"
NOT_PUBLIC = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",  # noqa: S104 — which Linux connects to itself
    "0.1.2.3",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001:db8::1",
    "2001::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
PUBLIC_ONES = ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_what_is_not_public_is_not_called(address: str) -> None:
    with pytest.raises(Forbidden, match="POSADA_OUTBOUND_ALLOWED"):
        PUBLIC.check_address(address, "pms.example")


@pytest.mark.parametrize("address", PUBLIC_ONES)
def test_what_is_public_is_called(address: str) -> None:
    PUBLIC.check_address(address, "pms.example")


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com",
        "http://api.example.com:8080/v1?a=b|c",
        "https://xn--mller-kva.de/",
        "https://API.example.com.",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]:8443/x",
        "http://my_host/",
        "http://3com.com/",
    ],
)
def test_plain_addresses_are_taken(url: str) -> None:
    assert PUBLIC.check_url(url) == host_of(url)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://api.example.com",
        "file:///etc/passwd",
        "gopher://api.example.com",
        "//api.example.com",
        "api.example.com",
        "",
        "http://",
        "http:///x",
        f"https://ana:{WORD}@api.example.com",
        "https://api.example.com@127.0.0.1",
        "https://127.0.0.1\\@api.example.com/",
        "https://api.example.com\\.evil.com",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://017700000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://127.0.0.1./",
        "http://127.0.0.01/",
        "http://1.2.3.4.5/",
        "http://api.example.0x1/",
        "http://127。0。0。1/",
        "http://①②⑦.0.0.1/",
        "http://１２７.0.0.1/",
        "http://loc%61lhost/",
        "http://api example.com/",
        "http://api.example.com:0/",
        "http://api.example.com:99999/",
        "http://api.example.com:x/",
        "http://[fe80::1%25eth0]/",
        "http://[::1/",
        "http://::1/",
        "http://-a.example.com/",
        f"http://{'a' * 64}.com/",
        "http://api..example.com/",
        "http://a\tb.com/",
        "http://a\nb.com/",
    ],
)
def test_odd_addresses_are_refused_with_a_remedy(url: str) -> None:
    with pytest.raises(Forbidden) as refused:
        Allowed.of(["0.0.0.0/0", "::/0"]).check_url(url)
    assert ": " in str(refused.value)
    assert WORD not in str(refused.value)


@pytest.mark.parametrize("url", ["http://localhost:1", "http://LOCALHOST./", "http://a.localhost/", "http://[::1]/"])
def test_this_machine_is_told_by_the_text_already(url: str) -> None:
    with pytest.raises(Forbidden):
        PUBLIC.check_url(url)
    Allowed.of(["127.0.0.0/8", "::1"]).check_url(url)


def test_what_the_operator_names_is_called_and_no_more() -> None:
    allowed = Allowed.of(["10.1.0.0/16", "192.168.7.9", "pms.hotel.lan"])
    allowed.check_address("10.1.2.3", "any")
    allowed.check_address("::ffff:10.1.2.3", "any")
    allowed.check_address("192.168.7.9", "any")
    allowed.check_address("172.16.0.9", "PMS.hotel.lan.")
    allowed.check_address("fd00::9", "pms.hotel.lan")
    for address, host in (("10.2.0.1", "any"), ("192.168.7.8", "any"), ("172.16.0.9", "pms.hotel.lan.evil.com")):
        with pytest.raises(Forbidden):
            allowed.check_address(address, host)
    for metadata in ("169.254.169.254", "fe80::1", "224.0.0.1", "0.0.0.0", "::ffff:169.254.169.254"):  # noqa: S104
        with pytest.raises(Forbidden):
            allowed.check_address(metadata, "pms.hotel.lan")


@pytest.mark.parametrize("named", ["10.1.0.0/33", "10.1.2.3/16", "*.lan", "127.1", "http://pms", "a b", "", "0x7f.1"])
def test_a_setting_that_names_nothing_is_told(named: str) -> None:
    with pytest.raises(ValueError, match="no network"):
        Allowed.of([named])


@given(st.integers(0, 2**32 - 1))
def test_every_way_to_write_an_ipv4_address_in_ipv6_is_judged_as_the_same(number: int) -> None:
    high, low = divmod(number, 2**16)
    plain = _verdict(f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}")
    assert _verdict(f"::ffff:{high:x}:{low:x}") == plain
    assert _verdict(f"64:ff9b::{high:x}:{low:x}") == plain
    assert plain or not _verdict(f"2002:{high:x}:{low:x}::1")


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_is_refused(text: str) -> None:
    for url in (text, f"http://{text}", f"http://{text}/x"):
        try:
            PUBLIC.check_url(url)
        except Forbidden:
            continue


def _verdict(address: str) -> bool:
    try:
        PUBLIC.check_address(address, "x")
    except Forbidden:
        return False
    return True


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_that_is_an_address_of_an_outside_system_is_judged(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POSADA_OUTBOUND_ALLOWED")
    settings = import_module(f"services.{service}.settings").Settings
    assert settings().outbound == PUBLIC, "nothing is allowed by default"
    ours = {"database_url", "otlp_endpoint", "public_url", "manage_url", "stripe_success_url", "staff_url"}
    addresses = {name for name in settings.model_fields if name.endswith("_url")} - ours
    judged = {system.url for system in settings.OUTSIDE if system.url}
    assert addresses == judged, "name it in OUTSIDE, or here where nobody calls it"
    for name in judged:
        with pytest.raises(ValidationError, match=f"POSADA_{name.upper()}: 169.254.169.254, which is link-local"):
            settings(**{name: "http://169.254.169.254/latest"})
