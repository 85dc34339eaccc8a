"""Log-in names."""

from __future__ import annotations

import pytest

from tests.transforms.deid.recognizers.find import found
from transforms.deid.recognizers.logins import Logins

LOGINS = Logins()


@pytest.mark.parametrize(
    ("text", "login"),
    [
        ("username: okonjo_t", "okonjo_t"),
        ("Closed by kbishop 05/11/2020", "kbishop"),
        ("Taken by: Bishop, Ann (LPN) / abishop", "abishop"),
        ("Ann Kowalski RN (akowalski)", "akowalski"),
        ("forms to ann.kowalski on portal", "ann.kowalski"),
        ("e-signed by HKOWAL01 at 10.1.2.3", "HKOWAL01"),
        ("verified by lhl552 TERM", "lhl552"),
    ],
)
def test_a_login_is_found_whole(text: str, login: str) -> None:
    assert found(LOGINS, text) == [login]


@pytest.mark.parametrize(
    "text",
    ["seen by cardiology; treated by us", "(CD138) and (her2), due to sars2", "by mouth; user error"],
)
def test_what_is_no_login_stays(text: str) -> None:
    assert found(LOGINS, text) == []
