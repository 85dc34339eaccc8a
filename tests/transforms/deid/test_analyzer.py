"""Presidio's engine: users' recognizers work as they know them, and no error is swallowed."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer, RecognizerRegistry
from presidio_analyzer.predefined_recognizers import EmailRecognizer, IbanRecognizer

from transforms.deid.analyzer import BlankNlpEngine, RecognizerError, analyze, build_engine
from transforms.deid.labels import LabelMap, UnknownLabelError
from transforms.deid.recognizers import RecognizerSpec, from_class, from_pattern, from_yaml, shipped

LABELS = LabelMap([("STUDY_ID", "IDNUM")])
STUDY = PatternRecognizer(
    "STUDY_ID", name="study", patterns=[Pattern("study", r"\bTR-\d{3}\b", 0.4)], context=["enrolled"]
)


class Bold(EntityRecognizer):  # type: ignore[misc]
    """Gives one span, wherever it is told."""

    def __init__(self, start: int = 0, end: int = 3, fail: bool = False) -> None:
        self.where, self.fail = (start, end), fail
        super().__init__(["PERSON"], name="bold")

    def load(self) -> None: ...

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any) -> list[Any]:  # noqa: ARG002
        from presidio_analyzer import RecognizerResult

        if self.fail:
            raise ZeroDivisionError
        assert [token.text for token in nlp_artifacts.tokens] == text.split()
        return [
            RecognizerResult(
                "PERSON", *self.where, 0.9, None, {"recognizer_name": "bold", "recognizer_identifier": self.id}
            )
        ]


def run(text: str, *recognizers: EntityRecognizer, threshold: float = 0.5) -> list[tuple[str, str, str]]:
    spans = analyze(build_engine(recognizers, LABELS), text, LABELS, threshold)
    return [(span.label, text[span.start : span.end], span.recognizer) for span in spans]


def test_context_words_lift_a_users_pattern_over_the_threshold() -> None:
    assert run("pt enrolled in TR-123 today", STUDY) == [("IDNUM", "TR-123", "study")]
    assert run("valve TR-123 today", STUDY) == []
    assert run("valve TR-123 today", STUDY, threshold=0.3) == [("IDNUM", "TR-123", "study")]


def test_a_users_recognizer_gets_tokens_and_its_span() -> None:
    assert run("Ann came", Bold()) == [("PATIENT", "Ann", "bold")]


def test_errors_of_recognizers_go_through() -> None:
    with pytest.raises(ZeroDivisionError):
        run("Ann came", Bold(fail=True))
    with pytest.raises(RecognizerError, match=r"span \[0, 99\)"):
        run("Ann came", Bold(end=99))


def test_a_pattern_that_times_out_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("presidio_analyzer.pattern_recognizer.REGEX_TIMEOUT_SECONDS", 0.01)
    slow = PatternRecognizer("STUDY_ID", patterns=[Pattern("slow", r"(?:a|aa)+$", 0.9)])
    with pytest.raises(RecognizerError, match="slow timed out"):
        run("a" * 60 + "b", slow)


def test_recognizers_that_hide_errors_or_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="IbanRecognizer hides its errors"):
        build_engine([IbanRecognizer()], LABELS)
    with pytest.raises(UnknownLabelError, match="WEAPON"):
        build_engine([PatternRecognizer("WEAPON", deny_list=["axe"])], LABELS)
    with pytest.raises(ValueError, match="language 'es'"):
        build_engine([PatternRecognizer("STUDY_ID", deny_list=["axe"], supported_language="es")], LABELS)


def test_nothing_goes_to_the_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("network")

    monkeypatch.setenv("TLDEXTRACT_CACHE", str(tmp_path))
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert ("EMAIL", "ann@example.org", "EmailRecognizer") in run("mail ann@example.org", EmailRecognizer())
    run("mail ann@example.org, https://example.org, 10.1.2.3", *shipped())


def test_presidios_own_recognizers_load_beside_ours() -> None:
    shipped()
    engine = BlankNlpEngine()
    engine.load()
    registry = RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"], nlp_engine=engine)
    ours = {type(recognizer).__name__ for recognizer in shipped()}
    assert not ours & {type(recognizer).__name__ for recognizer in registry.recognizers}
    assert all(type(recognizer).__module__.startswith("presidio_analyzer") for recognizer in registry.recognizers)


def test_specs_carry_a_recognizer_as_text(tmp_path: Path) -> None:
    spec = from_pattern(STUDY)
    assert spec == from_pattern(STUDY)
    assert run("enrolled in TR-123", spec.open()) == [("IDNUM", "TR-123", "study")]
    deny = from_pattern(PatternRecognizer("STUDY_ID", name="deny", deny_list=["Blue Arm"], deny_list_score=0.8))
    assert run("in the Blue Arm of", deny.open()) == [("IDNUM", "Blue Arm", "deny")]

    path = tmp_path / "mine.yaml"
    path.write_text(
        "recognizers:\n- name: ours\n  supported_language: en\n  supported_entity: STUDY_ID\n"
        "  patterns:\n  - {name: p, regex: 'ZZ\\d+', score: 0.9}\n"
    )
    (from_file,) = from_yaml(path)
    path.unlink()
    assert run("see ZZ77", from_file.open()) == [("IDNUM", "ZZ77", "ours")]

    bold = from_class(f"{__name__}:Bold", start=4, end=8)
    assert run("Ann came", bold.open()) == [("PATIENT", "came", "bold")]


def test_bad_specs_say_why(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("patterns: []")
    with pytest.raises(ValueError, match="no list `recognizers`"):
        from_yaml(path)
    with pytest.raises(ValueError, match="cannot be made"):
        RecognizerSpec("no.such.module:Thing", "{}").open()
    with pytest.raises(ValueError, match="no presidio_analyzer"):
        from_class("collections:OrderedDict").open()
