"""What is raised where a checkpoint cannot serve."""

from __future__ import annotations


class CheckpointError(ValueError):
    """A checkpoint cannot serve a head; the message is one line that says why and how to mend it."""
