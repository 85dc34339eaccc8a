from __future__ import annotations

from pathlib import Path

import pytest

from jobs.config import STAGES, known_keys, load
from pipelines.errors import RequestError

PLACES = {"input": "in", "output": "out"}


def test_the_command_line_wins_over_set_and_set_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "job.toml"
    file.write_text('input = "a"\noutput = "b"\nengine = "beam"\nsplit_rows = 7\n[ray]\nreplicas = 2\nnum_gpus = 0.5\n')
    job = load(str(file), ["split_rows=8", "ray.replicas=3"], {"engine": "local", "input": None})
    assert (job.input, job.engine, job.split_rows) == ("a", "local", 8)
    assert (job.ray.replicas, job.ray.num_gpus) == (3, 0.5)
    assert tuple(job.stages) == STAGES


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("splitrows=5", "unknown key splitrows; did you mean split_rows?"),
        ("ray.replica=5", "unknown key ray.replica; did you mean ray.replicas?"),
        ("replicas=5", "unknown key replicas; did you mean ray.replicas?"),
        ("zzz=5", "unknown key zzz"),
        ("split_rows=0", "split_rows: Input should be greater than or equal to 1"),
        ("split_rows=many", "split_rows: Input should be a valid integer"),
        ("engine=spark", "engine: Input should be 'ray', 'local' or 'beam'"),
        ("deidentify.mode=none", "deidentify.mode: Input should be 'tag'"),
        ('stages=["validate","deidentify","sectionz"]', "unknown stage 'sectionz'; did you mean sections?"),
        ('stages=["validate","sections"]', "deidentify must be among the stages"),
        ('stages=["deidentify","validate"]', "stages must stand in this order"),
        ('model.heads=["ner","ner"]', "name each head once"),
        ("columns.text=3", "columns.text: Input should be a valid string"),
        ("deidentify.threshold=2", "deidentify.threshold: Input should be less than or equal to 1"),
        ("deidentify.pattern_threshold=-1", "deidentify.pattern_threshold: Input should be greater"),
        ("deidentify.labels.WARD=BED", "deidentify.labels: label 'BED' (given for 'WARD') is none of PATIENT"),
        ("deidentify.labels.WARD=3", "deidentify.labels: Input should be a valid string"),
        ("deidentify.recognizers=wards.yaml", "deidentify.recognizers: Input should be a valid list"),
        ("columns.known.MRM=mrn", "columns.known.MRM is no PHI label; did you mean"),
        ("columns.known.STATE=state", "columns.known.STATE: STATE does not identify"),
        ("columns.known.PHONE=3", "columns.known: Input should be a valid string"),
        ("no-equals-sign", "--set takes key=value"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(setting: str, message: str) -> None:
    with pytest.raises(RequestError) as caught:
        load(None, [setting], PLACES)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_places_and_bad_files(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="output is missing: give --output"):
        load(None, [], {"input": "in"})
    with pytest.raises(RequestError, match="cannot read the job file"):
        load(str(tmp_path / "none.toml"), [], PLACES)
    (tmp_path / "bad.toml").write_text("input = \n")
    with pytest.raises(RequestError, match="is not valid TOML"):
        load(str(tmp_path / "bad.toml"), [], PLACES)


def test_columns_replace_those_of_the_preset() -> None:
    settings = ["columns.text=body", 'columns.patient_name=["first","last"]']
    mapping = load(None, settings, {**PLACES, "preset": "mimic-iii"}).column_map()
    assert mapping.text == ("body",)
    assert mapping.note_id == ("ROW_ID",)
    assert mapping.patient_name == ("first", "last")
    assert mapping.demanded == ("patient_id", "patient_name")
    assert mapping.skip_where == ("ISERROR", ("1", "1.0", "true"))


def test_every_key_is_known_by_its_dotted_name() -> None:
    assert {"split_rows", "deidentify.mode", "model.precision", "ray.replicas", "columns.text"} <= set(known_keys())


def test_known_phi_columns() -> None:
    settings = ["columns.known.MRN=mrn", 'columns.known.PHONE=["home", "cell"]', "columns.known.WARD=ward"]
    mapping = load(None, [*settings, "deidentify.labels.WARD=ROOM"], PLACES).column_map()
    assert mapping.known == (("MEDICALRECORD", ("mrn",)), ("PHONE", ("home", "cell")), ("ROOM", ("ward",)))
    with pytest.raises(RequestError, match=r"columns\.known\.WARD is no PHI label"):
        load(None, settings, PLACES)


def test_a_job_file_says_how_phi_is_found(tmp_path: Path) -> None:
    file = tmp_path / "job.toml"
    file.write_text(
        '[deidentify]\nmode = "mask"\nlink_names = false\nrecognizers = ["a.b:C", "d.yaml"]\npattern_threshold = 0.4\n'
        '[deidentify.labels]\nWARD = "ROOM"\nRANK = "PROFESSION"\n[columns.known]\nDATE = "dob"\n'
    )
    job = load(str(file), [], PLACES)
    assert (job.deidentify.mode, job.deidentify.link_names, job.deidentify.pattern_threshold) == ("mask", False, 0.4)
    assert job.deidentify.label_pairs == (("RANK", "PROFESSION"), ("WARD", "ROOM"))
    assert job.column_map().known == (("DATE", ("dob",)),)
    assert job.column_map().demanded == ()
