"""`notemill evaluate ner`: counts equal seqeval's; labels are renamed, left out, or the request is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import classification_report, f1_score, precision_score, recall_score

from jobs.evaluation.gold import TokensOrEntities
from jobs.evaluation.ner import SpanCounts
from jobs.generate import generate
from tests.jobs.conftest import Run
from tests.transforms.clinical_bert import families

TAGS = ["O", "B-Disease", "I-Disease", "B-Chemical", "I-Chemical", "E-Disease", "S-Chemical"]
MARKED = {"Qorvex": "B-Chemical", "Zulmeth": "I-Chemical", "fever": "B-Disease", "pain": "B-Finding"}
LABELS = ["O", "B-Chemical", "I-Chemical", "B-Disease", "I-Disease", "B-Finding"]
ROWS = [
    ("dev", "the Qorvex Zulmeth , no fever", "O B-Drug I-Drug O O B-Disease"),
    ("dev", "pain the Qorvex fever", "O O B-Drug I-Drug"),
    ("dev", "the quillan pain", "O B-Disease O"),
    ("train", "fever fever fever", "O O O"),
]


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(families.classifier(tmp_path_factory.mktemp("model") / "ner", "Bert", LABELS, MARKED))


def write(path: Path, rows: list[tuple[str, str, str]] = ROWS, **columns: Any) -> str:
    table = {
        "split": [split for split, _, _ in rows],
        "tokens": [tokens.split() for _, tokens, _ in rows],
        "tags": [tags.split() for _, _, tags in rows],
        **columns,
    }
    pq.write_table(pa.table({name: value for name, value in table.items() if value is not None}), path)
    return str(path)


@st.composite
def sentences(draw: st.DrawFn) -> tuple[list[list[str]], list[list[str]]]:
    tag = st.sampled_from(TAGS)
    pairs = draw(st.lists(st.lists(st.tuples(tag, tag), min_size=1, max_size=9), min_size=1, max_size=5))
    return [[gold for gold, _ in of_one] for of_one in pairs], [[found for _, found in of_one] for of_one in pairs]


@settings(max_examples=300, deadline=None)
@given(sentences())
def test_counts_are_those_of_seqeval(tags: tuple[list[list[str]], list[list[str]]]) -> None:
    counts, read = SpanCounts(), TokensOrEntities()
    for number, (gold, found) in enumerate(zip(*tags, strict=True)):
        tokens = [f"w{at}" for at in range(len(gold))]
        spans = (read.parse({"tokens": tokens, "tags": one}, " ".join(tokens), "row") for one in (gold, found))
        counts.add(str(number), *spans)
    labels = {tag[2:] for of_side in tags for one in of_side for tag in one if tag != "O"} or {"Disease"}
    ours = counts.figures(labels)
    theirs = {"zero_division": 0}
    assert ours["precision"] == pytest.approx(precision_score(*tags, **theirs))
    assert ours["recall"] == pytest.approx(recall_score(*tags, **theirs))
    assert ours["f1"] == pytest.approx(f1_score(*tags, **theirs))
    for label, figures in classification_report(*tags, output_dict=True, **theirs).items():
        if label in labels:
            for one, other in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
                assert ours["by_label"][label][one] == pytest.approx(figures[other])
            assert ours["by_label"][label]["support"] == figures["support"]


def test_spans_may_overlap_and_count_once() -> None:
    counts = SpanCounts()
    gold = [(0, 4, "Disease"), (0, 4, "Finding"), (2, 9, "Disease")]
    counts.add("a", gold, [(0, 4, "Disease"), (0, 4, "Disease"), (0, 4, "Finding"), (3, 9, "Disease")])
    both = counts.figures(["Disease", "Finding"])
    assert (both["right"], both["found"], both["support"]) == (2, 3, 3)
    assert counts.figures(["Finding"])["f1"] == 1.0


def test_the_model_is_measured_over_the_labels_of_the_data(notemill: Run, tmp_path: Path, tagger: str) -> None:
    data, out = write(tmp_path / "gold.parquet"), tmp_path / "found.parquet"
    asked = ("evaluate", "ner", "--data", data, "--model", f"ner={tagger}", "--map", "Drug=Chemical", "--json")
    status, text, err = notemill(*asked, "--predictions", str(out))
    assert (status, err) == (0, "")
    facts = json.loads(text)
    gold = [row[2].replace("Drug", "Chemical").split() for row in ROWS[:3]]
    found = [["O", "B-Chemical", "I-Chemical", "O", "O", "B-Disease"], ["O", "O", "B-Chemical", "B-Disease"], ["O"] * 3]
    assert facts["notes"] == 3
    assert facts["f1"] == pytest.approx(f1_score(gold, found))
    assert (facts["precision"], facts["recall"]) == (precision_score(gold, found), recall_score(gold, found))
    assert (facts["right"], facts["found"], facts["support"]) == (2, 4, 4)
    assert set(facts["by_label"]) == {"Chemical", "Disease"}
    assert facts["by_label"]["Disease"]["recall"] == 0.5
    assert facts["other_labels"] == {"data": [], "model": ["Finding"]}
    low, high = facts["intervals_95"]["f1"]
    assert low <= facts["f1"] <= high
    rows = pq.read_table(out)
    assert rows.schema.names == ["note_id", "start", "end", "label", "score"]
    spans = [(row["note_id"], row["start"], row["end"], row["label"]) for row in rows.to_pylist()]
    assert ("row 0", 4, 18, "Chemical") in spans
    assert ("row 1", 0, 4, "Finding") in spans
    everything = json.loads(notemill(*asked, "--split", "all")[1])
    assert (everything["notes"], everything["found"]) == (4, 7)
    status, _, err = notemill(*asked[:-3], "--split", "train")
    assert (status, "the data have no label" in err) == (2, True)


def test_a_label_of_the_model_is_renamed_too(notemill: Run, tmp_path: Path, tagger: str) -> None:
    data = write(tmp_path / "gold.parquet")
    asked = ("evaluate", "ner", "--data", data, "--model", f"ner={tagger}", "--json", "--map", "Chemical=Drug")
    facts = json.loads(notemill(*asked)[1])
    assert (facts["right"], set(facts["by_label"])) == (2, {"Drug", "Disease"})
    merged = json.loads(notemill(*asked, "--map", "Finding=Disease")[1])
    assert merged["found"] == 6  # two of pain as well
    alone = json.loads(notemill(*asked, "--labels", "Drug")[1])
    assert (alone["right"], alone["found"], alone["support"]) == (1, 2, 2)
    unknown = json.loads(notemill(*asked[:-1], "Chemical=Remedy")[1])
    assert unknown["other_labels"] == {"data": ["Drug"], "model": ["Finding", "Remedy"]}
    assert unknown["by_label"]["Drug"]["recall"] == 0


def test_texts_with_entities_and_a_note_that_is_given_up(notemill: Run, tmp_path: Path, tagger: str) -> None:
    texts = ["the Qorvex Zulmeth", "the fever", " "]
    spans = [[{"start": 4, "end": 18, "label": "Chemical"}], [{"start": 4, "end": 9, "label": "Disease"}], None]
    path = tmp_path / "gold.parquet"
    pq.write_table(pa.table({"doc_id": [3, 4, 5], "text": texts, "entities": spans}), path)
    status, text, _ = notemill("evaluate", "ner", "--data", str(path), "--model", f"ner={tagger}", "--json")
    facts = json.loads(text)
    assert (status, facts["f1"]) == (0, 1.0)
    assert facts["rejected"] == {"notes": 1, "reasons": {"validate/EmptyText": 1}, "ids": [5]}
    status, text, _ = notemill("evaluate", "ner", "--data", str(path), "--model", f"ner={tagger}")
    assert status == 0
    assert "F1 of exact spans 100.00%" in text
    for word in ("Qorvex", "Zulmeth", "fever"):
        assert word not in text


def test_generated_notes(notemill: Run, tmp_path: Path, tagger: str) -> None:
    generate(str(tmp_path / "made"), notes=12, seed=5, rows_per_file=5)
    status, text, err = notemill(
        "evaluate", "ner", "--data", str(tmp_path / "made"), "--model", f"ner={tagger}", "--json"
    )
    assert (status, err) == (0, "")
    gold = pq.read_table(tmp_path / "made" / "gold" / "entities")
    assert json.loads(text)["support"] == len({tuple(row.values()) for row in gold.to_pylist()})


def test_requests_that_cannot_be_met(notemill: Run, tmp_path: Path, tagger: str) -> None:
    def refused(*arguments: str, says: tuple[str, ...]) -> None:
        status, out, err = notemill("evaluate", "ner", *arguments)
        assert (status, out) == (2, "")
        assert len(err.strip().splitlines()) == 1
        for word in says:
            assert word in err

    data, model = write(tmp_path / "gold.parquet"), ("--model", f"ner={tagger}")
    refused("--data", write(tmp_path / "a.parquet", tags=None), says=("neither tokens and tags nor text and entities",))
    refused("--data", write(tmp_path / "b.parquet", tags=[1, 2, 3, 4]), says=("tags of b.parquet", "a list of text"))
    refused("--data", write(tmp_path / "c.parquet", tags=[["O"]] * 4), says=("c.parquet, row 0: 6 tokens and 1 tags",))
    bad = [[""] * len(row[1].split()) for row in ROWS]
    refused("--data", write(tmp_path / "d.parquet", tags=bad), says=("d.parquet, row 0", "a tag is empty"))
    refused("--data", data, "--split", "test", *model, says=("no row of the split test", "dev, train"))
    refused("--data", write(tmp_path / "e.parquet", ROWS[3:]), *model, says=("no rows to measure on", "train"))
    refused("--data", write(tmp_path / "f.parquet", split=None), "--split", "dev", says=("no column split",))
    refused("--data", data, *model, "--map", "Drug", says=("--map takes A=B",))
    refused("--data", data, *model, "--map", "Drag=Chemical", says=("--map Drag", "Disease, Drug", "Finding"))
    refused("--data", data, *model, "--map", "Drug=A", "--map", "Drug=B", says=("renames Drug twice",))
    refused("--data", data, *model, "--labels", "Drug", says=("no label in common", "--map A=B"))
    refused("--data", data, *model, "--labels", "Drag", says=("--labels Drag", "Disease, Drug"))
    refused("--data", data, "--model", "icd=x", says=("the head ner alone",))
    refused("--data", data, "--model", f"ner={tmp_path / 'none'}", says=("no such checkpoint folder",))
    refused("--data", data, *model, "--predictions", data, says=("would replace the data",))
    stages = "stages=['validate', 'deidentify']"
    refused("--data", data, *model, "--set", stages, says=("leaves the stage clinical_bert out",))
