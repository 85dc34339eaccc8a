"""How slots are declared."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from jobs.synthetic.grammar import SLOTS, Call, Slot

if TYPE_CHECKING:
    from jobs.synthetic.scene import Scene


def slot(name: str) -> Callable[[Slot], Slot]:
    """Declares a slot whose function is given the slot's argument and returns what writes it."""

    def register(make: Slot) -> Slot:
        SLOTS[name] = make
        return make

    return register


def words(name: str, value: Callable[[Scene], str]) -> None:
    """Declares a slot that writes plain text and takes no argument."""
    SLOTS[name] = lambda _: lambda scene: scene.draft.put(value(scene))


def identifier(name: str, label: str, value: Callable[[Scene], str]) -> None:
    """Declares a slot that writes one piece of PHI and takes no argument."""

    def call(scene: Scene) -> None:
        scene.draft.put_phi(label, value(scene))

    SLOTS[name] = lambda _: call


def act(name: str, call: Call) -> None:
    """Declares a slot that takes no argument."""
    SLOTS[name] = lambda _: call
