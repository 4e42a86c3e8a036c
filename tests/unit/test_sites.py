"""What is counted by client is counted where one host cannot be many."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from outgate.sites import site_of


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("10.1.2.3", ip_address("10.1.2.3")),
        ("::ffff:10.1.2.3", ip_address("10.1.2.3")),
        ("::1", ip_network("::/64")),
        ("2001:db8:0:1::", ip_network("2001:db8:0:1::/64")),
        ("2001:db8:0:1:ffff:ffff:ffff:ffff", ip_network("2001:db8:0:1::/64")),
        ("fe80::1%eth0", ip_network("fe80::/64")),
    ],
)
def test_an_address_of_ipv4_is_a_site_and_so_is_a_64_of_ipv6(address: str, site: object) -> None:
    assert site_of(ip_address(address)) == site
    assert len({site_of(ip_address(address)), site}) == 1
