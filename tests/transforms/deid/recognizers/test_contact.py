"""Phones, fax, pagers, e-mail, URLs and IP addresses."""

from __future__ import annotations

import pytest

from tests.transforms.deid.recognizers.find import labelled
from transforms.deid.recognizers.contact import NetAddresses, Phones

PHONES, ADDRESSES = Phones(), NetAddresses()


@pytest.mark.parametrize(
    "number",
    [
        "(617) 555-0192",
        "(617)555-0192",
        "617-555-0192",
        "617.555.0192",
        "617 555 0192",
        "617/555-0192",
        "6175550192",
        "1-800-555-0192",
        "+1 617 555 0192",
        "+1-617-555-0192",
        "001-617-555-0192x123",
        "(617) 555-0192 x12",
        "617-555-0192 ext. 1234",
        "555-0192",
        "(617) 555\n0192",
    ],
)
def test_a_phone_number_is_found_whole(number: str) -> None:
    assert labelled(PHONES, f"Call her at {number} please") == [("PHONE", number)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fax 617-555-0192", [("FAX", "617-555-0192")]),
        ("Phone: 617-555-0192 Fax: 617-555-0193", [("PHONE", "617-555-0192"), ("FAX", "617-555-0193")]),
        ("pager 12345", [("PHONE", "12345")]),
        ("told by ext. 974.", [("PHONE", "974")]),
        ("help desk 8725", [("PHONE", "8725")]),
        ("pager #4-1234", [("PHONE", "4-1234")]),
        ("beeper 31234", [("PHONE", "31234")]),
        ("Jane Roe MD #11899\n", [("PHONE", "#11899")]),
        ("\np1768\n", [("PHONE", "p1768")]),
        ("RN x8933", [("PHONE", "x8933")]),
        ("\n697.484.9516\n", [("PHONE", "697.484.9516")]),
    ],
)
def test_short_numbers_need_their_word(text: str, expected: list[tuple[str, str]]) -> None:
    assert labelled(PHONES, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "500-1000 mL daily",
        "750-1500 cc",
        "A&O x3",
        "BP 120-130",
        "on page 492",
        "normal 232-1137",
        "CYP p450",
        "1.5 x 2.5",
    ],
)
def test_ranges_and_counts_are_no_phones(text: str) -> None:
    assert labelled(PHONES, text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail john.o'neil+x@mail.example.co.uk.", [("EMAIL", "john.o'neil+x@mail.example.co.uk")]),
        ("see https://www.example.org/a?b=c.", [("URL", "https://www.example.org/a?b=c")]),
        ("portal at mychart.example.org/portal, please", [("URL", "mychart.example.org/portal")]),
        ("www.example.com", [("URL", "www.example.com")]),
        ("from 192.168.10.12 at", [("IPADDR", "192.168.10.12")]),
        ("host fe80::1ff:fe23:4567:890a up", [("IPADDR", "fe80::1ff:fe23:4567:890a")]),
        ("2001:0db8:85a3:0000:0000:8a2e:0370:7334", [("IPADDR", "2001:0db8:85a3:0000:0000:8a2e:0370:7334")]),
        ("pump 00:1A:2B:3C:4D:5E", [("DEVICE", "00:1A:2B:3C:4D:5E")]),
        ("at 12:30:45 pt. seen. no@sign @ 5 pm; 1.2.3", []),
        ("version 300.1.2.400", []),
        ("Name:: none", []),
    ],
)
def test_addresses_of_the_net(text: str, expected: list[tuple[str, str]]) -> None:
    assert labelled(ADDRESSES, text) == expected
