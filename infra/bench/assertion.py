"""How well assertions are told, measured on sentences labelled by hand, and how fast.

    python infra/bench/assertion.py --data SENTENCES.parquet

The file has `concept`, `sentence`, `negation` (Affirmed, Negated), `temporality` (Recent, Historical, Not
particular) and `experiencer` (Patient, Family member, Other), as the NegEx test set. The concept is looked for in the
sentence without regard to case and white space; rows in which it is not found (their sentence was cut short) are
counted and scored as found nowhere: nothing is asserted of them. No section is known, so no section helps.
"""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path

import pyarrow.parquet as pq

from transforms.assertion import Asserted, Asserter, Lexicon


def locate(concept: str, sentence: str) -> tuple[int, int] | None:
    """The span of the concept as whole words: written in capitals, as the set marks it, or else anywhere."""
    for written, flags in ((concept.upper(), re.NOFLAG), (concept, re.IGNORECASE)):
        words = r"\s+".join(map(re.escape, written.split()))
        match = re.search(rf"(?<!\w){words}(?!\w|['’]\w)", sentence, flags)
        if match:
            return match.span()
    return None


def f1(pairs: list[tuple[bool, bool]]) -> str:
    """Precision, recall and F1 of (told, labelled)."""
    right = sum(told and labelled for told, labelled in pairs)
    told, labelled = (sum(column) for column in zip(*pairs, strict=True))
    score = 2 * right / (told + labelled) if told + labelled else 0.0
    precision, recall = right / told if told else 0.0, right / labelled if labelled else 0.0
    return f"F1 {score:.4f}  precision {precision:.4f}  recall {recall:.4f}  ({right}/{told}/{labelled})"


def main() -> None:
    parser = argparse.ArgumentParser(description="F1 and speed of `assertion`.")
    parser.add_argument("--data", type=Path, required=True, help="Parquet file of labelled sentences")
    rows = pq.read_table(parser.parse_args().data).to_pylist()

    asserter = Asserter(Lexicon.shipped())
    told: list[Asserted] = []
    unfound = 0
    for row in rows:
        span = locate(row["concept"], row["sentence"])
        unfound += span is None
        told.append(asserter.assert_all(row["sentence"], [span])[0] if span else Asserted())

    both = list(zip(told, rows, strict=True))
    print(f"{len(rows)} rows, concept not found in {unfound}")
    print(f"negated       {f1([(t.negated, r['negation'] == 'Negated') for t, r in both])}")
    print(f"historical    {f1([(t.historical, r['temporality'] == 'Historical') for t, r in both])}")
    print(f"hypothetical  {f1([(t.hypothetical, r['temporality'] == 'Not particular') for t, r in both])}")
    print(f"not patient   {f1([(t.experiencer != 'patient', r['experiencer'] != 'Patient') for t, r in both])}")

    text = "\n\n".join(row["sentence"] for row in rows)
    spans, position = [], 0
    for row in rows:
        span = locate(row["concept"], row["sentence"])
        if span:
            spans.append((position + span[0], position + span[1]))
        position += len(row["sentence"]) + 2
    rounds = 10
    began = time.perf_counter()
    for _ in range(rounds):
        asserter.assert_all(text, spans)
    print(f"{rounds * len(spans) / (time.perf_counter() - began):.0f} entities/s on one core")


if __name__ == "__main__":
    main()
