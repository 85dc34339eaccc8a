from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.assertion import Asserted, Asserter, Lexicon
from transforms.assertion.sentences import LONGEST

ASSERTER = Asserter(Lexicon.shipped())


def told(marked: str, category: str | None = None) -> Asserted:
    """What is asserted of the mention in brackets."""
    start, end = marked.index("<"), marked.index(">") - 1
    return ASSERTER.assert_all(marked.replace("<", "").replace(">", ""), [(start, end)], [category])[0]


@pytest.mark.parametrize(
    "marked",
    [
        "No <fever>.",
        "No fever, chills or <cough>.",
        "He denies any <chest pain>.",
        "There was no evidence of polyps, mass or <diverticula>.",
        "SKIN: No <rashes>.",
        "The patient was not <lethargic>.",
        "CXR was negative for <infiltrate> or effusion.",
        "Without <edema>.",
        "(+) Per HPI, (-) nausea or <headache>.",
        "His <nausea> and vomiting resolved.",
        "<Fecal occult blood> was negative.",
        "<Pneumonia> was ruled out.",
        "<Fever>: none",
        "He didn't have <pain>.",
        "NO KNOWN DRUG <ALLERGIES>.",
        "<No acute distress>.",
        "There was no <change in vision>.",
    ],
)
def test_negated(marked: str) -> None:
    assert told(marked).negated


@pytest.mark.parametrize(
    "marked",
    [
        "<Fever>.",
        "No fever but <cough>.",
        "No fever. <Cough>.",
        "No cyanosis, there is <edema>.",
        "No fever; <cough> for two days.",
        "MRI showed no dilatation and positive for <stones>.",
        "No change in <cough>.",
        "Not only <pain>.",
        "Gram negative <sepsis>.",
        "He has <pain> and denies fever.",
        "CT without contrast: <fracture>.",
        "- no fever\n- <cough>",
        "He walks without difficulty and has <pain>.",
        "No driving while taking <oxycodone>.",
    ],
)
def test_not_negated(marked: str) -> None:
    assert not told(marked).negated


@pytest.mark.parametrize(
    "marked",
    [
        "Possible <pneumonia>.",
        "Dyspnea and leg swelling; ? <CHF>",
        "Rule out <sepsis>.",
        "Findings suspicious for <malignancy>.",
        "<Pneumonia> cannot be excluded.",
        "He may have <gout>.",
        "<Abscess> versus hematoma.",
    ],
)
def test_uncertain(marked: str) -> None:
    said = told(marked)

    assert said.uncertain
    assert not said.negated


def test_certain() -> None:
    assert not told("<Pneumonia>, possible sepsis.").uncertain
    assert not told("Possible gout but <fever>.").uncertain


@pytest.mark.parametrize(
    "marked",
    [
        "History of <stroke>.",
        "PMH significant for gout, HIV and <asthma>.",
        "Status post <appendectomy>.",
        "Had <DVT> three years ago.",
        "Old <rib fracture>.",
        "He denies <tobacco>.",
        "No history of <seizure>.",
        "<TYPE 2 DIABETES>.",
    ],
)
def test_historical(marked: str) -> None:
    assert told(marked).historical


@pytest.mark.parametrize(
    "marked",
    [
        "<Fever>.",
        "A man with a history of gout who presents with <chest pain>.",
        "HISTORY OF PRESENT ILLNESS: <chest pain> today.",
        "Status post appendectomy, <wound infection>.",
        "1) s/p biopsy 2) <hernia>",
        "COPD with <exacerbation>.",
        "Today he came with <diabetes> out of control.",
    ],
)
def test_not_historical(marked: str) -> None:
    assert not told(marked).historical


@pytest.mark.parametrize(
    "marked",
    [
        "Return if <fever> or chills.",
        "Call for increased <pain>.",
        "Tylenol as needed for <headache>.",
        "At risk for <falls>.",
    ],
)
def test_hypothetical(marked: str) -> None:
    assert told(marked).hypothetical


def test_not_hypothetical() -> None:
    assert not told("He has <pain>, call if fever.").hypothetical


@pytest.mark.parametrize(
    ("marked", "whose"),
    [
        ("Mother had <breast cancer>.", "family"),
        ("Family history of <colon cancer>.", "family"),
        ("<Colon cancer> in his father.", "family"),
        ("<Colon cancer> (father in his 70s).", "family"),
        ("Her roommate has <influenza>.", "other"),
        ("Patient has <asthma>.", "patient"),
        ("Mother reports that he has <fever>.", "patient"),
        ("Mother had cancer, the patient has <asthma>.", "patient"),
        ("Lives with her mother, has <asthma>.", "patient"),
        ("Per his brother, more <confused> than before.", "patient"),
        ("Her mother and father had <gout>.", "family"),
        ("Sister: <asthma>", "family"),
    ],
)
def test_experiencer(marked: str, whose: str) -> None:
    assert told(marked).experiencer == whose


def test_sections_decide_by_themselves() -> None:
    assert told("<Cough>.", "past_medical_history").historical
    assert told("<Cough>.", "family_history").experiencer == "family"
    assert told("<Cough>.", "plan") == Asserted()


def test_a_lasting_condition_as_an_item_is_history_only_where_its_section_leaves_it_open() -> None:
    assert told("1. <Diabetes>\n2. Gout", "other").historical
    assert not told("1. <Diabetes>\n2. Gout", "assessment_and_plan").historical
    assert not told("1. <Diabetes> out of control.", "other").historical


def test_spans_come_back_in_their_own_order() -> None:
    text = "No fever. Has cough."

    cough, fever = ASSERTER.assert_all(text, [(14, 19), (3, 8)])

    assert (cough.negated, fever.negated) == (False, True)
    assert ASSERTER.assert_all(text, []) == []


def test_offsets_hold_where_lower_case_is_longer() -> None:
    text = "İİİİİİİİ no fever but cough"

    fever, cough = ASSERTER.assert_all(text, [(12, 17), (22, 27)])

    assert (fever.negated, cough.negated) == (True, False)


WORDS = [
    "no",
    "fever",
    "but",
    "history of",
    "s/p",
    ".",
    ",",
    "\n",
    "if",
    "mother",
    "no change",
    "was negative",
    ":",
    "(",
    "İ",
]


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=30).map(" ".join), st.data())
def test_any_span_of_any_text_gets_an_answer_that_depends_on_it_alone(text: str, data: st.DataObject) -> None:
    span = st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).map(lambda pair: (min(pair), max(pair)))
    spans = data.draw(st.lists(span, max_size=6))

    together = ASSERTER.assert_all(text, spans)

    assert together == [ASSERTER.assert_all(text, [span])[0] for span in spans]


def test_one_endless_sentence_is_no_trap() -> None:
    text = "no fever " * 20_000
    spans = [(start, start + 5) for start in range(3, len(text), 9)]

    began = time.process_time()
    asserted = ASSERTER.assert_all(text, spans)

    assert time.process_time() - began < 5
    cuts = len(text) // LONGEST
    assert sum(said.negated for said in asserted) >= len(spans) - cuts, "a cut may part a word from its mention"
