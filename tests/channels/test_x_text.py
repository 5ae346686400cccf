"""How X counts: published rules, tried on cases of our own beside the families of the vendor's conformance file."""

import time

import pytest

from dissem.channels.x_text import unlinked, weight
from dissem.rehearsal.x_text import weight as as_the_stand_in_counts

FAMILY = "👨‍👩‍👧‍👦"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("Jalan Sudirman ditutup.", 23),
        ("A\u0301B", 2),  # counted in NFC
        ("אשּׁ", 4),
        ("Čičak на улице", 14),
        ("市長", 4),
        ("한국", 4),
        ("ᄀ", 2),  # the first character beyond the light ranges
        ("\u10ff", 1),
        ("\u2000\u200d\u2010\u201f\u2032\u2037", 6),
        ("\u200e\u2020\u2038", 6),
        ("“kutipan” – ‘dalam’…", 21),  # the ellipsis is heavy
        ("\u202aLTR\u202c", 7),
        ("\U00010000", 2),
    ],
)
def test_letters_weigh_one_or_two(text, expected):
    assert weight(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("😷", 2),
        ("😷👾😡🔥💩", 10),
        (FAMILY, 2),
        (f"H🐱☺{FAMILY}", 7),
        ("🙋🏽👨‍🎤", 4),
        ("👩🏿‍🚒", 2),
        ("🇮🇩🇮🇩", 4),
        ("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", 2),
        ("❤️", 2),
        ("❤️‍🔥", 2),
        ("1️⃣2️⃣", 4),
        ("#️⃣", 2),
        ("#1", 2),
        ("© 2026 ®", 8),  # no emoji without the sign that asks for one
        ("©️", 2),
        ("™", 2),
        ("🔥🏽", 4),  # fire has no skin
        ("😷" * 140, 280),
    ],
)
def test_an_emoji_weighs_two_however_it_is_composed(text, expected):
    assert weight(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://padang.go.id", 23),
        ("http://t.co", 23),
        ("HTTPS://Padang.Go.ID/Berita", 23),
        ("kunjungi padang.go.id hari ini", 41),
        ("https://padang.go.id/" + "a" * 500, 23),
        ("https://padang.go.id/berita?id=7&d=7KQ3M#atas", 23),
        ("https://padang.go.id:8443/berita", 23),
        ("https://id.wikipedia.org/wiki/Padang_(kota)", 23),
        ("(https://padang.go.id/berita)", 25),
        ("Lihat https://padang.go.id/berita.", 30),
        ("https://padang.go.id, lalu", 29),
        ("padang.go.id\nsumbar.go.id", 47),
        ("https://padang.go.id https://padang.go.id", 47),
        ("市長 padang.go.id市長", 4 + 1 + 23 + 4),
        ("https://例え.jp/道", 23 + 2),  # a path has no Chinese letters
        ("https://padang.go.id/русский", 23),
        ("ELPAÍS.com", 23),
        ("name.al-lastname.com", 23),
        ("http://xn--80ak6aa92e.com", 23),
        ("bit.ly/abcde", 23),
        ("http://sub_domain-dash.twitter.com", 23),
    ],
)
def test_a_link_weighs_23_whatever_its_length(text, expected):
    assert weight(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "humas@padang.go.id",
        "humas.kota@padang.go.id",
        "john.doe.gov@mail.com",
        "name.al+lastname@foo.com",
        "@padang.go.id",
        "#padang.go.id",
        "$padang.go.id",
        "http://no-tld",
        "http://tld-too-short.x",
        "foo.baz www.xxxxxxx.baz",
        "berkas.tar.bz2",
        "Rp1.500.000,00 atau 3.14",
        "akhir.Kalimat tanpa spasi",
        "http://-twitter.com",
        "http://twitter-.com",
        "http://twitter_underscore.com",
        "http://domain.com-that-you-should-have-put-a-space-after",
        "r" * 64 + ".com",
        "_padang.go.id",
    ],
)
def test_what_only_looks_like_a_link_weighs_what_it_is(text):
    assert weight(text) == len(text)


def test_a_host_whose_label_is_too_long_in_its_ascii_form_is_no_link():
    label = "あ" * 60

    assert weight(f"http://{label}.jp") == len("http://") + 2 * 60 + len(".jp")


@pytest.mark.parametrize(
    "text",
    [
        "Pemkot Padang menutup Jalan Sudirman. Info: https://padang.go.id/b/1?x=1 atau padang.go.id/lalin (24 jam)!",
        f"Éro & <b>kita</b> “aman” {FAMILY} – #CêkFakta 🇮🇩 1️⃣",
        "Surel humas@padang.go.id; situs www.sumbar.go.id.",
    ],
)
def test_two_counters_written_apart_agree(text):
    assert weight(text) == as_the_stand_in_counts(text)


def test_links_are_taken_out_for_comparing():
    assert unlinked("Lihat padang.go.id dan https://t.co/abc ya").split() == ["Lihat", "dan", "ya"]
    assert unlinked("Tanpa tautan.") == "Tanpa tautan."


@pytest.mark.parametrize(
    "text",
    [
        "a." * 5000,
        "あ." * 5000,
        "http://" + "a." * 5000,
        "http://" + "-" * 9000 + ".com",
        "x.com/" + "(a" * 5000,
        "x.com/" + "a(b)" * 5000,
        "x.com?" + "!" * 9000,
        "👍\u200d" * 5000,
    ],
    ids=lambda text: text[:8],
)
def test_no_text_takes_long_to_count(text):
    began = time.perf_counter()

    weight(text)

    assert time.perf_counter() - began < 2
