"""Choices that hang on the key alone: HMAC-SHA-256 (RFC 2104) in the place of a random generator."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, TypeVar

from transforms.deid.pseudonyms import Key

_T = TypeVar("_T")
_DOMAIN: Final = b"notemill replacement\0"
"""Sets these messages apart from those of the pseudonyms under the same key."""


def _message(parts: tuple[str, ...]) -> bytes:
    """The parts with their lengths, so that no two lists of parts make the same message."""
    return "".join(f"{len(part)}:{part}" for part in parts).encode("utf-8", "surrogatepass")


class PatientDraws:
    """The choices for one patient; the same question always gets the same answer.

    Args:
        secret: what all of them hang on.
    """

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def digest(self, *question: str) -> bytes:
        """32 bytes that nobody can tell from random ones without the key."""
        return hmac.digest(self._secret, _message(question), "sha256")

    def number(self, *question: str) -> int:
        """A number below 2 ** 64, so that a remainder by what is small is even for all purposes."""
        return int.from_bytes(self.digest(*question)[:8])

    def choice(self, items: Sequence[_T], *question: str) -> _T:
        return items[self.number(*question) % len(items)]

    def stream(self, length: int, *question: str) -> bytes:
        """So many bytes."""
        blocks = (self.digest(*question, str(block)) for block in range(-(-length // 32)))
        return b"".join(blocks)[:length]


class Draws:
    """Gives each patient choices of their own.

    Args:
        key: the secret.
    """

    def __init__(self, key: Key) -> None:
        self._secret = hmac.digest(key.secret, _DOMAIN, "sha256")
        # Bounded, for a worker meets any number of patients.
        self.of = lru_cache(maxsize=4096)(self._of)

    def _of(self, patient: str) -> PatientDraws:
        return PatientDraws(hmac.digest(self._secret, _message((patient,)), "sha256"))
