from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.icd.linking import Linker
from transforms.icd.phrases import Sense, shipped
from transforms.icd.table import CodeTable
from transforms.icd.wording import Wording

WORDING = Wording.shipped()
LINKER = Linker(shipped(CodeTable.shipped()), WORDING)


def entity(text: str, phrase: str, label: str = "Disease") -> dict[str, Any]:
    start = text.index(phrase)
    return {"start": start, "end": start + len(phrase), "label": label}


def found(text: str, *entities: dict[str, Any]) -> dict[str, list[str]]:
    return {
        text[mention.start : mention.end]: [sense.code for sense in mention.senses]
        for mention in LINKER.mentions(text, entities)
    }


def test_the_longest_phrase_and_what_is_nested_in_it() -> None:
    text = "He has chest pain."
    mentions = LINKER.mentions(text, ())
    assert [(text[m.start : m.end], m.nested) for m in mentions] == [("chest pain", False), ("pain", True)]


def test_words_in_any_order_with_stop_words_between() -> None:
    assert "M25.562" in found("There is pain in the left knee.")["pain in the left knee"]


def test_a_span_takes_the_words_along_that_belong_to_it() -> None:
    assert "type 2 diabetes mellitus" in found("She has type 2 diabetes mellitus.")
    assert "stage 3 CKD" in found("He has stage 3 CKD.")
    assert "2 diabetes" in found("type: 2 diabetes")


def test_no_phrase_goes_over_the_end_of_a_clause_or_line() -> None:
    assert "chest\npain" not in found("chest\npain")
    assert "chest. Pain" not in found("chest. Pain")
    assert "Chest: pain" not in found("Chest: pain")


def test_only_entities_that_name_what_a_patient_has_count() -> None:
    text = "He has hypertension."
    assert [m.in_entity for m in LINKER.mentions(text, [entity(text, "hypertension")])] == [True]
    assert [m.in_entity for m in LINKER.mentions(text, [entity(text, "hypertension", "Sign_symptom")])] == [True]
    assert [m.in_entity for m in LINKER.mentions(text, [entity(text, "hypertension", "Chemical")])] == [False]
    assert [m.in_entity for m in LINKER.mentions(text, ())] == [False]


def test_an_entity_over_what_would_break_a_phrase_is_one() -> None:
    text = "failure; heart"
    linker = Linker({WORDING.key("heart failure"): (Sense("I50.9", "title"),)}, WORDING)
    assert linker.mentions(text, ()) == []
    assert [m.senses[0].code for m in linker.mentions(text, [entity(text, text)])] == ["I50.9"]


def test_overlapping_layers_of_entities() -> None:
    text = "severe chest pain today"
    layers = [entity(text, "severe chest pain"), entity(text, "chest", "Anatomy"), entity(text, "pain", "Sign_symptom")]
    assert all(mention.in_entity for mention in LINKER.mentions(text, layers))


WORDS = ["pain", "chest", "no", "diabetes", "type", "2", "of", "left", "knee", "HTN", "cancer", "breast", "the", "x"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from([" ", ", ", ". ", "\n"]))), st.data())
def test_spans_are_whole_words_of_the_text(parts: list[tuple[str, str]], data: st.DataObject) -> None:
    text = "".join(word + gap for word, gap in parts)
    size = len(text)
    edges = data.draw(st.lists(st.tuples(st.integers(0, size), st.integers(0, size)), max_size=3))
    entities = [{"start": min(edge), "end": max(edge), "label": "Disease"} for edge in edges if edge[0] != edge[1]]
    mentions = LINKER.mentions(text, entities)
    assert [(m.start, -m.end) for m in mentions] == sorted({(m.start, -m.end) for m in mentions})
    given_spans = {(e["start"], e["end"]) for e in entities}
    for mention in mentions:
        assert 0 <= mention.start < mention.end <= size
        assert mention.senses == LINKER._senses[WORDING.key(text[mention.start : mention.end])]
        if (mention.start, mention.end) not in given_spans:
            assert text[mention.start - 1 : mention.start].isalnum() is False
            assert text[mention.end : mention.end + 1].isalnum() is False
            assert "\n" not in text[mention.start : mention.end]
        overlaps = any(mention.start < e["end"] and e["start"] < mention.end for e in entities)
        assert mention.in_entity == overlaps
