"""`fhir://FOLDER`: a run as resources of FHIR R4 in NDJSON, the files of Bulk Data.

`resources` says what they look like, `tables` makes them of a run, `structure` checks what lies in a folder.
"""
