"""Notes in any script, normal form, line ending and hidden character: offsets exact, all else left as it was."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from transforms import schema
from transforms.deid.known import KnownPhi
from transforms.deid.pseudonyms import Key
from transforms.deid.replace import replace
from transforms.deid.replacement import Mode
from transforms.deid.stage import Chain, Deidentify, FindPhi, deidentification
from transforms.deid.tagger import TaggedSpan

KEY = Key.from_text("the key of tests")
READS = schema.columns(*(name for name in Deidentify.reads.names if name != "found"))
TAGGED = "Zorba"


@dataclass(frozen=True)
class WordTagger:
    """Tags every `Zorba`."""

    @property
    def labels(self) -> tuple[str, ...]:
        return ("PATIENT",)

    def open(self) -> WordTagger:
        return self

    def tag(self, texts: Sequence[str]) -> list[list[TaggedSpan]]:
        return [[TaggedSpan(*m.span(), "PATIENT", 0.9) for m in re.finditer(TAGGED, text)] for text in texts]

    def close(self) -> None: ...


MODES: tuple[Mode, ...] = ("tag", "surrogate", "mask")
WORKERS = {mode: Chain(deidentification(KEY, mode=mode, tagger=WordTagger())) for mode in MODES}


def run(text: str, *names: str, mode: Mode = "tag") -> tuple[str, list[dict[str, Any]]]:
    """The de-identified text and its `phi`, of a note whose row gives these names of the patient."""
    row: dict[str, Any] = dict.fromkeys(READS.names) | {"text": text, "patient_name": list(names), "raw_note_id": "n"}
    out = WORKERS[mode].process(pa.Table.from_pylist([row], schema=READS))
    return out["text"][0].as_py(), out["phi"][0].as_py()


def check(text: str, *names: str, mode: Mode = "tag") -> list[str]:
    """That both texts are equal outside the spans; gives the raw spans."""
    new, phi = run(text, *names, mode=mode)
    raw_at = at = 0
    for row in phi:
        assert raw_at <= row["raw_start"] < row["raw_end"] <= len(text)
        assert new[at : row["start"]] == text[raw_at : row["raw_start"]]
        assert row["start"] <= row["end"]
        raw_at, at = row["raw_end"], row["end"]
    assert new[at:] == text[raw_at:]
    return [text[row["raw_start"] : row["raw_end"]] for row in phi]


ODD = [
    *("e\u0301", "\u0301", "A\u030a\u0323", "\u00e5", "\u1e69"),  # combining marks, composed and apart
    *("\U0001f469\u200d\u2695\ufe0f", "\U0001f44d\U0001f3ff", "\U0001f1e9\U0001f1ea", "\u2764\ufe0f"),  # emoji
    *("\u05e9\u05dc\u05d5\u05dd", "\u0645\u0631\u064a\u0636", "\u202e", "\u202c", "\u2067", "\u2069", "\u200f"),
    *("\r\n", "\r", "\u2028", "\u0085", "\x0b", "\x00", "\t"),
    *("\u00a0", "\u202f", "\u2009", "\u3000", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad"),
    *("\U0001d4e9\U0001d4f8", "\U00020000", "\U0001f12f"),  # letters beyond the sixteenth bit
    *("\u0130", "\u0131", "\u00df", "\u1e9e", "\ufb01", "\ufb03", "\u0149", "\u01f0", "\u0390"),  # case changes length
    *("\uff11\uff12\uff0f\uff13", "\u0663/\u0664/\u0662\u0660\u0661\u0669", "\u00b2", "\u2460", "\u00bd"),  # digits
    *("\u1112\u1161\u11ab", "\u0e01\u0e33", "\u0915\u094d\u0937"),  # Hangul, Thai, Devanagari
]
PHI = [
    *("3/4/2019", "March 4th, 2019", "(617) 555-0192", "ann.lee@example.org", "MRN: 0012345", "Dr. Maria Kaczander"),
    *("123-45-6789", "http://example.org/a", "12 Oak Street, Springfield, MA 01103", "92-year-old", TAGGED),
]
PROSE = ["pain", "no fever", "BP 120/80", ", ", ". ", "\n", " ", "-", "Patient: ", "Signed: ", ":", "_", "'"]
ANY = st.text(st.characters(codec="utf-8"), max_size=6)
PIECE = st.sampled_from(ODD) | st.sampled_from(PROSE) | st.sampled_from(PHI) | ANY
SETTINGS = settings(deadline=None, max_examples=150)


@pytest.mark.parametrize("mode", MODES)
@SETTINGS
@given(text=st.lists(PIECE, max_size=14).map("".join))
@example(text="\ufb01 3/4/2019 \u0130\u0130 Zorba\u0301\r\n")
@example(text="Dr. Jose\u0301 Mu\u0308ller\u200b, MD\u202e 3/4/2019")
def test_outside_the_spans_both_texts_are_equal(mode: Mode, text: str) -> None:
    found = check(text, "Zo\u00eb M\u00fcller", "Kowalski", mode=mode)
    covered = " ".join(found)
    # The tagger's own finds are all covered, whatever stands round them.
    assert covered.count(TAGGED) >= text.count(TAGGED)


NAMES = [
    "Zo\u00eb M\u00fcller",
    "\u00d8rj\u00e5n \u00c5str\u00f6m",
    "\u0130lkay I\u015f\u0131k",
    "Jos\u00e9 Nu\u00f1ez",
]
NAMES += [
    "Stra\u00dfmann",
    "\u0141ukasz",
    "\u041a\u043e\u0432\u0430\u043b\u044c",
    "\u05d3\u05d5\u05d3",
    "O\u2019Connor",
]


FORMS: tuple[Literal["NFC", "NFD", "NFKC"], ...] = ("NFC", "NFD", "NFKC")


def forms(name: str) -> list[str]:
    """How the same name is typed."""
    typed = [name, name.upper(), name.casefold() if "\u00df" not in name and "\u0130" not in name else name]
    typed += [unicodedata.normalize(form, each) for each in list(typed) for form in FORMS]
    return list(dict.fromkeys(typed))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_known_name_is_found_however_it_is_typed(name: str, form: Literal["NFC", "NFD"]) -> None:
    given_as = unicodedata.normalize(form, name)
    for typed in forms(name):
        text = f"Seen with {typed}, who is well."
        assert check(text, given_as) == [typed]


AROUND = [
    "\u202b{}\u202c",
    "\u2068{}\u2069",
    "\u200f{}\u200e",
    "\u200b{}\u200b",
    "\u00a0{}\u00a0",
    "\r\n{}\r\n",
    "\ufeff{}",
]
AROUND += [
    "\U0001f469\u200d\u2695\ufe0f{}\U0001f44d\U0001f3ff",
    "\u201c{}\u201d",
    "\u05e9\u05dc\u05d5\u05dd {} \u05d5",
    "({})",
    "\u2014{}\u2014",
]


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("name", ["Zo\u00eb M\u00fcller", "Zoe\u0308 Mu\u0308ller", "ZO\u00cb M\u00dcLLER", "Kowalski"])
def test_a_known_name_is_found_whatever_is_round_it(around: str, name: str) -> None:
    text = f"pain {around.format(name)} fever"
    (found,) = check(text, "Zo\u00eb M\u00fcller", "Kowalski")
    assert name in found
    assert len(found) <= len(name) + 2


@pytest.mark.parametrize("hidden", ["\u200b", "\u200d", "\u2060", "\u00ad", "\ufeff", "\u200e"])
def test_a_character_that_is_not_seen_hides_no_name(hidden: str) -> None:
    text = f"seen: Kow{hidden}alski and {hidden}Kowalski{hidden}."
    found = check(text, "Kowalski")
    assert [re.sub(f"[{hidden}]", "", each) for each in found] == ["Kowalski", "Kowalski"]


@pytest.mark.parametrize("blank", ["\u00a0", "\u202f", "\u3000", "\r\n", "\u2028", "\t"])
def test_blanks_of_any_kind_part_names_and_dates(blank: str) -> None:
    text = f"Maria{blank}Kowalski came on March{blank}4,{blank}2019."
    found = "|".join(check(text, "Maria Kowalski"))
    assert "Maria" in found
    assert "Kowalski" in found
    assert "4" in found


@SETTINGS
@given(st.lists(st.sampled_from(ODD) | st.just(" ") | ANY, max_size=6).map("".join), st.sampled_from(NAMES), st.data())
def test_a_known_name_is_found_in_any_surroundings(before: str, name: str, data: st.DataObject) -> None:
    typed = data.draw(st.sampled_from(forms(name)))
    after = data.draw(st.lists(st.sampled_from(ODD) | ANY, max_size=6).map("".join))
    # A letter or a mark next to a name makes another word of it.
    assume(not before[-1:].isalpha() and not unicodedata.category(after[:1] or " ").startswith(("M", "L", "C")))
    assume(not unicodedata.category(before[-1:] or " ").startswith(("M", "C")))
    text = f"{before}{typed}{after}"
    new, phi = run(text, name)
    assert any(row["raw_start"] <= len(before) and len(before) + len(typed) <= row["raw_end"] for row in phi)
    assert check(text, name)
    assert typed not in new


def test_half_of_a_pair_moves_no_offset() -> None:
    """Arrow's strings cannot hold one, but a string of Python's can."""
    text = "seen \ud83d by Dr. Maria Kaczander\udc69 on 3/4/2019 \udcff Kowalski"
    detector = FindPhi().open()._detector
    spans = detector.detect(text, KnownPhi.of(["Kowalski"]))
    assert [text[span.start : span.end] for span in spans] == ["Maria Kaczander", "3/4/2019", "Kowalski"]
    new, _ = replace(text, spans, [f"[{span.label}]" for span in spans])
    assert new == "seen \ud83d by Dr. [DOCTOR]\udc69 on [DATE] \udcff [PATIENT]"
