"""A picture of a bench's figures, as SVG: no drawing library is needed for a few bars."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, Final

_WIDTH: Final = 760
_LEFT: Final = 170  # names stand here
_RIGHT: Final = 190  # figures stand here
_ROW: Final = 38
_TOP: Final = 64
_BAR: Final = 22
_COLOURS: Final = ("#1f6f54", "#9aa5b1")  # ours, the others


def bars(facts: Mapping[str, Any]) -> str:
    """Tokens per second of each contender, with a line from the slowest round to the fastest.

    Args:
        facts: of an `EncoderReport`.
    """
    contenders: Mapping[str, Any] = facts["contenders"]
    rates = {name: contender["tokens_per_second"] for name, contender in contenders.items()}
    scale = (_WIDTH - _LEFT - _RIGHT) / max(rate["highest"] for rate in rates.values())
    height = _TOP + _ROW * len(rates) + 30
    hardware = facts.get("gpu") or f"{facts['cpu']}, {facts['threads']} threads"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" '
        'font-size="14">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        _text(12, 24, "Tokens per second, tokenisation included", size=17),
        _text(12, 45, f"{facts['checkpoint']}; {facts['notes']:,} notes; {hardware}", colour="#52606d"),
    ]
    for number, (name, rate) in enumerate(rates.items()):
        top = _TOP + _ROW * number
        middle = top + _BAR / 2
        width, low, high = (rate[key] * scale for key in ("median", "lowest", "highest"))
        ratio = facts["ratios"].get(name)
        figure = f"{rate['median']:,.0f}" + (f"   (notemill: {ratio['median']:.2f} times)" if ratio else "")
        parts += [
            _text(_LEFT - 10, middle + 5, name, anchor="end"),
            f'<rect x="{_LEFT}" y="{top}" width="{width:.1f}" height="{_BAR}" fill="{_COLOURS[number > 0]}"/>',
            f'<path d="M{_LEFT + low:.1f} {middle:.1f}H{_LEFT + high:.1f}" stroke="#1f2933" stroke-width="2"/>',
            _text(_LEFT + high + 8, middle + 5, figure),
        ]
    about = f"Bars: median of {len(next(iter(contenders.values()))['seconds'])} rounds; lines: slowest to fastest round"
    parts += [_text(12, height - 12, about, size=12, colour="#52606d"), "</svg>"]
    return "\n".join(parts) + "\n"


def _text(x: float, y: float, words: str, *, size: int = 14, colour: str = "#1f2933", anchor: str = "start") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="{size}" fill="{colour}">{escape(words)}</text>'
