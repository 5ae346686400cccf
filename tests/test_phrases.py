"""What people write becomes the instant they mean, or an error that says which piece was not clear."""

from datetime import UTC, date, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissem import clock, i18n
from dissem.errors import WrongInput
from dissem.phrases import understand

JAKARTA = clock.zone("Asia/Jakarta")
INDONESIA = [JAKARTA, clock.zone("Asia/Makassar"), clock.zone("Asia/Jayapura")]
MONDAY = datetime(2026, 11, 23, 8, 40, tzinfo=JAKARTA)

property_test = settings(deadline=None, max_examples=200)


def meant(text: str, now: datetime = MONDAY) -> str:
    """The instant understood, as local ISO time of Jakarta without its offset."""
    instant = understand(text, now=now, zone=JAKARTA)

    assert instant.tzinfo is UTC
    return instant.astimezone(JAKARTA).replace(tzinfo=None).isoformat(" ", "minutes")


def refusal(text: str, now: datetime = MONDAY) -> WrongInput:
    with pytest.raises(WrongInput) as caught:
        understand(text, now=now, zone=JAKARTA)
    return caught.value


PROMISED = [
    ("besok jam 9", "2026-11-24 09:00"),
    ("besok pukul 09.00 WIB", "2026-11-24 09:00"),
    ("besok malam jam 7", "2026-11-24 19:00"),
    ("lusa jam 14.30", "2026-11-25 14:30"),
    ("hari ini pukul 16.00", "2026-11-23 16:00"),
    ("nanti sore jam 4", "2026-11-23 16:00"),
    ("nanti malam pukul 19.30", "2026-11-23 19:30"),
    ("Senin depan pukul 08.00", "2026-11-30 08:00"),
    ("Jumat pukul 13.30", "2026-11-27 13:30"),
    ("Rabu pekan depan pukul 15.00", "2026-12-02 15:00"),
    ("hari Minggu jam 6 pagi", "2026-11-29 06:00"),
    ("jam setengah sembilan besok", "2026-11-24 08:30"),
    ("2 jam lagi", "2026-11-23 10:40"),
    ("dua jam lagi", "2026-11-23 10:40"),
    ("setengah jam lagi", "2026-11-23 09:10"),
    ("30 menit lagi", "2026-11-23 09:10"),
    ("tiga hari lagi jam 8", "2026-11-26 08:00"),
    ("besok tengah hari", "2026-11-24 12:00"),
    ("17 Agustus jam 7 pagi", "2027-08-17 07:00"),
    ("Selasa, 24 November 2026 pukul 10.00 WIB", "2026-11-24 10:00"),
    ("24/11/2026 10.00", "2026-11-24 10:00"),
    ("24 November 2026 10:00", "2026-11-24 10:00"),
    ("05-12-2026 07.00", "2026-12-05 07:00"),
]

MORE = [
    # at once
    ("sekarang", "2026-11-23 08:40"),
    ("sekarang juga", "2026-11-23 08:40"),
    ("segera", "2026-11-23 08:40"),
    ("now", "2026-11-23 08:40"),
    # parts of the day choose the half of the day
    ("besok pagi jam 9", "2026-11-24 09:00"),
    ("besok siang jam 1", "2026-11-24 13:00"),
    ("besok jam 11 siang", "2026-11-24 11:00"),
    ("besok jam 12 siang", "2026-11-24 12:00"),
    ("besok jam setengah satu siang", "2026-11-24 12:30"),
    ("besok jam setengah dua belas malam", "2026-11-24 23:30"),
    ("besok dini hari jam 2", "2026-11-24 02:00"),
    ("besok petang jam 6", "2026-11-24 18:00"),
    ("besok malam hari jam 8", "2026-11-24 20:00"),
    ("besok 9 pagi", "2026-11-24 09:00"),
    ("malam ini jam 7", "2026-11-23 19:00"),
    ("malam hari ini jam 7", "2026-11-23 19:00"),
    ("besok jam 7", "2026-11-24 07:00"),
    ("besok jam 0", "2026-11-24 00:00"),
    # quarters, and minutes before and after the hour
    ("besok jam 9 lewat seperempat", "2026-11-24 09:15"),
    ("besok jam sembilan kurang seperempat", "2026-11-24 08:45"),
    ("besok jam 9 kurang 5 menit", "2026-11-24 08:55"),
    ("besok jam 8 lewat sepuluh malam", "2026-11-24 20:10"),
    ("besok jam 1 kurang sepuluh siang", "2026-11-24 12:50"),
    # numbers in words
    ("besok jam dua puluh", "2026-11-24 20:00"),
    ("dua puluh lima November jam sebelas", "2026-11-25 11:00"),
    ("satu setengah jam lagi", "2026-11-23 10:10"),
    ("sejam lagi", "2026-11-23 09:40"),
    ("2 jam 15 menit lagi", "2026-11-23 10:55"),
    ("seperempat jam lagi", "2026-11-23 08:55"),
    ("seminggu lagi jam 8", "2026-11-30 08:00"),
    ("dua minggu lagi jam 8", "2026-12-07 08:00"),
    # an hour alone is today's
    ("jam 10", "2026-11-23 10:00"),
    # weekdays, and "minggu" as week and as Sunday
    ("Jum'at pkl. 13.30", "2026-11-27 13:30"),
    ("Minggu jam 6", "2026-11-29 06:00"),
    ("Minggu pagi jam 6", "2026-11-29 06:00"),
    ("hari Minggu ini jam 6", "2026-11-29 06:00"),
    ("Minggu pekan depan jam 6", "2026-12-06 06:00"),
    ("Senin minggu depan jam 6", "2026-11-30 06:00"),
    ("pekan depan hari Rabu jam 15", "2026-12-02 15:00"),
    ("Jumat pekan ini jam 9", "2026-11-27 09:00"),
    ("Jumat malam jam 7", "2026-11-27 19:00"),
    ("jam 7 malam hari Jumat", "2026-11-27 19:00"),
    ("Selasa malam, 24 November 2026 jam 7", "2026-11-24 19:00"),
    ("Selasa besok jam 9", "2026-11-24 09:00"),
    ("Minggu, 29 November 2026 pukul 06.00 WIB", "2026-11-29 06:00"),
    # dates
    ("1 Des jam 9", "2026-12-01 09:00"),
    ("1 nopember 2027 09.00", "2027-11-01 09:00"),
    ("17 Agt. 2027 jam 7", "2027-08-17 07:00"),
    ("tgl 5 jam 9", "2026-12-05 09:00"),
    ("tanggal 25 jam 9", "2026-11-25 09:00"),
    ("tanggal 5 bulan depan jam 9", "2026-12-05 09:00"),
    ("pada tanggal 24/11/2026 pukul 09.00", "2026-11-24 09:00"),
    ("5/12 10.00", "2026-12-05 10:00"),
    ("24.11.2026 09.00", "2026-11-24 09:00"),
    ("akhir bulan jam 9", "2026-11-30 09:00"),
    ("akhir bulan depan jam 9", "2026-12-31 09:00"),
    ("29 Februari 2028 jam 9", "2028-02-29 09:00"),
    # other zones
    ("besok jam 9 WITA", "2026-11-24 08:00"),
    ("besok jam 9 wit", "2026-11-24 07:00"),
    ("24/11/2026 02.00 UTC", "2026-11-24 09:00"),
    # ISO 8601
    ("2026-08-17T09:30", "2026-08-17 09:30"),
    ("2026-08-17 09:30", "2026-08-17 09:30"),
    ("2026-08-17T09:30:00Z", "2026-08-17 16:30"),
    ("2026-08-17T09:30:00.250000+07:00", "2026-08-17 09:30"),
    ("2026-08-17T09:30-0100", "2026-08-17 17:30"),
    ("2026-08-17 09:30+08:00", "2026-08-17 08:30"),
    ("2026-08-17 09:30 WITA", "2026-08-17 08:30"),
    ("2026-12-01 jam 9", "2026-12-01 09:00"),
    # English
    ("tomorrow 9:00", "2026-11-24 09:00"),
    ("tomorrow at 9 pm", "2026-11-24 21:00"),
    ("9am tomorrow", "2026-11-24 09:00"),
    ("12 pm tomorrow", "2026-11-24 12:00"),
    ("in 2 hours", "2026-11-23 10:40"),
    ("in 30 minutes", "2026-11-23 09:10"),
    ("in 3 days at 8", "2026-11-26 08:00"),
    ("next monday 08:00", "2026-11-30 08:00"),
    ("wednesday next week 15:00", "2026-12-02 15:00"),
    ("on Friday at 13:30", "2026-11-27 13:30"),
    ("Tuesday, 24 November 2026 at 09:00 WIB", "2026-11-24 09:00"),
    # writing habits
    ("  BESOK,\tjam  09.00. ", "2026-11-24 09:00"),
]


@pytest.mark.parametrize(("text", "moment"), PROMISED)
def test_every_promised_phrase_means_its_promised_moment(text, moment):
    assert meant(text) == moment


@pytest.mark.parametrize(("text", "moment"), MORE)
def test_other_ways_to_say_it_are_understood_too(text, moment):
    assert meant(text) == moment


REFUSED = [
    # text, and the piece the error must name
    ("", ""),
    ("jam", "jam"),
    ("besok kemarin", "kemarin"),
    ("kemarin jam 9", "kemarin"),
    ("kemarin", "kemarin"),
    ("sekarang jam 9", "jam 9"),
    ("besok sekarang", "sekarang"),
    ("besok 9", "9"),
    ("mungkin besok jam 9", "mungkin"),
    ("besok jam 9 atau 10", "atau"),
    ("besok jam 9 sampai 10", "sampai"),
    ("besok jam 9-10", "9-10"),
    ("besok 09:00-10:00", "09:00-10:00"),
    ("2026-11-24 09:00-10:00", "09:00-10:00"),
    ("besok jam 9 pada", "pada"),
    ("besok jam 9 lewat", "lewat"),
    ("sebelum besok jam 9", "sebelum"),
    ("besok jam 9 (WIB)", "("),
    ("jam 9 lagi", "lagi"),
    ("jam 2 jam lagi", "jam"),
    ("jam 2 minggu lagi", "lagi"),
    ("2 jam", "2"),
    ("1,5 jam lagi", ",5"),
    ("sebentar lagi", "sebentar"),
    ("akhir pekan jam 9", "akhir"),
    ("24/11/26 jam 9", "24/11/26"),
    ("11-24 jam 9", "11-24"),
    ("besok jam 0930", "jam 0930"),
    ("besok jam 9.5", "jam 9.5"),
    ("besok jam sembilan lima belas", "lima belas"),
    ("９ besok", "９"),
    ("besok jam satu belas", "belas"),
    ("pada pada besok jam 9", "pada"),
    # not in the calendar, not on the clock
    ("31 Februari", "31 Februari"),
    ("31 Februari jam 9", "31 Februari"),
    ("29 Februari jam 9", "29 Februari"),
    ("31/11/2026 09.00", "31/11/2026"),
    ("2026-13-01 09:00", "2026-13-01 09:00"),
    ("11/24/2026 09.00", "11/24/2026"),
    ("24 November 1026 jam 9", "1026"),
    ("tanggal 31 jam 9", "tanggal 31"),
    ("jam 25", "jam 25"),
    ("besok jam 24", "jam 24"),
    ("besok 09.60", "09.60"),
    ("besok jam dua puluh lima", "dua puluh lima"),
    ("besok setengah 14", "setengah 14"),
    ("besok jam 9 lewat 60", "jam 9 lewat 60"),
    ("besok jam 9 lewat 0", "jam 9 lewat 0"),
    ("0 jam lagi", "0 jam lagi"),
    # said twice, or against itself
    ("besok lusa jam 9", "lusa"),
    ("besok jam 9 jam 10", "jam 10"),
    ("besok jam 9 jam 9", "jam 9"),
    ("besok pagi jam 9 malam", "malam"),
    ("besok jam 9 WIB WITA", "WITA"),
    ("besok 2 jam lagi", "besok"),
    ("2 jam lagi WIB", "WIB"),
    ("Rabu, 24 November 2026", "Rabu"),
    ("Rabu, 24 November 2026 jam 9", "Tuesday, 24 November 2026"),
    ("Rabu besok jam 9", "Rabu"),
    ("Rabu pekan depan 25/11/2026 jam 9", "Rabu pekan depan"),
    ("besok pagi pukul 19.30", "pukul 19.30 pagi"),
    ("besok siang jam 9", "jam 9 siang"),
    ("2026-11-24T09:30 malam", "malam"),
    # two readings
    ("besok tengah malam", "tengah malam"),
    ("besok jam 12 malam", "jam 12 malam"),
    ("besok jam 1 malam", "jam 1 malam"),
    ("besok jam 12 pagi", "jam 12 pagi"),
    ("besok jam 00.30 pagi", "jam 00.30 pagi"),
    ("12 am tomorrow", "12 am"),
    ("besok jam 00.30 siang", "00.30 siang"),
    ("besok setengah satu", "setengah satu"),
    ("besok jam 1 kurang 5", "jam 1 kurang 5"),
    ("malam Jumat jam 7", "malam Jumat"),
    ("malam Minggu jam 7", "malam Minggu"),
    ("jam 7 malam Jumat", "malam Jumat"),
    ("malam 17 Agustus jam 7", "malam 17 Agustus"),
    ("malam 24/11/2026 jam 7", "malam 24/11/2026"),
    ("malam 2026-11-24 jam 7", "malam 2026-11-24"),
    ("Jumat depan jam 9", "4 December 2026"),
    ("hari Minggu depan jam 6", "29 November 2026"),
    ("Senin jam 10", "30 November 2026"),
    ("minggu depan jam 6", "minggu depan"),
    ("Minggu ini jam 6", "Minggu ini"),
    # over already
    ("jam 7", "Monday, 23 November 2026 at 07:00 WIB"),
    ("nanti jam 4", "Monday, 23 November 2026 at 04:00 WIB"),
    # a day without an hour
    ("besok", "besok"),
    ("besok malam", "besok malam"),
    ("akhir bulan", "akhir bulan"),
    ("1 Desember 2026", "1 Desember 2026"),
    ("2026-12-01", "2026-12-01"),
    ("minggu depan", "minggu depan"),
    ("tiga hari lagi", "tiga hari lagi"),
    ("next monday", "next monday"),
]


@pytest.mark.parametrize(("text", "piece"), REFUSED)
def test_what_is_not_clear_is_refused_and_the_piece_is_named(text, piece):
    error = refusal(text)

    assert piece in str(error)
    assert error.status == 2


@pytest.mark.parametrize("text", [text for text, _piece in REFUSED if text not in ("jam 7", "nanti jam 4")])
def test_every_refusal_shows_an_example_that_is_understood(text):
    error = refusal(text)

    example = str(error.values["example"])

    assert example in error.hint
    assert understand(example, now=MONDAY, zone=JAKARTA) > MONDAY


@pytest.mark.parametrize(
    "text", ["besok", "besok malam", "1 Desember 2026.", "akhir bulan", "minggu depan", "next week"]
)
def test_a_day_alone_asks_for_the_hour_with_the_persons_own_words(text):
    error = refusal(text)

    assert "the hour" in error.hint
    assert text.rstrip(".") in error.hint


@pytest.mark.parametrize(("hint", "hour"), [("besok malam", 19), ("besok sore", 16), ("besok siang", 13), ("besok", 9)])
def test_the_example_hour_fits_the_part_of_the_day(hint, hour):
    example = str(refusal(hint).values["example"])

    assert understand(example, now=MONDAY, zone=JAKARTA).astimezone(JAKARTA).hour == hour


def test_a_weekday_is_read_by_the_week_it_is_written_in():
    saturday = MONDAY + timedelta(days=5)

    assert meant("Jumat depan jam 9", saturday) == "2026-12-04 09:00"
    assert meant("Minggu jam 9", saturday) == "2026-11-29 09:00"
    assert meant("Minggu pekan depan jam 9", saturday) == "2026-12-06 09:00"
    assert "Rabu ini" in str(refusal("Rabu ini jam 9", saturday))


def test_a_date_without_a_year_is_the_next_one_and_today_counts():
    assert meant("23 November jam 10") == "2026-11-23 10:00"
    assert meant("22 November jam 10") == "2027-11-22 10:00"
    assert meant("tanggal 23 jam 10") == "2026-11-23 10:00"
    assert meant("tanggal 22 jam 10") == "2026-12-22 10:00"
    assert meant("29 Februari jam 9", datetime(2027, 3, 1, tzinfo=UTC)) == "2028-02-29 09:00"


def test_a_delay_never_ends_early_and_ends_on_a_full_minute():
    now = MONDAY.replace(second=20, microsecond=5)

    assert understand("2 jam lagi", now=now, zone=JAKARTA) == MONDAY + timedelta(hours=2, minutes=1)


def test_a_day_that_differs_between_the_two_zones_of_a_phrase_is_refused():
    late = MONDAY.replace(hour=23, minute=30)  # in Makassar it is Tuesday already

    assert "besok" in str(refusal("besok jam 9 WITA", late))
    assert meant("Rabu, 25 November 2026 jam 9 WITA", late) == "2026-11-25 08:00"
    assert meant("besok jam 9 WIB", late) == "2026-11-24 09:00"


def test_today_is_the_day_of_the_writers_zone():
    late = MONDAY.replace(hour=23, minute=30)

    instant = understand("besok jam 9", now=late, zone=clock.zone("WITA"))

    assert instant == datetime(2026, 11, 25, 1, tzinfo=UTC)


@pytest.mark.parametrize(("micro", "expected"), [(0, 40), (1, 41), (999_999, 41)])
def test_now_is_the_next_full_second(micro, expected):
    now = MONDAY.replace(second=40, microsecond=micro)

    assert understand("sekarang", now=now, zone=JAKARTA) == MONDAY.replace(second=expected)


@pytest.mark.parametrize(
    "text", ["kemarin", "kemarin jam 9", "Senin lalu", "minggu lalu jam 9", "tadi pagi", "yesterday"]
)
def test_what_is_over_is_called_past_and_not_unknown(text):
    assert str(refusal(text)).endswith("is past.")


@pytest.mark.parametrize("text", ["2026-03-29 02:30", "2026-10-25 02:30"])
def test_an_hour_that_the_clocks_skip_or_repeat_needs_its_offset(text):
    berlin = clock.zone("Europe/Berlin")

    with pytest.raises(WrongInput, match="clocks change"):
        understand(text, now=MONDAY, zone=berlin)

    assert understand(f"{text}+01:00", now=MONDAY, zone=berlin).minute == 30


def test_what_an_error_repeats_is_short_and_harmless_on_a_terminal():
    error = refusal("besok \x1b[31m" + "x" * 100)

    assert "\x1b" not in str(error)
    assert len(str(error)) < 80
    assert len(str(refusal("jam 9 " * 1000))) < 300


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_the_readers_language_does_not_change_what_is_understood(language):
    i18n.language.set(language)

    assert meant("besok jam 9") == meant("tomorrow 9:00") == "2026-11-24 09:00"


PIECES = [
    ("besok", "jam 9", "WIB"),
    ("hari ini", "pukul 16.00", "WITA"),
    ("Jumat", "jam setengah sembilan", "pagi"),
    ("24 November 2026", "09.30", "WIT"),
    ("Rabu pekan depan", "jam 9 lewat 10", "WIB"),
    ("tiga hari lagi", "pukul 8", "pagi"),
]


@pytest.mark.parametrize("pieces", PIECES)
def test_the_order_of_the_pieces_does_not_matter(pieces):
    orders = {meant(" ".join(order)) for order in permutations(pieces)}

    assert len(orders) == 1


@pytest.mark.parametrize("text", [text for text, _moment in PROMISED])
def test_one_stray_word_anywhere_spoils_a_phrase(text):
    words = text.split()

    for place in range(len(words) + 1):
        stray = " ".join([*words[:place], "mungkin", *words[place:]])
        assert refusal(stray)


@pytest.mark.parametrize("text", [text for text, _moment in PROMISED])
def test_no_phrase_may_be_said_twice(text):
    assert refusal(f"{text} {text}")


UNITS = ("", "satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "delapan", "sembilan")


@pytest.mark.parametrize("number", range(1, 61))
def test_numbers_up_to_sixty_may_be_words(number):
    tens, unit = divmod(number, 10)
    teens = {10: "sepuluh", 11: "sebelas"} | {n: f"{UNITS[n - 10]} belas" for n in range(12, 20)}
    words = teens.get(number) or " ".join(filter(None, [f"{UNITS[tens]} puluh" if tens else "", UNITS[unit]]))

    assert understand(f"{words} menit lagi", now=MONDAY, zone=JAKARTA) == MONDAY + timedelta(minutes=number)


SOUP = sorted({word for text, _ in [*PROMISED, *MORE, *REFUSED] for word in text.split()} | {"lagi", "puluh", "belas"})


@property_test
@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(SOUP), max_size=7).map(" ".join)))
def test_any_text_is_refused_or_becomes_an_instant_whose_echo_means_the_same(text):
    try:
        instant = understand(text, now=MONDAY, zone=JAKARTA)
    except WrongInput as error:
        assert str(error)
        return

    echo = i18n.moment(instant, JAKARTA)

    assert instant.tzinfo is UTC
    assert understand(echo, now=MONDAY, zone=JAKARTA) == instant.replace(microsecond=0)


MINUTES = st.integers(0, 5 * 365 * 24 * 60).map(lambda n: datetime(2025, 12, 31, 17, tzinfo=UTC) + timedelta(minutes=n))


@property_test
@given(
    moment=MINUTES,
    now=MINUTES,
    shown=st.sampled_from(INDONESIA),
    read=st.sampled_from(INDONESIA),
    seconds=st.booleans(),
)
@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_every_echo_is_understood_as_the_moment_it_shows_in_any_zone(language, moment, now, shown, read, seconds):
    i18n.language.set(language)
    moment += timedelta(seconds=7 * seconds)

    echo = i18n.moment(moment, shown)

    assert understand(echo, now=now, zone=read) == moment


@property_test
@given(moment=MINUTES, zone=st.sampled_from(INDONESIA))
def test_short_echoes_and_iso_times_are_understood_too(moment, zone):
    local = moment.astimezone(zone)

    for text in (i18n.short_moment(moment, zone), f"{local:%Y-%m-%d %H:%M}", local.isoformat(), moment.isoformat()):
        assert understand(text, now=MONDAY, zone=zone) == moment


@property_test
@given(day=st.dates(date(2026, 1, 1), date(2030, 12, 31)), now=MINUTES)
@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_a_wrong_weekday_beside_a_date_is_always_refused(language, day, now):
    i18n.language.set(language)
    wrong = i18n.day(day + timedelta(days=1)).partition(",")[0]

    with pytest.raises(WrongInput, match=wrong):
        understand(f"{wrong}, {i18n.day(day, weekday=False)} pukul 09.00", now=now, zone=JAKARTA)
