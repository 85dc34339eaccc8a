"""Identifying numbers by context, form and check digit."""

from __future__ import annotations

import pytest

from tests.transforms.deid.recognizers.find import labelled
from transforms.deid.recognizers.base import Note
from transforms.deid.recognizers.numbers import Numbers

NUMBERS = Numbers()


@pytest.mark.parametrize(
    ("text", "label", "number"),
    [
        ("SSN: 123-45-6789", "SSN", "123-45-6789"),
        ("born, 123-45-6789, in", "SSN", "123-45-6789"),
        ("SSN 123 45 6789", "SSN", "123 45 6789"),
        ("Soc Sec No: 123456789", "SSN", "123456789"),
        ("SSN (last 4): 7909", "SSN", "7909"),
        ("SSN ***-**-7909", "SSN", "7909"),
        ("MRN#00123-45", "MEDICALRECORD", "00123-45"),
        ("MRN: 123 45 67", "MEDICALRECORD", "123 45 67"),
        ("Medical Record Number: A123456", "MEDICALRECORD", "A123456"),
        ("Unit No: 507-24-16", "MEDICALRECORD", "507-24-16"),
        ("note - Roe, Jane #4064-67-0", "MEDICALRECORD", "4064-67-0"),
        ("Account # 41882645-61", "ACCOUNT", "41882645-61"),
        ("HAR: 6710-033542", "ACCOUNT", "6710-033542"),
        ("card 4111 1111 1111 1111", "ACCOUNT", "4111 1111 1111 1111"),
        ("Policy No. 017114384F", "HEALTHPLAN", "017114384F"),
        ("insurance Molina 1CU7KA2WS35", "HEALTHPLAN", "1CU7KA2WS35"),
        ("Medicare 1EG4-TE5-MK73", "HEALTHPLAN", "1EG4-TE5-MK73"),
        ("Subscriber # 4545-3162-50", "HEALTHPLAN", "4545-3162-50"),
        ("Grp# 66920-505.", "HEALTHPLAN", "66920-505"),
        ("DEA AB1234563", "LICENSE", "AB1234563"),
        ("signed, AB1234563.", "LICENSE", "AB1234563"),
        ("NPI: 1234567893", "LICENSE", "1234567893"),
        ("driver's license S1234567", "LICENSE", "S1234567"),
        ("DMV lic 62-402844", "LICENSE", "62-402844"),
        ("pacemaker (SN 98S347H6)", "DEVICE", "98S347H6"),
        ("serial number 12345", "DEVICE", "12345"),
        ("VIN 1HGCM82633A004352", "VEHICLE", "1HGCM82633A004352"),
        ("saw 1M8GDM9AXKP042788 there", "VEHICLE", "1M8GDM9AXKP042788"),
        ("a pickup, plate 689 GRV.", "VEHICLE", "689 GRV"),
        ("plate\n7PRE484.", "VEHICLE", "7PRE484"),
        ("Accession Number: S19-12345", "IDNUM", "S19-12345"),
        ("police report 028-SL-203530", "IDNUM", "028-SL-203530"),
        ("Job #: 15617563", "IDNUM", "15617563"),
        ("fingerprint id 88213-F", "BIOID", "88213-F"),
        ("see wound_smith01.jpg there", "PHOTO", "wound_smith01.jpg"),
        ("number 84721950 on the band", "IDNUM", "84721950"),
    ],
)
def test_a_number_is_found_whole_with_its_label(text: str, label: str, number: str) -> None:
    assert labelled(NUMBERS, text) == [(label, number)]


@pytest.mark.parametrize(
    "text",
    [
        "platelets 245,000 and WBC 12.5",
        "colony count 1000000 CFU",
        "viral load 1250000 copies",
        "120-129 mmHg; 2000-2500 mL",
        "EXAM: BP139/74, HR90",
        "EXAM: 36.8C, 90BPM",
        "Model #: none. Immunization history: Tdap 2011",
        "SNOMED 73211009, ICD E11.9, LOINC 12345-6",
        "the medical record was reviewed on 10 occasions",
        "insurance approved in 2019. Group of 3. Case of 2.",
        "the plates were fixed with 3 screws; platelets 300",
        "order 40 mg; specimen sent; account of 3 falls",
        "ambulated 171 ft; plan: 1600 mg",
        "HLA-B27, CA-125, T12, COVID-19",
    ],
)
def test_quantities_and_codes_stay(text: str) -> None:
    assert labelled(NUMBERS, text) == []


@pytest.mark.parametrize(
    ("text", "label", "number"),
    [
        ("fingerprint scan, template fp_496cfe56", "BIOID", "fp_496cfe56"),
        ("palm vein scanner, ID FP5357-LW", "BIOID", "FP5357-LW"),
        ("S/N (01)38952797(21)PL5313", "DEVICE", "(01)38952797(21)PL5313"),
        ("license no. GU 899956.", "LICENSE", "GU 899956"),
        ("acct ending ****4867", "ACCOUNT", "****4867"),
        ("card said 6UB2-RE5-EV96", "HEALTHPLAN", "6UB2-RE5-EV96"),
        ("Civic (tag 111 KAT)", "VEHICLE", "111 KAT"),
        ('labeled "A, 50-83-07"', "MEDICALRECORD", "50-83-07"),
        ("CONF #: 5723080", "IDNUM", "5723080"),
    ],
)
def test_further_forms(text: str, label: str, number: str) -> None:
    assert labelled(NUMBERS, text) == [(label, number)]


@pytest.mark.parametrize(
    ("text", "number", "label"),
    [
        ("Acct: FIN 160341296  DOB", "FIN 160341296", "ACCOUNT"),
        ("interpreted by V. Kessler, MD, RN-97316.", "RN-97316", "LICENSE"),
        ("Lic LCSW 91135  Sign and fax back", "LCSW 91135", "LICENSE"),
        ("to security, slip 13/141920.", "13/141920", "IDNUM"),
        ("clinic check-in 6632 1127 96.", "6632 1127 96", "IDNUM"),
        ("buccal sample kept as BM:WC5N9N50.", "BM:WC5N9N50", "BIOID"),
        ("typed, hla voice-54187. done", "voice-54187", "BIOID"),
        ("drives a car with plate WXU-56X.", "WXU-56X", "VEHICLE"),
        ("the biopsy (21:VD4257782, 12/21/18)", "21:VD4257782", "IDNUM"),
        ("Images pushed; disc with 40718-CT sent", "40718-CT", "IDNUM"),
        ("shave of the nose, jar B, HX-40718.", "HX-40718", "IDNUM"),
        ("Deviation logged for subject 041-0077.", "041-0077", "IDNUM"),
        ("Confirmation RW31K8 for the taxi", "RW31K8", "IDNUM"),
        ("Enrollee Q-0711 in the registry", "Q-0711", "IDNUM"),
        ("Screening number 318T failed", "318T", "IDNUM"),
        ("subject 044-19 was dosed", "044-19", "IDNUM"),
        ("Carlos Roe (EMT 006417)", "EMT 006417", "LICENSE"),
        ("subject 204W was dosed", "204W", "IDNUM"),
        ("her ID in the trial 118K", "118K", "IDNUM"),
        ("Language: Twi, interpreter 4417\nAddress", "4417", "IDNUM"),
        ("Translator ID 5090 used.", "5090", "IDNUM"),
        ("one unit W3319 21 440718 K given", "W3319 21 440718 K", "IDNUM"),
        ("Rx ID K55 118 907, group", "K55 118 907", "IDNUM"),
        ("the new ID is 40771923 01 and", "40771923 01", "IDNUM"),
        ("beneficiary no. 40771923 02.", "40771923 02", "HEALTHPLAN"),
        ("driver's license 418-77-3021 K (OH)", "418-77-3021 K", "LICENSE"),
        ("van (plates QR 41-77) has", "QR 41-77", "VEHICLE"),
    ],
)
def test_forms_of_registers(text: str, number: str, label: str) -> None:
    spans = [(text[span.start : span.end], span.label) for span in Numbers().find(Note(text))]
    assert (number, label) in spans


@pytest.mark.parametrize(
    "text", ["BP 120/80 and 110/70", "the fin 12 of a shark", "Dr. Lee, MD 2 weeks", "ratio 12/3456 of"]
)
def test_what_is_no_register(text: str) -> None:
    assert [span for span in Numbers().find(Note(text)) if span.label in ("LICENSE", "ACCOUNT", "BIOID")] == []


@pytest.mark.parametrize(
    "text",
    [
        "a 12w trial; study 10-12 weeks; subject 3 of 5; screening 2-3 times",
        "interpreter 20 min; 5000-mg; 12000-ml; ICD-10-CM",
        "seen with 40000000 10 mg",
    ],
)
def test_what_bears_no_id(text: str) -> None:
    assert [text[span.start : span.end] for span in Numbers().find(Note(text)) if span.label == "IDNUM"] in (
        [],
        ["40000000"],
    )
