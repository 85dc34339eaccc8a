"""The recognizers that ship, and how users add their own.

`Deidentify(recognizers=(...))` takes Presidio's `PatternRecognizer`s as they are. `from_yaml` reads Presidio's
recognizer files, `from_class` names any other `EntityRecognizer`. All are kept as `RecognizerSpec`, plain text
that pickles, compares and enters the run's fingerprint.
"""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from presidio_analyzer import EntityRecognizer, PatternRecognizer
from presidio_analyzer.recognizer_registry import RecognizerRegistry

from transforms.deid.recognizers.affiliations import Affiliations
from transforms.deid.recognizers.ages import Ages
from transforms.deid.recognizers.base import ClinicalRecognizer, Found
from transforms.deid.recognizers.bodies import Bodies
from transforms.deid.recognizers.contact import NetAddresses, Phones
from transforms.deid.recognizers.dates import Dates
from transforms.deid.recognizers.facilities import Facilities
from transforms.deid.recognizers.initials import Initials
from transforms.deid.recognizers.listed_names import ListedNames
from transforms.deid.recognizers.logins import Logins
from transforms.deid.recognizers.names import Names
from transforms.deid.recognizers.numbers import Numbers
from transforms.deid.recognizers.organizations import Organizations
from transforms.deid.recognizers.places import Places
from transforms.deid.recognizers.plates import Plates
from transforms.deid.recognizers.roads import Roads
from transforms.deid.recognizers.writers import Writers

__all__ = ["ClinicalRecognizer", "Found", "RecognizerSpec", "from_class", "from_pattern", "from_yaml", "shipped"]


def shipped() -> list[ClinicalRecognizer]:
    """A new instance of every recognizer that ships."""
    return [
        Dates(),
        Phones(),
        NetAddresses(),
        Numbers(),
        Plates(),
        Ages(),
        Places(),
        Roads(),
        Facilities(),
        Initials(),
        Affiliations(),
        Organizations(),
        Bodies(),
        Names(),
        ListedNames(),
        Logins(),
        Writers(),
    ]


@dataclass(frozen=True)
class RecognizerSpec:
    """A recognizer as text.

    Attributes:
        kind: `pattern` for Presidio's `PatternRecognizer`, else `module:Class`.
        arguments: JSON object: Presidio's own dictionary of a pattern recognizer, else keyword arguments.
    """

    kind: str
    arguments: str

    def open(self) -> EntityRecognizer:
        """Builds the recognizer.

        Raises:
            ValueError: the class cannot be found, is no `EntityRecognizer`, or does not take the arguments.
        """
        arguments = json.loads(self.arguments)
        if self.kind == "pattern":
            registry = RecognizerRegistry()
            registry.add_pattern_recognizer_from_dict(arguments)
            return registry.recognizers[-1]
        module, _, name = self.kind.partition(":")
        try:
            recognizer = getattr(importlib.import_module(module), name)(**arguments)
        except (ImportError, AttributeError, TypeError) as error:
            raise ValueError(f"recognizer {self.kind!r} cannot be made: {error}") from error
        if not isinstance(recognizer, EntityRecognizer):
            raise ValueError(f"{self.kind!r} is no presidio_analyzer.EntityRecognizer")
        return recognizer


def from_pattern(recognizer: PatternRecognizer) -> RecognizerSpec:
    """The spec of one of Presidio's pattern recognizers."""
    arguments = recognizer.to_dict()
    if recognizer.deny_list:  # `to_dict` gives the list and also the pattern made of it
        arguments["patterns"] = [pattern for pattern in arguments["patterns"] if pattern["name"] != "deny_list"]
        arguments["deny_list_score"] = recognizer.deny_list_score
    return RecognizerSpec("pattern", json.dumps(arguments, sort_keys=True))


def from_class(kind: str, **arguments: Any) -> RecognizerSpec:
    """The spec of any recognizer class: `module:Class` and its keyword arguments, which must be JSON."""
    return RecognizerSpec(kind, json.dumps(arguments, sort_keys=True))


def from_yaml(path: str | Path) -> tuple[RecognizerSpec, ...]:
    """The specs of a file of Presidio's form (`recognizers:` with patterns, deny lists, context).

    The content travels with the spec, so a worker elsewhere does not need the file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no such file.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML") from error
    if not isinstance(content, dict) or not isinstance(content.get("recognizers"), list):
        raise ValueError(f"{path} has no list `recognizers`")
    specs = tuple(RecognizerSpec("pattern", json.dumps(entry, sort_keys=True)) for entry in content["recognizers"])
    for spec in specs:
        spec.open()
    return specs
