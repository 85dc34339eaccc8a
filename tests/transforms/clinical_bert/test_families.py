"""Token classifiers of several architectures: what they find, where it stands, and what is refused."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transforms.clinical_bert import families
from transforms.clinical_bert.checkpoints import CheckpointError, positions, resolve
from transforms.clinical_bert.counts import TruncatedError
from transforms.clinical_bert.heads.tokens import TokenHead, TokenOptions
from transforms.clinical_bert.heads.words import UnreadTextError, first_unread, text_words
from transforms.clinical_bert.replica import Replica
from transforms.clinical_bert.spans import Span
from transforms.clinical_bert.windows import NoteTokenizer, Tokens, Window, plan

MARKED = {
    "john": "B-PATIENT",
    "Kowalski": "L-PATIENT",
    "Mercy": "U-HOSP",
    "03": "B-DATE",
    "/": "I-DATE",
    "2019": "L-DATE",
    "Lee": "U-STAFF",
}
TEXT = (
    "seen by  john Kowalski, the Mercy\n\n 03/03/2019.\tLee,Mercy (Lee) was\u00a0Lee's M\u00fcller"
    " \U0001f469\u200d\u2695\ufe0f Lee\r\nMercy "
)
FOUND = [
    ("john Kowalski", "PATIENT"),
    ("Mercy", "HOSP"),
    ("03/", "DATE"),  # another B- opens another span
    ("03/2019", "DATE"),
    ("Lee", "STAFF"),
    ("Mercy", "HOSP"),
    ("Lee", "STAFF"),
    ("Lee", "STAFF"),
    ("Lee", "STAFF"),
    ("Mercy", "HOSP"),
]
ODD = ["e\u0301", "\r\n", "\u00a0", "\u200b", "\u202e\u05d0", "\U0001f469\U0001f3fd", "\ufb01", "</s>", "<pad>"]
CAUTIOUS = {"deid": TokenOptions(words="text", threshold=0.5, whole=True)}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {
        family: families.classifier(tmp_path_factory.mktemp(family), family, families.OBI, MARKED)
        for family in families.FAMILIES
    }


def open_replica(folder: Path, **options: object) -> Replica:
    checkpoint = resolve(str(folder), "deid")
    return Replica({"deid": checkpoint}, precision="fp32", device="cpu", options=CAUTIOUS, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("family", families.FAMILIES)
def test_words_are_found_where_they_stand(built: dict[str, Path], family: str) -> None:
    with open_replica(built[family]) as model:
        (found,) = model.annotate([TEXT])["deid"]
    assert [(TEXT[span.start : span.end], span.label) for span in found] == FOUND
    assert all(span.score > 0.99 for span in found)


@pytest.mark.parametrize("family", families.FAMILIES)
def test_scores_are_those_of_the_models_own_class(family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = families.classifier(tmp_path, family, families.OBI, MARKED, random=True)
    text = "seen by john Kowalski, the Mercy was fever 03/03/2019"
    ours: list[np.ndarray] = []
    real = TokenHead.probabilities

    def kept(head: TokenHead, states: torch.Tensor) -> torch.Tensor:
        found = real(head, states)
        ours.append(found.numpy())
        return found

    monkeypatch.setattr(TokenHead, "probabilities", kept)
    with open_replica(folder) as model:
        model.annotate([text])
    own = transformers.AutoModelForTokenClassification.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        theirs = torch.softmax(own(**tokenizer(text, return_tensors="pt")).logits[0, 1:-1], dim=-1).numpy()
    assert ours[0].shape == theirs.shape
    assert np.abs(ours[0] - theirs).max() < 1e-4
    assert theirs.std() > 1e-3


@pytest.mark.parametrize("family", ["Bert", "Roberta", "XLMRoberta"])
def test_phi_is_found_at_every_position_of_a_note_of_several_windows(built: dict[str, Path], family: str) -> None:
    with open_replica(built[family]) as model:
        words = ["pain"] * 200
        notes = [" ".join([*words[:i], "Lee", *words[i:]]) for i in range(len(words) + 1)]
        found = model.annotate(notes)["deid"]
        assert all(count > 3 * 62 for count in model.n_tokens)  # 64 positions, two of them for special tokens
    assert [[(s.start, s.end, s.label) for s in spans] for spans in found] == [
        [(5 * i, 5 * i + 3, "STAFF")] for i in range(len(notes))
    ]


def test_a_name_across_a_window_border_is_one_span(built: dict[str, Path]) -> None:
    with open_replica(built["Bert"]) as model:
        notes = [" ".join(["pain"] * i + ["john", "Kowalski"] + ["pain"] * (150 - i)) for i in range(150)]
        for note, spans in zip(notes, model.annotate(notes)["deid"], strict=True):
            assert [note[s.start : s.end] for s in spans] == ["john Kowalski"]


@pytest.mark.parametrize("lost", [0, 1, -1])
def test_a_window_that_is_not_read_raises(built: dict[str, Path], monkeypatch: pytest.MonkeyPatch, lost: int) -> None:

    def leaky(n_tokens: int, length: int, overlap: int) -> list[Window]:
        windows = plan(n_tokens, length, overlap)
        if n_tokens > 100:
            del windows[lost]
        return windows

    with open_replica(built["Bert"]) as model:
        monkeypatch.setattr("transforms.clinical_bert.windows.plan", leaky)
        model.annotate(["pain " * 20])
        with pytest.raises(TruncatedError, match="were not encoded"):
            model.annotate(["pain " * 20, "pain " * 300])


def test_text_that_the_tokenizer_drops_raises(built: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    text = "seen by Lee the pain"
    real = NoteTokenizer.__call__

    def dropping(self: NoteTokenizer, texts: list[str]) -> list[Tokens]:
        return [Tokens(*(a[[0, 1, 3, 4]] for a in (t.ids, t.starts, t.ends, t.words))) for t in real(self, texts)]

    monkeypatch.setattr(NoteTokenizer, "__call__", dropping)
    with open_replica(built["Bert"]) as model, pytest.raises(UnreadTextError, match="character at 8,"):
        model.annotate([text])


@pytest.mark.parametrize(
    ("text", "offsets", "expected"),
    [
        ("ab cd", [(0, 2), (3, 5)], None),
        ("ab cd", [(0, 2)], 3),
        ("ab cd", [(3, 5)], 0),
        ("ab cd", [(0, 1), (3, 5)], 1),
        ("ab \u200b- cd", [(0, 2), (6, 8)], None),  # no letter and no digit
        ("ab - 7 cd", [(0, 2), (7, 9)], 5),
        ("abc", [(0, 3), (1, 2)], None),
        (" \n", [], None),
        (" x", [], 1),
    ],
)
def test_first_unread(text: str, offsets: list[tuple[int, int]], expected: int | None) -> None:
    array = np.array(offsets, dtype=np.int32).reshape(-1, 2)
    numbers = np.arange(len(array), dtype=np.int32)
    assert first_unread(text, Tokens(numbers, array[:, 0], array[:, 1], numbers)) == expected


@pytest.mark.parametrize("family", ["Bert", "Roberta", "XLMRoberta", "DebertaV2"])
def test_words_are_those_of_the_text_whatever_the_tokenizer(family: str) -> None:
    tokenize = NoteTokenizer(families.FAMILIES[family][0]([*families.WORDS, *MARKED]))
    text = "Lee's Mu\u0308ller,Mercy (seen)\u00a0Kow\u00adalski Lo\u0301pez-Lee 03/2019 Stra\u00dfe"
    (tokens,) = tokenize([text])
    bounds = text_words(text, tokens).bounds
    words = [text[tokens.starts[a] : tokens.ends[b - 1]].strip() for a, b in itertools.pairwise(bounds)]
    expected = ["Lee", "'", "s", "Mu\u0308ller", ",", "Mercy", "(", "seen", ")", "Kow\u00adalski"]
    expected += ["Lo\u0301pez", "-", "Lee", "03", "/", "2019", "Stra\u00dfe"]
    assert [word for word in words if word] == expected


@pytest.mark.parametrize("family", ["Bert", "Roberta", "XLMRoberta", "DebertaV2"])
def test_any_text_keeps_its_offsets(built: dict[str, Path], family: str) -> None:
    with open_replica(built[family]) as model:

        @settings(deadline=None, max_examples=60)
        @given(
            st.lists(
                st.text(st.characters(max_codepoint=0x2FFFF, exclude_categories=["Cn"]), max_size=8)
                | st.sampled_from(
                    ["e\u0301", "\r\n", "\u00a0", "\u200b", "\u202e\u05d0", "\U0001f469\U0001f3fd", "\ufb01"]
                ),
                max_size=12,
            )
        )
        def hold(parts: list[str]) -> None:
            # The word stands apart, so that every tokenizer must give it as it is.
            text = " Lee ".join(["", *parts])
            spans = model.annotate([text])["deid"][0]
            assert all(isinstance(span, Span) and 0 <= span.start < span.end <= len(text) for span in spans)
            assert [(text[s.start : s.end], s.label) for s in spans if "Lee" in text[s.start : s.end]] == [
                ("Lee", "STAFF")
            ] * len(parts)
            for span in spans:
                assert not text[span.start].isspace()
                assert not text[span.end - 1].isspace()

        hold()


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["O", "B-A", "I-A", "B-B", "I-B"], [("john Lee", "A"), ("Mercy", "B")]),  # IOB2
        (["O", "I-A", "I-A", "I-B", "I-B"], [("john Lee", "A"), ("Mercy", "B")]),  # IOB1
        (["O", "B-A", "E-A", "S-B", "I-B"], [("john Lee", "A"), ("Mercy", "B")]),  # BIOES
        (["O", "B-A", "L-A", "U-B", "I-B"], [("john Lee", "A"), ("Mercy", "B")]),  # BILOU
        (["O", "A", "A", "B", "B"], [("john Lee", "A"), ("Mercy", "B")]),  # plain
        (["O", "S-A", "S-A", "E-MAIL", "U-B"], [("john Lee", "S-A"), ("Mercy", "E-MAIL")]),  # names with a dash
    ],
)
def test_schemes(tmp_path: Path, labels: list[str], expected: list[tuple[str, str]]) -> None:
    families.classifier(tmp_path, "Bert", ["O", "1", "2", "3", "4"], {"john": "1", "Lee": "2", "Mercy": "3"})
    edit(tmp_path, id2label={str(i): label for i, label in enumerate(labels)})
    text = "seen john Lee pain Mercy the"
    with open_replica(tmp_path) as model:
        (found,) = model.annotate([text])["deid"]
    assert [(text[span.start : span.end], span.label) for span in found] == expected


def edit(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}, r"labels have no names, only LABEL_0 .*id2label"),
        ({"id2label": {"0": "O", "1": "LABEL_1"}}, r"only LABEL_1"),
        ({"id2label": {"0": "O", "2": "DATE"}}, r"does not name the labels 0, 1, 2"),
        ({"id2label": {"0": "O", "1": None}}, r"does not name the labels 0, 1, 2"),
        ({"id2label": None}, r"no id2label"),
        ({"id2label": {"0": "O", "1": "DATE"}}, r"no classifier weights for its 2 labels"),
        (
            {"architectures": ["XLNetForTokenClassification"]},
            r"with XLNetForTokenClassification is not supported; ",
        ),
        ({"model_type": "xlnet"}, r"type 'xlnet' is no encoder that is supported; supported: albert, bert,"),
    ],
)
def test_what_cannot_serve_is_refused_by_name(
    built: dict[str, Path], tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    folder = Path(shutil.copytree(built["Bert"], tmp_path / "copy"))
    edit(folder, **changes)
    with pytest.raises(CheckpointError, match=words):
        resolve(str(folder), "deid")


def test_a_vocabulary_that_nothing_here_reads_is_refused(
    built: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(built["XLMRoberta"], tmp_path / "copy"))
    (folder / "tokenizer.json").rename(folder / "sentencepiece.bpe.model")
    monkeypatch.setattr("transforms.clinical_bert.checkpoints.files.find_spec", lambda _: None)
    with pytest.raises(CheckpointError, match=r"sentencepiece only: install it, or put beside it the tokenizer\.json"):
        resolve(str(folder), "deid")


@pytest.mark.parametrize(("family", "kind"), [("Roberta", "merges.txt"), ("Bert", "vocab.txt")])
def test_vocabularies_of_older_checkpoints(built: dict[str, Path], tmp_path: Path, family: str, kind: str) -> None:
    """Checkpoints from before tokenizer.json hold a vocabulary and, for BPE, its merges."""
    folder = Path(shutil.copytree(built[family], tmp_path / "copy"))
    model = json.loads((folder / "tokenizer.json").read_text())["model"]
    if kind == "merges.txt":
        (folder / "vocab.json").write_text(json.dumps(model["vocab"]))
        lines = ["#version: 0.2", *(" ".join(merge) for merge in model["merges"])]
    else:
        lines = sorted(model["vocab"], key=model["vocab"].get)
    (folder / kind).write_text("\n".join(lines) + "\n")
    (folder / "tokenizer.json").unlink()
    with open_replica(folder) as model_:
        (found,) = model_.annotate([TEXT])["deid"]
    assert [(TEXT[span.start : span.end], span.label) for span in found] == FOUND


def test_positions_after_the_padding_id() -> None:
    assert positions({"model_type": "mpnet", "max_position_embeddings": 514}) == 512
    assert positions({"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 0}) == 513
    assert positions({"model_type": "electra", "max_position_embeddings": 512, "pad_token_id": 0}) == 512
