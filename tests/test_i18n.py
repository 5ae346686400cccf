"""Numbers, dates and moments as Indonesian and English readers write them."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from dissem import i18n
from dissem.i18n import _, day, decimal, moment, number, short_moment, zone_label

JAKARTA, MAKASSAR, JAYAPURA = (ZoneInfo(f"Asia/{city}") for city in ("Jakarta", "Makassar", "Jayapura"))
NINE = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)  # 09.00 in Jakarta, a Tuesday


@contextmanager
def reading(language: str) -> Iterator[None]:
    token = i18n.language.set(language)
    try:
        yield
    finally:
        i18n.language.reset(token)


@pytest.mark.parametrize(
    ("value", "indonesian", "english"),
    [
        (0, "0", "0"),
        (999, "999", "999"),
        (12345, "12.345", "12,345"),
        (1234567, "1.234.567", "1,234,567"),
        (-1234, "-1.234", "-1,234"),
        (None, "–", "–"),
    ],
)
def test_thousands_are_grouped_by_the_readers_habit_and_unavailable_is_not_zero(value, indonesian, english):
    with reading("id"):
        assert number(value) == indonesian
    with reading("en"):
        assert number(value) == english


@pytest.mark.parametrize(
    ("value", "places", "indonesian", "english"),
    [
        (3.26, 1, "3,3", "3.3"),
        (0.0, 1, "0,0", "0.0"),
        (1234.5, 2, "1.234,50", "1,234.50"),
        (1234.5, 0, "1.234", "1,234"),
        (-0.5, 1, "-0,5", "-0.5"),
        (None, 1, "–", "–"),
    ],
)
def test_decimals_take_a_comma_in_indonesian_and_a_point_in_english(value, places, indonesian, english):
    with reading("id"):
        assert decimal(value, places) == indonesian
    with reading("en"):
        assert decimal(value, places) == english


def test_a_day_is_written_in_full_with_or_without_its_weekday():
    independence = date(2026, 8, 17)

    with reading("id"):
        assert day(independence) == "Senin, 17 Agustus 2026"
        assert day(independence, weekday=False) == "17 Agustus 2026"
    with reading("en"):
        assert day(independence) == "Monday, 17 August 2026"


@pytest.mark.parametrize(("language", "sunday"), [("id", "Minggu"), ("en", "Sunday")])
def test_every_month_and_weekday_has_its_own_name(language, sunday):
    with reading(language):
        months = {day(date(2026, month, 1), weekday=False).split()[1] for month in range(1, 13)}
        weekdays = [day(date(2026, 11, d)).partition(",")[0] for d in range(23, 30)]

    assert len(months) == 12
    assert len(set(weekdays)) == 7
    assert weekdays[-1] == sunday


@pytest.mark.parametrize(
    ("zone", "indonesian", "english"),
    [
        (JAKARTA, "Selasa, 24 November 2026 pukul 09.00 WIB", "Tuesday, 24 November 2026 at 09:00 WIB"),
        (MAKASSAR, "Selasa, 24 November 2026 pukul 10.00 WITA", "Tuesday, 24 November 2026 at 10:00 WITA"),
        (JAYAPURA, "Selasa, 24 November 2026 pukul 11.00 WIT", "Tuesday, 24 November 2026 at 11:00 WIT"),
        (ZoneInfo("UTC"), "Selasa, 24 November 2026 pukul 02.00 UTC", "Tuesday, 24 November 2026 at 02:00 UTC"),
    ],
)
def test_a_moment_is_told_in_full_in_the_zone_of_its_readers(zone, indonesian, english):
    with reading("id"):
        assert moment(NINE, zone) == indonesian
    with reading("en"):
        assert moment(NINE, zone) == english


def test_a_moment_near_midnight_carries_the_local_date():
    late = datetime(2026, 11, 24, 17, 30, tzinfo=UTC)

    with reading("id"):
        assert moment(late, JAKARTA) == "Rabu, 25 November 2026 pukul 00.30 WIB"


def test_seconds_are_shown_only_when_there_are_any():
    with reading("id"):
        assert "09.00.05 WIB" in moment(NINE.replace(second=5), JAKARTA)
    with reading("en"):
        assert "09:00:05 WIB" in moment(NINE.replace(second=5), JAKARTA)


def test_narrow_tables_have_a_short_form():
    with reading("id"):
        assert short_moment(NINE, JAKARTA) == "24/11/2026 09.00"
    with reading("en"):
        assert short_moment(NINE, JAKARTA) == "2026-11-24 09:00"


def test_a_zone_without_an_indonesian_name_calls_itself():
    assert zone_label(NINE, ZoneInfo("Asia/Pontianak")) == "WIB"
    assert zone_label(NINE, ZoneInfo("Europe/Berlin")) == "CET"


def test_places_of_a_text_are_filled_and_braces_in_values_are_left_alone():
    with reading("en"):
        assert _("Channel {name} is paused.", name="{padang}") == "Channel {padang} is paused."
        assert _("") == ""


def test_indonesian_is_the_language_unless_said_otherwise_and_contexts_do_not_mix():
    def english() -> str:
        i18n.language.set("en")
        return number(1000)

    one, other = Context(), Context()

    assert one.run(english) == "1,000"
    assert other.run(number, 1000) == "1.000"
