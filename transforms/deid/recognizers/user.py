"""Recognizers that a user names in the job file: `package.module:Name`, or a YAML file of Presidio's form.

`Name` is a class of Presidio's `EntityRecognizer` or an instance of one. A YAML file lists custom pattern recognizers
as Presidio's own no-code configuration does (https://microsoft.github.io/presidio/tutorial/08_no_code/): its content
travels with the job. A class stays where it is; the SHA-256 of its module travels, so that a worker with other code
is refused and a changed recognizer is another run.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from presidio_analyzer import EntityRecognizer

from transforms.deid.recognizers import RecognizerSpec, from_class

LANGUAGE: Final = "en"
_LOADER: Final = f"{__name__}:load"
_SUFFIXES: Final = (".yaml", ".yml")
_DROPPED: Final = ("type", "enabled", "supported_languages", "supported_language")


def specs(entries: Iterable[str]) -> tuple[RecognizerSpec, ...]:
    """The specs of what a job file names, each tried once.

    Raises:
        ValueError: an entry cannot be read or imported, or is no recognizer.
    """
    made: list[RecognizerSpec] = []
    for entry in entries:
        if entry.lower().endswith(_SUFFIXES):
            made += _from_yaml(Path(entry))
        elif entry.count(":") == 1 and all(entry.split(":")):
            made.append(from_class(_LOADER, path=entry, sha256=_source_hash(entry)))
        else:
            raise ValueError(f"{entry!r} is neither module:Name nor a file that ends in .yaml or .yml")
    for spec in made:
        spec.open()
    return tuple(made)


def load(path: str, sha256: str) -> EntityRecognizer:
    """Imports a recognizer.

    Args:
        path: `module:Name` of a class that needs no arguments, or of an instance.
        sha256: what the module's source must have.

    Raises:
        ValueError: it cannot be imported or made, is no recognizer, or its source is another.
    """
    if _source_hash(path) != sha256:
        raise ValueError(f"{path} is not the same here as where the job was started")
    module, _, name = path.partition(":")
    try:
        made = getattr(importlib.import_module(module), name)
        recognizer = made() if isinstance(made, type) else made
    except Exception as error:  # a user's module may raise anything; no note was read yet
        raise ValueError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    if not isinstance(recognizer, EntityRecognizer):
        raise ValueError(f"{path} is neither a presidio_analyzer.EntityRecognizer nor an instance of one")
    return recognizer


def _source_hash(path: str) -> str:
    module = path.partition(":")[0]
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError) as error:
        raise ValueError(f"{path}: there is no module {module}") from error
    if found is None or not found.origin or not Path(found.origin).is_file():
        raise ValueError(f"{path}: there is no module {module} with source; install it, or set PYTHONPATH")
    return hashlib.sha256(Path(found.origin).read_bytes()).hexdigest()


def _from_yaml(path: Path) -> list[RecognizerSpec]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not YAML") from error
    # One file may configure the whole of Presidio; what concerns recognizers then stands under a key of its own.
    content = content.get("recognizer_registry", content) if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(content.get("recognizers"), list):
        raise ValueError(f"{path} has no list `recognizers`")
    flags = content.get("global_regex_flags")
    specs = [_pattern(entry, flags, path) for entry in content["recognizers"] if not _is_off(entry)]
    for spec in specs:
        try:
            spec.open()
        except Exception as error:  # Presidio checks with many kinds of errors; no note was read yet
            name = json.loads(spec.arguments).get("name")
            raise ValueError(f"{path}: recognizer {name!r} cannot be made: {error}") from error
    return specs


def _is_off(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.get("enabled") is False


def _pattern(entry: Any, flags: int | None, path: Path) -> RecognizerSpec:
    name = entry if isinstance(entry, str) else entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or entry.get("type", "custom") != "custom" or not _has_rules(entry):
        raise ValueError(
            f"{path}: recognizer {name!r} has neither patterns nor a deny_list; name one of Presidio's own as "
            "presidio_analyzer.predefined_recognizers:ClassName"
        )
    rules = {key: value for key, value in entry.items() if key not in _DROPPED}
    languages = entry.get("supported_languages") or [entry.get("supported_language", LANGUAGE)]
    context = _context(languages)
    if context is None:
        raise ValueError(f"{path}: recognizer {name!r} is not for language {LANGUAGE!r}, as which notes are read")
    rules |= {"supported_language": LANGUAGE} | ({"context": context} if context else {})
    if flags is not None:
        rules.setdefault("global_regex_flags", flags)
    return RecognizerSpec("pattern", json.dumps(rules, sort_keys=True))


def _has_rules(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("patterns") or entry.get("deny_list"))


def _context(languages: list[Any]) -> list[str] | None:
    """Our language's own context words, empty where it has none; None where it is not among the languages."""
    for language in languages:
        if language == LANGUAGE:
            return []
        if isinstance(language, dict) and language.get("language") == LANGUAGE:
            return list(language.get("context") or [])
    return None
