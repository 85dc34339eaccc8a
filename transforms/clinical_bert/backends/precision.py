"""The names of backends and precisions."""

from __future__ import annotations

from typing import Final, Literal

BackendName = Literal["auto", "torch"]
Precision = Literal["auto", "fp32", "bf16"]
PRECISIONS: Final = ("auto", "fp32", "bf16")
