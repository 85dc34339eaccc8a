"""Labelled documents for training, out of Parquet files and out of generated notes.

Known shapes of a Parquet file, by its columns: `tokens`, `tags` (IOB) or `text`, `entities` (list of structs
of start, end, label) for token heads; `text`, `codes` for coding; `text`, `label` for readmission. A column
`split` with `train` and `dev` is followed; without it every tenth patient is dev (`patient_id`, else `encounter_id`,
else each row by itself). Rows of one `encounter_id` are notes of one admission. A folder with `gold/` is read as
`notemill generate` writes it.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import fsspec
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq

from jobs.training import rows
from pipelines.errors import RequestError
from pipelines.io.source import find_files
from transforms.clinical_bert.heads.labels import OUTSIDE, decode, split_label
from transforms.icd.table import CodeTable

GoldSpan = tuple[int, int, str]
"""Start, end, label."""

TOKEN_HEADS: Final = ("deid", "ner")

# Where the heads' sets lie in a folder of public corpora.
_LAYOUT: Final[dict[str, tuple[str, ...]]] = {
    "ner": tuple(f"ner/{name}.parquet" for name in ("bc5cdr", "ncbi_disease", "anatem", "maccrobat")),
    "icd": ("icd/codiesp.parquet",),
}
_DEV_EVERY: Final = 10
_PACK_CHARACTERS: Final = 1000  # of neighbouring sentences in one document: about 250 tokens


@dataclass(frozen=True)
class Document:
    """A text with the gold of one or more heads.

    Attributes:
        text: what the model will read.
        source: name of the data set.
        spans: for a token head its gold spans.
        codes: gold ICD-10-CM codes; None where the text is not coded.
        readmitted: the encounter's label; None where it has none.
        group: what belongs together (an encounter), for figures; may be empty.
        patient: whose notes must not be parted between training and measuring; may be empty.
    """

    text: str
    source: str
    spans: Mapping[str, Sequence[GoldSpan]] = field(default_factory=dict)
    codes: frozenset[str] | None = None
    readmitted: bool | None = None
    group: str = ""
    patient: str = ""


@dataclass(frozen=True)
class DataSet:
    """Documents of one source, by split; `about` says how generated notes were made."""

    name: str
    train: list[Document]
    dev: list[Document]
    about: str = ""

    def renamed(self, name: str) -> DataSet:
        """The same documents under another name."""
        train, dev = ([replace(d, source=name) for d in of_split] for of_split in (self.train, self.dev))
        return replace(self, name=name, train=train, dev=dev)


def read(uri: str, heads: Sequence[str], *, only_dev: bool = False) -> list[DataSet]:
    """Reads what serves the heads.

    Args:
        uri: a Parquet file, a folder of them or a glob, a folder of `notemill generate`, or of public corpora.
        heads: names of heads.
        only_dev: every document is dev.

    Raises:
        RequestError: nothing fits, or a row is wrong: the row is named.
    """
    fs, path = fsspec.core.url_to_fs(uri)
    if fs.isdir(f"{path}/gold"):
        sets = _generated(fs, path, heads)
    else:
        corpora = [(head, f"{path}/{name}") for head in heads for name in _LAYOUT.get(head, ())]
        sets = [_parquet(fs, file, file.rsplit("/", 1)[-1], [head]) for head, file in corpora if fs.isfile(file)]
        if not sets:
            files = sorted(find_files(fs, path, uri).items())
            sets = [_parquet(fs, file, name, heads) for name, file in files]
    if only_dev:
        return [DataSet(data.name, [], data.train + data.dev, data.about) for data in sets]
    return sets


def texts(uri: str) -> list[str]:
    """The column `text` of a Parquet file.

    Raises:
        RequestError: there is none.
    """
    fs, path = fsspec.core.url_to_fs(uri)
    try:
        with fs.open(path, "rb") as file:
            return [text for text in pq.read_table(file, columns=["text"])["text"].to_pylist() if text]
    except (OSError, ValueError, KeyError) as error:
        raise RequestError(f"{uri!r} is not a Parquet file with a column text ({type(error).__name__})") from error


def told_apart(sets: Sequence[DataSet]) -> list[DataSet]:
    """Gives sets of one name a number: each has its own labels and its own figures."""
    seen: Counter[str] = Counter()
    named = []
    for data in sets:
        seen[data.name] += 1
        named.append(data if seen[data.name] == 1 else data.renamed(f"{data.name} ({seen[data.name]})"))
    return named


def rare(sets: Sequence[DataSet], head: str, least: int) -> frozenset[str]:
    """Labels of a token head that have fewer gold spans than this in all training documents together."""
    n = Counter(label for data in sets for document in data.train for _, _, label in document.spans.get(head, ()))
    return frozenset(label for label, count in n.items() if count < least)


def descriptions(codes: Iterable[str], table: CodeTable) -> list[Document]:
    """The titles of codes as short documents, each with its one code."""
    return [Document(table.description(code), "icd-10-cm titles", codes=frozenset([code])) for code in codes]


def mask(text: str, phi: Sequence[GoldSpan], spans: Sequence[GoldSpan]) -> tuple[str, list[GoldSpan]]:
    """The text as de-identification leaves it, with `[LABEL]` for each piece of PHI, and the moved spans.

    Spans that touch PHI are left out.
    """
    pieces: list[str] = []
    cuts: list[int] = [0]  # from here on in the raw text ...
    shifts: list[int] = [0]  # ... this is added
    at = 0
    for start, end, label in sorted(phi):
        if start < at:
            continue  # inside the one before
        tag = f"[{label}]"
        pieces += [text[at:start], tag]
        at = end
        cuts.append(end)
        shifts.append(shifts[-1] + len(tag) - (end - start))
    pieces.append(text[at:])
    moved = []
    for start, end, label in spans:
        if any(start < stop and begin < end for begin, stop, _ in phi):
            continue
        shift = shifts[bisect_right(cuts, start) - 1]
        moved.append((start + shift, end + shift, label))
    return "".join(pieces), moved


def _parquet(fs: Any, path: str, name: str, heads: Sequence[str]) -> DataSet:
    try:
        with fs.open(path, "rb") as file:
            table = pq.read_table(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise RequestError(f"{name} is not a readable Parquet file ({type(error).__name__})") from error
    head = rows.head_of(table.schema, heads, name)
    name = name.removesuffix(".parquet")
    by_split: dict[str, list[tuple[str, dict[str, Any]]]] = {"train": [], "dev": []}
    others = 0
    units: dict[Any, int] = {}  # what must not be parted: a patient's rows, an encounter's, else a row
    for number, row in enumerate(table.to_pylist()):
        unit = units.setdefault(row.get("patient_id") or row.get("encounter_id") or ("row", number), len(units))
        split = row.get("split") or ("dev" if unit % _DEV_EVERY == _DEV_EVERY - 1 else "train")
        if split in by_split:
            by_split[split].append((f"{name}, row {number}", row))
        else:
            others += 1
    if head in TOKEN_HEADS and "tokens" in table.column_names:
        iob2 = rows.is_iob2(table["tags"].to_pylist())
        splits = {split: list(_packed(of_split, name, head, iob2)) for split, of_split in by_split.items()}
    else:
        splits = {split: [_document(row, place, name, head) for place, row in by_split[split]] for split in by_split}
    about = f"{others} rows of other splits left out" if others else ""
    return DataSet(name, splits["train"], splits["dev"], about)


def _document(row: dict[str, Any], place: str, name: str, head: str) -> Document:
    text = rows.text_of(row, place)
    if head == "icd":
        return Document(text, name, codes=rows.codes_of(row, CodeTable.shipped(), place))
    if head == "readmission":
        group, patient = (str(row.get(column) or "") for column in ("encounter_id", "patient_id"))
        return Document(text, name, readmitted=rows.readmitted_of(row, place), group=group, patient=patient or group)
    return Document(text, name, spans={head: rows.spans_of(row, text, head, place)})


def _packed(of_split: Sequence[tuple[str, dict[str, Any]]], name: str, head: str, iob2: bool) -> Iterator[Document]:
    """Sentences that stand together become one document, so that each is read in its surroundings."""
    lines: list[str] = []
    spans: list[GoldSpan] = []
    length = 0
    for place, row in of_split:
        tokens, tags = rows.words_of(row, head, iob2, place)
        if lines and length + sum(map(len, tokens)) + len(tokens) > _PACK_CHARACTERS:
            yield Document("\n".join(lines), name, spans={head: spans})
            lines, spans, length = [], [], 0
        starts = []
        at = length
        for token in tokens:
            starts.append(at)
            at += len(token) + 1
        ends = [start + len(token) for start, token in zip(starts, tokens, strict=True)]
        lines.append(" ".join(tokens))
        spans = spans + [(s.start, s.end, s.label) for s in decode(tags, [1.0] * len(tags), starts, ends)]
        length = at if tokens else length + 1
    if lines:
        yield Document("\n".join(lines), name, spans={head: spans})


def labels_of(documents: Iterable[Document], head: str) -> set[str]:
    """The labels of a token head's gold spans."""
    return {split_label(label)[1] for doc in documents for _, _, label in doc.spans.get(head, ())} - {OUTSIDE}


def _generated(fs: Any, path: str, heads: Sequence[str]) -> list[DataSet]:
    def table(name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = pyarrow.dataset.dataset(f"{path}/{name}", filesystem=fs).to_table().to_pylist()
        return found

    phi: dict[str, list[GoldSpan]] = defaultdict(list)
    for row in table("gold/phi"):
        phi[row["note_id"]].append((row["start"], row["end"], row["label"]))
    entities: dict[str, list[GoldSpan]] = defaultdict(list)
    codes: dict[str, set[str]] = defaultdict(set)
    readmitted: dict[str, bool] = {}
    if "ner" in heads:
        for row in table("gold/entities"):
            entities[row["note_id"]].append((row["start"], row["end"], row["label"]))
    if "icd" in heads:
        for row in table("gold/codes"):
            codes[row["note_id"]].add(row["code"])
    if "readmission" in heads:
        readmitted = {row["encounter_id"]: bool(row["readmitted_30d"]) for row in table("gold/readmission")}
    name = "generated notes"
    splits: dict[bool, list[Document]] = {True: [], False: []}
    patients: dict[str, int] = {}
    for row in table("notes"):
        note, text = row["note_id"], row["text"]
        # By patient: notes of one patient are copied forward from one another.
        is_dev = patients.setdefault(row["patient_id"], len(patients)) % _DEV_EVERY == _DEV_EVERY - 1
        if "deid" in heads:
            splits[is_dev].append(Document(text, name, spans={"deid": phi[note]}))
        if set(heads) - {"deid"}:
            masked, moved = mask(text, phi[note], entities[note])
            discharge = row["note_type"].lower().startswith("discharge")
            splits[is_dev].append(
                Document(
                    masked,
                    name,
                    spans={"ner": moved} if "ner" in heads else {},
                    codes=frozenset(codes[note]) if "icd" in heads else None,
                    readmitted=readmitted.get(row["encounter_id"]) if discharge else None,
                    group=row["encounter_id"] or "",
                    patient=row["patient_id"] or "",
                )
            )
    with fs.open(f"{path}/_generate.json", "rb") as file:
        made = json.load(file)
    about = f"{made['notes']} notes, seed {made['seed']}, wording {made['wording']}"
    return [DataSet(name, splits[False], splits[True], about)]
