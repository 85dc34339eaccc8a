"""The hold-out on which de-identification is judged: notes with every identifier marked.

    python -m infra.bench.holdout --notes 300 --output HOLDOUT.parquet [--set b] [--seed 1] [--background NOTES.parquet]

The sets are written by different hands, apart from the detector, from the notes that train it and from one
another. Set `a` was scored once while it was unseen and serves development since. Set `b` is unseen: who tunes the
detector does not read its folder and does not score on it; it is scored once, at the end. In `a` the identifiers
are dense, so that a short note asks for many; in `b` they are as sparse as in real notes.
Sets `c` and `d` are unseen as well: `c` has what physicians type and dictate, `d` the rest of the house, from
nursing, social work and registration to messages, home care, letters and devices. Sets `e` and `f`, unseen too, have
the ordinary notes that an evaluator would choose, long and sparse: `e` of a hospital, `f` of hospitals and clinics of
many house styles, with each class in at least a dozen wordings. Set `g` is unseen as well: ordinary notes of hospitals
and clinics by another hand, who saw neither the detector nor, but for the opening lines of `a`, the other sets.
Set `h` is one more of that kind, unseen, by yet another hand: ordinary notes of wards, offices and desks, from
admission to billing. Set `i` is one more of that kind, unseen: ordinary notes whose
identifiers stand between passages without any, by a hand that saw neither the detector's rules nor the notes that
train it nor, but for the form of `h`, the other sets. Nobody who tuned rules had seen it.
Set `j` is unseen as well, by a further hand under the same terms: what records ordinarily export, 70 templates from
discharge summaries, progress notes and reports to calls, portal messages and letters.

What is marked (i2b2-2014 names): PATIENT (with relatives, household and other private persons), DOCTOR (all
staff), DATE (all but a bare year), AGE (over 89 only), PHONE, FAX, EMAIL, URL, IPADDR, SSN, MEDICALRECORD,
HEALTHPLAN, ACCOUNT, LICENSE, VEHICLE, DEVICE, BIOID, PHOTO, IDNUM, USERNAME, STREET, CITY, ZIP, HOSPITAL,
ORGANIZATION, LOCATION-OTHER. Not marked: a state, a country, a year, a profession, an age under 90, a time of
day, a weekday of a weekly schedule, the names of insurers and makers.

    a/ to j/        the sets, each with
      lists.toml      names, places and shapes of numbers
      formats.toml    how dates, telephone numbers and addresses are written
      banks.toml      headers, footers and sentences that notes take at random
      templates/      the notes; their language is described in `render`
    background.toml names that passages of real notes may not hold
"""
