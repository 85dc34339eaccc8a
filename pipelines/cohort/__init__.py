"""Cohorts: which patients of a run fit a definition, who dropped out where, and on what evidence.

`definition` is what a clinician writes, `terms` holds it against what the run can say, `events` turns each part of it
into SQL, and `building` runs that in DuckDB.
"""
