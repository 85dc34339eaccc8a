"""What a tagger says against what is known of PHI."""

from __future__ import annotations

import pytest

from transforms.deid.lexicon import Lexicon
from transforms.deid.plausible import SURE, Plausible, join_pieces
from transforms.deid.spans import PhiSpan

RULES = Plausible(Lexicon.shipped())


def kept(text: str, what: str, label: str, score: float = 0.99) -> list[str]:
    start = text.index(what)
    parts = RULES.parts(text, PhiSpan(start, start + len(what), label, score, "tagger"))
    return [text[part.start : part.end] for part in parts]


@pytest.mark.parametrize(
    ("text", "what", "label"),
    [
        ("Foley catheter in place", "Foley", "PATIENT"),
        ("no Parkinson tremor", "Parkinson", "DOCTOR"),
        ("Crohn's flare", "Crohn's", "PATIENT"),
        ("given Lasix", "Lasix", "DOCTOR"),
        ("diagnosed in 1987", "1987", "DATE"),
        ("vision 20/25", "20/25", "DATE"),
        ("weight 185", "185", "DATE"),
        ("a 62-year-old", "62", "AGE"),
        ("graduated in 1948", "1948", "AGE"),
        ("weight 131", "131", "AGE"),
        ("call x12", "12", "PHONE"),
        ("ratio 10:1", "10:1", "SSN"),
        ("seen by ...", "...", "DOCTOR"),
        ("in the ED", "ED", "CITY"),
        ("wound is boggy", "boggy", "DOCTOR"),
    ],
)
def test_what_cannot_be_phi_goes_however_sure_the_tagger_is(text: str, what: str, label: str) -> None:
    assert kept(text, what, label) == []


def test_an_abbreviation_is_a_name_only_to_a_tagger_that_is_sure() -> None:
    assert kept("Ativan per CIWA today", "CIWA", "DOCTOR", SURE - 0.1) == []
    assert kept("Ativan per CIWA today", "CIWA", "DOCTOR", SURE) == ["CIWA"]
    assert kept("sent by ctab", "ctab", "ORGANIZATION", SURE - 0.1) == []
    assert kept("to BIDM today", "BIDM", "HOSPITAL", SURE - 0.1) == ["BIDM"]
    assert kept("seen by Adls today", "Adls", "DOCTOR", SURE - 0.1) == ["Adls"]


@pytest.mark.parametrize(
    ("text", "what", "label"),
    [
        ("spoke with will today", "will", "DOCTOR"),
        ("admit to young service", "young", "DOCTOR"),
        ("ESI 8/26 and", "8/26", "DATE"),
        ("on 20190304", "20190304", "DATE"),
        ("works at home depot", "home depot", "ORGANIZATION"),
    ],
)
def test_where_words_do_not_tell_only_a_sure_tagger_is_believed(text: str, what: str, label: str) -> None:
    assert kept(text, what, label, SURE) == [what]
    assert kept(text, what, label, SURE - 0.01) == []


@pytest.mark.parametrize(
    ("text", "what", "label"),
    [
        ("with Kaczander", "Kaczander", "PATIENT"),
        ("on Tuesday", "Tuesday", "DATE"),
        ("since Father's Day", "Father's Day", "DATE"),
        ("aged 93", "93", "AGE"),
        ("at Mercy General", "Mercy General", "HOSPITAL"),
        ("from 10.0.0.7", "10.0.0.7", "IPADDR"),
    ],
)
def test_what_looks_like_phi_counts_at_any_score(text: str, what: str, label: str) -> None:
    assert kept(text, what, label, 0.3) == [what]


def test_titles_degrees_and_blank_lines_are_no_part_of_a_name() -> None:
    text = "Sincerely, Dr. Ann Kaczander, M.D., Ph.D.\n\nOsvaldo Prim RN"
    assert kept(text, text[text.index("Dr.") :], "DOCTOR") == ["Ann Kaczander", "Osvaldo Prim"]


@pytest.mark.parametrize(
    ("text", "label", "wanted"),
    [
        ("Mary Smith. john smith", "PATIENT", ["Mary Smith", "john smith"]),
        ("Mary Smith. John Doe", "DOCTOR", ["Mary Smith", "John Doe"]),
        ("J. Smith", "PATIENT", ["J. Smith"]),
        ("Prof. Smith", "DOCTOR", ["Prof. Smith"]),
        ("Mary Smith. J. Doe", "PATIENT", ["Mary Smith. J. Doe"]),
        ("62704. 12 Old Mill Rd", "STREET", ["62704", "12 Old Mill Rd"]),
        ("12 Old Mill Rd. Apt 4", "STREET", ["12 Old Mill Rd. Apt 4"]),
    ],
)
def test_a_taggers_span_is_cut_at_the_end_of_a_sentence(text: str, label: str, wanted: list[str]) -> None:
    pieces = join_pieces(text, [PhiSpan(0, len(text), label, 0.99, "tagger")])
    assert [text[piece.start : piece.end] for piece in pieces] == wanted


def test_a_full_stop_joins_pieces_of_a_number_only_without_a_blank() -> None:
    def joined(text: str) -> list[str]:
        spans = [PhiSpan(0, 4, "ZIP", 0.9, "tagger"), PhiSpan(len(text) - 4, len(text), "IDNUM", 0.9, "tagger")]
        return [text[piece.start : piece.end] for piece in join_pieces(text, spans)]

    assert joined("0481.2201") == ["0481.2201"]
    assert joined("0481. 2201") == ["0481", "2201"]


@pytest.mark.parametrize(
    ("text", "what", "label", "left"),
    [
        ("MRN 1076092. 74 y.o.", "1076092. 74", "MEDICALRECORD", ["1076092"]),
        ("ROE, ANN   32429428   53/F", "32429428   53", "MEDICALRECORD", ["32429428"]),
        ("ROE, ANN/07683854/46 F", "07683854/46", "MEDICALRECORD", ["07683854"]),
        ("card 4471 8823 0019 here", "4471 8823 0019", "ACCOUNT", ["4471 8823 0019"]),
        ("visit, July 2nd, 25 min.", "July 2nd, 25", "DATE", ["July 2nd"]),
        ("on July 2nd, 25 he came", "July 2nd, 25", "DATE", ["July 2nd, 25"]),
        ("spells since October, first at work", "October, first", "DATE", ["October"]),
        ("see www.example.org. WIC/SNAP", "www.example.org. WIC/SNAP", "URL", ["www.example.org"]),
        ("clip stored: kept", "stored:", "URL", []),
        ("photo for the banner, a", "banner", "PHOTO", []),
        ("photo for the banner, IMG_4", "IMG_4", "PHOTO", ["IMG_4"]),
        ("the OCT and fundus", "OCT", "DATE", []),
        ("on 3 OCT and", "OCT", "DATE", ["OCT"]),
    ],
)
def test_a_taggers_span_ends_where_another_thing_begins(text: str, what: str, label: str, left: list[str]) -> None:
    assert kept(text, what, label) == left


@pytest.mark.parametrize(
    ("text", "what", "left"),
    [
        ("closed by a 6 mm device, Zavolorix (size A).", "Zavolorix", []),
        ("discussed with Zavolorix. Agrees.", "Zavolorix", ["Zavolorix"]),
        ("3/4 Zavolorix: left a message", "Zavolorix", ["Zavolorix"]),
        ("closed, Hernandez (size A).", "Hernandez", ["Hernandez"]),
    ],
)
def test_of_a_lone_word_that_nobody_is_called_its_company_tells(text: str, what: str, left: list[str]) -> None:
    assert kept(text, what, "DOCTOR", 0.5) == left
    assert kept(text, what, "DOCTOR", 0.8) == [what]


@pytest.mark.parametrize(
    ("text", "what", "label", "left"),
    [
        ("BCx 2/4 MSSA", "2/4", "DATE", []),
        ("BCx 2/4 drawn", "2/4", "DATE", ["2/4"]),
        ("now in bed 14", "14", "ROOM", []),
        ("now in room 1402", "1402", "ROOM", ["1402"]),
    ],
)
def test_counts_are_no_phi(text: str, what: str, label: str, left: list[str]) -> None:
    assert kept(text, what, label) == left
