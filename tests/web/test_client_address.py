"""The address of a client can not be made up by the client."""

from ipaddress import ip_network

import pytest

from dag_gateway.web.client_address import address_behind, neighbourhood

PROXIES = [ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["1.2.3.4, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["1.2.3.4", "198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", ["10.0.0.9,10.0.0.2"], "10.0.0.9"),
        ("10.0.0.1", ["198.51.100.7, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7, _hidden, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", [",,,"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7:4711"], "198.51.100.7"),
        ("10.0.0.1", ["[2001:db8::7]:4711"], "2001:db8::7"),
        ("10.0.0.1", ["[2001:db8::7]"], "2001:db8::7"),
        ("10.0.0.1", ["2001:DB8::0007"], "2001:db8::7"),
        ("10.0.0.1", ["[2001:db8::7"], "2001:db8::7"),
        ("10.0.0.1", ["256.1.1.1"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7\x00"], "10.0.0.1"),
        ("10.0.0.1", ["\xff\xfe"], "10.0.0.1"),
        ("::ffff:10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["::ffff:198.51.100.7"], "198.51.100.7"),
        ("fe80::1%eth0", ["198.51.100.7"], "fe80::1"),
        ("2001:db8:1::5", ["198.51.100.7"], "198.51.100.7"),
        ("", ["198.51.100.7"], ""),
        ("testclient", ["198.51.100.7"], "testclient"),
    ],
)
def test_only_what_a_trusted_proxy_wrote_counts(peer: str, forwarded: list[str], client: str) -> None:
    assert address_behind(peer, forwarded, PROXIES) == client


def test_nobody_is_trusted_unless_the_configuration_says_so() -> None:
    assert address_behind("127.0.0.1", ["198.51.100.7"], []) == "127.0.0.1"


def test_a_list_of_any_length_is_read_from_its_end_only() -> None:
    long = ",".join(["198.51.100.7"] + ["10.0.0.2"] * 100_000)
    assert address_behind("10.0.0.1", [long], PROXIES) == "10.0.0.2"


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("", ""),
    ],
)
def test_limits_count_an_ipv6_network_as_one_client(address: str, counted: str) -> None:
    assert neighbourhood(address) == counted
