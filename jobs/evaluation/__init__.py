"""Measures parts of a run against gold. One module per kind; `jobs.evaluate` is the entry they share."""
