"""Make transforms/icd/phrases.csv.gz: the dictionary of phrases.

    python -m infra.icd.phrases CODIESP.parquet

Of the tabular list it takes what the package simple-icd-10-cm holds; of the documents the split `train` alone.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import simple_icd_10_cm as icd

from infra.icd import alignment
from transforms.assertion.asserter import Asserter
from transforms.assertion.lexicon import Lexicon
from transforms.icd.candidates import speaks_for_patient
from transforms.icd.linking import Linker
from transforms.icd.phrases import Sense, merged, own_index, write
from transforms.icd.table import CodeTable
from transforms.icd.terms import Hierarchy, best, phrases_of_term, terms_of
from transforms.icd.wording import Key, Wording

TARGET = Path(__file__).parents[2] / "transforms" / "icd" / "phrases.csv.gz"


@dataclass(frozen=True)
class Learned:
    """What documents say about phrases.

    Attributes:
        gold: of each document its codes, each moved to the billable one that says no more.
        marked: of each phrase and code the documents in which the phrase is the code's evidence.
        said: of each phrase the documents in which it is said of the patient.
    """

    gold: Sequence[frozenset[str]]
    marked: Mapping[tuple[Key, str], frozenset[int]]
    said: Mapping[Key, frozenset[int]]

    def sense(self, key: Key, code: str, kind: str, without: int | None = None) -> Sense:
        """A sense with its counts, `without` one document."""
        said = self.said.get(key, frozenset()) - {without}
        return Sense(code, kind, len(said), sum(code in self.gold[document] for document in said))


def terms(table: CodeTable, wording: Wording) -> dict[Key, tuple[str, str]]:
    """Phrases of titles, inclusion terms and includes notes."""
    hierarchy = Hierarchy(table)

    def found() -> Iterator[tuple[Key, str, str, int]]:
        yield from terms_of(table, wording, hierarchy)
        for entry in table:
            for term in (*icd.get_inclusion_term(entry.code), *icd.get_includes(entry.code)):
                # A term below the title loses to another code's title that says the same.
                for key, code, kind, lost in phrases_of_term(term, entry.code, wording, hierarchy):
                    yield key, code, kind, lost + 1

    return best(found())


def learn(
    documents: Sequence[Mapping[str, Any]], table: CodeTable, wording: Wording
) -> tuple[Learned, dict[Key, dict[str, str]]]:
    """Counts of all phrases over documents, and the kinds of each phrase's codes.

    Args:
        documents: rows of CodiEsp.
        table: the codes of the release.
        wording: normal forms.
    """
    hierarchy = Hierarchy(table)
    gold = [frozenset(code for each in doc["codes"] if (code := hierarchy.unspecified(each))) for doc in documents]
    marked: dict[tuple[Key, str], set[int]] = defaultdict(set)
    for number, spans in enumerate(alignment.evidence(documents)):
        for span in spans:
            code = hierarchy.unspecified(span.code)
            if code is not None:
                marked[wording.key(documents[number]["text_en"][span.start : span.end]), code].add(number)
    kinds = merged(terms(table, wording), own_index(), marked)
    keys = {key: (Sense(" ".join(key), "title"),) for key in kinds}  # each phrase stands for itself
    linker, asserter = Linker(keys, wording), Asserter(Lexicon.shipped())
    said: dict[Key, set[int]] = defaultdict(set)
    for number, document in enumerate(documents):
        text = document["text_en"]
        mentions = linker.mentions(text, ())
        assertions = asserter.assert_all(text, [(mention.start, mention.end) for mention in mentions])
        for mention, asserted in zip(mentions, assertions, strict=True):
            if speaks_for_patient(asserted):
                said[tuple(mention.senses[0].code.split())].add(number)
    frozen = {key: frozenset(numbers) for key, numbers in said.items()}
    return Learned(gold, {key: frozenset(numbers) for key, numbers in marked.items()}, frozen), kinds


def main() -> None:
    rows = [row for row in pq.read_table(sys.argv[1]).to_pylist() if row["split"] == "train"]
    learned, kinds = learn(rows, CodeTable.shipped(), Wording.shipped())
    senses = [(key, learned.sense(key, code, kind)) for key, of_key in kinds.items() for code, kind in of_key.items()]
    write(TARGET, senses)
    print(f"{len(kinds)} phrases, {TARGET.stat().st_size} bytes:", Counter(sense.kind for _, sense in senses))


if __name__ == "__main__":
    main()
