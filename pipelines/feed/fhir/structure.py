"""Whether NDJSON files of a folder hold resources as FHIR R4 wants them, as far as Notemill writes them.

Each line is a resource of the type that its file is named by, with an id of its own, the elements that must be there,
no others than those that Notemill writes, each of its kind. Findings name types, elements and counts, never content.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from pipelines.errors import RequestError
from pipelines.feed.fhir.resources import CONDITION, ID, OBSERVATION, RISK
from pipelines.io.storage import Folder

_DATE: Final = re.compile(r"\d{4}(-\d{2}(-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2}))?)?)?")

# Of each type: the elements that may be there and what each holds; `!` must be there, `*` is a list.
_COMMON: Final = "resourceType!code id!id meta!meta subject!reference encounter:reference"
_ELEMENTS: Final = {
    CONDITION: f"{_COMMON} clinicalStatus:concept verificationStatus:concept category*concept code:concept "
    "recordedDate:date evidence*evidence",
    OBSERVATION: f"{_COMMON} status!code code!concept effectiveDateTime:date valueCodeableConcept:concept "
    "interpretation*concept derivedFrom*reference component*component",
    RISK: f"{_COMMON} status!code method:concept code:concept basis*reference prediction*prediction",
}
_PARTS: Final = {
    "meta": "source:uri",
    "reference": "reference!uri",
    "concept": "coding*coding text:string",
    "coding": "system:uri code:code display:string",
    "evidence": "code*concept detail*reference",
    "component": "code!concept valueInteger:integer valueBoolean:boolean",
    "prediction": "outcome:concept probabilityDecimal:probability",
}
_ELEMENT: Final = re.compile(r"(\w+)([!:*])(\w+)")


@dataclass
class Structure:
    """What was found.

    Attributes:
        rows: type -> resources that were looked at.
        findings: what is not as FHIR wants it, a line each; empty when all is.
    """

    rows: dict[str, int] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)


def check(uri: str) -> Structure:
    """Looks at every resource.

    Raises:
        RequestError: the folder has no such files.
    """
    folder = Folder(uri)
    report, wrong = Structure(), Counter[str]()
    ids: set[tuple[str, str]] = set()
    for name in sorted(folder.sizes("")):
        kind, _, rest = name.partition(".")
        if kind not in _ELEMENTS or not rest.endswith("ndjson"):
            continue
        for line in (folder.get(name) or b"").split(b"\n")[:-1]:
            report.rows[kind] = report.rows.get(kind, 0) + 1
            try:
                resource = json.loads(line)
            except ValueError:
                wrong[f"{kind}: {{}} not JSON"] += 1
                continue
            faults = {*_faults(resource, _ELEMENTS[kind], kind)}
            if isinstance(resource, dict) and not faults:
                if resource["resourceType"] != kind:
                    faults.add(f"{kind}.resourceType: {{}} of another type")
                elif (kind, resource["id"]) in ids:
                    faults.add(f"{kind}.id: {{}} there already")
                ids.add((kind, resource["id"]))
            wrong.update(faults)
    if not report.rows:
        raise RequestError(f"{uri} holds no {', '.join(f'{kind}.….ndjson' for kind in _ELEMENTS)}")
    for what, count in sorted(wrong.items()):
        report.findings.append(what.format(f"{count:,} {'resource is' if count == 1 else 'resources are'}"))
    return report


def _faults(value: Any, elements: str, place: str) -> list[str]:
    if not isinstance(value, dict) or not value:
        return [f"{place}: {{}} without elements"]
    known = {found[1]: found for found in _ELEMENT.finditer(elements)}
    faults = [f"{place}: {{}} with an element that Notemill does not write" for name in value if name not in known]
    for name, (_, how, kind) in ((name, found.groups()) for name, found in known.items()):
        if name not in value:
            faults += [f"{place}.{name}: {{}} without it"] if how == "!" else []
        elif how == "*" and (not isinstance(value[name], list) or not value[name]):
            faults.append(f"{place}.{name}: {{}} without a list there")
        else:
            for one in value[name] if how == "*" else [value[name]]:
                faults += _of_kind(one, kind, f"{place}.{name}")
    return faults


def _of_kind(value: Any, kind: str, place: str) -> list[str]:
    if kind in _PARTS:
        return _faults(value, _PARTS[kind], place)
    text = isinstance(value, str) and bool(value.strip())
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {
        "id": text and ID.fullmatch(str(value)) is not None,
        "code": text and str(value).strip() == value,
        "uri": text and not re.search(r"\s", str(value)),
        "string": text,
        "date": text and _DATE.fullmatch(str(value)) is not None,
        "integer": number and isinstance(value, int),
        "boolean": isinstance(value, bool),
        "probability": number and 0 <= value <= 1,
    }[kind]
    return [] if fits else [f"{place}: {{}} with something else than {kind} there"]
