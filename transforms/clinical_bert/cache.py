"""States of windows that were encoded lately: text copied from note to note goes through the encoder once."""

from __future__ import annotations

from collections import OrderedDict

import torch


class StateCache:
    """The least recently used states go first when the limit is reached.

    Args:
        megabytes: of states that are kept, in units of 2**20 bytes; 0 keeps none.
    """

    def __init__(self, megabytes: float) -> None:
        self._room = int(megabytes * 2**20)
        self._states: OrderedDict[bytes, torch.Tensor] = OrderedDict()
        self.bytes = 0
        """Bytes of states that are kept now."""

    def __len__(self) -> int:
        return len(self._states)

    def get(self, key: bytes) -> torch.Tensor | None:
        """The states kept under the key."""
        states = self._states.get(key)
        if states is not None:
            self._states.move_to_end(key)
        return states

    def put(self, key: bytes, states: torch.Tensor) -> None:
        """Keeps a copy of the states, for a view would keep the whole batch that they came in."""
        size = states.numel() * states.element_size()
        if size > self._room or key in self._states:
            return
        while self.bytes + size > self._room:
            _, oldest = self._states.popitem(last=False)
            self.bytes -= oldest.numel() * oldest.element_size()
        self._states[key] = states.clone()
        self.bytes += size

    def clear(self) -> None:
        """Lets everything go."""
        self._states.clear()
        self.bytes = 0
