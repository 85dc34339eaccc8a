"""Word shapes: what an uncased encoder is told of capitals and lines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transforms.clinical_bert import tiny
from transforms.clinical_bert.shapes import COUNT, uses_shapes
from transforms.clinical_bert.windows import NoteTokenizer

TOKENIZE = NoteTokenizer(tiny.tokenizer(), shapes=True)


def shapes_of(text: str) -> list[int]:
    """The class of each word."""
    (tokens,) = TOKENIZE([text])
    assert tokens.types is not None
    return tokens.types[np.flatnonzero(np.diff(tokens.words, prepend=-1))].tolist()


def test_case_and_line_starts() -> None:
    assert shapes_of("fever Fever FEVER A , feVer") == [5, 1, 2, 3, 0, 4]
    assert shapes_of("fever\nFever\r\nFEVER fever\n\n A") == [5, 6, 7, 0, 8]


@given(st.text(max_size=60))
def test_any_text_has_one_class_per_token(text: str) -> None:
    (tokens,) = TOKENIZE([text])
    assert tokens.types is not None
    assert len(tokens.types) == len(tokens)
    assert all(0 <= kind < COUNT for kind in tokens.types.tolist())
    for word in set(tokens.words.tolist()):
        assert len(set(tokens.types[tokens.words == word].tolist())) == 1


def test_other_token_types_are_refused() -> None:
    assert not uses_shapes({})
    assert uses_shapes({"token_types": "word_shape"})
    with pytest.raises(ValueError, match="token_types is 'segment'"):
        uses_shapes({"token_types": "segment"})
