"""A name that is certain in one note of a patient is found in the others."""

from __future__ import annotations

from itertools import permutations

import pytest

from transforms.deid.lexicon import Lexicon
from transforms.deid.linking import agreed, echoes, link
from transforms.deid.spans import PhiSpan

LEXICON = Lexicon.shipped()


def span(text: str, part: str, label: str = "DOCTOR", score: float = 0.95, recognizer: str = "names") -> PhiSpan:
    at = text.index(part)
    return PhiSpan(at, at + len(part), label, score, recognizer)


def linked(*notes: tuple[str, list[PhiSpan]]) -> list[list[str]]:
    return [
        [text[one.start : one.end] for one in spans]
        for (text, _), spans in zip(notes, link(notes, LEXICON), strict=True)
    ]


def test_a_certain_name_is_found_in_the_other_notes() -> None:
    first = "Seen by Dr. Kowalska."
    assert linked((first, [span(first, "Kowalska")]), ("Kowalska agrees.", []), ("kowalska?", []), ("kow", [])) == [
        ["Kowalska"],
        ["Kowalska"],
        ["kowalska"],
        [],
    ]


def test_a_known_name_is_found_in_a_note_whose_row_does_not_give_it() -> None:
    first = "Imrie, Tamsin came"
    spans = [span(first, "Imrie, Tamsin", "PATIENT", 1.0, "known")]
    assert linked((first, spans), ("Ms. Tamsin Imrie left", [])) == [["Imrie, Tamsin"], ["Tamsin Imrie"]]


def test_a_doubtful_name_stays_in_its_note() -> None:
    first = "Zanzibar noted"
    assert linked((first, [span(first, "Zanzibar", score=0.6)]), ("Zanzibar again", [])) == [["Zanzibar"], []]


def test_ordinary_words_and_eponyms_are_not_spread() -> None:
    first = "Dr. Brown and Dr. Babinski"
    spans = [span(first, "Brown"), span(first, "Babinski")]
    assert linked((first, spans), ("Brown sputum. Babinski negative.", [])) == [["Brown", "Babinski"], []]


def test_a_surname_before_a_disease_is_not_spread() -> None:
    first = "Dr. Hashimura saw"
    assert linked((first, [span(first, "Hashimura")]), ("Hashimura disease", [])) == [["Hashimura"], []]


def test_who_dictated_stands_before_who_typed() -> None:
    text = "Howard Farrell, M.D.\n\nHLF:farrellh  D: 1/30\nCIWA:done"
    found = echoes(text, [span(text, "Howard Farrell")], LEXICON)
    assert ("HLF", "DOCTOR") in [(text[one.start : one.end], one.label) for one in found]
    assert "CIWA" not in [text[one.start : one.end] for one in found]


def test_an_age_over_89_behind_a_name() -> None:
    text = "Ann Lee (94), Ann Lee is 96. Ann Lee, 93, came. Ann Lee is 80. Ann Lee, 95/60"
    found = echoes(text, [span(text, "Ann Lee"), *(
        PhiSpan(at, at + 7, "PATIENT", 0.9, "names") for at in range(1, len(text)) if text.startswith("Ann Lee", at)
    )], LEXICON)  # fmt: skip
    assert [text[one.start : one.end] for one in found if one.label == "AGE"] == ["94", "96", "93"]


def test_a_surname_in_small_letters_is_no_log_in_name() -> None:
    text = "Dr. Jane Kowalska rounding. will d/w kowalska re: plan"
    (found,) = [one for one in echoes(text, [span(text, "Jane Kowalska")], LEXICON) if one.start > 20]
    assert (text[found.start : found.end], found.label) == ("kowalska", "DOCTOR")


def test_a_person_has_one_label() -> None:
    one, other, third = "Dr. Jane Kowalska here", "Kowalska came", "Kowalska and Peter Kowalska"
    notes = [(one, [span(one, "Jane Kowalska")]), (other, [span(other, "Kowalska", "PATIENT")])]
    assert [[one.label for one in spans] for spans in agreed(notes)] == [["DOCTOR"], ["DOCTOR"]]
    doubtful = [*notes, (third, [span(third, "Peter Kowalska", "PATIENT")])]
    assert [[one.label for one in spans] for spans in agreed(doubtful)] == [["DOCTOR"], ["PATIENT"], ["PATIENT"]]


def test_log_in_names_are_made_of_the_names_in_the_note() -> None:
    text = "Cora Goldsmith, RN: cgoldsmi, goldsmithc, cora.goldsmith2. Gold standard, coral reef"
    found = echoes(text, [span(text, "Cora Goldsmith")], LEXICON)
    logins = [text[one.start : one.end] for one in found if one.label == "USERNAME"]
    assert logins == ["cgoldsmi", "goldsmithc", "cora.goldsmith2"]


@pytest.mark.parametrize("login", ["goldco7", "cgol455", "xgol16", "COGOLDS2"])
def test_log_in_names_are_cut_from_the_names_in_the_note(login: str) -> None:
    text = f"Cora Goldsmith, RN\n{login}\n"
    found = echoes(text, [span(text, "Cora Goldsmith", "DOCTOR")], LEXICON)
    assert login in [text[one.start : one.end] for one in found if one.label == "USERNAME"]


@pytest.mark.parametrize("word", ["stage4", "golden7", "cora7x", "gold455mg"])
def test_other_words_with_a_number_are_no_log_in_names(word: str) -> None:
    text = f"Cora Goldsmith, RN\n{word}\n"
    found = echoes(text, [span(text, "Cora Goldsmith", "DOCTOR")], LEXICON)
    assert word not in [text[one.start : one.end] for one in found]


def test_who_signed_stands_before_when() -> None:
    text = "Stable overnight.\nQZT 9/2 1915\n"
    assert [text[one.start : one.end] for one in echoes(text, [], LEXICON)] == ["QZT"]


def test_the_order_of_the_notes_does_not_matter() -> None:
    one, two, three = "Dr. Okonjo", "Mrs. Okonjo", "Okonjo and Okonjo"
    notes = [(one, [span(one, "Okonjo")]), (two, [span(two, "Okonjo", "PATIENT")]), (three, [])]
    expected = {text: spans for (text, _), spans in zip(notes, link(notes, LEXICON), strict=True)}
    assert len(expected[three]) == 2
    for order in permutations(notes):
        assert {text: spans for (text, _), spans in zip(order, link(order, LEXICON), strict=True)} == expected


def test_no_certain_name_changes_nothing() -> None:
    text = "on 3/4/2019"
    spans = [span(text, "3/4/2019", "DATE")]
    assert link([(text, spans)], LEXICON) == [spans]


@pytest.mark.parametrize(
    ("text", "name", "behind"),
    [
        ("Tamsin Imrie TQI / cosign", "Tamsin Imrie", ["TQI"]),
        ("Subject: Tamsin St. Imrie (TQS), 30", "Tamsin St. Imrie", ["TQS"]),
        ("Tamsin Imrie MSW", "Tamsin Imrie", []),
        ("Tamsin Imrie TED hose", "Tamsin Imrie", []),
        ("Rec'd to Tamsin Imrie (2416): stop", "Tamsin Imrie", ["2416"]),
        ("with Tamsin Imrie (2016): stop", "Tamsin Imrie", []),
        ("Imrie, Tamsin  94  3/4/1921  seen", "Imrie, Tamsin", ["94"]),
        ("Imrie, Tamsin  4410266  94  F  Ht", "Imrie, Tamsin", ["94"]),
        ("Imrie, Tamsin, 94, 410-2266", "Imrie, Tamsin", ["94"]),
        ("tamsin imrie 94 here with rash", "tamsin imrie", ["94"]),
        ("Tamsin Imrie 94 mg", "Tamsin Imrie", []),
    ],
)
def test_what_stands_behind_a_name(text: str, name: str, behind: list[str]) -> None:
    named = span(text, name)
    found = [one for one in echoes(text, [named], LEXICON) if one.start >= named.end]
    assert [text[one.start : one.end] for one in found] == behind
