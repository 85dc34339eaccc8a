from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from transforms.clinical_bert.heads.labels import read_scheme
from transforms.clinical_bert.heads.paths import best_path, followers

IOB2 = ["O", "B-A", "I-A", "B-C", "I-C"]
BIOES = ["O", "B-A", "I-A", "E-A", "S-A"]


def allowed(follows: np.ndarray, path: tuple[int, ...], outside: int = 0) -> bool:
    steps = zip((len(follows) - 1, *path), (*path, outside), strict=True)
    return all(follows[old, new] for old, new in steps)


@pytest.mark.parametrize("labels", [IOB2, BIOES])
def test_the_path_is_the_most_probable_that_the_scheme_allows(labels: list[str]) -> None:
    rng = np.random.default_rng(4)
    follows = followers(read_scheme(labels))
    searched = 0
    for _ in range(300):
        words = rng.dirichlet(np.full(len(labels), 0.5), size=5).astype(np.float32)
        words = np.minimum(words, 0.98)
        found = tuple(best_path(words, follows, 0, np.array([0])).tolist())
        best = tuple(words.argmax(axis=1).tolist())
        if all(follows[old, new] for old, new in zip((len(labels), *best[:-1]), best, strict=True)):
            assert found == best
            continue
        searched += 1
        paths = [path for path in product(range(len(labels)), repeat=5) if allowed(follows, path)]
        told = [np.log(words[np.arange(5), path] + 1e-12).sum() for path in paths]
        assert found == paths[int(np.argmax(told))]
    assert searched > 100


def test_sure_words_and_texts_part_what_is_searched() -> None:
    follows = followers(read_scheme(IOB2))
    words = np.full((6, 5), 0.001, dtype=np.float32)
    for row, (label, probability) in enumerate([(1, 0.9), (2, 0.9), (0, 0.996), (2, 0.6), (2, 0.9), (4, 0.9)]):
        words[row, label] = probability
    words[3, 1] = 0.3
    # The I-A after a sure O opens its span; the second text begins with an I-C, whose best way to be right is B-C.
    words[5, 3] = 0.05
    assert best_path(words, follows, 0, np.array([0, 5])).tolist() == [1, 2, 0, 1, 2, 3]
    # As one text the I-C cannot be reached: the path goes on with what may follow I-A.
    assert best_path(words, follows, 0, np.array([0]))[5] == 3


def test_labels_without_a_begin_follow_anything() -> None:
    assert followers(read_scheme(["O", "Drug", "Dose"])).all()
    assert followers(read_scheme(["O", "I-Drug", "I-Dose"])).all()
