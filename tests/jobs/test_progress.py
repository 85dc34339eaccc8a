from __future__ import annotations

import io

from rich.console import Console

from jobs.progress import BarProgress, LineProgress, progress_for
from jobs.summary import print_summary
from pipelines.io.ledger import Receipt


def receipt(start: float, finish: float, **facts: int) -> Receipt:
    counts = {"rows_read": 10, "rows_written": 9, "rows_rejected": 1, "tokens": 500, **facts}
    return Receipt("s", 0, started=start, finished=finish, **counts)  # type: ignore[arg-type]


def test_lines_now_and_then_with_rates_and_time_left() -> None:
    stream = io.StringIO()
    progress = LineProgress(stream)
    progress.start(100, 20)
    progress.advance(receipt(0.0, 2.0))
    progress.advance(receipt(2.0, 5.0))
    progress.stop()
    lines = stream.getvalue().splitlines()
    assert lines[0] == "notemill: 100 notes, 20 of them done by an earlier attempt"
    assert lines[-1] == "notemill: 40/100 notes  4.0 notes/s  200 tokens/s  2 rejected"
    assert len(lines) == 2  # nothing in between: less than the interval has passed


def test_time_left_follows_the_rate() -> None:
    progress = LineProgress(io.StringIO())
    progress.start(7220, 0)
    assert progress._counts.left() == "--:--"
    progress.advance(receipt(0.0, 10.0))
    assert progress._counts.left() == "2:00:10"


def test_a_bar_only_at_a_terminal() -> None:
    assert isinstance(progress_for(Console(file=io.StringIO())), LineProgress)
    assert isinstance(progress_for(Console(file=io.StringIO(), force_terminal=True)), BarProgress)


def test_the_bar_shows_counts_and_rates() -> None:
    stream = io.StringIO()
    bar = BarProgress(Console(file=stream, force_terminal=True, width=160))
    bar.start(20, 0)
    bar.advance(receipt(0.0, 2.0))
    bar.advance(receipt(2.0, 4.0))
    bar.stop()
    assert "20/20" in stream.getvalue()
    assert "5.0 notes/s" in stream.getvalue()


def test_the_summary_accounts_for_every_note() -> None:
    stream = io.StringIO()
    manifest = {
        "run_id": "abc",
        "rows_read": 10,
        "rows_written": 8,
        "rows_rejected": 2,
        "rows_skipped": 3,
        "rejects": {"validate/NullText": 2},
        "tables": {"notes": 8, "phi": 40, "entities": 17},
        "splits": 2,
        "seconds": 4.0,
        "notes_per_second": 2.5,
        "tokens_per_second": 1000.0,
        "encoded": {"encoded": {"truncated_tokens": 0, "repeated_windows": 3, "saved": 0.125}},
    }
    print_summary(Console(file=stream, width=100), manifest, "out", resumed=1)
    text = stream.getvalue()
    for part in (
        "validate/NullText",
        "phi (restricted)",
        "40",
        "17",
        "2 (1 done before)",
        "2.5",
        "marked as errors",
        "12.5%",
    ):
        assert part in text
