"""Every form of date as typed, and what only looks like one."""

from __future__ import annotations

import pytest

from tests.transforms.deid.recognizers.find import found
from transforms.deid.recognizers.dates import Dates

DATES = Dates()


@pytest.mark.parametrize(
    "date",
    [
        "3/4/19",
        "03/04/2019",
        "3-4-19",
        "03-04-2019",
        "3.4.19",
        "24/03/2019",
        "2019-03-04",
        "2019/3/4",
        "2019-03-04T12:30:00Z",
        "20190304",
        "4/2019",
        "03-APR-19",
        "3-Apr-2019",
        "03APR2019",
        "3 April 2019",
        "4th of March, 2019",
        "4th of March",
        "fourth of March",
        "March 4 2019",
        "March 4, 2019",
        "Mar. 4, 2019",
        "March 4th, '19",
        "March 4",
        "march 4",
        "March 4-9, 2019",
        "March 2019",
        "Mar '19",
        "March of 2019",
        "Monday, March 4",
        "Mon 3/4/19",
        "2151-3-4",
        "MARCH 4, 2019",
        "Christmas Eve",
        "03 - 04 - 2021",
        "03 - 04 - 21",
        "3 /4 / 2021",
        "2021 - 03 - 04",
        "3\\4\\21",
        "4Mar",
        "4may",
    ],
)
def test_a_date_is_found_whole(date: str) -> None:
    assert found(DATES, f"She was seen on {date} in clinic.") == [date]


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("Admitted 3/4 with fever", ["3/4"]),
        ("cough since 3/4.", ["3/4"]),
        ("stay 3/4-3/9 was calm", []),
        ("from 3/14-3/19 he", ["3/14", "3/19"]),
        ("cefepime (11/21/2009-11/23)", ["11/21/2009", "11/23"]),
        ("cefepime (27 Jul-29 Jul)", ["27 Jul", "29 Jul"]),
        ("ceftriaxone (Jul 29-August 1)", ["Jul 29", "August 1"]),
        ("between 3/14 and 3/4", ["3/14", "3/4"]),
        ("CT head (3/24) normal", ["3/24"]),
        ("WBC 12 (03/04)", ["03/04"]),
        ("\n4/26:\nS: better", ["4/26"]),
        ("DOB: 03041956", ["03041956"]),
        ("last BM 2/22, no flatus", ["2/22"]),
        ("colonoscopy on 10-22 by surgery", ["10-22"]),
        ("CTA chest 11-24: no embolus", ["11-24"]),
        ("Echo 3-5 EF 60%", ["3-5"]),
        ("Bumex (daily til 8-2), CBC 9-25", ["8-2", "9-25"]),
        ("pain since 3/4", ["3/4"]),
        ("born 6th of\nAugust, 1911", ["6th of\nAugust, 1911"]),
        ("COMPARISON: May\n", ["May"]),
        ("seen in the 3rd week of April", ["April"]),
        ("since the 3rd day of April", ["3rd day of April"]),
        ("lost her job in may. Now", ["may"]),
        ("TLC placed 10/14, radial A-line 9/5, Foley", ["10/14", "9/5"]),
        ("in March he fell; since May; early june", ["March", "May", "june"]),
    ],
)
def test_the_words_around_a_figure_make_it_a_date(text: str, dates: list[str]) -> None:
    assert found(DATES, text) == dates


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("DOB 1926", "1926"),
        ("D.O.B.: (1926)", "1926"),
        ("DOB: xx/xx/1926", "1926"),
        ("YOB 1926", "1926"),
        ("Year of birth:\n 1926", "1926"),
        ("date of birth 1950", "1950"),
        ("Birth year 1926", "1926"),
        ("Born in 1931", "1931"),
        ("b. 1925, widow", "1925"),
        ("Patient, born 1928", "1928"),
        ("born in St. Louis, Missouri, in 1931", "1931"),
        ("born 1926 or 1927", "1926 or 1927"),
        ("born in the 1920s", "1920s"),
        ("Born '26, retired", "'26"),
    ],
)
def test_a_year_of_birth_is_found(text: str, year: str) -> None:
    assert found(DATES, text) == [year]


@pytest.mark.parametrize(
    "text",
    [
        *("born at 1930, APGARs good", "born weighing 1950 g", "birth weight 1950", "newborn screen 2019"),
        *("Born in Ohio. Retired in 1990", "smoker since 1950", "vitamin B 1950", "retired 1990, dob unknown"),
    ],
)
def test_a_year_without_birth_before_it_stays(text: str) -> None:
    assert found(DATES, text) == []


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("Seen on3/4/21 by", "3/4/21"),
        ("Seen on3-4-2021 by", "3-4-2021"),
        ("on 3/4/21pt fell", "3/4/21"),
        ("on 3-4-2021pt fell", "3-4-2021"),
        ("on4Mar he", "4Mar"),
    ],
)
def test_a_date_written_together_with_a_word(text: str, date: str) -> None:
    assert found(DATES, text) == [date]


@pytest.mark.parametrize(
    "text",
    [
        "took 5/10/20mg",
        "at L3/4/10 discs",
        "mix 1-2-10x",
        "3 - 4 - 10 units",
        "05 - 10 - 15 mg",
        "3 - 4 - 2021 - 5",
        "v1.2.10",
        "a\\b\\21",
    ],
)
def test_what_is_written_together_with_a_unit_is_no_date(text: str) -> None:
    assert found(DATES, text) == []


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("appendectomy 1925", "1925"),
        ("s/p appendectomy (1925)", "1925"),
        ("widowed in 1924", "1924"),
        ("immigrated in 1926.", "1926"),
        ("Class of 1938", "1938"),
        ("in 1918, 1920 or 1922", "1918, 1920 or 1922"),
        ("summer of 1927", "1927"),
        ("polio in the 1920s", "1920s"),
        ("in the late 1920's", "1920's"),
        ("smoked since 1929", "1929"),
        ("has smoked since 1930", "1930"),
        ("in this country since 1920", "1920"),
        ("from 1924 to 1931", "1924 to 1931"),
        ("circa 1899", "1899"),
        ("until 1899", "1899"),
        ("during 1918", "1918"),
        ("in mid-1922", "1922"),
        ("PSH: 1925: appendectomy", "1925"),
        ("Appendectomy - 1925", "1925"),
        ("hernia repair 1932", "1932"),
    ],
)
def test_an_early_year_is_found_behind_words_of_time(text: str, year: str) -> None:
    assert found(DATES, text) == [year]


@pytest.mark.parametrize(
    "text",
    [
        *("at 1830", "seen at 1900", "1900 hrs", "in 1900 hrs", "since 1830 tonight", "NPO since 1930", "until 1900"),
        *(
            "since 1924 today",
            "in 1900 mL",
            "in 1900 and out 2100",
            "total of 1925 cc",
            "intake of 1922",
            "BNP of 1925",
        ),
        *(
            "from 1900 to 2300",
            "WBC 1925",
            "in 1937",
            "I/O: in 1900, out 2000",
            "s/p fall 1930",
            "fx 1930",
            "pain since 1900",
            "Class of 1945",
            "in 1925.5",
            "room 1925",
            "in 1849",
            "platelets in 1900s0",
        ),
    ],
)
def test_hours_and_quantities_are_no_early_years(text: str) -> None:
    assert found(DATES, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Strength 5/5 in all extremities.",
        "strength was\n5/5 bilaterally",
        "a 2/6 systolic murmur",
        "BP 120/80, then 110/60",
        "take 1/2 tablet daily",
        "3/4 bottles grew cocci",
        "pain 8/10, radiating",
        "pain improved from 8/10 to 4/10",
        "reflexes 2/4 throughout",
        "Apgars 8/9",
        "GCS 14/15",
        "1/2 ppd for 10 years",
        "D5 1/2 NS at 75",
        "anemia 2/2 bleeding",
        "repeat CT 2/2 pain",
        "Lotrel 10/20 daily",
        "vision 20/20",
        "L4-5 and C5/6 discs",
        "2-3 days, 4-6 weeks, 1-2 tablets",
        "Since 2019 he smokes; in 1998 he stopped. In the 1980s too.",
        "May take 2 tablets. He may 3 times a day.",
        "The patient may march 4 miles",
        "every other day; he sat up; sun exposure; O2 sat 92%; they wed",
        "MAR reviewed, OCT done",
        "marked decrease of the septum, second toe",
        "ratio 1/3 of the lumen",
        "version 1.2.10 mg",
        "phone 617-555-0192",
        "Hgb 12.3/36.5",
        "at 14:30",
    ],
)
def test_what_only_looks_like_a_date_stays(text: str) -> None:
    assert found(DATES, text) == []


def test_a_list_number_under_a_month_is_no_day() -> None:
    assert found(DATES, "She may be seen in May\n2. Aspirin") == ["May"]


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("seen on Monday and", "Monday"),
        ("last dose eliquis tue.", "tue"),
        ("onset sun am per wife", "sun"),
        ("fill through the 17th only", "17th"),
        ("well until the 5th when", "5th"),
        ("since Super Bowl Sunday, mostly", "Super Bowl Sunday"),
        ("before yom kippur", "yom kippur"),
        ("MRSA swab 02/10 neg", "02/10"),
        ("weight 90 kg (10/2: 84 kg)", "10/2"),
    ],
)
def test_days_without_a_month_or_year(text: str, date: str) -> None:
    assert found(DATES, text) == [date]


@pytest.mark.parametrize(
    "text",
    [
        "through the 5th rib; on the 4th floor; 90th percentile",
        "from the 3rd quarter of the year, since the 2nd half",
        "EPDS 6/30; NYHA 2/4",
        "9 mm nodule (3/19)",
        "WHO MAY SEE HIM",
    ],
)
def test_ordinals_and_scores_are_no_dates(text: str) -> None:
    assert found(DATES, text) == []
