"""`notemill evaluate icd`: the codes of notes against those that people gave them, and where they were read.

Precision, recall and F1 are of the codes that the job lets out; micro over all pairs of note and code, macro the mean
F1 of the codes that gold or job have. A ranking needs more than those, so the notes are read once more with
`icd.threshold = 0`: average precision is over all gold codes of a note (one that never comes out counts 0), and
precision at k divides by k. Both are means over the notes that have gold codes.

`valid` is the same over gold codes that can be billed in the release, for no other can come out.

Evidence, where the data have it (`evidence` beside `text`, `evidence_es` beside `text_es`): a span is right when it
overlaps a gold span of the same code in its note; `characters` counts those that both sides mark.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.types as pt
from rich.console import Console
from rich.table import Table

from jobs.config import Job
from jobs.evaluate import Request
from jobs.evaluation.bootstrap import bounds, by_unit, interval, resampled_sums
from jobs.evaluation.gold import in_text, is_text
from jobs.evaluation.predictions import Predictions
from jobs.evaluation.reading import Reading
from jobs.evaluation.report import Measured, between, checkpoint_facts, share
from jobs.evaluation.source import GoldSource
from jobs.run import checkpoints
from pipelines.errors import RequestError
from transforms.clinical_bert.checkpoints import Checkpoint
from transforms.icd.table import SYSTEM, CodeTable

AT: Final = (5, 8, 15)
_RANKED: Final = 1000
_TEXT: Final = ("text", "text_en")
_SPAN: Final = pa.struct([("start", pa.int32()), ("end", pa.int32())])
_FIELDS: Final = (
    pa.field("code", pa.string()),
    pa.field("system", pa.string()),
    pa.field("score", pa.float32()),
    pa.field("evidence", pa.list_(_SPAN)),
)

Spans = set[tuple[str, int, int]]
"""Code, start, end."""


@dataclass(frozen=True)
class GoldCodes:
    """Of one note; `evidence` is None where the data have none."""

    codes: frozenset[str]
    evidence: Spans | None


@dataclass(frozen=True)
class Codes:
    """Gold codes in a column `codes`, or in the table of a generated folder.

    Attributes:
        evidence: name of the column with their evidence, if it is there.
    """

    evidence: str
    table: str = "codes"
    key: ClassVar[str] = "note_id"

    def check(self, fields: pa.Schema, name: str) -> None:
        if "codes" not in fields.names:
            raise RequestError(f"{name} has no column codes; it has: {', '.join(fields.names)}")
        kind = fields.field("codes").type
        if not (pt.is_list(kind) or pt.is_large_list(kind)) or not is_text(kind.value_type):
            raise RequestError(f"column codes of {name} is of type {kind}, but it must be a list of text")
        if self.evidence in fields.names:
            kind = fields.field(self.evidence).type
            structs = pt.is_list(kind) and pt.is_struct(kind.value_type)
            names = {kind.value_type.field(at).name for at in range(kind.value_type.num_fields)} if structs else set()
            if not {"code", "start", "end"} <= names:
                raise RequestError(
                    f"column {self.evidence} of {name} is of type {kind}, but it must be a list of structs with code, "
                    "start and end"
                )

    def prepare(self, rows: pa.Table) -> pa.Table:
        return rows

    def parse(self, row: dict[str, Any], text: str | None, place: str) -> GoldCodes:
        codes = frozenset(_code(code, place) for code in row["codes"] or ())
        if self.evidence not in row:
            return GoldCodes(codes, None)
        spans = {(_code(one["code"], place), *in_text(one, text, place)) for one in row[self.evidence] or ()}
        return GoldCodes(codes, spans)

    def generated(self, rows: list[dict[str, Any]], text: str | None, place: str) -> GoldCodes:  # noqa: ARG002
        return GoldCodes(frozenset(_code(row["code"], place) for row in rows), None)


def _code(code: str | None, place: str) -> str:
    if not code or not code.strip():
        raise RequestError(f"{place}: a code is empty")
    return code.strip().upper()


class IcdReport(Measured):
    """Figures over all codes, and over those that are valid."""

    kind = "icd"

    def show(self, console: Console) -> None:
        figures = self.figures
        table = Table(title=f"Codes of {self.notes:,} notes", title_justify="left")
        table.add_column(no_wrap=True)
        for name in ("all gold codes", "95%", "valid ones", "95%"):
            table.add_column(name, justify="right", no_wrap=True)
        named = {"precision": "precision", "recall": "recall", "f1": "micro F1", "macro_f1": "macro F1"}
        named |= {f"p_at_{k}": f"P@{k}" for k in AT} | {"map": "mAP"}
        for name, title in named.items():
            cells = []
            for of_codes in (figures, figures["valid"]):
                bare = between(of_codes["intervals_95"][name]).removeprefix(" (95%: ").removesuffix(")")
                cells += [share(of_codes[name]), bare]
            table.add_row(title, *cells)
        console.print(table)
        said = [f"{figures['support']:,} gold codes, {figures['valid']['support']:,} of them valid"]
        said.append(f"{figures['found']:,} found, {share(figures['valid_share'])} valid")
        said.append(f"evidence resolves for {share(figures['evidence_resolved'])} of them")
        console.print("; ".join(said), highlight=False, soft_wrap=True)
        if (evidence := figures["evidence"]) is not None:
            of_spans = f"evidence F1 {share(evidence['f1'])}{between(evidence['intervals_95']['f1'])}"
            console.print(f"{of_spans}, of characters {share(evidence['characters']['f1'])}", highlight=False)
        self.show_rejected(console, "their gold codes count as missed")


@dataclass
class CodeCounts:
    """What was found of each note's codes.

    Attributes:
        units: what each note is drawn with.
        gold, found: its codes.
        ranked: codes that came out of the second reading, best first.
    """

    units: list[str] = field(default_factory=list)
    gold: list[frozenset[str]] = field(default_factory=list)
    found: list[frozenset[str]] = field(default_factory=list)
    ranked: list[list[str]] = field(default_factory=list)

    def over(self, keep: CodeTable) -> CodeCounts:
        """The same notes with those gold codes alone that can be billed."""
        gold = [frozenset(code for code in codes if keep.is_billable(code)) for codes in self.gold]
        return CodeCounts(self.units, gold, self.found, self.ranked)

    def figures(self) -> dict[str, Any]:
        """All of them, with 95% intervals."""
        pairs = list(zip(self.gold, self.found, strict=True))
        counts = by_unit(self.units, np.array([[len(g & f), len(f), len(g)] for g, f in pairs], dtype=np.int64))
        right, found, gold = counts.sum(axis=0).tolist()
        drawn_right, drawn_found, drawn_gold = resampled_sums(counts).T
        macro, macro_interval = self._macro()
        ranking, ranking_intervals = self._ranking()
        return {
            "precision": right / found if found else 0.0,
            "recall": right / gold if gold else 0.0,
            "f1": 2 * right / (found + gold) if found + gold else 0.0,
            "macro_f1": macro,
            **ranking,
            "support": gold,
            "found": found,
            "right": right,
            "intervals_95": {
                "precision": bounds(drawn_right, drawn_found),
                "recall": bounds(drawn_right, drawn_gold),
                "f1": bounds(2 * drawn_right, drawn_found + drawn_gold),
                "macro_f1": macro_interval,
                **ranking_intervals,
            },
        }

    def _macro(self) -> tuple[float, list[float] | None]:
        """Mean F1 over the codes that gold or job have in the notes (of each draw)."""
        codes = sorted(set().union(*self.gold, *self.found))
        places = {code: at for at, code in enumerate(codes)}
        numbers: dict[str, int] = {}
        of_notes = [numbers.setdefault(unit, len(numbers)) for unit in self.units]
        cells = [
            (unit, places[code], 2 * (code in gold and code in found), (code in gold) + (code in found))
            for unit, gold, found in zip(of_notes, self.gold, self.found, strict=True)
            for code in gold | found
        ]
        if not cells:
            return 0.0, None
        unit_of, code_of, parts, wholes = np.array(cells, dtype=np.int64).T

        def macro(drawn: npt.NDArray[np.int64]) -> float | None:
            times = np.bincount(drawn, minlength=len(numbers))[unit_of]
            part = np.bincount(code_of, weights=parts * times, minlength=len(codes))
            whole = np.bincount(code_of, weights=wholes * times, minlength=len(codes))
            there = whole > 0
            return float((part[there] / whole[there]).mean()) if there.any() else None

        return macro(np.arange(len(numbers))) or 0.0, interval(len(numbers), macro)

    def _ranking(self) -> tuple[dict[str, float | None], dict[str, list[float] | None]]:
        names = [*(f"p_at_{k}" for k in AT), "map"]
        of_notes = [_ranked(gold, ranked) for gold, ranked in zip(self.gold, self.ranked, strict=True) if gold]
        units = [unit for unit, gold in zip(self.units, self.gold, strict=True) if gold]
        if not of_notes:
            return dict.fromkeys(names), dict.fromkeys(names)
        sums = by_unit(units, np.array([[*values, 1.0] for values in of_notes]))
        drawn = resampled_sums(sums)
        means = (sums[:, :-1].sum(axis=0) / sums[:, -1].sum()).tolist()
        intervals = {name: bounds(drawn[:, at], drawn[:, -1]) for at, name in enumerate(names)}
        return dict(zip(names, means, strict=True)), intervals


def _ranked(gold: frozenset[str], ranked: Sequence[str]) -> list[float]:
    """Precision at each of `AT`, and average precision."""
    hits = [rank for rank, code in enumerate(ranked, 1) if code in gold]
    at = [sum(rank <= k for rank in hits) / k for k in AT]
    return [*at, sum(number / rank for number, rank in enumerate(hits, 1)) / len(gold)]


@dataclass
class EvidenceCounts:
    """How far evidence and gold evidence meet, by note."""

    units: list[str] = field(default_factory=list)
    notes: list[list[int]] = field(default_factory=list)

    def add(self, unit: str, gold: Spans, found: Spans) -> None:
        """Counts one note."""
        of_gold, of_found = _marked(gold), _marked(found)
        counts = [_touching(found, gold), len(found), _touching(gold, found), len(gold)]
        self.units.append(unit)
        self.notes.append([*counts, len(of_gold & of_found), len(of_found), len(of_gold)])

    def figures(self) -> dict[str, Any] | None:
        """None where no note has gold evidence."""
        if not self.notes:
            return None
        counts = by_unit(self.units, np.array(self.notes, dtype=np.int64))
        right, found, met, gold, common, marked, wanted = counts.sum(axis=0).tolist()
        drawn = resampled_sums(counts).T
        # F1 out of a precision and a recall that count different things: 2 / (found/right + gold/met).
        over = np.divide(drawn[1], drawn[0], out=np.full(len(drawn[0]), np.inf), where=drawn[0] > 0)
        under = np.divide(drawn[3], drawn[2], out=np.full(len(drawn[2]), np.inf), where=drawn[2] > 0)
        return {
            "precision": right / found if found else 0.0,
            "recall": met / gold if gold else 0.0,
            "f1": 2 / (found / right + gold / met) if right and met else 0.0,
            "support": gold,
            "found": found,
            "characters": {
                "precision": common / marked if marked else 0.0,
                "recall": common / wanted if wanted else 0.0,
                "f1": 2 * common / (marked + wanted) if marked + wanted else 0.0,
            },
            "intervals_95": {
                "precision": bounds(drawn[0], drawn[1]),
                "recall": bounds(drawn[2], drawn[3]),
                "f1": bounds(np.full(len(over), 2.0), over + under),
            },
        }


def _marked(spans: Spans) -> set[tuple[str, int]]:
    return {(code, at) for code, start, end in spans for at in range(start, end)}


def _touching(some: Spans, others: Spans) -> int:
    """How many of `some` overlap one of `others` of the same code."""
    by_code: dict[str, list[tuple[int, int]]] = {}
    for code, start, end in others:
        by_code.setdefault(code, []).append((start, end))
    return sum(any(s < end and start < e for s, e in by_code.get(code, ())) for code, start, end in some)


def evaluate(request: Request) -> IcdReport:
    """Runs the job's stages over the notes and counts codes.

    Raises:
        RequestError: the data or an option is wrong.
    """
    request.refuse_other_heads("icd", "ner")
    job = request.job()
    heads = [head for head in job.model.heads if head not in ("readmission", "embed")]
    job = request.job(model={"heads": heads})
    models = checkpoints(job, heads=heads)
    source = _source(job, request)
    source.check()
    table = CodeTable.shipped()
    gold_codes = Counter(code in table for part in source.read() for gold in part.gold for code in gold.codes)
    speaks = gold_codes[True] >= gold_codes[False]  # else the gold is of another system, and only its codes count

    def codes_of(of_note: Iterable[Mapping[str, Any]] | None) -> list[Mapping[str, Any]]:
        return [one for one in of_note or () if (one["system"] == SYSTEM) == speaks]

    counts, evidence = CodeCounts(), EvidenceCounts()
    resolved = 0
    out = Predictions(request.predictions, [source.id_field, *_FIELDS], source.files.values())
    with Reading(job, models, _stages(job), ("clinical_bert",)) as reading:
        for part, done in reading.read(source.read()):
            found = [codes_of(of_note) for of_note in done["codes"].to_pylist()]
            texts = part.notes["text"].to_pylist()
            for note, unit, gold, text, of_note in zip(part.ids, part.units, part.gold, texts, found, strict=True):
                counts.units.append(unit)
                counts.gold.append(gold.codes)
                counts.found.append(frozenset(one["code"] for one in of_note))
                resolved += sum(_resolves(one, text) for one in of_note)
                if gold.evidence is not None:
                    evidence.add(unit, gold.evidence, set(_spans(of_note)))
                out.add((note, *(one[kept.name] for kept in _FIELDS[:-1]), _bare(one)) for one in of_note)
    out.write()
    counts.ranked = _rankings(request, models, heads, codes_of)
    found_codes = [code for of_note in counts.found for code in of_note]
    figures = {
        **counts.figures(),
        "valid": counts.over(table).figures(),
        "valid_share": sum(map(table.is_billable, found_codes)) / len(found_codes) if found_codes else None,
        "evidence_resolved": resolved / len(found_codes) if found_codes else None,
        "evidence": evidence.figures(),
        "gold_not_in_release": gold_codes[False],
    }
    settings = {
        **job.icd.model_dump(),
        "release": table.release,
        "split": request.split,
        "checkpoints": checkpoint_facts(models),
    }
    return IcdReport(request.data, reading.notes, tuple(reading.rejected), settings, reading.seconds, figures)


def _stages(job: Job) -> list[str]:
    """The job's stages; without entities there is nothing to assert."""
    return [stage for stage in job.stages if stage != "assertion" or "ner" in job.model.heads]


def _source(job: Job, request: Request) -> GoldSource[GoldCodes]:
    mapping = job.column_map()
    if mapping.text == ("text",):
        mapping = replace(mapping, text=_TEXT)
    plain = GoldSource(job.input, mapping, job.split_rows, Codes(""), request.split)
    column = next((name for name in mapping.text if plain.has(name)), mapping.text[0])
    return replace(plain, shape=Codes(column.replace("text", "evidence", 1)))


def _rankings(
    request: Request, models: Mapping[str, Checkpoint], heads: Sequence[str], codes_of: Any
) -> list[list[str]]:
    job = request.job(model={"heads": list(heads)}, icd={"threshold": 0.0, "top_k": _RANKED})
    ranked: list[list[str]] = []
    with Reading(job, models, _stages(job), ("clinical_bert",)) as reading:
        for _, done in reading.read(_source(job, request).read()):
            for of_note in done["codes"].to_pylist():
                best: dict[str, float] = {}
                for one in codes_of(of_note):
                    best[one["code"]] = max(one["score"], best.get(one["code"], 0.0))
                ranked.append(sorted(best, key=lambda code, best=best: -best[code]))  # type: ignore[misc]
    return ranked


def _resolves(code: Mapping[str, Any], text: str | None) -> bool:
    spans = code["evidence"] or ()
    return bool(spans) and all(
        span["text"] and (text or "")[span["start"] : span["end"]] == span["text"] for span in spans
    )


def _spans(codes: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, int, int]]:
    return ((code["code"], span["start"], span["end"]) for code in codes for span in code["evidence"] or ())


def _bare(code: Mapping[str, Any]) -> list[dict[str, int]]:
    return [{"start": span["start"], "end": span["end"]} for span in code["evidence"] or ()]
