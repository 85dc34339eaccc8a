from __future__ import annotations

import torch

from transforms.clinical_bert.cache import StateCache


def states(value: float, kib: int = 256) -> torch.Tensor:
    return torch.full((kib, 256), value)  # 1 KiB a row


def test_what_was_put_is_got_back_and_the_oldest_goes_first() -> None:
    cache = StateCache(1)
    for number in range(4):
        cache.put(bytes([number]), states(float(number)))
    assert cache.bytes == 2**20
    assert cache.get(b"\x00") is not None  # used, so no longer the oldest
    cache.put(b"\x04", states(4.0))
    assert cache.get(b"\x01") is None
    assert [float(found[0, 0]) for key in range(5) if (found := cache.get(bytes([key]))) is not None] == [0, 2, 3, 4]
    assert cache.bytes == 2**20


def test_a_copy_is_kept_not_the_batch_that_it_came_in() -> None:
    cache = StateCache(1)
    batch = states(1.0, 512)
    cache.put(b"a", batch[:1])
    batch.zero_()
    found = cache.get(b"a")
    assert found is not None
    assert float(found[0, 0]) == 1.0
    assert found.untyped_storage().nbytes() == 1024


def test_without_room_nothing_is_kept() -> None:
    none, small = StateCache(0), StateCache(0.001)
    for cache in (none, small):
        cache.put(b"a", states(1.0))
        assert cache.get(b"a") is None
        assert cache.bytes == 0


def test_putting_twice_counts_once() -> None:
    cache = StateCache(1)
    cache.put(b"a", states(1.0))
    cache.put(b"a", states(1.0))
    assert cache.bytes == 2**18
    assert len(cache) == 1
    cache.clear()
    assert cache.bytes == 0
