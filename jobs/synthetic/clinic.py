"""Clinical facts from which stories are made: diseases with their ICD-10-CM codes, drugs, labs, operations, studies.

The facts are the same for every `wording`; the phrases among them are split like all others.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobs.synthetic.grammar import Phrase, parse
from jobs.synthetic.names import data
from jobs.synthetic.wording import Wording, share


@dataclass(frozen=True)
class Chronic:
    """A long-standing disease. `past`: it is over, and the code says so. Of one `group` a patient has one disease."""

    key: str
    code: str
    names: tuple[str, ...]
    drugs: tuple[tuple[str, ...], ...]
    weight: float
    sex: str
    older: int
    risk: float
    past: bool
    family: bool
    group: str


@dataclass(frozen=True)
class Drug:
    """A drug as it is typed in lists."""

    key: str
    names: tuple[str, ...]
    doses: tuple[str, ...]
    route: str
    often: tuple[str, ...]


@dataclass(frozen=True)
class Lab:
    """A laboratory value: its names, its normal range and how many decimals are reported."""

    key: str
    names: tuple[str, ...]
    low: float
    high: float
    decimals: int


@dataclass(frozen=True)
class Image:
    """What a study showed."""

    study: str
    findings: Phrase
    impression: Phrase


@dataclass(frozen=True)
class Acute:
    """A reason for admission and how it is told."""

    key: str
    code: str
    names: tuple[str, ...]
    implies: tuple[str, ...]
    service: str
    complaint: list[Phrase]
    story: list[Phrase]
    denies: list[Phrase]
    exam: dict[str, list[Phrase]]
    labs: dict[str, tuple[float, float]]
    course: list[Phrase]
    images: list[Image]
    drugs: tuple[str, ...]
    operation: str
    follow: str
    risk: float
    stay: tuple[int, int]


@dataclass(frozen=True)
class Operation:
    """An operation and how it is told."""

    names: list[Phrase]
    anesthesia: list[Phrase]
    findings: list[Phrase]
    blood: list[Phrase]
    steps: list[list[Phrase]]


@dataclass(frozen=True)
class Study:
    """An imaging study and what is said when nothing more is wrong."""

    names: tuple[str, ...]
    short: str
    technique: list[Phrase]
    normal: list[Phrase]


@dataclass(frozen=True)
class Clinic:
    """All the facts, with the phrases that a wording may use."""

    chronic: dict[str, Chronic]
    acute: list[Acute]
    drugs: dict[str, Drug]
    labs: dict[str, Lab]
    operations: dict[str, Operation]
    studies: dict[str, Study]

    @classmethod
    @functools.cache
    def load(cls, wording: Wording) -> Clinic:
        """Reads the data files; once per process and wording."""

        def said(phrases: Sequence[str]) -> list[Phrase]:
            return [parse(phrase) for phrase in share(phrases, wording)]

        return cls(
            chronic={key: _chronic(key, row) for key, row in data("chronic.toml").items()},
            acute=[_acute(key, row, wording) for key, row in data("acute.toml").items()],
            drugs={
                key: Drug(key, tuple(row["names"]), tuple(row["doses"]), row["route"], tuple(row["often"]))
                for key, row in data("drugs.toml").items()
            },
            labs={
                key: Lab(key, tuple(row["names"]), row["range"][0], row["range"][1], row["decimals"])
                for key, row in data("labs.toml").items()
            },
            operations={
                key: Operation(
                    names=said(row["names"]),
                    anesthesia=said(row["anesthesia"]),
                    findings=said(row["findings"]),
                    blood=said(row["blood"]),
                    steps=[said(step) for step in row["steps"]],
                )
                for key, row in data("operations.toml").items()
            },
            studies={
                key: Study(tuple(row["names"]), row["short"], said(row["technique"]), said(row["normal"]))
                for key, row in data("studies.toml").items()
            },
        )


def _chronic(key: str, row: dict[str, Any]) -> Chronic:
    return Chronic(
        key=key,
        code=row["code"],
        names=tuple(row["names"]),
        drugs=tuple(tuple(group) for group in row["drugs"]),
        weight=row["weight"],
        sex=row.get("sex", ""),
        older=row.get("older", 0),
        risk=row.get("risk", 0.0),
        past=row.get("past", False),
        family=row.get("family", False),
        group=row.get("group", key),
    )


def _acute(key: str, row: dict[str, Any], wording: Wording) -> Acute:
    def said(phrases: Sequence[str]) -> list[Phrase]:
        return [parse(phrase) for phrase in share(phrases, wording)]

    return Acute(
        key=key,
        code=row["code"],
        names=tuple(row["names"]),
        implies=tuple(row.get("with", ())),
        service=row["service"],
        complaint=said(row["complaint"]),
        story=said(row["story"]),
        denies=[parse(phrase) for phrase in row["denies"]],
        exam={system: said(phrases) for system, phrases in row["exam"].items()},
        labs={name: (low, high) for name, (low, high) in row["labs"].items()},
        course=said(row["course"]),
        images=[Image(study, parse(found), parse(means)) for study, found, means in row["imaging"]],
        drugs=tuple(row["drugs"]),
        operation=row.get("op", ""),
        follow=row["follow"],
        risk=row.get("risk", 0.0),
        stay=(row["los"][0], row["los"][1]),
    )
