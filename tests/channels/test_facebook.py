"""Facebook: the contract, and what only Facebook does."""

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest

from dissem.channels import client, facebook
from dissem.channels.adapter import Certainty, Counts, Gone, Prepared, Stage
from dissem.channels.client import Answer
from dissem.channels.errors import ChannelError, NotYet, Refused, Throttled, Unauthorized, Uncertain, Unreachable
from dissem.channels.facebook import Facebook
from dissem.channels.facebook_graph import translate
from dissem.rehearsal import faults
from dissem.rehearsal.facebook import FacebookStandin

from .contract import AdapterContract, Platform, prepare_all, send, settle
from .facebook_films import upright_film


class FacebookPlatform(Platform):
    adapter_class = Facebook
    operations: ClassVar = {**Platform.operations, "check": "account"}
    allows_twins = False

    def settings(self):
        return {
            "api_url": self.standin.url,
            "upload_url": self.standin.url,
            "page": self.standin.page,
            "access_token": self.standin.access_token,
            "app_secret": self.standin.app_secret,
        }


@pytest.fixture
def platform():
    with FacebookStandin() as standin:
        yield FacebookPlatform(standin)


@pytest.fixture
def film(platform, part, clip):
    """A part with a video that Facebook asks for in four pieces."""
    platform.standin.chunk_bytes = -(-clip.size // 4)
    return part(kind="video", attachments=(clip,))


class FacebookContract(AdapterContract):
    """Everything asked of every channel; Facebook names its pauses in whole minutes."""

    def test_a_wait_that_the_platform_names_is_told(self, adapter, platform, sample):
        platform.script("publish", faults.throttle(35))

        with pytest.raises(Throttled) as pause:
            adapter.publish(sample(), Prepared())

        assert pause.value.retry_after == timedelta(minutes=1)
        assert platform.public == []

    def test_a_throttled_upload_says_so(self, adapter, platform, uploads):
        platform.script("upload", faults.throttle(150))

        with pytest.raises(Throttled) as pause:
            prepare_all(adapter, uploads, platform)

        assert pause.value.retry_after == timedelta(minutes=3)


class TestContract(FacebookContract):
    """Text, photos and wide videos."""


# Errors


def refusal(code, subcode=None, status=400, irrevocable=True, headers=None, **more):
    error = {"message": "M", "type": "OAuthException", "code": code, "fbtrace_id": "AbC", **more}
    if subcode:
        error["error_subcode"] = subcode
    return Answer(status, headers or {}, json.dumps({"error": error}).encode(), irrevocable)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal(2, status=500), Uncertain),
        (refusal(2), Uncertain),
        (refusal(1, 99), Uncertain),
        (refusal(190, status=503), Uncertain),
        (refusal(9999, is_transient=True), Uncertain),
        (refusal(1609010), Uncertain),
        (refusal(100, 1609010), Uncertain),
        (refusal(506, 1455006), Uncertain),
        (refusal(368), Uncertain),
        (refusal(100, 1366051), Uncertain),
        (refusal(2, irrevocable=False), Unreachable),
        (refusal(-2, irrevocable=False), Unreachable),
        (refusal(1, status=502, irrevocable=False), Unreachable),
        (refusal(4, is_transient=True), Throttled),
        (refusal(17), Throttled),
        (refusal(32), Throttled),
        (refusal(341), Throttled),
        (refusal(613), Throttled),
        (refusal(80001, 2494055), Throttled),
        (refusal(368, 1390008), Throttled),
        (refusal(9999, status=429), Throttled),
        (refusal(190, 463), Unauthorized),
        (refusal(102), Unauthorized),
        (refusal(10), Unauthorized),
        (refusal(200), Unauthorized),
        (refusal(299), Unauthorized),
        (refusal(200, 1404078), Unauthorized),
        (refusal(368, irrevocable=False), Unauthorized),
        (refusal(1346003), Unauthorized),
        (refusal(100), Refused),
        (refusal(100, 33), Refused),
        (refusal(100, 190), Refused),  # a short subcode is no code
        (refusal(100, 1366046), Refused),
        (refusal(100, 1609005), Refused),
        (refusal(352), Refused),
        (refusal(6000), Refused),
        (refusal(100, error_user_msg="Post 190_2 says code 506"), Refused),  # texts decide nothing
        (Answer(502, {}, b"<h1>Bad Gateway</h1>", True), Uncertain),
        (Answer(400, {}, b"", True), type(None)),
        (Answer(400, {}, b'{"error": "unknown"}', True), type(None)),
        (Answer(404, {}, b"[]", True), type(None)),
    ],
    ids=lambda given: f"{given.status}-{given.content[40:140]!r}" if isinstance(given, Answer) else "",
)
def test_an_error_is_named_by_its_code_and_subcode(answer, error):
    named = translate(answer)

    assert isinstance(named, error)
    assert error is not Uncertain or not isinstance(named, Refused)


def test_staff_read_what_facebook_says_to_people_and_the_trace_is_kept():
    error = translate(refusal(100, 1366046, error_user_msg="Photos should be less than 4 MB."))

    assert "Photos should be less than 4 MB." in str(error)
    assert error.reason()["values"]["trace"] == "AbC"


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"X-Business-Use-Case-Usage": "no JSON"}, None),
        ({"X-Business-Use-Case-Usage": "[1]"}, None),
        ({"X-Business-Use-Case-Usage": '{"1": [{"estimated_time_to_regain_access": 0}]}'}, None),
        (
            {
                "X-Business-Use-Case-Usage": '{"1": [{"estimated_time_to_regain_access": 19}, {"call_count": 3}],'
                ' "2": [{"estimated_time_to_regain_access": 4}]}'
            },
            timedelta(minutes=19),
        ),
        ({"X-Business-Use-Case-Usage": '{"1": [{"estimated_time_to_regain_access": 99999}]}'}, None),
        ({"Retry-After": "20"}, timedelta(seconds=20)),
    ],
)
def test_the_wait_is_what_the_usage_header_tells(headers, wait):
    assert translate(refusal(80001, headers=headers)).retry_after == wait


# How the library is held


def test_the_token_goes_in_a_header_and_the_address_has_the_version(adapter, platform, part, since, caplog):
    caplog.set_level(logging.DEBUG, logger="urllib3.connectionpool")
    platform.standin.requires_proof = True

    receipt = send(adapter, part(), platform)
    adapter.find(part(), Prepared(), since)
    adapter.measure([receipt])
    adapter.remove(receipt)

    assert platform.standin.access_token not in caplog.text
    assert "published_posts?" in caplog.text
    assert {entry.path.split("/")[1] for entry in platform.standin.journal} == {"v26.0"}


def test_a_page_whose_app_demands_proof_is_refused_without_the_app_secret(platform):
    platform.standin.requires_proof = True
    settings = {**platform.settings(), "app_secret": None}
    bare = Facebook(Facebook.Settings(**settings), network=platform.adapter().network)

    with pytest.raises(Refused, match="appsecret_proof"):
        bare.check()


@pytest.mark.parametrize("wrong", [{"version": "26.0"}, {"version": "v26.0/me"}, {"page": "1/feed"}, {"page": ""}])
def test_settings_that_would_bend_the_address_are_refused(platform, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Facebook.Settings(**{**platform.settings(), **wrong})


# Text and photos


def test_a_text_shows_the_card_of_its_link(adapter, platform, part):
    link = "https://padang.go.id/berita/1"
    receipt = send(adapter, part(text=f"Baca: {link}", link=link), platform)

    shown = adapter.graph.get_object(receipt.id, fields="message,attachments{media_type,url}").json()

    assert shown["message"] == f"Baca: {link}"
    assert shown["attachments"]["data"] == [{"media_type": "link", "url": link}]


def test_photos_keep_the_link_in_their_text(adapter, platform, part, photos):
    link = "https://padang.go.id/berita/1"
    halo = part(text=f"Baca: {link}", link=link, attachments=tuple(photos))

    send(adapter, halo, platform)

    assert platform.public[0].text == halo.text
    assert len(platform.public[0].media) == 3


def test_an_error_after_acceptance_is_found_by_the_photos_although_the_words_were_changed(
    adapter, platform, part, photos, since
):
    halo = part(attachments=tuple(photos[:2]))
    prepared = prepare_all(adapter, halo, platform)
    platform.script("publish", faults.error_after_accepting(500))
    with pytest.raises(Uncertain):
        adapter.publish(halo, prepared)
    (live,) = platform.public
    adapter.graph.request(f"v26.0/{live.id}", post_args={"message": "Diubah orang lain."})

    (found,) = adapter.find(halo, prepared, since)

    assert found.id == live.id
    assert found.also == tuple(prepared.get("photos"))


def test_photos_prove_which_of_two_like_posts_is_ours(adapter, platform, part, photos, since):
    ours, theirs = part(attachments=(photos[0],)), part(attachments=(photos[1],))
    prepared = prepare_all(adapter, ours, platform)
    send(adapter, theirs, platform)
    receipt = adapter.publish(ours, prepared)

    assert [found.id for found in adapter.find(ours, prepared, since)] == [receipt.id]


def test_a_text_is_not_found_in_a_post_that_shows_photos_or_a_video(adapter, platform, part, photos, film, since):
    send(adapter, part(attachments=tuple(photos[:1])), platform)
    send(adapter, film, platform)

    assert list(adapter.find(part(), Prepared(), since)) == []


def test_nothing_to_recognise_is_no_proof_of_absence(adapter, part, since):
    with pytest.raises(Uncertain):
        adapter.find(part(text="https://padang.go.id/1"), Prepared(), since)


def test_a_post_made_before_is_not_ours(adapter, platform, part):
    send(adapter, part(), platform)

    assert list(adapter.find(part(), Prepared(), datetime.now(UTC) + timedelta(seconds=2))) == []


def test_every_page_of_the_posts_is_read(adapter, platform, part, since):
    first = send(adapter, part(text="Nomor nol."), platform)
    for number in range(1, 101):
        adapter.publish(part(text=f"Nomor {number}."), Prepared())

    (found,) = adapter.find(part(text="Nomor nol."), Prepared(), since)

    assert found.id == first.id
    assert len(platform.calls("list")) == 2


@pytest.mark.parametrize("body", [{}, [], {"data": [{}]}, {"data": None}, {"data": [{"created_time": "soon"}]}])
def test_a_listing_that_is_not_whole_proves_nothing(adapter, platform, part, since, body):
    platform.script("list", faults.reply(200, body))

    with pytest.raises(Uncertain):
        adapter.find(part(), Prepared(), since)


def test_an_address_that_cannot_be_read_does_not_unpublish(adapter, platform, part):
    receipt = adapter.publish(part(), Prepared())
    platform.standin.script("read", faults.error_before(500))

    assert adapter.confirm(receipt) == receipt
    assert receipt.url == f"https://www.facebook.com/{receipt.id}"
    page, _, number = receipt.id.partition("_")
    assert adapter.confirm(receipt).url == f"https://www.facebook.com/{page}/posts/{number}"


# Video


def test_a_video_that_became_a_draft_does_not_count_as_published(adapter, platform, part, clip, attach, since):
    disguised = attach(upright_film(), "video/mp4", width=320, height=240, duration=2.0)
    film = part(kind="video", attachments=(disguised,))
    prepared = prepare_all(adapter, film, platform)
    receipt = adapter.publish(film, prepared)

    with pytest.raises(Refused, match=r"draft|draf"):
        settle(adapter, receipt, platform)

    assert receipt.stage is Stage.PROCESSING
    assert [found.stage for found in adapter.find(film, prepared, since)] == [Stage.PROCESSING]
    assert platform.public == []


def test_a_video_is_processing_until_facebook_is_done(adapter, platform, film):
    receipt = adapter.publish(film, prepare_all(adapter, film, platform))

    with pytest.raises(NotYet) as later:
        adapter.confirm(receipt)
    confirmed = adapter.confirm(receipt)

    assert later.value.retry_after is None  # how often to ask is for the queue to say
    assert confirmed.stage is Stage.PUBLIC
    assert confirmed.url == f"https://www.facebook.com/{platform.standin.page}/videos/{receipt.id}/"
    assert confirmed.also == (receipt.id,)


def test_a_video_that_facebook_gives_up_is_refused(adapter, platform, film):
    platform.standin.processing_error = "no picture"

    with pytest.raises(Refused):
        send(adapter, film, platform)


def test_a_video_is_staged_and_looking_tells_whether_it_was_finished(adapter, platform, film, since):
    prepared = prepare_all(adapter, film, platform)
    platform.script("publish", faults.drop(), faults.drop_after_accepting())

    with pytest.raises(Uncertain):
        adapter.publish(film, prepared)
    assert list(adapter.find(film, prepared, since)) == []

    with pytest.raises(Uncertain):
        adapter.publish(film, prepared)
    (found,) = adapter.find(film, prepared, since)

    assert settle(adapter, found, platform).id == platform.public[0].id
    assert adapter.certainty(film) is Certainty.STAGED
    assert adapter.certainty(replace(film, attachments=())) is Certainty.READABLE


def test_finishing_twice_makes_one_post(adapter, platform, film):
    prepared = prepare_all(adapter, film, platform)
    adapter.publish(film, prepared)

    with pytest.raises(ChannelError):
        adapter.publish(film, prepared)

    assert len(platform.public) == 1


@pytest.mark.parametrize("broken", range(1, 5))
@pytest.mark.parametrize("verb", [faults.drop(), faults.drop_after_accepting()], ids=lambda verb: verb.kind)
def test_a_video_goes_on_where_facebook_says(adapter, platform, film, broken, verb):
    platform.script("upload", *[faults.accept()] * broken, verb)
    saved = Prepared()
    with pytest.raises(Unreachable):
        for step in adapter.prepare(film, saved):
            saved = step

    send_on = prepare_all(adapter, film, platform, saved)
    settle(adapter, adapter.publish(film, send_on), platform)

    assert platform.public[0].media[0].bytes == film.attachments[0].path.read_bytes()
    assert len(platform.calls("upload")) == 6  # start, four pieces, the broken one; nothing was sent a third time


def test_an_upload_that_facebook_has_forgotten_begins_anew(adapter, platform, film):
    steps = adapter.prepare(film, Prepared())
    saved = [next(steps), next(steps)][-1]
    adapter.videos.phase("cancel", upload_session_id=saved.get("session"))

    with pytest.raises(Unreachable):
        for step in adapter.prepare(film, saved):
            saved = step
    settle(adapter, adapter.publish(film, prepare_all(adapter, film, platform, saved)), platform)

    assert platform.public[0].media[0].bytes == film.attachments[0].path.read_bytes()


def test_an_upload_that_never_moves_is_left_for_later(adapter, platform, film):
    platform.script("upload", faults.accept(), faults.reply(200, {"start_offset": "0", "end_offset": "0"}))

    with pytest.raises(Unreachable):
        prepare_all(adapter, film, platform)


# Figures


def error(code, subcode=0):
    return {"error": {"code": code, "error_subcode": subcode, "message": "M"}}


@pytest.mark.parametrize("code", [100, 10])
def test_without_insights_the_plain_counts_remain(adapter, platform, part, code):
    receipt = send(adapter, part(), platform)
    platform.wait(timedelta(days=2))
    platform.script("measure", faults.reply(400, error(code)))

    counts = adapter.measure([receipt])[receipt.id]

    assert (counts.views, counts.reach, counts.clicks) == (None, None, None)
    assert counts.likes > 0


def test_missing_posts_are_found_without_asking_one_by_one(adapter, platform, part):
    receipts = [send(adapter, part(text=f"Nomor {number}."), platform) for number in range(32)]
    adapter.remove(receipts[13])

    figures = adapter.measure(receipts)

    assert [number for number, receipt in enumerate(receipts) if figures[receipt.id] == Gone()] == [13]
    assert all(isinstance(figures[r.id], Counts) for r in receipts if r is not receipts[13])
    assert len(platform.calls("measure")) <= 2 * 6  # two a halving


def test_a_figure_that_is_missing_is_not_nought():
    assert facebook._post_counts({"id": "1_2"}) == Counts()


def test_a_video_whose_post_is_unknown_is_counted_by_itself(adapter, platform, film):
    receipt = adapter.publish(film, prepare_all(adapter, film, platform))
    platform.script(
        "measure", faults.reply(200, {receipt.id: {"views": 12, "reactions": {"summary": {"total_count": 3}}}})
    )

    counts = adapter.measure([receipt])[receipt.id]

    assert (counts.views, counts.likes, counts.shares) == (12, 3, None)


def test_photos_go_with_their_post(adapter, platform, part, photos):
    receipt = send(adapter, part(attachments=tuple(photos)), platform)

    adapter.remove(receipt)

    assert len(receipt.also) == 3
    for photo in receipt.also:
        with pytest.raises(Refused):
            adapter.graph.get_object(photo)


def test_a_late_answer_is_uncertain(adapter, platform, part, monkeypatch):
    monkeypatch.setattr(client, "READ", 0.2)
    platform.script("publish", faults.late(30))

    with pytest.raises(Uncertain):
        adapter.publish(part(), Prepared())
