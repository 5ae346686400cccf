"""X: the contract, and what only X does."""

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest

from dissem.channels import x
from dissem.channels.adapter import Counts, Prepared
from dissem.channels.client import Answer
from dissem.channels.errors import NotYet, Refused, Throttled, Unauthorized, Uncertain, Unreachable
from dissem.channels.x import X
from dissem.rehearsal import faults
from dissem.rehearsal.x import XStandin
from dissem.rehearsal.x_door import SAMPLE

from .contract import AdapterContract, Platform, prepare_all, send


class XPlatform(Platform):
    adapter_class = X
    operations: ClassVar = {**Platform.operations, "check": "account"}
    allows_twins = False
    always_names_the_wait = True  # without a time, X's shortest window is taken

    def settings(self):
        return {
            "api_url": self.standin.url,
            "consumer_key": self.standin.consumer_key,
            "consumer_secret": self.standin.consumer_secret,
            "access_token": self.standin.access_token,
            "access_token_secret": self.standin.access_token_secret,
        }

    def finished_uploads(self):
        files = [entry for entry in self.calls("upload") if entry.path == "/2/media/upload"]
        return sum(200 <= entry.status < 300 and entry.fault != "html" for entry in files)


@pytest.fixture
def platform():
    with XStandin() as standin:
        yield XPlatform(standin)


@pytest.fixture
def film(part, clip, monkeypatch):
    """A part with a video that goes up in several segments."""
    monkeypatch.setattr(x, "CHUNK", -(-clip.size // 4))
    return part(kind="video", attachments=(clip,))


class TestContract(AdapterContract):
    """Everything asked of every channel."""


# Text and price


def test_an_x_text_with_a_bare_domain_counts_23_for_it(adapter, platform, part):
    fits, long = ("x" * letters + " padang.go.id" for letters in (256, 257))

    adapter.publish(part(text=fits), Prepared())
    with pytest.raises(Refused):
        adapter.publish(part(text=long), Prepared())

    assert [live.text for live in platform.public] == [fits]
    assert (X.length(fits), X.length(long), len(fits)) == (280, 281, 269)


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("Jalan Sudirman ditutup.", 0.015),
        ("Lihat https://padang.go.id/a", 0.2),
        ("Lihat padang.go.id.", 0.2),
        ("Surel: humas@padang.go.id", 0.015),
        ("", 0.015),
    ],
)
def test_a_post_with_a_link_costs_many_times_more(part, text, price):
    assert X.price(part(text=text)) == price


def test_each_alt_text_of_a_picture_costs_and_a_video_has_none(part, photos, clip):
    silent = [replace(photo, alt="") for photo in photos[:1]]

    prices = [X.price(part(attachments=tuple(given))) for given in (photos, silent, [clip])]

    assert prices == [0.03, 0.015, 0.015]


def test_what_is_charged_for_is_what_is_sent(adapter, platform, part, photos):
    send(adapter, ours := part(attachments=tuple(photos[:2])), platform)

    metadata = [entry for entry in platform.standin.journal if entry.path == "/2/media/metadata"]
    assert X.price(ours) == round(0.015 + 0.005 * len(metadata), 3) == 0.025


# The account


def test_an_unpaid_bill_pauses_the_channel_and_refuses_no_release(adapter, platform, part, since):
    platform.standin.credits_depleted = True

    for act in (adapter.check, lambda: adapter.publish(part(), Prepared())):
        with pytest.raises(Unauthorized, match=r"paid|dibayar"):
            act()
    with pytest.raises(Uncertain):
        adapter.find(part(), Prepared(), since)
    assert platform.public == []


def test_a_suspended_account_pauses_the_channel(adapter, platform, part):
    platform.standin.suspended = True

    with pytest.raises(Unauthorized, match="suspended"):
        adapter.publish(part(), Prepared())


def test_the_account_is_known_by_its_token_before_it_was_checked(platform, part, since):
    settings = X.Settings(**platform.settings())
    fresh = X(settings, network=platform.adapter().network)
    receipt = send(fresh, part(), platform)

    assert [found.id for found in fresh.find(part(), Prepared(), since)] == [receipt.id]


@pytest.mark.parametrize(("kind", "limits"), [("None", {}), ("Premium", {"text": 25_000}), ("new kind", {})])
def test_only_an_account_known_to_pay_may_write_long_posts(kind, limits):
    paying = type(SAMPLE)(**{**vars(SAMPLE), "subscription_type": kind})
    with XStandin(accounts=[paying]) as standin:
        account = XPlatform(standin).adapter().check()

    assert account.limits == limits
    assert (account.name, account.url) == ("@kotarehearsal", "https://x.com/kotarehearsal")


def test_the_libraries_that_log_keys_stay_above_debug(adapter, caplog):
    caplog.set_level(logging.DEBUG)

    levels = [
        logging.getLogger(name).isEnabledFor(logging.DEBUG)
        for name in ("tweepy.client", "oauthlib.oauth1.rfc5849", "requests_oauthlib.oauth1_auth")
    ]

    assert levels == [False, False, False]


# Refusals


def refusal(status, irrevocable=True, headers=None, **body):
    return Answer(status, headers or {}, json.dumps(body).encode(), irrevocable)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal(403, detail=" You are not allowed to create a Tweet with duplicate content."), Uncertain),
        (refusal(403, errors=[{"code": 187, "message": "Status is a duplicate."}]), Uncertain),
        (refusal(403, detail="You are not allowed to post this URL."), Refused),
        (refusal(403, irrevocable=False, detail="duplicate content"), Refused),
        (refusal(403, detail="Forbidden", type="https://api.x.com/2/problems/client-forbidden"), Unauthorized),
        (
            refusal(403, detail="Not here", type="https://api.twitter.com/2/problems/unsupported-authentication"),
            Unauthorized,
        ),
        (refusal(429, detail="Cap exceeded", type="https://api.x.com/2/problems/usage-capped"), Unauthorized),
        (refusal(403, errors=[{"code": 453, "message": "You currently have access to a subset"}]), Unauthorized),
        (refusal(403, detail="To protect our users, this account is temporarily locked."), Unauthorized),
        (
            refusal(403, detail="Your client app is not configured with the appropriate oauth1 app permissions."),
            Unauthorized,
        ),
        (refusal(402, title="CreditsDepleted"), Unauthorized),
        (refusal(400, detail="One or more parameters to your request was invalid."), Refused),
        (refusal(404, detail="Not Found"), Refused),
        (refusal(404, irrevocable=False, title="Not Found"), Unreachable),
        (refusal(429), Throttled),
        (Answer(403, {}, b"<h1>Forbidden</h1>", True), type(None)),
        (Answer(503, {}, b"[]", True), type(None)),
        (Answer(500, {}, b'{"errors": null}', True), type(None)),
        (Answer(401, {}, b"null", True), type(None)),
    ],
    ids=lambda given: f"{given.status}-{given.content[:60]!r}" if isinstance(given, Answer) else "",
)
def test_a_refusal_is_named_after_what_happens_next(answer, error):
    assert isinstance(x._translate(answer), error)


def test_staff_read_in_xs_words_why_a_post_was_refused(adapter, platform, part):
    platform.script(
        "publish", faults.reply(403, {"title": "Forbidden", "detail": "Reply to this post is not allowed."})
    )

    with pytest.raises(Refused, match="Reply to this post is not allowed"):
        adapter.publish(part(), Prepared())


NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
SECONDS = int(NOW.timestamp())


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"x-rate-limit-remaining": "0", "x-rate-limit-reset": f"{SECONDS + 40}"}, timedelta(seconds=40)),
        (
            {
                "x-rate-limit-remaining": "0",
                "x-rate-limit-reset": f"{SECONDS + 40}",
                "x-user-limit-24hour-remaining": "0",
                "x-user-limit-24hour-reset": f"{SECONDS + 7200}",
                "x-app-limit-24hour-remaining": "812",
                "x-app-limit-24hour-reset": f"{SECONDS + 9000}",
            },
            timedelta(hours=2),
        ),
        ({"x-rate-limit-remaining": "3", "x-rate-limit-reset": f"{SECONDS + 40}"}, timedelta(minutes=15)),
        ({"x-rate-limit-remaining": "0", "x-rate-limit-reset": "soon"}, timedelta(minutes=15)),
        ({"x-rate-limit-remaining": "0", "x-rate-limit-reset": f"{SECONDS + 864_000}"}, timedelta(minutes=15)),
        ({"Retry-After": "33"}, timedelta(seconds=33)),
        ({}, timedelta(minutes=15)),
    ],
)
def test_the_wait_is_the_latest_reset_of_the_limits_that_are_used_up(headers, wait):
    assert x._pause(headers, NOW) == wait


@pytest.mark.parametrize(
    "body", [{"errors": [{"message": "oops"}]}, {"data": {"text": "x"}}, {"data": {"id": None}}, {"data": None}, []]
)
def test_a_success_without_an_id_may_be_public(adapter, platform, part, body):
    platform.script("publish", faults.reply(201, body))

    with pytest.raises(Uncertain):
        adapter.publish(part(), Prepared())


# Media


def test_uploaded_files_are_used_well_before_x_forgets_them(adapter, platform, part, photos):
    prepared = prepare_all(adapter, part(attachments=tuple(photos)), platform)

    left = prepared.expires - datetime.now(UTC)
    assert timedelta(hours=23) < left < timedelta(hours=24)


def test_a_video_goes_on_after_the_segment_that_was_saved_last(adapter, platform, film):
    platform.script("upload", faults.accept(), faults.accept(), faults.accept(), faults.drop())
    saved = Prepared()

    with pytest.raises(Unreachable):
        for step in adapter.prepare(film, saved):
            saved = step
    receipt = adapter.publish(film, prepare_all(adapter, film, platform, saved))

    appends = [entry for entry in platform.calls("upload") if entry.path.endswith("/append")]
    assert saved.get("sent") == 2
    assert [entry.status for entry in appends] == [200, 200, 0, 200, 200]
    assert platform.public[0].id == receipt.id
    assert platform.public[0].media[0].bytes == film.attachments[0].path.read_bytes()


def test_a_video_in_processing_is_asked_again_when_x_says(adapter, platform, film):
    platform.standin.check_after_secs = 17
    saved = Prepared()

    with pytest.raises(NotYet) as later:
        for step in adapter.prepare(film, saved):
            saved = step

    assert later.value.retry_after == timedelta(seconds=17)
    assert saved.get("whole") is True
    assert not saved.get("media")


def test_a_video_that_x_cannot_use_is_refused_with_its_reason(adapter, platform, film):
    platform.standin.processing_error = "Audio is no AAC"

    with pytest.raises(Refused, match="Audio is no AAC"):
        prepare_all(adapter, film, platform)


def test_an_upload_that_x_has_forgotten_begins_anew(adapter, platform, film):
    steps = adapter.prepare(film, Prepared())
    saved = [next(steps), next(steps)][-1]
    platform.wait(timedelta(hours=25))

    with pytest.raises(Unreachable):
        for step in adapter.prepare(film, saved):
            saved = step
    adapter.publish(film, prepare_all(adapter, film, platform, saved))

    assert platform.public[0].media[0].bytes == film.attachments[0].path.read_bytes()


# Is it there?


def test_a_lost_answer_a_refused_repeat_and_one_post(adapter, platform, part, since):
    halo = part()
    platform.script("publish", faults.drop_after_accepting())
    with pytest.raises(Uncertain):
        adapter.publish(halo, Prepared())

    with pytest.raises(Uncertain, match=r"already|sudah"):
        adapter.publish(halo, Prepared())
    (found,) = adapter.find(halo, Prepared(), since)

    assert [live.id for live in platform.public] == [found.id]


@pytest.mark.parametrize(
    "text",
    [
        "Rilis lengkap: https://padang.go.id/berita/2026/11/jalan-sudirman-ditutup?utm=x&d=7KQ3M – salam",
        "Kunjungi padang.go.id hari ini, atau www.sumbar.go.id/info",
        "Harga < 5.000 & > 1.000, “kutipan” &amp; tanda",
        "Baris satu\n\nBaris dua  dengan spasi 👩‍👩‍👧‍👦",
        "https://padang.go.id/hanya-tautan",
        "padang.go.id",
        "Situs baru humas.observer menyapa",
    ],
)
def test_a_post_is_known_again_whatever_x_does_to_its_links(adapter, platform, part, since, text):
    receipt = send(adapter, part(text=text), platform)

    assert [found.id for found in adapter.find(part(text=text), Prepared(), since)] == [receipt.id]


def test_posts_that_are_only_links_are_told_apart(adapter, platform, part, since):
    send(adapter, part(text="https://padang.go.id/satu"), platform)

    assert list(adapter.find(part(text="https://padang.go.id/dua"), Prepared(), since)) == []


def test_the_same_text_with_another_number_of_photos_is_another_post(adapter, platform, part, photos, since):
    send(adapter, part(attachments=tuple(photos[:1])), platform)

    assert list(adapter.find(part(), Prepared(), since)) == []
    assert list(adapter.find(part(attachments=tuple(photos[:2])), Prepared(), since)) == []


def test_photos_without_words_are_not_taken_for_photos_with_words(adapter, platform, part, photos, since):
    send(adapter, part(attachments=tuple(photos[:1])), platform)
    wordless = part(text="", attachments=tuple(photos[:1]))

    assert list(adapter.find(wordless, Prepared(), since)) == []

    receipt = send(adapter, wordless, platform)
    assert [found.id for found in adapter.find(wordless, Prepared(), since)] == [receipt.id]


def test_a_post_made_before_is_not_ours(adapter, platform, part):
    send(adapter, part(), platform)

    assert list(adapter.find(part(), Prepared(), datetime.now(UTC) + timedelta(seconds=1))) == []


def test_every_page_of_the_timeline_is_read(adapter, platform, part, since):
    platform.standin.limits["create_post"] = 1000
    first = send(adapter, part(text="Nomor nol."), platform)
    for number in range(1, 101):
        adapter.publish(part(text=f"Nomor {number}."), Prepared())

    (found,) = adapter.find(part(text="Nomor nol."), Prepared(), since)

    assert found.id == first.id
    assert len(platform.calls("list")) == 2


@pytest.mark.parametrize("body", [{"errors": [{"title": "?"}]}, {"data": []}, {"data": [{}], "meta": {}}, [], {}])
def test_a_listing_that_is_not_whole_proves_nothing(adapter, platform, part, since, body):
    platform.script("list", faults.reply(200, body))

    with pytest.raises(Uncertain):
        adapter.find(part(), Prepared(), since)


# Figures


def test_clicks_are_asked_only_where_x_still_tells_them(adapter, platform, part):
    platform.wait(-timedelta(days=31))
    old = send(adapter, part(text="Bulan lalu."), platform)
    platform.wait(timedelta(days=31))
    young = send(adapter, part(text="Hari ini."), platform)

    figures = adapter.measure([old, young])

    assert figures[old.id].clicks is None
    assert figures[old.id].views > 0
    assert figures[young.id].clicks == 0


@pytest.mark.parametrize("name", ["retweet_count", "repost_count"])
def test_reposts_are_read_in_either_spelling(name):
    assert x._counts({"public_metrics": {name: 5, "quote_count": 2}}).shares == 7


def test_a_figure_that_x_does_not_tell_is_not_nought():
    assert x._counts({"public_metrics": {}}) == Counts()


def test_an_outage_of_everything_removes_nothing(adapter, platform, part):
    receipt = send(adapter, part(), platform)
    platform.script("delete", faults.reply(404, {"title": "Not Found", "detail": "Not Found", "type": "about:blank"}))

    with pytest.raises(Unreachable):
        adapter.remove(receipt)
