"""Entities against those of transformers' own token-classification pipeline, and words that stay whole."""

from __future__ import annotations

import itertools
import unicodedata
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.transforms.clinical_bert import families
from transforms.clinical_bert.checkpoints import resolve
from transforms.clinical_bert.heads.tokens import AGGREGATIONS, WORDS_OF, Aggregation, TokenOptions
from transforms.clinical_bert.heads.words import PipelineWords, blank_marks
from transforms.clinical_bert.replica import Replica
from transforms.clinical_bert.spans import Span
from transforms.clinical_bert.windows import NoteTokenizer, Tokens

IOB2 = ["O", "B-Disease", "I-Disease", "B-LAB-VALUE", "I-LAB-VALUE"]
IOB = ["O", "I-Disease", "I-Drug", "B-Drug"]
PLAIN = ["O", "Disease", "Drug"]
BLANKS = {"ByteLevel": "\u0120", "Metaspace": "\u2581", "WordPiece": None}
"""How a blank is written, by the decoder that reads it again."""
VOCABULARY = dict.fromkeys(
    ("john", "patient", "CXR", "read", "Lee", "HTN", "cough", "ASSESSMENT", "days", "Chest", "chills", "mg"), "O"
)
TEXTS = [
    "seen by john, fever was 103.5 the pain",
    "Chest pain;fever/chills x3 days. The patient's CXR (2019-03-04) was read by Lee,MD.",
    "HTN, DM2\r\nfever\tand cough\n\nASSESSMENT: chest pain?",
    "na\u00efve caf\u00e9 M\u00fcller, \u00e9toile S\u00e3o Paulo Stra\u00dfe",  # composed accents
    "cafe\u0301 Lo\u0301pez fe\u200bver Kow\u00adalski",  # combining marks and zero-width characters
    "fever \U0001f912 seen \U0001f469\u200d\u2695\ufe0f by the \U0001f469\U0001f3fd.",
    "pain\u00a0was\u00a05\u202fmg the\u3000fever",  # blanks of other kinds
    "\u05d7\u05d5\u05dd fever \u202e\u05d0\u05d1\u202c pain \u0645\u0631\u064a\u0636",  # right to left
    "the \u65e5\u672c fever\u2603pain \ufb01ne \u2264 5 \u00b5g",
    " fever  by   the ",
    "123 456,7 the\n- pain\n- fever\n",
    "fever",
    "",
]
SPECIAL = ["</s>", "[SEP]"]
ODD = [" ", "fever", "john", "e\u0301", "\r\n", "\u00a0", "\u200b", "\u202e\u05d0", "\U0001f469\U0001f3fd", "\ufb01"]
ODD += ["fe\u200bver", "\u65e5", "Kow\u00adal", "Lo\u0301pez", "\u00e9t\u00e9", "5\u00b5g", "'s", ",", *SPECIAL]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {
        family: families.classifier(tmp_path_factory.mktemp(family), family, IOB2, VOCABULARY, random=True)
        for family in families.FAMILIES
    }


class Pipeline(transformers.TokenClassificationPipeline):
    """The pipeline, but a token that stands for a blank has no characters: SentencePiece gives it the next letter."""

    def gather_pre_entities(self, *args: Any, **kwargs: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = super().gather_pre_entities(*args, **kwargs)
        blank = blank_of(self.tokenizer)
        return [{**entity, "end": entity["start"]} if entity["word"] == blank else entity for entity in found]


def blank_of(tokenizer: Any) -> str | None:
    """The token that stands for a blank alone."""
    return BLANKS[type(tokenizer.backend_tokenizer.decoder).__name__]


def pipeline(folder: Path) -> Any:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForTokenClassification.from_pretrained(folder)
    return Pipeline(model=model, tokenizer=tokenizer, device="cpu")


def theirs(pipe: Any, text: str, aggregation: str) -> list[Span]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the tokenizer knows no words
        found = pipe(text, aggregation_strategy=aggregation)
    return [Span(f["start"], f["end"], f["entity_group"], float(f["score"])) for f in found]


def ours(folder: Path, texts: list[str], options: TokenOptions) -> list[list[Span]]:
    checkpoint = resolve(str(folder), "ner")
    with Replica({"ner": checkpoint}, precision="fp32", device="cpu", options={"ner": options}) as replica:
        found: list[list[Span]] = replica.annotate(texts)["ner"]
    return found


def inside_a_word(text: str, at: int) -> bool:
    """Whether a span that begins or ends there parts what every reader calls one word."""
    if not 0 < at < len(text):
        return False
    if unicodedata.category(text[at]).startswith("M"):
        return not text[at - 1].isspace()
    return all(char.isascii() and char.isalnum() for char in text[at - 1 : at + 1])


def comparable(pipe: Any, text: str) -> bool:
    """Whether the pipeline itself splits no word, a character apart from its bytes included."""
    encoding = pipe.tokenizer.backend_tokenizer.encode(text, add_special_tokens=False)
    prefixed = getattr(pipe.tokenizer.backend_tokenizer.model, "continuing_subword_prefix", None)
    tokens = zip(encoding.ids, encoding.tokens, encoding.offsets, encoding.word_ids, strict=True)
    for (_, before, (_, end), word), (number, token, (start, stop), same) in itertools.pairwise(tokens):
        unknown = number == pipe.tokenizer.unk_token_id
        piece = len(token) != stop - start if prefixed else start > 0 and " " not in text[start - 1 : start + 1]
        if piece and not unknown:
            continue
        is_blank = not prefixed and before == blank_of(pipe.tokenizer)
        if not is_blank and (start < end or word == same or inside_a_word(text, start)):
            return False
    return True


def trimmed(text: str, spans: list[Span]) -> Iterator[Span]:
    for span in spans:
        kept = text[span.start : span.end]
        if kept.strip():
            start = span.end - len(kept.lstrip())
            end = start + len(kept.strip())
            while end < len(text) and unicodedata.category(text[end]).startswith("M"):
                end += 1  # WordPiece that strips accents leaves the last mark out
            yield span._replace(start=start, end=end)


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
@pytest.mark.parametrize("family", families.FAMILIES)
def test_entities_are_those_of_the_pipeline(folders: dict[str, Path], family: str, aggregation: Aggregation) -> None:
    found = ours(folders[family], TEXTS, TokenOptions(aggregation=aggregation))
    pipe = pipeline(folders[family])
    compared = 0
    for text, spans in zip(TEXTS, found, strict=True):
        if not text or not comparable(pipe, text):
            continue
        if family == "BigBird":  # a short text turns its sparse attention off for all that come later
            pipe = pipeline(folders[family])
        expected = list(trimmed(text, theirs(pipe, text, aggregation)))
        assert [span[:3] for span in spans] == [span[:3] for span in expected]
        assert [span.score for span in spans] == pytest.approx([span.score for span in expected], abs=1e-5)
        compared += len(expected)
    assert compared > 15


@pytest.mark.parametrize("labels", [IOB, PLAIN])
@pytest.mark.parametrize("family", ["Bert", "Roberta", "DebertaV2"])
def test_entities_of_other_schemes_are_those_of_the_pipeline(tmp_path: Path, family: str, labels: list[str]) -> None:
    folder = families.classifier(tmp_path, family, labels, VOCABULARY, random=True)
    pipe = pipeline(folder)
    found = ours(folder, TEXTS, TokenOptions())
    texts = [(text, spans) for text, spans in zip(TEXTS, found, strict=True) if text and comparable(pipe, text)]
    assert len(texts) > 4
    for text, spans in texts:
        assert [s[:3] for s in spans] == [s[:3] for s in trimmed(text, theirs(pipe, text, "average"))]


@pytest.mark.parametrize("family", ["Bert", "Roberta", "XLMRoberta"])
def test_entities_of_any_text_are_those_of_the_pipeline(folders: dict[str, Path], family: str) -> None:
    pipe = pipeline(folders[family])
    pieces = st.text(max_size=4) | st.sampled_from([*(odd for odd in ODD if odd not in SPECIAL), *VOCABULARY])
    with Replica({"ner": resolve(str(folders[family]), "ner")}, precision="fp32", device="cpu") as replica:

        @settings(deadline=None, max_examples=60)
        @given(st.lists(pieces, max_size=10).map(" ".join))
        def hold(text: str) -> None:
            (found,) = replica.annotate([text])["ner"]
            assume(1 <= replica.n_tokens[0] <= 62 and comparable(pipe, text))
            expected = list(trimmed(text, theirs(pipe, text, "average")))
            assert [span[:3] for span in found] == [span[:3] for span in expected]
            assert [span.score for span in found] == pytest.approx([span.score for span in expected], abs=1e-5)

        hold()


@pytest.mark.parametrize("family", ["Bert", "Roberta", "XLMRoberta", "DebertaV2"])
def test_a_letter_that_other_tokenizers_write_for_a_blank_is_a_letter(folders: dict[str, Path], family: str) -> None:
    """And the tokenizer's own mark is a blank, though a vocabulary may hold both."""
    hugging = transformers.AutoTokenizer.from_pretrained(folders[family])
    hugging.add_tokens(["\u0120", "\u2581"])
    tokenizer = NoteTokenizer(hugging)
    own = blank_of(hugging)
    assert blank_marks(tokenizer.backend) == {" ", own or " "}
    read = PipelineWords(tokenizer)
    for letter in ("\u0120", "\u2581"):
        number = hugging.get_vocab()[letter]
        at = np.arange(2, dtype=np.int32)
        ids = np.array([hugging.get_vocab()["a"], number], dtype=np.int32)
        words = read(f"a{letter}", Tokens(ids, at, at + 1, np.zeros(2, dtype=np.int32)))
        assert (words.starts.tolist(), words.ends.tolist()) == ([0], [1 if letter == own else 2])


@pytest.mark.parametrize("family", ["Bert", "XLMRoberta", "DebertaV2"])  # byte-level BPE parts these letters
def test_entities_around_such_letters_are_those_of_the_pipeline(folders: dict[str, Path], family: str) -> None:
    texts = ["\u0120", "\u2581", "fever \u0120 pain", "pain \u2581 fever", "\u0120fever", "fever \u0120\u0120"]
    pipe = pipeline(folders[family])
    compared = [text for text in texts if comparable(pipe, text)]
    assert {"\u0120", "fever \u0120 pain"} <= {*compared}
    for text, spans in zip(compared, ours(folders[family], compared, TokenOptions()), strict=True):
        assert [s[:3] for s in spans] == [s[:3] for s in trimmed(text, theirs(pipe, text, "average"))]


def test_entities_of_a_cased_checkpoint_are_those_of_the_pipeline(tmp_path: Path) -> None:
    letters = sorted(set(families.CHARACTERS) | set("\u00e9\u00fc\u0301\u00a0"))
    vocabulary = dict.fromkeys([*families.BERT_SPECIAL, *VOCABULARY, *letters, *(f"##{letter}" for letter in letters)])
    numbers = {piece: i for i, piece in enumerate(vocabulary)}
    transformers.BertTokenizer(vocab=numbers, do_lower_case=False).save_pretrained(tmp_path)
    config = transformers.BertConfig(
        **families.FAMILIES["Bert"][1], vocab_size=len(numbers), id2label=dict(enumerate(IOB2)), initializer_range=0.2
    )
    torch.manual_seed(5)
    transformers.BertForTokenClassification(config).save_pretrained(tmp_path)
    pipe = pipeline(tmp_path)
    assert pipe.tokenizer.tokenize("Lee lee") == ["Lee", "l", "##e", "##e"]
    texts = [text for text in TEXTS if text and comparable(pipe, text)]
    assert len(texts) > 8
    for text, spans in zip(texts, ours(tmp_path, texts, TokenOptions()), strict=True):
        assert [s[:3] for s in spans] == [s[:3] for s in trimmed(text, theirs(pipe, text, "average"))]


def test_the_strategies_differ(folders: dict[str, Path]) -> None:
    found = [ours(folders["Bert"], TEXTS, TokenOptions(aggregation=aggregation)) for aggregation in AGGREGATIONS]
    assert len({str(spans) for spans in found}) == len(AGGREGATIONS)


@pytest.mark.parametrize("family", ["Roberta", "XLMRoberta", "DebertaV2"])
def test_words_of_the_text_end_at_lines_and_commas(folders: dict[str, Path], family: str) -> None:
    text = "seen HTN,cough\nfever the"
    tokenizer = NoteTokenizer(transformers.AutoTokenizer.from_pretrained(folders[family]))
    (tokens,) = tokenizer([text])
    words = TokenOptions(words="text").reader(tokenizer)(text, tokens)
    joined = TokenOptions(words="pipeline").reader(tokenizer)(text, tokens)
    read = [[text[a:b].strip() for a, b in zip(w.starts, w.ends, strict=True)] for w in (words, joined)]
    assert [word for word in read[0] if word] == ["seen", "HTN", ",", "cough", "fever", "the"]
    assert read[1] == ["seen", "HTN,cough\nfever", "the"]


@pytest.mark.parametrize(
    "options", [TokenOptions(aggregation=a, words=w) for a in AGGREGATIONS for w in WORDS_OF], ids=str
)
@pytest.mark.parametrize("family", ["Bert", "Roberta", "XLMRoberta", "DebertaV2"])
def test_spans_part_no_word_of_any_text(folders: dict[str, Path], family: str, options: TokenOptions) -> None:
    checkpoint = resolve(str(folders[family]), "ner")
    with Replica({"ner": checkpoint}, precision="fp32", device="cpu", options={"ner": options}) as replica:

        @settings(deadline=None, max_examples=40)
        @given(st.lists(st.text(max_size=6) | st.sampled_from(ODD), max_size=12).map("".join))
        def hold(text: str) -> None:
            (found,) = replica.annotate([text])["ner"]
            reached = 0
            for span in found:
                assert reached <= span.start < span.end <= len(text)
                assert not text[span.start].isspace()
                assert not text[span.end - 1].isspace()
                assert not inside_a_word(text, span.start)
                assert not inside_a_word(text, span.end)
                reached = span.end
            for row, span in zip(replica.rows("ner", found, text, []), found, strict=True):
                assert row["text"] == text[span.start : span.end] == text[row["start"] : row["end"]]

        hold()


def test_choices_that_are_not_offered_are_refused() -> None:
    with pytest.raises(ValueError, match="aggregation 'simple' is none of average, first, max"):
        TokenOptions(aggregation="simple")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="words 'tokens' is none of pipeline, text"):
        TokenOptions(words="tokens")  # type: ignore[arg-type]
