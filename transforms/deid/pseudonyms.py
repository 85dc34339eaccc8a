"""Pseudonyms for ids: HMAC-SHA-256 under a key (RFC 2104), so that they join across runs and do not turn back.

Ids come first of all stages: MIMIC's note ids hold the patient's id, and rejects are reported by note id.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal

import pyarrow as pa

from transforms import schema
from transforms.stage import Resources, with_column

Kind = Literal["note", "patient", "encounter"]

_HEX_DIGITS: Final = 32
"""128 bits: a collision among 10^9 ids has a chance below 10^-20."""

_LEAST_BYTES: Final = 16
"""A shorter key can be found by trying keys on the pseudonyms of ids that somebody knows."""


@dataclass(frozen=True)
class Key:
    """The secret that pseudonyms hang on. Its `repr` shows only `key_id`."""

    secret: bytes = field(repr=False)
    key_id: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        if not self.secret:
            raise ValueError("the pseudonym key is empty")
        object.__setattr__(self, "key_id", hmac.new(self.secret, b"notemill key id", hashlib.sha256).hexdigest()[:12])

    def __str__(self) -> str:
        return repr(self)

    @classmethod
    def from_text(cls, text: str) -> Key:
        """A key from what stands in NOTEMILL_KEY; white space around it does not count.

        Raises:
            ValueError: `text` has fewer than 16 bytes: keys that short can be found by trial.
        """
        secret = text.strip().encode()
        if len(secret) < _LEAST_BYTES:
            raise ValueError(
                f"the pseudonym key has {len(secret)} bytes; it needs {_LEAST_BYTES} at least, or it could be guessed: "
                'make one with python -c "import secrets; print(secrets.token_hex(32))"'
            )
        return cls(secret)

    @classmethod
    def random(cls) -> Key:
        """A key for one run: its pseudonyms join within the run and nowhere else."""
        return cls(secrets.token_hex(32).encode())


def pseudonym(key: Key, kind: Kind, raw: str) -> str:
    """The pseudonym of one id: 32 hexadecimal digits.

    The kind is part of what is hashed, so a patient and an encounter of the same number do not share one.
    """
    return hmac.new(key.secret, f"{kind}\0{raw}".encode(), hashlib.sha256).hexdigest()[:_HEX_DIGITS]


_KINDS: Final[tuple[Kind, ...]] = ("note", "patient", "encounter")


@dataclass(frozen=True)
class Pseudonyms:
    """Moves the input's ids to `raw_…` and puts pseudonyms in their place; null stays null.

    Attributes:
        key: the key of the pseudonyms.
        ids: `pseudonym`, or `keep` to leave the ids as they are (the `raw_…` columns are then copies).
    """

    key: Key
    ids: Literal["pseudonym", "keep"] = "pseudonym"
    name: ClassVar[str] = "pseudonyms"
    reads: ClassVar[pa.Schema] = schema.columns(*(f"{kind}_id" for kind in _KINDS))
    adds: ClassVar[pa.Schema] = schema.columns(
        *(f"{kind}_id" for kind in _KINDS), *(f"raw_{kind}_id" for kind in _KINDS)
    )
    resources: Resources = field(default=Resources(cpus=1), repr=False)

    def __post_init__(self) -> None:
        if self.ids not in ("pseudonym", "keep"):
            raise ValueError(f"ids is {self.ids!r}; supported: 'pseudonym', 'keep'")

    def open(self) -> PseudonymsWorker:
        return PseudonymsWorker(self.key if self.ids == "pseudonym" else None)


class PseudonymsWorker:
    """Args: key: None leaves the ids as they are."""

    def __init__(self, key: Key | None) -> None:
        self._key = key

    def process(self, notes: pa.Table) -> pa.Table:
        for kind in _KINDS:
            column = f"{kind}_id"
            raw = notes[column]
            notes = with_column(notes, Pseudonyms.adds.field(f"raw_{column}"), raw)
            if self._key is not None:
                key = self._key
                ids = [None if value is None else pseudonym(key, kind, value) for value in raw.to_pylist()]
                notes = with_column(notes, Pseudonyms.adds.field(column), ids)
        return notes

    def close(self) -> None:
        """Nothing to release."""
