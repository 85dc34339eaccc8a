"""Dates and numbers of people, in the many formats in which US records write them.

In a pattern `#` is a digit, `%` a digit from 2 to 9, `@` a capital letter, `^` a small letter and `*` a capital
letter or a digit. A format early in its list is drawn more often (see `phi.early`).
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from typing import Final

from jobs.synthetic.phi import MONTHS, ordinal

DateForm = Callable[[dt.date], str]
SHORT: Final = tuple(month[:3] for month in MONTHS)
SHORT_DOT: Final = ("Jan.", "Feb.", "Mar.", "Apr.", "May", "June", "July", "Aug.", "Sept.", "Oct.", "Nov.", "Dec.")
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WEEKDAYS_SHORT: Final = (
    ("Mon", "Mon.", "mon"), ("Tue", "Tues", "Tues."), ("Wed", "Wed.", "Weds"), ("Thu", "Thurs", "Thur."),
    ("Fri", "Fri.", "fri"), ("Sat", "Sat.", "Sat"), ("Sun", "Sun.", "Sun"),
)  # fmt: skip
HOLIDAYS: Final = (
    "Christmas", "Thanksgiving", "Easter", "Labor Day", "Memorial Day", "New Year's Eve", "New Year's Day", "Halloween",
    "the Fourth of July", "4th of July", "July 4th", "Mother's Day", "Father's Day", "Christmas Eve", "Christmas Day",
    "Valentine's Day", "Veterans Day", "Columbus Day", "Presidents' Day", "Martin Luther King Day", "MLK day",
    "St. Patrick's Day", "New Year's", "Easter Sunday", "Good Friday", "Independence Day", "Black Friday", "Passover",
    "Yom Kippur", "Rosh Hashanah", "Ash Wednesday", "Palm Sunday", "Super Bowl Sunday", "Hanukkah", "Juneteenth",
    "Cinco de Mayo", "Thanksgiving Day", "XMAS", "Xmas", "Mardi Gras",
)  # fmt: skip


def _m(day: dt.date) -> str:
    return MONTHS[day.month - 1]


def _s(day: dt.date) -> str:
    return SHORT[day.month - 1]


FULL: Final[tuple[DateForm, ...]] = (
    lambda d: f"{d.month:02}/{d.day:02}/{d.year}",
    lambda d: f"{d.month}/{d.day}/{d.year % 100:02}",
    lambda d: f"{d.month}/{d.day}/{d.year}",
    lambda d: f"{_m(d)} {d.day}, {d.year}",
    lambda d: f"{d.month:02}/{d.day:02}/{d.year % 100:02}",
    lambda d: f"{d.year}-{d.month:02}-{d.day:02}",
    lambda d: f"{d.month}-{d.day}-{d.year % 100:02}",
    lambda d: f"{d.month:02}-{d.day:02}-{d.year}",
    lambda d: f"{d.day:02}-{_s(d).upper()}-{d.year}",
    lambda d: f"{_s(d)} {d.day}, {d.year}",
    lambda d: f"{d.day} {_s(d)} {d.year}",
    lambda d: f"{d.day} {_m(d)} {d.year}",
    lambda d: f"{d.day:02}-{_s(d)}-{d.year % 100:02}",
    lambda d: f"{d.day:02}{_s(d).upper()}{d.year}",
    lambda d: f"{_m(d)} {ordinal(d.day)}, {d.year}",
    lambda d: f"{d.month}.{d.day}.{d.year % 100:02}",
    lambda d: f"{d.month}.{d.day}.{d.year}",
    lambda d: f"{d.month:02}.{d.day:02}.{d.year}",
    lambda d: f"{_s(d)} {d.day} {d.year}",
    lambda d: f"{_m(d)} {d.day} {d.year}",
    lambda d: f"{d.year}/{d.month:02}/{d.day:02}",
    lambda d: f"{d.year}{d.month:02}{d.day:02}",
    lambda d: f"{SHORT_DOT[d.month - 1]} {d.day}, {d.year}",
    lambda d: f"{ordinal(d.day)} of {_m(d)} {d.year}",
    lambda d: f"{ordinal(d.day)} {_m(d)} {d.year}",
    lambda d: f"{ordinal(d.day)} of {_m(d)}, {d.year}",
    lambda d: f"{d.day}/{_s(d)}/{d.year}",
    lambda d: f"{d.day:02}/{_s(d)}/{d.year % 100:02}",
    lambda d: f"{_s(d).upper()} {d.day:02}, {d.year}",
    lambda d: f"{_s(d)}-{d.day:02}-{d.year}",
    lambda d: f"{_s(d)} {ordinal(d.day)}, {d.year}",
    lambda d: f"{d.month}/{d.day}/'{d.year % 100:02}",
    lambda d: f"{d.month} / {d.day} / {d.year % 100:02}",
    lambda d: f"{d.day}{_s(d)}{d.year % 100:02}",
    lambda d: f"{_m(d)} {d.day}, '{d.year % 100:02}",
    lambda d: f"{d.month:02}{d.day:02}{d.year}",
    lambda d: f"{d.month:02}{d.day:02}{d.year % 100:02}",
    lambda d: f"{d.day}-{_m(d)}-{d.year}",
    lambda d: f"{d.day:02} {_s(d).upper()} {d.year % 100:02}",
    lambda d: f"{_m(d)},{d.day} {d.year}",
    lambda d: f"{_s(d).upper()}-{d.day:02}-{d.year}",
)
"""A day with its year."""

DAYS: Final[tuple[DateForm, ...]] = (
    lambda d: f"{d.month}/{d.day}",
    lambda d: f"{_m(d)} {d.day}",
    lambda d: f"{d.month:02}/{d.day:02}",
    lambda d: f"{_m(d)} {ordinal(d.day)}",
    lambda d: f"{_s(d)} {d.day}",
    lambda d: f"{d.day} {_s(d)}",
    lambda d: f"{ordinal(d.day)} of {_m(d)}",
    lambda d: f"{d.month}-{d.day}",
    lambda d: f"{_s(d)} {ordinal(d.day)}",
    lambda d: f"{d.day} {_m(d)}",
    lambda d: f"{SHORT_DOT[d.month - 1]} {d.day}",
    lambda d: f"{d.day:02}-{_s(d)}",
    lambda d: f"{d.day:02}{_s(d).upper()}",
    lambda d: f"{d.month}/{d.day:02}",
    lambda d: f"{_m(d)} the {ordinal(d.day)}",
)
"""A day without its year."""

MONTH_FORMS: Final[tuple[DateForm, ...]] = (
    lambda d: f"{_m(d)} {d.year}",
    lambda d: f"{_m(d)}",
    lambda d: f"{_m(d)} of {d.year}",
    lambda d: f"{d.month}/{d.year}",
    lambda d: f"{_s(d)} {d.year}",
    lambda d: f"{d.month:02}/{d.year}",
    lambda d: f"{_m(d)}, {d.year}",
    lambda d: f"{d.month}/{d.year % 100:02}",
    lambda d: f"{_s(d)}",
    lambda d: f"{SHORT_DOT[d.month - 1]} {d.year}",
    lambda d: f"{_s(d)} '{d.year % 100:02}",
    lambda d: f"{_s(d)}-{d.year}",
    lambda d: f"{_s(d)}-{d.year % 100:02}",
    lambda d: f"{d.year}-{d.month:02}",
    lambda d: f"{_m(d)} '{d.year % 100:02}",
)
"""A month. Every element of a date but the year is PHI (45 CFR 164.514(b)(2)(i)(C))."""

NUMERIC: Final = tuple(FULL[index] for index in (1, 1, 2, 4, 6)) + tuple(DAYS[index] for index in (0, 0, 0, 2, 7))
"""Short dates in figures."""

PHONES: Final = (
    "(%##) %##-####", "%##-%##-####", "%##.%##.####", "(%##)%##-####", "%## %## ####", "%##-####", "1-%##-%##-####",
    "%##/%##-####", "%##%##%###", "(%##) %##-#### x####", "%##-%##-#### ext. ###", "(%##) %## ####", "+1 %## %## ####",
    "1 (%##) %##-####", "%##-%##-#### x##", "+1 (%##) %##-####", "+1-%##-%##-####", "%##- %##-####", "%##.####",
    "%##-%######", "1-800-%##-####", "(%##) %##.####", "1.%##.%##.####", "%##-%##-####, ext ####", "%## - %## - ####",
    "(%##)-%##-####", "+1%##%######", "(%##)%######", "%##-%##-####x####", "888-%##-####", "%## %##-####",
    "%##–%##–####", "%##-%##-#### extension ####", "[%##] %##-####",
)  # fmt: skip
EXTENSIONS: Final = ("####", "#####", "###", "#-####", "##")
PAGERS: Final = (
    "#####",
    "####",
    "%##-%##-####",
    "#####",
    "(%##) %##-####",
    "%##-####",
    "p#####",
    "#####",
    "%##.%##.####",
)
MRNS: Final = (
    "#######", "########", "######", "#########", "###-##-##", "#####-##", "##########", "@#######", "@@#######",
    "####-####", "###-###-#", "## ## ##", "##-##-##", "@######", "000#######", "###-####", "@-######", "#####",
    "####-##-#", "@##-####-#", "### ## ##", "E#########", "#######-#", "@@@######", "##.##.##", "H###-###",
    "M000######", "@@-#####", "###### @", "#-###-###", "##-####", "#### ####", "00#####", "@@######@", "####.####",
    "*********",
)  # fmt: skip
ACCOUNTS: Final = (
    "##########", "#########", "@#########", "####-######", "########-##", "###########", "@@########", "############",
    "V#########", "##-#######", "#####-####", "####-####-####-####", "################", "@@@###-####", "HAR-########",
    "@###########", "#######-####", "### #### ###", "####-##-####", "####@@####", "A-######", "################@",
)  # fmt: skip
PLANS: Final = (
    "@@@#########", "#########@", "#@@#-@@#-@@##", "@########", "###########", "####-####-##", "@@#######",
    "#@@#@@#@@##", "##########", "@@@@#####", "###-##-####A", "W##########", "@##-###-####", "########-##",
    "@@@ ### ### ###", "H########-00", "#####@####", "XY@###@####", "@#######@", "R########", "##-########",
    "@@@-######-##", "########D", "*##*###*###", "###### ###", "@@#####@-#",
)  # fmt: skip
SSNS: Final = ("{a}-{b}-{c}", "{a}-{b}-{c}", "{a} {b} {c}", "{a}{b}{c}", "{a}.{b}.{c}", "{a}–{b}–{c}", "{a}- {b}- {c}")
LICENSES: Final = (
    "@######", "@@#######", "########", "@@######", "@##-###-###", "##-######", "######", "@#######", "##########",
    "@@.#######", "##.#######", "@@-#####", "@###-####-####", "MD#####", "RN######", "#######", "@##-##-####", "@#####",
    "@@@@@##@###@@", "DL-#######", "@############", "### ### ###", "C1-#####", "@@@-#####",
)  # fmt: skip
PLATES: Final = (
    "@@@-####", "#@@@###", "@@@ ####", "@@####", "###-@@@", "### @@@", "@@@####", "@##-@@@", "@@-#####", "##@-@##",
    "@@@ ###", "####@@", "@@@-###", "#@@ @##", "@@@##@", "@@ ## ###",
)  # fmt: skip
SERIALS: Final = (
    "@@@######", "@@@######@", "########", "@@#####", "#######@", "@#####-##", "SN######", "##@###@#", "@@-####-####",
    "####-######", "@##@####", "############", "#####-@@@", "(01)00##########", "LOT@####", "@@@@######", "@.######",
    "@##-#####-@", "##:##:@@:##:@#:##", "@@##-####@", "##@#####", "P######@", "@@######@", "*******-**", "#-##-####-@",
)  # fmt: skip
BIOMETRICS: Final = (
    "FP-######", "@##-####-##", "BIO######", "VP######", "IRIS-####-@", "FPT########", "voiceprint-#####",
    "@@@-BIO-####", "RET-#####", "FACE_######", "BM-####-####", "########", "DNA-@@-#####", "palm-####-##",
    "V-########",
)  # fmt: skip
NUMBERS: Final = (
    "########", "@##-#####", "#######", "@@##-####", "@########", "##-###-#####", "@@-##-#####", "###-@@-######",
    "######", "@#########", "##-@@-####", "##########", "@##-####", "#####", "####-#####", "@@########", "S##-######",
    "@@@-####-####", "#########", "@-##-#####", "##@-###@#####", "@@##-#######", "@@-######-##", "####/##", "#@#####",
    "^^^#####", "@@:####:####", "######-####", "20##-######", "########-###", "@@@@-####", "###@###@##",
)  # fmt: skip
"""Accession, case, order, document, badge, claim numbers: any other unique number."""
PHOTOS: Final = (
    "IMG_####.jpg", "IMG_####.JPG", "DSC#####.JPG", "photo_####.png", "wound_0###.jpeg", "IMG-20##0#1#-WA00##.jpg",
    "{last}_face_##.jpg", "{first}{last}.png", "pt_photo_########.jpg", "DCIM/10#/IMG_####.jpg", "P10#####.JPG",
    "clin-photo-#####.tif", "{last}-wound-#.jpg", "facial_######.bmp", "Screenshot_####.png", "{first}_{last}_id.jpg",
    "image0##.jpg", "2019####_######.jpg", "{last}{first}_profile.gif", "scan_#####.tiff", "lesion-{last}-0#.heic",
    "\\\\media\\photos\\#######.jpg", "/photos/{last}/####.png", "derm_####_#.jpg",
)  # fmt: skip
MAC: Final = ("**:**:**:**:**:**", "**-**-**-**-**-**")
MAIL_HOSTS: Final = (
    "gmail.com", "yahoo.com", "hotmail.com", "aol.com", "comcast.net", "outlook.com", "verizon.net", "icloud.com",
    "msn.com", "sbcglobal.net", "att.net", "live.com", "ymail.com", "protonmail.com", "cox.net", "earthlink.net",
    "bellsouth.net", "charter.net", "mail.com", "me.com", "juno.com", "rocketmail.com", "fastmail.fm", "mac.com",
)  # fmt: skip
HANDLES: Final = (
    "{f}.{l}", "{i}{l}", "{f}{l}{n}", "{l}{i}", "{f}_{l}", "{i}.{l}", "{f}{n}", "{l}.{f}", "{l}{n}", "{f}-{l}",
    "{f}{l}", "{w}{n}", "{f}.{l}{n}", "{l}_{f}{n}", "{i}{m}{l}", "the{l}s", "{w}.{w}", "{w}_{f}", "{F}.{L}",
    "{l}family{n}",
)  # fmt: skip
USERS: Final = (
    "{i}{l}", "{i}{l}{n}", "{l}{i}", "{f}.{l}", "{i}{m}{l}", "{s}{n}", "{f}{n}", "dr{l}", "{w}{n}", "{l}_{i}",
    "{s}{i}{n}", "{f}_{n}", "{F}{L}{n}", "{i}{s}", "{w}_{w}", "rn{l}", "@{f}{l}", "{l}{n}", "u{n}{n}{n}", "{f}-{l}",
)  # fmt: skip
URLS: Final = (
    "www.{d}", "https://{d}/portal", "http://www.{d}/mychart", "mychart.{d}", "https://www.{d}/patients/forms", "{d}",
    "{d}/portal", "https://portal.{d}/login?id={n}", "www.facebook.com/{h}", "https://twitter.com/{h}",
    "instagram.com/{h}", "http://{d}", "https://telehealth.{d}/visit/{n}", "https://pacs.{d}/study/{n}",
    "www.{d}/~{h}", "https://{d}:8443/emr", "linkedin.com/in/{h}", "http://{h}.blogspot.com",
    "https://www.{d}/records?mrn={n}", "www.gofundme.com/f/{h}", "https://doxy.me/{h}",
    "https://www.caringbridge.org/visit/{h}", "ftp://ftp.{d}/{n}", "{d}/find-a-doctor/{h}",
    "https://zoom.us/j/{n}{n}", "youtube.com/@{h}", "http://images.{d}/viewer?acc={n}", "HTTPS://WWW.{D}/PORTAL",
)  # fmt: skip

_DIGITS: Final = "0123456789"
_CAPITALS: Final = "ABCDEFGHJKLMNPRSTUVWXYZ"
_SMALL: Final = "abcdefghijklmnopqrstuvwxyz"
_CLASSES: Final = {"#": _DIGITS, "%": "23456789", "@": _CAPITALS, "^": _SMALL, "*": _DIGITS + "ABCDEF"}


def fill(pattern: str, rng: random.Random) -> str:
    """A number in the pattern."""
    out = []
    for char in pattern:
        letters = _CLASSES.get(char)
        out.append(letters[int(rng.random() * len(letters))] if letters else char)
    return "".join(out)


def ip(rng: random.Random) -> str:
    """An IPv4 address, or one in ten an IPv6 one."""
    if rng.random() < 0.1:
        groups = [f"{rng.randrange(65536):x}" for _ in range(8 if rng.random() < 0.4 else 4)]
        return ":".join(groups) if len(groups) == 8 else f"{groups[0]}:{groups[1]}::{groups[2]}:{groups[3]}"
    head = rng.choice(("10.", "192.168.", "172.16.", "203.0.", f"{rng.randrange(11, 223)}."))
    while head.count(".") < 4:
        head += f"{rng.randrange(256)}."
    return head[:-1]


def words(number: int) -> str:
    """An age of 90 to 109 in words."""
    ones = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    if number >= 100:
        rest = number - 100
        return "one hundred" if not rest else f"one hundred and {ones[rest]}" if rest < 10 else str(number)
    return f"ninety-{ones[number - 90]}" if number > 90 else "ninety"
