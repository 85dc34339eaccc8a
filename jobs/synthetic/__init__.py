"""Synthetic US clinical notes, and what is true of them.

A patient (`patients`) has an identity and a course of encounters; `story` decides what happened in each; the
writers (`notes`) tell it as notes of several types, from phrases in `data/*.toml` (`grammar`), while a `Draft`
(`draft`) records where each piece of gold stands. Everything is drawn from one `random.Random` per patient, so
a patient's notes depend on the seed and the patient's number alone.
"""
