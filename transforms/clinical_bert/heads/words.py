"""Words: the stretches of tokens that are given one label.

Two readings are offered, and neither parts a word of the text. `text_words` are those of the text, whatever the
tokenizer is. `PipelineWords` are those of transformers' own token-classification pipeline, which are unions of them:
the same where the tokenizer is WordPiece; where it is not, the pipeline knows no end of a word but the blank, so
that `HTN,DM` and two lines without a blank between them are one word.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from transforms.clinical_bert.windows import NoteTokenizer, Tokens

_ZERO_WIDTH: Final = frozenset("\u00ad\u200b\u200c\u200d\u2060\ufeff")
_ENDS_WORD: Final = np.array([not chr(code).isalnum() for code in range(128)])
"""White space or punctuation; the latter is, as for BERT, all visible ASCII but letters and digits."""
_IN_WORD: Final = np.array([chr(code).isalnum() for code in range(0x2E80)])
"""Letters and digits of the scripts before those of East Asia, whose characters are words to BERT."""


class UnreadTextError(Exception):
    """A letter or a digit that the tokenizer dropped, so that no model saw it. The message holds its offset only."""


class Words(NamedTuple):
    """The words of a note.

    Attributes:
        bounds: token index at which each word begins, and the number of tokens at the end; shape (words + 1,), int64.
        starts, ends: character offsets of each word, half open; shape (words,), int32.
    """

    bounds: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int32]
    ends: npt.NDArray[np.int32]


WordReader = Callable[[str, Tokens], Words]
"""Tells the words of a note that is tokenised so."""


def word_bounds(tokens: Tokens) -> npt.NDArray[np.int64]:
    """Token index at which each of the tokenizer's words begins, and the number of tokens; shape (words + 1,)."""
    n = len(tokens)
    if n == 0:
        return np.zeros(1, dtype=np.int64)
    return np.append(np.flatnonzero(_word_changes(tokens)), n).astype(np.int64)


def text_words(text: str, tokens: Tokens) -> Words:
    """The words of the text, whatever the tokenizer is.

    WordPiece parts a text at white space and at punctuation, and its words stay as they are. SentencePiece parts it
    at white space alone: its `Lee's` and `Lee,MD` are parted at the punctuation, or `Lee` would have only a third of
    the say. Byte-level BPE parts a word between letters and digits (`B12`), at a combining mark and at a zero-width
    character, and its parts are joined.
    """
    return _words(_text_begins(text, _codes(text), tokens), tokens.starts, tokens.ends)


class PipelineWords:
    """The words of transformers' `TokenClassificationPipeline`.

    A WordPiece token is a piece of the word before it where its string is not as long as its stretch of the text, as
    `##er` is not; a token of another tokenizer is one unless a blank stands before or at its first character. An
    unknown token always begins a word (`gather_pre_entities` of transformers 5.23).

    Taken by the letter this would split some words: at an unknown piece of a SentencePiece word, and between the bytes
    of one character that stands after a blank. There the word goes on. A token that stands for a blank alone is a
    word, as in the pipeline, but of no characters: SentencePiece gives it the next word's first one.

    Args:
        tokenizer: of the checkpoint.
    """

    def __init__(self, tokenizer: NoteTokenizer) -> None:
        vocabulary = tokenizer.backend.get_vocab()
        self._lengths = np.zeros(max(vocabulary.values()) + 1, dtype=np.int32)
        self._blank = np.zeros(len(self._lengths), dtype=np.bool_)
        blanks = blank_marks(tokenizer.backend)
        for piece, number in vocabulary.items():
            self._lengths[number] = len(piece)
            self._blank[number] = blanks.issuperset(piece)
        self._prefixed = bool(getattr(tokenizer.backend.model, "continuing_subword_prefix", None))
        self._unknown = -1 if tokenizer.unknown is None else tokenizer.unknown

    def __call__(self, text: str, tokens: Tokens) -> Words:
        n = len(tokens)
        if n == 0:
            return _words(np.zeros(0, dtype=np.bool_), tokens.starts, tokens.ends)
        codes = _codes(text)
        ends = tokens.ends
        begins = _text_begins(text, codes, tokens)
        if self._prefixed:
            pieces = self._lengths[tokens.ids] != tokens.ends - tokens.starts
        else:
            is_blank = codes == ord(" ")
            pieces = (tokens.starts > 0) & ~is_blank[tokens.starts - 1] & ~is_blank[tokens.starts]
            blank = self._blank[tokens.ids]
            ends = np.where(blank, tokens.starts, ends)
            begins[1:] |= blank[:-1]
        begins &= ~pieces | (tokens.ids == self._unknown)
        begins[0] = True
        return _words(begins, tokens.starts, ends)


def blank_marks(backend: Any) -> frozenset[str]:
    """The characters by which a tokenizer writes a blank: `\u0120` in byte-level BPE, `\u2581` in SentencePiece.

    To any other tokenizer these are letters like others, so it is not looked up but tried.

    Args:
        backend: a `tokenizers.Tokenizer`.
    """
    text = "a b" if backend.normalizer is None else backend.normalizer.normalize_str("a b")
    if backend.pre_tokenizer is not None:
        text = "".join(part for part, _ in backend.pre_tokenizer.pre_tokenize_str(text))
    return frozenset(text) - {"a", "b"} | {" "}


def first_unread(text: str, tokens: Tokens) -> int | None:
    """Offset of the first letter or digit that lies in no token; None where every one does."""
    reached = np.concatenate([[0], np.maximum.accumulate(tokens.ends)]) if len(tokens) else np.zeros(1, dtype=np.int64)
    nexts = np.append(tokens.starts, len(text))
    for i in np.flatnonzero(nexts > reached).tolist():
        gap = text[reached[i] : nexts[i]]
        if not gap.isspace():
            for at, char in enumerate(gap, int(reached[i])):
                if char.isalnum():
                    return at
    return None


def _words(begins: npt.NDArray[np.bool_], starts: npt.NDArray[np.int32], ends: npt.NDArray[np.int32]) -> Words:
    """Words out of the tokens that begin one."""
    bounds = np.append(np.flatnonzero(begins), len(begins)).astype(np.int64)
    return Words(bounds, starts[bounds[:-1]], ends[bounds[1:] - 1])


def _word_changes(tokens: Tokens) -> npt.NDArray[np.bool_]:
    """Of each token, whether its word is another than that of the token before it."""
    return np.not_equal(np.diff(tokens.words, prepend=tokens.words[0] - 1), 0)


def _codes(text: str) -> npt.NDArray[np.uint32]:
    """The code points of a text, and a zero, for a token of no characters may stand at its end."""
    return np.frombuffer(f"{text}\0".encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _text_begins(text: str, codes: npt.NDArray[np.uint32], tokens: Tokens) -> npt.NDArray[np.bool_]:
    """Of each token, whether it begins a word of the text."""
    if not len(tokens):
        return np.zeros(0, dtype=np.bool_)
    begins = _word_changes(tokens)
    starts, ends = tokens.starts, tokens.ends
    inside = np.flatnonzero(~begins)
    inside = inside[starts[inside] >= ends[inside - 1]]
    if len(inside):
        # The last character of the token before, and the first of this one.
        edges = np.stack([codes[ends[inside - 1] - 1], codes[starts[inside]]])
        parted = _ENDS_WORD[np.minimum(edges, 127)] & (edges < 128)
        for side, i in np.argwhere(edges >= 128).tolist():
            parted[side, i] = _ends_word(chr(edges[side, i]))
        begins[inside] = parted.any(axis=0)
    at = np.flatnonzero(begins)[1:]
    at = at[starts[at] == ends[at - 1]]
    edges = np.stack([codes[starts[at] - 1], codes[starts[at]]])
    within = (_IN_WORD[np.minimum(edges, len(_IN_WORD) - 1)] & (edges < len(_IN_WORD))).all(axis=0)
    begins[at[within]] = False
    if not text.isascii():
        at = np.flatnonzero(begins)[1:]
        begins[at[starts[at] < ends[at - 1]]] = False  # pieces that overlap are the bytes of one character
        at = at[(starts[at] == ends[at - 1]) & (starts[at] < len(text))]
        odd = (codes[starts[at]] >= 128) | (codes[starts[at] - 1] >= 128)
        for i in at[odd].tolist():
            if _continues(text, int(starts[i])):
                begins[i] = False
    return begins


def _ends_word(char: str) -> bool:
    """White space or punctuation, of a character beyond ASCII."""
    return char.isspace() or unicodedata.category(char).startswith("P")


def _is_attached(char: str) -> bool:
    """Whether the character belongs to the one before it."""
    return char > "\x7f" and (char in _ZERO_WIDTH or unicodedata.category(char).startswith("M"))


def _continues(text: str, at: int) -> bool:
    """Whether the character at `at` belongs to the word before it because of a mark or a zero-width character."""
    if _is_attached(text[at]):
        return at > 0 and not text[at - 1].isspace()
    before = at - 1
    while before >= 0 and _is_attached(text[before]):
        before -= 1
    return 0 <= before < at - 1 and text[at].isalnum() and text[before].isalnum()
