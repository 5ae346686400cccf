"""Local days, zones, ISO weeks and the spans of settings are what people in their zone mean by them."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissem import clock
from dissem.clock import local_day, parse_span, refuse_past, show_span, utc_now, week_bounds
from dissem.errors import WrongInput

JAKARTA = clock.zone("Asia/Jakarta")
MONDAY = datetime(2026, 11, 23, 8, 40, tzinfo=JAKARTA)

property_test = settings(deadline=None, max_examples=200)


def test_a_past_moment_is_refused_with_the_full_moment():
    with pytest.raises(WrongInput, match="Monday, 23 November 2026 at 08:39 WIB"):
        refuse_past(MONDAY - timedelta(minutes=1), now=MONDAY, zone=JAKARTA)

    refuse_past(MONDAY, now=MONDAY, zone=JAKARTA)


def test_now_is_aware_and_utc():
    assert utc_now().tzinfo is UTC


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("WIB", "Asia/Jakarta"),
        ("wita", "Asia/Makassar"),
        (" WIT ", "Asia/Jayapura"),
        ("Europe/Berlin", "Europe/Berlin"),
    ],
)
def test_zones_are_known_by_their_names_and_indonesian_letters(name, key):
    assert clock.zone(name).key == key


@pytest.mark.parametrize("name", ["Jakarta", "Asia/Jakrta", "asia/jakarta"])
def test_an_unknown_zone_gets_a_suggestion(name):
    with pytest.raises(WrongInput) as caught:
        clock.zone(name)

    assert name in str(caught.value)
    assert "Asia/Jakarta" in caught.value.hint


@pytest.mark.parametrize("name", ["", "Asia", "../../etc/passwd", "/etc/passwd", "a\0b", "x" * 5000, "é"])
def test_no_name_of_a_zone_reaches_beyond_the_zones(name):
    with pytest.raises(WrongInput):
        clock.zone(name)


def test_a_week_runs_from_local_monday_to_the_next_in_utc():
    label, start, end = week_bounds("2026-W47", now=MONDAY, zone=JAKARTA)

    assert label == "2026-W47"
    assert start == datetime(2026, 11, 15, 17, tzinfo=UTC)
    assert end == datetime(2026, 11, 22, 17, tzinfo=UTC)
    assert start.tzinfo is UTC


@pytest.mark.parametrize(
    ("week", "label"),
    [("this", "2026-W48"), ("ini", "2026-W48"), ("last", "2026-W47"), ("Lalu", "2026-W47"), (" 2026-w03", "2026-W03")],
)
def test_weeks_have_names_and_labels(week, label):
    assert week_bounds(week, now=MONDAY, zone=JAKARTA)[0] == label


def test_this_week_is_the_week_of_the_zone_not_of_utc():
    sunday_in_utc = datetime(2026, 11, 22, 18, tzinfo=UTC)

    assert week_bounds("this", now=sunday_in_utc, zone=JAKARTA)[0] == "2026-W48"
    assert local_day(sunday_in_utc, JAKARTA) == date(2026, 11, 23)


def test_the_first_days_of_january_may_belong_to_week_53():
    new_year = datetime(2027, 1, 1, 9, tzinfo=timezone(timedelta(hours=7)))

    assert week_bounds("this", now=new_year, zone=JAKARTA)[0] == "2026-W53"


@pytest.mark.parametrize(
    "week",
    ["", "2027-W53", "2026-W00", "2026-W54", "2026-47", "2026-W7", "1026-W07", "next", "2026-W47-1", "２026-W47"],
)
def test_a_week_that_does_not_exist_is_refused(week):
    with pytest.raises(WrongInput) as caught:
        week_bounds(week, now=MONDAY, zone=JAKARTA)

    assert "2026-W47" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("20 min", 1200),
        ("12 h", 43200),
        ("3 d", 259200),
        ("1h", 3600),
        ("1 h 30 min", 5400),
        ("1d12h", 129600),
        ("500 ms", 0.5),
        (" 20 Menit ", 1200),
        ("2 jam", 7200),
        ("0 s", 0),
    ],
)
def test_spans_of_settings_are_read(text, seconds):
    assert parse_span(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", "90", "s", "5 m", "1.5 h", "1,5 h", "-3 d", "20 minutes or so", "30 min 1 h", "1 h 1 h", "1 h 1 jam", "٣ d"],
)
def test_a_span_that_is_not_clear_is_refused(text):
    with pytest.raises(WrongInput) as caught:
        parse_span(text)

    assert "20 min" in caught.value.hint


@pytest.mark.parametrize(
    ("delta", "text"),
    [
        (timedelta(seconds=90), "1 min 30 s"),
        (timedelta(hours=12), "12 h"),
        (timedelta(days=3), "3 d"),
        (timedelta(), "0 s"),
        (-timedelta(minutes=5), "-5 min"),
    ],
)
def test_spans_are_shown_with_the_largest_units_first(delta, text):
    assert show_span(delta) == text


@property_test
@given(st.timedeltas(timedelta(), timedelta(days=999_999)))
def test_a_shown_span_is_read_back(delta):
    whole = delta - timedelta(microseconds=delta.microseconds % 1000)

    assert parse_span(show_span(delta)) == whole


@property_test
@given(st.text(max_size=20))
def test_any_text_is_a_span_or_refused(text):
    try:
        assert parse_span(text) >= timedelta()
    except WrongInput as error:
        assert error.hint


def test_importing_the_clock_and_the_phrases_loads_nothing_heavy():
    heavy = {"dataclasses", "difflib", "inspect", "pydantic", "requests"}
    code = f"import sys, dissem.clock, dissem.phrases; print(*{heavy} & set(sys.modules))"

    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True)

    assert loaded.stdout.strip() == ""
