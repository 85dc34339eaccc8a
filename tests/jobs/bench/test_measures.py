from __future__ import annotations

import time
from dataclasses import dataclass, field

import pytest
import torch

from jobs.bench.measures import Block, Rate, alternate, busy_seconds, ratios, shares, spread
from transforms.clinical_bert.counts import Counts

CPU = torch.device("cpu")


def block(tokens: int) -> Block:
    return Block(["x"], [[]], ["x"], tokens)


@dataclass
class Sleeper:
    name: str
    seconds: float
    log: list[tuple[str, int]] = field(default_factory=list)
    about: str = "sleeps"

    def run(self, block: Block) -> None:
        self.log.append((self.name, block.tokens))
        time.sleep(self.seconds)


def test_contenders_take_turns() -> None:
    log: list[tuple[str, int]] = []
    sleepers = [Sleeper("a", 0.0, log), Sleeper("b", 0.0, log)]
    before: list[int] = []
    rates = alternate(sleepers, [[block(1), block(2)], [block(3)]], CPU, before=lambda: before.append(len(log)))
    assert log == [("a", 1), ("a", 2), ("b", 1), ("b", 2), ("a", 3), ("b", 3)]
    assert before == [0, 4]
    assert rates["a"].tokens == rates["b"].tokens == [3, 3]


def test_a_contender_that_is_twice_as_slow_is_seen_to_be() -> None:
    rates = alternate([Sleeper("a", 0.05), Sleeper("b", 0.1)], [[block(100)], [block(50)]], CPU)
    assert rates["a"].rates[0] == pytest.approx(2000, rel=0.3)
    assert ratios(rates["a"].rates, rates["b"].rates)["median"] == pytest.approx(2.0, rel=0.3)


def test_waiting_is_no_processor_time() -> None:
    rates = alternate([Sleeper("a", 0.2)], [[block(100)]], CPU)
    assert rates["a"].cpu_seconds[0] < rates["a"].seconds[0] / 2


def test_no_block_is_begun_after_the_time_is_over() -> None:
    rates = alternate([Sleeper("a", 0.03), Sleeper("b", 0.0)], [[block(7)] * 10], CPU, seconds=0.05)
    assert rates["a"].tokens == [14]
    assert rates["b"].tokens == [70]


def test_ratios_are_those_of_each_round() -> None:
    ours = Rate("a", "", [100, 100, 100], [1.0, 2.0, 1.0], [1.0, 1.0, 0.5])
    other = Rate("b", "", [100, 100, 50], [2.0, 8.0, 1.5], [2.0, 2.0, 2.0])
    assert ratios(ours.rates, other.rates) == {"median": 3.0, "lowest": 2.0, "highest": 4.0}
    assert ratios(ours.cpu_rates, other.cpu_rates) == {"median": 2.0, "lowest": 2.0, "highest": 8.0}
    assert ours.to_json()["tokens_per_second"] == {"median": 100.0, "lowest": 50.0, "highest": 100.0}
    assert spread([1.23456], 2) == {"median": 1.23, "lowest": 1.23, "highest": 1.23}


def test_shares_of_known_windows() -> None:
    """A note of 14 tokens in windows of 10 and 8 that share 4, the second run before, padded to 16 positions."""
    counts = Counts(
        tokens=14, windows=2, repeated_windows=1, positions=16, padding=4, repeated_positions=10, truncated_tokens=0
    )
    assert shares(counts) == {
        "padding_waste": 0.25,
        "overlap": round(4 / 18, 5),
        "repeated_windows": 0.5,
        "repeated_positions": round(10 / 26, 5),
    }
    assert set(shares(Counts()).values()) == {0.0}


def test_time_on_two_streams_counts_once() -> None:
    assert busy_seconds([]) == 0
    assert busy_seconds([(0, 1), (2, 3)]) == 2
    assert busy_seconds([(2, 5), (0, 3)]) == 5
    assert busy_seconds([(0, 10), (2, 3), (9, 11), (20, 21)]) == 12
