"""`omop://`: a run as NOTE, NOTE_NLP and CONDITION_OCCURRENCE of the OMOP Common Data Model, in any store.

`cdm` says what the tables are, `integers` gives string ids their integer keys, `vocabulary` knows concepts, `tables`
makes the rows, and `conformance` checks what lies in a warehouse.
"""
