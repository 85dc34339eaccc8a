"""What a job asks of coding: the road that its heads allow, the release, and refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobs.config import load
from jobs.run import checkpoints, reading_stages
from pipelines.errors import RequestError
from transforms.clinical_bert.stage import ClinicalBert
from transforms.icd.coding import BELOW
from transforms.icd.stage import Coding


def stages_of(**options: Any) -> dict[str, Any]:
    job = load(None, [], {"input": "notes", "output": "out", "model": {"precision": "fp32"}, **options})
    return {name: made[0] for name, made in reading_stages(job, checkpoints(job)).items()}


def coding_of(**options: Any) -> Coding:
    stage = stages_of(**options)["coding"]
    assert isinstance(stage, Coding)
    return stage


def test_by_default_both_roads_and_a_head_that_proposes() -> None:
    stages = stages_of()
    assert list(stages)[-1] == "coding"
    assert stages["coding"].road == "both"
    assert "I10" in stages["coding"].proposals.codes
    assert isinstance(stages["clinical_bert"], ClinicalBert)
    assert stages["clinical_bert"].icd.below == BELOW


@pytest.mark.parametrize(("heads", "road"), [(["ner"], "linking"), (["icd"], "attention"), (["icd", "ner"], "both")])
def test_the_road_follows_the_heads(heads: list[str], road: str) -> None:
    assert coding_of(model={"heads": heads, "precision": "fp32"}).road == road


@pytest.mark.parametrize(("road", "head"), [("both", "ner"), ("linking", "ner")])
def test_a_road_without_its_head_is_refused(road: str, head: str) -> None:
    with pytest.raises(RequestError, match=f"needs the head {head} for the road {road}"):
        stages_of(model={"heads": ["icd"], "precision": "fp32"}, icd={"road": road})


def test_without_the_stage_the_head_gives_its_own_codes() -> None:
    stages = stages_of(stages=["validate", "deidentify", "clinical_bert"], icd={"threshold": 0.7})
    assert "coding" not in stages
    assert (stages["clinical_bert"].icd.threshold, stages["clinical_bert"].icd.below) == (0.7, 0.0)


def test_an_unknown_release_is_refused() -> None:
    with pytest.raises(RequestError, match=r"icd\.release: there is no code table for the release '2019'"):
        stages_of(icd={"release": "2019"})


def test_another_release_by_its_order_file(tmp_path: Path) -> None:
    path = tmp_path / "icd10cm_order_2020.txt"
    path.write_text(f"00001 I10     1 {'Essential (primary) hypertension':<60} Essential (primary) hypertension\n")
    stage = coding_of(icd={"release": str(path), "systems": ["ICD-9-CM", "ICD-10-CM", "ICD-9-CM"]})
    assert stage.release.name == path.name
    assert str(tmp_path) not in repr(stage)
    assert stage.systems == ("ICD-9-CM", "ICD-10-CM")
