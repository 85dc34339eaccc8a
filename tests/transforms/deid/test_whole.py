from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.deid.labels import PRIORITY
from transforms.deid.lexicon import Lexicon
from transforms.deid.spans import PhiSpan
from transforms.deid.whole import Whole

WHOLE = Whole(Lexicon.shipped())
PIECE = re.compile(r"<([A-Z-]+):([^>]*)>")


def read(marked: str) -> tuple[str, list[PhiSpan]]:
    """`Seen <DATE:Tuesday> (<DATE:7/2>)` as a text and its spans."""
    text, spans, at = "", [], 0
    for piece in PIECE.finditer(marked):
        text += marked[at : piece.start()]
        spans.append(PhiSpan(len(text), len(text) + len(piece[2]), piece[1], 0.8, "test"))
        text += piece[2]
        at = piece.end()
    return text + marked[at:], spans


@pytest.mark.parametrize(
    ("marked", "whole"),
    [
        ("due <DATE:Tuesday> (<DATE:7/2>).", [("DATE", "Tuesday (7/2)")]),
        ("was in <DATE:1/3> - <DATE:1/7>, home", [("DATE", "1/3 - 1/7")]),
        ("<PATIENT:anna holt c>/o cough", [("PATIENT", "anna holt")]),
        ("<PATIENT:ANNA HOLT, S>/P CABG", [("PATIENT", "ANNA HOLT")]),
        ("<PATIENT:Anna Holt S>. was seen", [("PATIENT", "Anna Holt S")]),
        ("A1c 10.2 in <DATE:May, 11>.4 in <DATE:June>", [("DATE", "May"), ("DATE", "June")]),
        ("lost since <DATE:March 10> lbs", [("DATE", "March")]),
        ("seen <DATE:March 10>. Well", [("DATE", "March 10")]),
        ("in ICU 3/4-<DATE:3/9> for sepsis", [("DATE", "3/4-3/9")]),
        ("titre 1/64-<DATE:3/9/20> then", [("DATE", "3/9/20")]),
        ("on <DATE:Monday>, <DATE:Friday>", [("DATE", "Monday"), ("DATE", "Friday")]),
        ("by <ORGANIZATION:Adult Help> of <CITY:Lackawanna>", [("ORGANIZATION", "Adult Help of Lackawanna")]),
        ("<HOSPITAL:Mercy Clinic> and <HOSPITAL:Grace>", [("HOSPITAL", "Mercy Clinic"), ("HOSPITAL", "Grace")]),
        ("lives in <CITY:Port St>. <CITY:Lucie>", [("CITY", "Port St. Lucie")]),
        ("lives in <CITY:Reno>. <CITY:Elko> is where", [("CITY", "Reno"), ("CITY", "Elko")]),
        ("lives in Cape <CITY:Girardeau> now", [("CITY", "Cape Girardeau")]),
        ("in <CITY:truth> or consequences w/ her", [("CITY", "truth or consequences")]),
        ("lives in <CITY:Reno>, Elko", [("CITY", "Reno")]),
        ("<HOSPITAL:Elm County Health> and Human Services.", [("HOSPITAL", "Elm County Health and Human Services")]),
        ("note\n<PATIENT:Hobbs> T, POD 3", [("PATIENT", "Hobbs T")]),
        ("for <PATIENT:Hobbs> T, L and R", [("PATIENT", "Hobbs")]),
        ("Roe, MD (NPI <LICENSE:1454986015>)", [("LICENSE", "1454986015")]),
        ("ended <DOCTOR:YUM>/sib   job", [("DOCTOR", "YUM/sib")]),
        ("pager #<PHONE:6084>", [("PHONE", "#6084")]),
        ("bill PK <ACCOUNT:46013-8>, due", [("ACCOUNT", "PK 46013-8")]),
        ("actigraph SN <DEVICE:41-7790>.", [("DEVICE", "SN 41-7790")]),
        ("seen IN <IDNUM:10-2019>", [("IDNUM", "10-2019")]),
        ("as <PATIENT:ann>.<PATIENT:imrie> today", [("PATIENT", "ann.imrie")]),
        ("at <HOSPITAL:Harbor Methodist> West, then", [("HOSPITAL", "Harbor Methodist West")]),
        ("<LOCATION-OTHER:Alder County> Probate Court called", [("LOCATION-OTHER", "Alder County Probate Court")]),
        ("Prescription RP <IDNUM:7385066> was", [("IDNUM", "RP 7385066")]),
        ("lic RN <LICENSE:06 2801>", [("LICENSE", "RN 06 2801")]),
        ("for <PATIENT:De La Rosa>, <PATIENT:Vijay>", [("PATIENT", "De La Rosa, Vijay")]),
        ("saw De La <PATIENT:Rosa> today", [("PATIENT", "De La Rosa")]),
        ("at <HOSPITAL:St. Eulalia>'s for", [("HOSPITAL", "St. Eulalia's")]),
        ("seen at <HOSPITAL:Ridgeline> Physical Therapy.", [("HOSPITAL", "Ridgeline Physical Therapy")]),
        ("seen at <HOSPITAL:Ridgeline> physical therapy.", [("HOSPITAL", "Ridgeline")]),
        ("pt <PATIENT:KNIGHT>, <PATIENT:PEARL> 45F", [("PATIENT", "KNIGHT, PEARL")]),
        ("with <PATIENT:Agnes>, <PATIENT:Thomas>", [("PATIENT", "Agnes"), ("PATIENT", "Thomas")]),
        ("attested Law, <DOCTOR:Michael>.", [("DOCTOR", "Law, Michael")]),
        ("told to <PATIENT:Ghazal>; Will <DOCTOR:Petrov>.", [("PATIENT", "Ghazal"), ("DOCTOR", "Petrov")]),
        ("emailed Will <DOCTOR:Petrov>.", [("DOCTOR", "Will Petrov")]),
        ("<PATIENT:Birgit> Foot   DOB", [("PATIENT", "Birgit Foot")]),
        ("<PATIENT:Birgit> Denies pain", [("PATIENT", "Birgit")]),
        ("ref to <DOCTOR:ludmila> castellano working", [("DOCTOR", "ludmila castellano")]),
        ("ref to <DOCTOR:ludmila> working on it", [("DOCTOR", "ludmila")]),
        ("<PATIENT:Yusuf> Ho, EDT, drew", [("PATIENT", "Yusuf Ho")]),
        ("HER SON <PATIENT:AMOS> CALLED", [("PATIENT", "AMOS")]),
        ("call <PHONE:702-405-1921> opt 935.", [("PHONE", "702-405-1921 opt 935")]),
        ("call <PHONE:702-405-1921> (ext. 935).", [("PHONE", "702-405-1921 (ext. 935)")]),
        ("UDI +<DEVICE:H14399606>/$$<DEVICE:C91316>.", [("DEVICE", "+H14399606/$$C91316")]),
        ("lic <LICENSE:D50 715 118 531> <LICENSE:52>", [("LICENSE", "D50 715 118 531 52")]),
        ("RN 5179-<LICENSE:TZ>", [("LICENSE", "5179-TZ")]),
        ("code <BIOID:PRNT-22154>-L.", [("BIOID", "PRNT-22154-L")]),
        ("plate <VEHICLE:2125> ZN)", [("VEHICLE", "2125 ZN")]),
        ("ids <IDNUM:12345678> <ACCOUNT:87654321>", [("IDNUM", "12345678"), ("ACCOUNT", "87654321")]),
    ],
)  # fmt: skip
def test_pieces_become_one(marked: str, whole: list[tuple[str, str]]) -> None:
    text, spans = read(marked)
    assert [(span.label, text[span.start : span.end]) for span in WHOLE(text, spans)] == whole


@given(st.lists(st.tuples(st.text(" \n.,()'-/$abMay1é", max_size=6), st.text("ab1 M-", min_size=1, max_size=6),
                          st.sampled_from(sorted(PRIORITY))), max_size=8), st.text(max_size=6))  # fmt: skip
def test_nothing_found_is_lost_and_spans_stay_in_order(pieces: list[tuple[str, str, str]], rest: str) -> None:
    text, spans = "", []
    for before, phi, label in pieces:
        text += before
        spans.append(PhiSpan(len(text), len(text) + len(phi), label, 0.5, "test"))
        text += phi
    text += rest
    whole = WHOLE(text, spans)
    covered = {index for span in whole for index in range(span.start, span.end)}
    assert covered.issuperset(index for span in spans for index in range(span.start, span.end))
    assert all(one.end <= other.start for one, other in itertools.pairwise(whole))
    assert all(0 <= span.start < span.end <= len(text) for span in whole)
