"""Recognizers that a job file names: what Presidio's own files and classes give, and what is refused."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path

import pytest

from transforms.deid.pseudonyms import Key
from transforms.deid.recognizers.user import specs
from transforms.deid.stage import FindPhi, deidentification

MODULE = """
from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer


class Wards(PatternRecognizer):
    def __init__(self):
        super().__init__("WARD", patterns=[Pattern("ward", r"WRD-[0-9]+", 0.9)])


bays = PatternRecognizer("BAY", deny_list=["Bay Nine"])
NUMBER = 3


class Broken(EntityRecognizer):
    def __init__(self):
        raise RuntimeError("no list of wards")
"""

YAML = """
global_regex_flags: 26
supported_languages: [en, es]
recognizers:
  - name: Study numbers
    supported_languages:
      - language: en
        context: [study]
      - language: es
        context: [estudio]
    type: custom
    supported_entity: STUDY
    patterns:
      - {name: study, regex: 'st-[0-9]{3}', score: 0.3}
  - name: Wards
    supported_language: en
    supported_entity: WARD
    deny_list: [Sunflower]
  - name: Off
    enabled: false
    type: predefined
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module of the user's, as `wards_of_ours`."""
    path = tmp_path / "wards_of_ours.py"
    path.write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "wards_of_ours", raising=False)
    return path


def test_a_class_and_an_instance_by_their_import_path(module: Path) -> None:
    made = specs(["wards_of_ours:Wards", "wards_of_ours:bays"])
    assert [spec.open().get_supported_entities() for spec in made] == [["WARD"], ["BAY"]]
    assert pickle.loads(pickle.dumps(made)) == made
    find = deidentification(
        Key.from_text("the key of tests"), recognizers=made, labels=(("WARD", "ROOM"), ("BAY", "ROOM"))
    )[0]
    assert isinstance(find, FindPhi)
    before = repr(find)
    # Other code is another run, and a worker that holds other code is refused.
    module.write_text(MODULE.replace("WRD", "WARD"))
    assert repr(specs(["wards_of_ours:Wards"])) not in before
    with pytest.raises(ValueError, match="not the same here"):
        find.open()


def test_presidios_own_files(tmp_path: Path) -> None:
    path = tmp_path / "recognizers.yaml"
    path.write_text(YAML)
    study, wards = specs([str(path)])
    path.unlink()  # the content travels
    found = study.open()
    assert found.context == ["study"]
    assert found.global_regex_flags == 26
    assert [hit.score for hit in found.analyze("in ST-123", ["STUDY"])] == [0.3]  # 26 ignores case
    assert [hit.start for hit in wards.open().analyze("to Sunflower", ["WARD"])] == [3]
    (tmp_path / "whole.yml").write_text("recognizer_registry:\n" + YAML.replace("\n", "\n  "))
    assert specs([str(tmp_path / "whole.yml")]) == (study, wards)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("recognizers: [", "is not YAML"),
        ("- a\n- b", "has no list `recognizers`"),
        ("recognizers: 3", "has no list `recognizers`"),
        ("recognizers: [CreditCardRecognizer]", "recognizer 'CreditCardRecognizer' has neither patterns nor a deny"),
        ("recognizers: [{name: X, type: predefined}]", "presidio_analyzer.predefined_recognizers:ClassName"),
        (YAML.replace("[study]", "[study]\n        x: 1").replace("language: en", "language: fr"), "not for language"),
        (YAML.replace("0.3", "7"), "recognizer 'Study numbers' cannot be made"),
        (YAML.replace("'st-[0-9]{3}'", "'st-['"), "recognizer 'Study numbers' cannot be made"),
        (YAML.replace("supported_entity: WARD", "entity: WARD"), "recognizer 'Wards' cannot be made"),
    ],
)
def test_files_that_are_none(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "recognizers.yaml"
    path.write_text(content)
    with pytest.raises(ValueError, match=message) as caught:
        specs([str(path)])
    assert str(path) in str(caught.value)


def test_entries_that_cannot_be_met(module: Path, tmp_path: Path) -> None:
    assert module.exists()
    for entry, message in (
        ("Wards", "neither module:Name nor a file"),
        ("wards_of_ours:", "neither module:Name nor a file"),
        ("no_such_module_here:Wards", "no module no_such_module_here"),
        ("no_such.module_here:Wards", "no module no_such.module_here"),
        ("wards_of_ours:Warts", "AttributeError"),
        ("wards_of_ours:NUMBER", "neither a presidio_analyzer.EntityRecognizer nor an instance"),
        ("wards_of_ours:Broken", "RuntimeError: no list of wards"),
        (str(tmp_path / "none.yaml"), "cannot read"),
    ):
        with pytest.raises(ValueError, match=message):
            specs([entry])


def test_specs_are_text(module: Path) -> None:
    assert module.exists()
    (spec,) = specs(["wards_of_ours:Wards"])
    assert set(json.loads(spec.arguments)) == {"path", "sha256"}
