from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from transforms.assertion import Asserter, Lexicon
from transforms.assertion.lexicon import Phrases, Role

SMALL = """
version = "3"
[lists]
no = ["kein", "ohn"]
[[trigger]]
property = "negated"
direction = "forward"
phrases = ["kein", "{no}e"]
[[terminator]]
ends = ["negated"]
phrases = ["aber"]
[[pseudo]]
phrases = ["kein wunder"]
[habits]
phrases = ["tabak"]
[lasting]
qualifiers = ["typ"]
phrases = ["diabetes"]
[sections]
historical = ["past_medical_history"]
family = ["family_history"]
unplaced = ["other"]
"""


def test_a_lexicon_is_small_in_a_log_and_travels() -> None:
    lexicon = Lexicon.shipped()

    assert repr(lexicon) == f"Lexicon(version='{lexicon.version}', digest='{lexicon.digest}')"
    assert pickle.loads(pickle.dumps(lexicon)) == lexicon
    assert hash(pickle.loads(pickle.dumps(lexicon))) == hash(lexicon)


def test_a_lexicon_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.toml"
    path.write_text(SMALL)
    lexicon = Lexicon.load(path)
    text = "keine fieber aber husten"

    fever, cough = Asserter(lexicon).assert_all(text, [(6, 12), (18, 24)])

    assert fever.negated
    assert not cough.negated
    assert lexicon != Lexicon.shipped()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"negated"\ndirection', '"denied"\ndirection', "unknown property"),
        ('"forward"', '"onward"', "unknown direction"),
        ('ends = ["negated"]', 'ends = ["all"]', "unknown property"),
        ('version = "3"', "", "version"),
        ("[habits]", "[customs]", "habits"),
        ("{no}", "{nein}", "nein"),
        ('"aber"', '"  "', "without words"),
    ],
)
def test_a_lexicon_with_mistakes_is_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Lexicon.parse(SMALL.replace(old, new).encode())


def test_the_longest_phrase_hides_the_ones_inside_it() -> None:
    phrases = Phrases([("no", Role()), ("no change", Role()), ("change in", Role())])

    found = [(match.start, match.end) for match in phrases.find(["no", "change", "in", "no"])]

    assert found == [(0, 2), (3, 4)]
