"""The hold-out on which de-identification is judged: notes with every identifier marked.

    python -m infra.bench.holdout --notes 400 --output HOLDOUT.parquet [--seed 1] [--background NOTES.parquet]

It is written apart from the detector and from the notes that train it: its own templates, names, places and
formats. Who tunes the detector does not read this folder and does not score on it; it is scored once, at the end.

What is marked (i2b2-2014 names): PATIENT (with relatives, household and other private persons), DOCTOR (all
staff), DATE (all but a bare year), AGE (over 89 only), PHONE, FAX, EMAIL, URL, IPADDR, SSN, MEDICALRECORD,
HEALTHPLAN, ACCOUNT, LICENSE, VEHICLE, DEVICE, BIOID, PHOTO, IDNUM, USERNAME, STREET, CITY, ZIP, HOSPITAL,
ORGANIZATION, LOCATION-OTHER. Not marked: a state, a country, a year, a profession, an age under 90, a time of
day, a weekday of a weekly schedule, the names of insurers and makers.

    lists.toml     names and places
    banks.toml     headers, footers and sentences that notes take at random
    templates/     the notes; their language is described in `render`
"""
