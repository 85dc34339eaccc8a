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
        ("Fitbit account qvelorn6.", "qvelorn6"),
        ("Signed on as qvelorn4.", "qvelorn4"),
        ("Log-in\nann.kowalski. Seen", "ann.kowalski"),
        ("Closed by kbishop 05/11/2020", "kbishop"),
        ("Taken by: Bishop, Ann (LPN) / abishop", "abishop"),
        ("Ann Kowalski RN (akowalski)", "akowalski"),
        ("forms to ann.kowalski on portal", "ann.kowalski"),
        ("e-signed by HKOWAL01 at 10.1.2.3", "HKOWAL01"),
        ("verified by lhl552 TERM", "lhl552"),
        ("Routed to d_kowalski. Closed", "d_kowalski"),
        ("Ann Roe, device RN, vanburen_k", "vanburen_k"),
        ("Note edited 4/2/2022 by xroe12\n", "xroe12"),
        ("TRANSCRIBED 03/12/13 / KOWALSK971\n", "KOWALSK971"),
    ],
)
def test_a_login_is_found_whole(text: str, login: str) -> None:
    assert found(LOGINS, text) == [login]


@pytest.mark.parametrize(
    "text",
    [
        "wound_photo saved; see left_leg.jpg; reviewed by pgy2.",
        "seen by cardiology; treated by us",
        "(CD138) and (her2), due to sars2",
        "by mouth; user error",
    ],
)
def test_what_is_no_login_stays(text: str) -> None:
    assert found(LOGINS, text) == []
