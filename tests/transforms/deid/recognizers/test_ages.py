"""Ages over 89 go, all others stay."""

from __future__ import annotations

import pytest

from tests.transforms.deid.recognizers.find import found
from transforms.deid.recognizers.ages import Ages

AGES = Ages()


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("This 92-year-old man", "92"),
        ("92 year old", "92"),
        ("F/93 with CHF", "93"),
        ("lived to her mid-90s.", "90s"),
        ("PGM 98 a&w", "98"),
        ("father CAD (d. 92)", "92"),
        ("Mother's age at death: 102.", "102"),
        ("Ann Roe - 96 - F - DOB", "96"),
        ("Pathology\nAnn Roe   93   012763516   08/19/2016", "93"),
        ("a 93yo F", "93"),
        ("101 y/o", "101"),
        ("95 y.o. woman", "95"),
        ("Age: 94", "94"),
        ("at age 90, she", "90"),
        ("aged 91", "91"),
        ("97 M w/ CHF", "97"),
        ("Ms. Roe (90 F) with", "90"),
        ("mother alive at 97, lung ca", "97"),
        ("mother is 99 and lives", "99"),
        ("Jane Roe, 95, known to us", "95"),
        ("AGE: 102 Y\n", "102"),
        ("a ninety-two year old", "ninety-two"),
        ("Aged ninety one years", "ninety one"),
        ("ninety two yrs old female", "ninety two"),
        ("she is ninety\none years of age", "ninety\none"),
        ("one-hundred-and-one years old", "one-hundred-and-one"),
        ("a hundred and twelve year old", "a hundred and twelve"),
        ("sister in her nineties", "nineties"),
        ("a 99-year-11-month-old man", "99-year-11-month-old"),
        ("92 years and 3 months", "92 years and 3 months"),
        ("Centenarian, widowed", "Centenarian"),
        ("Father used CPAP until 91.", "91"),
        ("Grandma still has her teeth at 101.", "101"),
        ("pt proud: sister 102 still walks", "102"),
        ("gran made it to 97 at home", "97"),
        ("two nonagenarians", "nonagenarians"),
        ("a 90+ year old", "90+"),
        ("Pt: 101F.", "101"),
        ("AGE: 097Y", "097"),
        ("HPI: 97M. Lives alone", "97"),
        ("97M.", "97"),
        ("Seen today, 97 M.", "97"),
        ("97 yrs, widowed", "97"),
        ("Age(97)", "97"),
        ("Age - 97", "97"),
        ("97 (DOB 3/4/1922)", "97"),
        ("Patient is 97 and lives alone", "97"),
        ("Pt is 93 now", "93"),
        ("father d. 91 of MI", "91"),
        ("grandmother dec. at 102", "102"),
        ("sister alive, 92", "92"),
        ("a ninety-  three-year-old", "ninety-  three"),
        ("a ninety-\nthree-year-old", "ninety-\nthree"),
        ("one  hundred\n and two years old", "one  hundred\n and two"),
        ("her uncle farmed until 93.", "93"),
        ("maternal GF d. 97", "97"),
        ("grandparents lived past 100.", "100"),
        ("Ann Oakes, 94, 771043, at home", "94"),
        ("DOB 04MAR1921   97\n", "97"),
        ("oakes, ann 3/9/1927 e7710431 95 f\nf/u", "95"),
    ],
)
def test_over_89(text: str, age: str) -> None:
    assert found(AGES, text) == [age]


@pytest.mark.parametrize(
    "text",
    [
        *("an 89-year-old", "a 45 y/o", "SpO2 92%", "HR 98, RR 18", "temp 98 F today", "turned 90 degrees"),
        *("AST at 138, ALT", "95 mg", "low at 127, a calcium", "for 90 days", "1992 year", "weight 190 lbs"),
        *("ratio of F/95.2", "HR in the mid-90s"),
        *("temp 97 F.", "sat 97 on RA", "pulse is 96 and regular", "HR 98.", "BP 140/97", "97%", "pt is 97 on RA"),
        *(
            "Pt is 97% now",
            "fevers 100-101F.",
            "febrile, Tmax 101F.",
            "101 years ago",
            "smoked for 90 years, quit",
            "Temp: 98F.",
        ),
        *("Patient is 95 kg", "a 100 years of history", "room 1097 yrs"),
        *(
            "titrated until 95%",
            "lived past 100 days",
            "walked until 95 feet",
            "temp 3/9/2021 98.6",
            "platelets 12, 95, 88",
            "Father checked his sats at 92.",
            "hold until 100, then resume",
        ),
        *("ninety percent", "in the nineties", "a hundred years ago", "two hundred mg", "graduated in 1948"),
    ],
)
def test_other_figures_stay(text: str) -> None:
    assert found(AGES, text) == []
