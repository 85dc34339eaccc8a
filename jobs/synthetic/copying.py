"""Copy-forward: a day's note that begins as yesterday's.

Authors take over yesterday's note and write anew what changed: half of the text of real hospital notes is copied
(Steinkamp, Kantrowitz, Airan-Javia: Prevalence and Sources of Duplicate Information in the Electronic Medical Record,
JAMA Network Open 2022). Sections are copied as they stand, with their headings, their typing errors and their gold.
"""

from __future__ import annotations

import random
from typing import Final, NamedTuple

from jobs.synthetic.draft import Draft, EntitySpan, PhiSpan, SectionSpan
from jobs.synthetic.notes import Note

COPIED_KINDS: Final = frozenset({"progress note"})
"""Kinds of note that are written anew each day out of the one before."""

_FRESH: Final = frozenset({"subjective", "vital_signs", "results"})
"""Sections that every day brings anew."""

_PLAN: Final = "assessment_and_plan"
_PLANS: Final = frozenset({"assessment", "plan", _PLAN})


class _Block(NamedTuple):
    """A top-level section with all that lies in it."""

    note: Note
    category: str
    start: int
    end: int


def copy_forward(today: Note, yesterday: Note, share: float, rng: random.Random) -> Note:
    """Today's note with sections of yesterday's in the place of its own.

    Header, closing and what changes from day to day are today's; any other section of yesterday's note is copied
    with the probability `share`, into the place that it had.

    Args:
        today: a finished note, as its author would have written it without copying.
        yesterday: the note of the same kind and stay before it.
        share: 0 to 1.
        rng: decides what is copied.
    """
    ours = {block.category: block for block in _blocks(today)}
    chosen = [_Block(today, "", 0, next(iter(ours.values())).start)] if ours else []
    for block in _blocks(yesterday):
        mine = ours.pop(block.category, None)
        if block.category not in _FRESH and rng.random() < share:
            chosen.append(block)
        elif mine is not None:
            chosen.append(mine)
    chosen += ours.values()
    chosen.append(_Block(today, "", _closing(today), len(today.text)))
    return _spliced(today, chosen)


def _closing(note: Note) -> int:
    return len(note.text) if note.draft.closing is None else note.draft.closing


def _blocks(note: Note) -> list[_Block]:
    """The top-level sections of a note, the closing left out; assessment and plan, in one or in two, are one block."""
    blocks: list[_Block] = []
    closing = _closing(note)
    tops = [span for span in note.draft.sections if span.level == 1 and span.start < closing]
    ends = [*(span.start for span in tops[1:]), closing]
    for span, end in zip(tops, ends, strict=True):
        category = _PLAN if span.category in _PLANS else span.category
        if blocks and category == blocks[-1].category == _PLAN:
            blocks[-1] = blocks[-1]._replace(end=end)
        else:
            blocks.append(_Block(note, category, span.start, end))
    return blocks


def _spliced(note: Note, blocks: list[_Block]) -> Note:
    """The blocks one after another, with the gold that lies in them."""
    draft = Draft()
    for block in blocks:
        if block.start >= block.end:
            continue
        if draft.length:
            draft.end_line()
            # An empty line before a heading belongs to the section above it, which may be another one here.
            if block.note.text[: block.start].endswith("\n\n") and not draft.text().endswith("\n\n"):
                draft.put("\n")
        gold, shift = block.note.draft, draft.length - block.start
        draft.put(block.note.text[block.start : block.end])
        draft.phi += [
            PhiSpan(label, start + shift, end + shift)
            for label, start, end in gold.phi
            if block.start <= start < block.end
        ]
        draft.entities += [
            EntitySpan(label, start + shift, end + shift, assertion)
            for label, start, end, assertion in gold.entities
            if block.start <= start < block.end
        ]
        draft.sections += [
            SectionSpan(category, level, start + shift, title_end + shift, body_start + shift)
            for category, level, start, title_end, body_start in gold.sections
            if block.start <= start < block.end
        ]
        for code, places in gold.codes.items():
            for place in places:
                if block.start <= place < block.end:
                    draft.codes.setdefault(code, []).append(place + shift)
    draft.closing = draft.length - (len(note.text) - _closing(note))
    return Note(note.kind, note.when, draft.text(), draft)
