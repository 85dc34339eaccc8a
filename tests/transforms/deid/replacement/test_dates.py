"""Dates: read in every form, moved by one offset, told in the same form."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from transforms.deid.replacement.date_shift import OFFSETS, shifted
from transforms.deid.replacement.dates import MONTHS, Date, latest_year, read, tells_birth, years_named

DAYS = st.dates(dt.date(1930, 1, 1), dt.date(2210, 12, 31))


@pytest.mark.parametrize(
    ("raw", "new"),  # 100 days on, in a note of 2019
    [
        ("3/4/19", "6/12/19"),
        ("03/04/2019", "06/12/2019"),
        ("3-4-19", "6-12-19"),
        ("3.4.2019", "6.12.2019"),
        ("3 / 4 / 2019", "6 / 12 / 2019"),
        ("3\\4\\19", "6\\12\\19"),
        ("3/4/'19", "6/12/'19"),
        ("10/4/2019", "1/12/2020"),
        ("10/12/2019", "01/20/2020"),
        ("31/12/2019", "09/04/2020"),
        ("2019-03-04", "2019-06-12"),
        ("2019/03/04", "2019/06/12"),
        ("2019-03-04T10:22", "2019-06-12T10:22"),
        ("2019-03-04 10:22:33.123", "2019-06-12 10:22:33.123"),
        ("2019-03-04T10:22:33Z", "2019-06-12T10:22:33Z"),
        ("2019-03", "2019-06"),
        ("03/2019", "06/2019"),
        ("20190304", "20190612"),
        ("201903041022", "201906121022"),
        ("030419", "061219"),
        ("03041919", "06121919"),
        ("3/4", "6/12"),
        ("3-4", "6-12"),
        ("3/4-3/7", "6/12-6/15"),
        ("3/4-7", "6/12-15"),
        ("3/22-25", "6/30-7/3"),
        ("3/29-2", "7/7-11"),
        ("6-2-6/3", "9-10-9/11"),
        ("6-2-6-3", "9-10-9-11"),
        ("6/98", "9/98"),
        ("12/28/18 - 1/3/19", "4/7/19 - 4/13/19"),
        ("3/4/19-3/7/19", "6/12/19-6/15/19"),
        ("3/4/19 and 3/5/19", "6/12/19 and 6/13/19"),
        ("3/4 at 10:22 am", "6/12 at 10:22 am"),
        ("3/4/2019 3:15 PM EST", "6/12/2019 3:15 PM EST"),
        ("3/4/19 1022 hours", "6/12/19 1022 hours"),
        ("March 4, 2019", "June 12, 2019"),
        ("March 14, 2019", "June 22, 2019"),
        ("March 24, 2019", "July 2, 2019"),
        ("Mar 4 2019", "Jun 12 2019"),
        ("MARCH 4TH", "JUNE 12TH"),
        ("March 13th", "June 21st"),
        ("Mar. 4, '19", "Jun. 12, '19"),
        ("Sept. 4, 2019", "Dec. 13, 2019"),
        ("march the 4th", "june the 12th"),
        ("March 4-7, 2019", "June 12-15, 2019"),
        ("March 22-25, 2019", "June 30-July 3, 2019"),
        ("March 4, 5 and 6, 2019", "June 12, 13 and 14, 2019"),
        ("March 4th through 7th", "June 12th through 15th"),
        ("4 March 2019", "12 June 2019"),
        ("4-7 March", "12-15 June"),
        ("22-25 March 2019", "30 June-3 July 2019"),
        ("03-APR-19", "12-JUL-19"),
        ("03APR2019", "12JUL2019"),
        ("03-MAY-19", "11-AUG-19"),
        ("4th of March, 2019", "12th of June, 2019"),
        ("the 4th of March", "the 12th of June"),
        ("the fourth of March", "the twelfth of June"),
        ("March twenty-first", "June twenty-ninth"),
        ("MAR-04-2019", "JUN-12-2019"),
        ("2019-Mar-04", "2019-Jun-12"),
        ("March 2019", "June 2019"),
        ("March of 2019", "June of 2019"),
        ("Mar '19", "Jun '19"),
        ("Dec 2018-Jan 2019", "Mar 2019-Apr 2019"),
        ("March", "June"),
        ("may", "august"),
        ("early March", "early June"),
        ("March\n4, 2019", "June\n12, 2019"),
        ("Monday, March 4, 2019", "Wednesday, June 12, 2019"),
        ("Mon 3/4", "Wed 6/12"),
        ("Monday", "Wednesday"),
        ("thurs", "sat"),
        ("Christmas", "April 3"),
        ("Halloween 2018", "February 8 2019"),
        ("2/29", "6/8"),
        ("2019", "2020"),
        ("3rd week of April", "3rd week of July"),
        ("third week of\nApril 2019", "third week of\nJuly 2019"),
        ("3rd day of April", "12th day of July"),
        ("０３/０４/２０１９", "06/12/2019"),
        ("3–4–19", "6–12–19"),
    ],
)
def test_the_form_stays(raw: str, new: str) -> None:
    assert shifted(raw, 100, 2019) == new


@pytest.mark.parametrize(
    "raw",
    [
        *("2/30/2019", "30 February", "Feb 30", "31-NOV-19", "13/32/2019", "2019-13-32", "12/31/9999"),
        *("Easter", "Easter 2019", "spring", "1990s", "99", "4th", "3rd week", "٣", "", " ", "on"),
        *("3/4/19 (5)", "March 4 (Smith)"),
    ],
)
def test_what_is_not_understood_is_not_told(raw: str) -> None:
    assert shifted(raw, 100, 2019) is None


def test_a_day_without_a_month_is_the_last_one() -> None:
    written = dt.datetime(2019, 3, 7, 9)
    assert shifted("the 5th", 100, 2019, written) == "the 13th"  # March 5 -> June 13
    assert shifted("the 28th", 100, 2019, written) == "the 8th"  # February 28 -> June 8
    assert shifted("on the fifth", -100, 2019, written) == "on the twenty-fifth"
    assert shifted("the 5th", 61, 2019, written) is None  # it would be the 5th again
    assert shifted("the 5th", 100, 2019) is None
    assert shifted("the 5th week of", 100, 2019, written) is None


def test_offsets_lie_within_a_year_and_leave_no_weekday() -> None:
    assert len(OFFSETS) == len(set(OFFSETS)) == 526
    assert {-offset for offset in OFFSETS} == set(OFFSETS)
    assert all(30 <= abs(offset) <= 335 and offset % 7 for offset in OFFSETS)


def test_no_offset_leaves_a_month_or_a_day_of_the_year() -> None:
    for year in (2000, 2003, 2004, 2007, 2100):
        for offset in OFFSETS:
            for month in range(1, 13):
                assert (dt.date(year, month, 15) + dt.timedelta(offset)).month != month
        for number in range(366):
            day = dt.date(year, 1, 1) + dt.timedelta(number)
            for offset in OFFSETS:
                moved = day + dt.timedelta(offset)
                assert (moved.month, moved.day) != (day.month, day.day)


@pytest.mark.parametrize("form", ["{}", "{} 2019", "in {}"])
def test_no_offset_leaves_a_month_as_it_is_written(form: str) -> None:
    for month in MONTHS:
        raw = form.format(month.title())
        for offset in OFFSETS:
            new = shifted(raw, offset, 2019)
            assert new is not None
            assert month not in new.lower()


FORMS = (
    "%m/%d/%Y", "%m-%d-%Y", "%Y-%m-%d", "%Y%m%d", "%d-%b-%Y", "%d %B %Y", "%B %d, %Y", "%b. %d, %Y", "%Y-%m-%dT10:22",
    "%A, %B %d, %Y", "%a %m/%d/%Y", "%B %dth, %Y", "the %dth of %B, %Y", "%m.%d.%Y",
)  # fmt: skip
SHORT_FORMS = ("%m/%d", "%B %d", "%d %b", "%m/%d/%y", "%b-%d", "%B", "%A", "%m/%Y")


@given(DAYS, DAYS, st.sampled_from(FORMS), st.sampled_from(FORMS), st.sampled_from(OFFSETS))
@example(dt.date(2019, 5, 1), dt.date(2019, 5, 31), "%d-%b-%Y", "%B %d, %Y", 30)
def test_intervals_hold_across_forms(first: dt.date, second: dt.date, form: str, other: str, offset: int) -> None:
    def there_and_back(day: dt.date, form: str) -> dt.date:
        raw = day.strftime(form)
        new = shifted(raw, offset, 2019)
        assert new is not None
        assert new != raw
        (date,) = (date for date in read(new) or () if date.month)
        assert date.year is not None
        return dt.date(date.year, date.month, date.days[0])

    moved = there_and_back(second, other) - there_and_back(first, form)
    assert moved == second - first


@given(
    DAYS,
    st.sampled_from(OFFSETS),
    st.sampled_from(SHORT_FORMS),
)
def test_no_form_maps_to_itself(day: dt.date, offset: int, form: str) -> None:
    raw = day.strftime(form)
    new = shifted(raw, offset, day.year)
    assert new is not None
    assert new.casefold() != raw.casefold()


@given(DAYS, st.sampled_from(OFFSETS))
def test_a_weekday_stays_right(day: dt.date, offset: int) -> None:
    new = shifted(day.strftime("%A, %B %d, %Y"), offset, None)
    assert new is not None
    moved = day + dt.timedelta(offset)
    assert new.startswith(moved.strftime("%A, %B"))


@given(st.text(st.sampled_from("0123456789/-. ,:'MarchtheofTJunmayndsz\n"), max_size=20), st.sampled_from(OFFSETS))
def test_any_text_is_told_otherwise_or_not_at_all(raw: str, offset: int) -> None:
    new = shifted(raw, offset, 2019)
    assert new is None or new != raw


@given(st.text(max_size=30))
def test_any_unicode_is_read_or_refused(raw: str) -> None:
    for date in read(raw) or ():
        assert all(0 <= field.start < field.end <= len(raw) for field in date.fields)
    years_named(raw)


def test_two_digits_of_a_year_are_the_last_such_year() -> None:
    assert Date((), year=28, short=True).full_year(2019) == 1928
    assert Date((), year=20, short=True).full_year(2019) == 2020
    assert Date((), year=21, short=True).full_year(2019) == 1921
    assert Date((), year=39, short=True).full_year(None) == 2039
    assert Date((), year=40, short=True).full_year(None) == 1940


@pytest.mark.parametrize(
    ("raw", "doubtful"),
    [("21-03-04", True), ("31/12/30", True), ("21-03-98", False), ("03-04-21", False), ("21-03-2004", False)],
)
def test_which_number_is_the_year_may_be_in_doubt(raw: str, doubtful: bool) -> None:
    assert [date.is_year_doubtful for date in read(raw) or ()] == [doubtful]


def test_the_latest_year_of_a_note() -> None:
    assert latest_year([read("3/4/2018"), None, read("12/2019"), read("3/4/30")]) == 2019
    assert latest_year([read("3/4/18"), read("3/4")]) == 2018
    assert latest_year([None, read("3/4")]) is None


def test_what_tells_a_birth() -> None:
    for before in ("DOB: ", "D.O.B. ", "Date of birth:  ", "born on ", "Birthdate "):
        assert tells_birth(f"{before}3/4/28", len(before))
    assert not tells_birth("seen 3/4/28", 5)
    assert not tells_birth("born 3/4/28, seen 3/5/28", 18)
