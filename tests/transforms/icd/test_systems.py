from __future__ import annotations

import pytest

from transforms.icd.systems import UnknownCodeError, systems_of
from transforms.icd.table import CodeTable


def test_codes_of_mimic_iii_are_icd_9_cm_supplementary_ones_too() -> None:
    codes = ["038.9", "250.00", "311", "33.24", "38.93", "401.9", "V15.82", "V45.81", "E878.1", "96.6", "00.66"]
    assert systems_of(codes) == ["ICD-9-CM"] * len(codes)


def test_every_code_of_the_table_is_icd_10_cm() -> None:
    codes = [entry.code for entry in CodeTable.shipped()]
    assert set(systems_of(codes)) == {"ICD-10-CM"}


def test_v_codes_without_any_number_are_icd_10_cm() -> None:
    assert systems_of(["V45.81", "I10", "Z79.4"]) == ["ICD-10-CM"] * 3


def test_codes_of_mimic_iv_are_of_two_systems() -> None:
    assert systems_of(["I10", "02HV33Z", "0BH17EZ", "E11.9"]) == ["ICD-10-CM", "ICD-10-PCS", "ICD-10-PCS", "ICD-10-CM"]


@pytest.mark.parametrize("label", ["4019", "LABEL_3", "hypertension", "", "e11.9", "E11.", "02HV33O", "4019.1"])
def test_what_is_no_code_is_refused_by_name(label: str) -> None:
    with pytest.raises(UnknownCodeError) as caught:
        systems_of(["401.9", label])
    assert repr(label) in str(caught.value)
