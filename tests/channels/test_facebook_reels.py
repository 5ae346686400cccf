"""Facebook reels: what becomes of an upright video, and what happens when the line breaks on the way."""

import logging
from dataclasses import replace
from itertools import islice

import pytest

from dissem.channels import facebook_reels
from dissem.channels.adapter import Certainty, Prepared, Receipt, Stage
from dissem.channels.errors import (
    ChannelError,
    NotYet,
    Refused,
    Stale,
    Throttled,
    Unauthorized,
    Uncertain,
    Unreachable,
)
from dissem.channels.facebook import Facebook
from dissem.channels.facebook_reels import Seen
from dissem.rehearsal import faults
from dissem.rehearsal.facebook import FacebookStandin

from .contract import LOOPBACK, prepare_all, send, settle, whole
from .facebook_films import upright_film
from .test_facebook import FacebookContract, FacebookPlatform


class ReelPlatform(FacebookPlatform):
    allows_twins = True

    def offers(self, operation):
        return operation != "list" and super().offers(operation)  # a reel is asked itself


@pytest.fixture
def platform():
    with FacebookStandin() as standin:
        yield ReelPlatform(standin)


@pytest.fixture
def clip(attach):
    return attach(upright_film(), "video/mp4", width=1080, height=1920, duration=12.0, alt="Apel pagi")


@pytest.fixture
def reel(part, clip):
    return part(kind="video", attachments=(clip,))


class TestReelContract(FacebookContract):
    """Everything asked of every channel, where a post is a reel."""

    @pytest.fixture
    def platform(self):
        with FacebookStandin() as standin:
            standin.processing_polls = 0
            yield ReelPlatform(standin)

    @pytest.fixture
    def sample(self, part, clip):
        return lambda **changes: part(kind="video", **{"attachments": (clip,), **changes})


def asked(platform, method, end):
    return [entry for entry in platform.standin.journal if entry.method == method and entry.path.endswith(end)]


def sent_from(platform):
    """At which bytes the uploads began."""
    return [entry.headers["offset"] for entry in platform.standin.journal if "/video-upload/" in entry.path]


# What it becomes


def test_a_vertical_video_on_facebook_becomes_a_reel_not_a_draft(adapter, platform, reel):
    receipt = send(adapter, reel, platform)

    (live,) = platform.public
    video = receipt.also[0]
    assert live.media[0].bytes == reel.attachments[0].path.read_bytes()
    assert live.text == reel.text
    assert receipt == Receipt(live.id, f"https://www.facebook.com/reel/{video}/", (video,))
    assert asked(platform, "POST", "/videos") == []
    assert [entry.fault for entry in asked(platform, "POST", "/video_reels")] == ["", ""]


@pytest.mark.parametrize(("width", "height"), [(640, 640), (641, 640)])
def test_a_square_or_wide_video_stays_an_ordinary_one(adapter, platform, part, attach, width, height):
    content = upright_film(width, height)
    film = part(kind="video", attachments=(attach(content, "video/mp4", width=width, height=height, duration=200.0),))

    send(adapter, film, platform)

    assert adapter.objection(film) is None
    assert asked(platform, "POST", "/video_reels") == []
    assert len(platform.public) == 1


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"duration": 2.9}, "3 to 90 seconds; this one lasts 2.9"),
        ({"duration": 90.1}, "3 to 90 seconds; this one lasts 90.1"),
        ({"width": 1080, "height": 1350}, "9:16"),
        ({"width": 1080, "height": 2400}, "9:16"),
        ({"width": 536, "height": 952}, "540 × 960"),
        ({"width": 360, "height": 640}, "540 × 960"),
    ],
)
def test_what_no_reel_can_be_is_told_before_anything_is_sent(adapter, platform, part, clip, changes, why):
    film = part(kind="video", attachments=(replace(clip, **changes),))

    objection = Facebook.objection(film)
    with pytest.raises(Refused) as refusal:
        prepare_all(adapter, film, platform)

    assert why in str(objection)
    assert objection.hint
    assert str(refusal.value) == str(objection)
    assert platform.standin.journal == []


@pytest.mark.parametrize(
    "changes",
    [
        {"duration": 3.0},
        {"duration": 90.0},
        {"duration": None},
        {"width": 540, "height": 960},
        {"width": 608, "height": 1080},
        {"width": 2160, "height": 3840},
    ],
)
def test_what_a_reel_can_be_is_not_objected_to(part, clip, changes):
    assert Facebook.objection(part(attachments=(replace(clip, **changes),))) is None


def test_text_and_photos_are_not_objected_to(part, photos):
    assert Facebook.objection(part()) is None
    assert Facebook.objection(part(attachments=tuple(photos))) is None


def test_facebooks_own_words_are_told_when_it_finds_a_fault_after_all(adapter, platform, part, attach):
    disguised = attach(upright_film(360, 640), "video/mp4", width=1080, height=1920, duration=12.0)
    film = part(kind="video", attachments=(disguised,))
    prepared = prepare_all(adapter, film, platform)

    with pytest.raises(Refused, match="Resolution too low"):
        adapter.publish(film, prepared)

    assert platform.public == []


def test_a_reel_that_facebook_gives_up_is_refused_in_its_words(adapter, platform, reel):
    platform.standin.processing_error = "The audio cannot be read."

    with pytest.raises(Refused, match="The audio cannot be read"):
        send(adapter, reel, platform)

    assert platform.public == []


def test_the_thirty_first_reel_of_a_day_has_to_wait(adapter, platform, reel):
    platform.standin.reels_a_day = 0
    prepared = prepare_all(adapter, reel, platform)

    with pytest.raises(Throttled):
        adapter.publish(reel, prepared)


# Bytes on their way


def test_the_number_of_a_reel_is_saved_before_its_bytes_leave(adapter, platform, reel):
    saved = next(adapter.prepare(reel, Prepared()))

    assert saved.get("video") in platform.standin._videos
    assert sent_from(platform) == []
    assert saved.expires is not None


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_dying_after_any_step_and_going_on_ends_in_one_reel(adapter, platform, reel, steps):
    saved = Prepared()
    for step in islice(adapter.prepare(reel, saved), steps):
        saved = step
    another = platform.adapter()

    send_on = prepare_all(another, reel, platform, saved)
    settle(another, another.publish(reel, send_on), platform)

    assert len(platform.public) == 1
    assert platform.public[0].media[0].bytes == reel.attachments[0].path.read_bytes()


def test_a_step_that_was_done_and_not_saved_is_done_again_without_harm(adapter, platform, reel):
    steps = adapter.prepare(reel, Prepared())
    saved = next(steps)
    next(steps)  # the bytes are there; nobody wrote it down

    send_on = prepare_all(adapter, reel, platform, saved)
    settle(adapter, adapter.publish(reel, send_on), platform)

    assert sent_from(platform) == ["0"]
    assert len(platform.public) == 1


@pytest.mark.parametrize("verb", [faults.accept(), faults.drop_after_accepting(), faults.error_after_accepting(503)])
def test_an_upload_that_breaks_goes_on_where_facebook_says(adapter, platform, reel, verb):
    platform.standin.cuts += [1000, 500]
    platform.script("upload", faults.accept(), verb, verb)

    steps = list(adapter.prepare(reel, Prepared()))
    settle(adapter, adapter.publish(reel, steps[-1]), platform)

    assert sent_from(platform) == ["0", "1000", "1500"]
    assert [step.get("arrived", None) for step in steps] == [None, 1000, 1500, 1500]
    assert len(asked(platform, "POST", "/video_reels")) == 2  # start once, finish once
    assert platform.public[0].media[0].bytes == reel.attachments[0].path.read_bytes()


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_dying_within_a_broken_upload_sends_no_byte_twice(adapter, platform, reel, steps):
    platform.standin.cuts += [1000, 500]
    saved = list(islice(adapter.prepare(reel, Prepared()), steps))[-1]
    another = platform.adapter()

    settle(another, another.publish(reel, prepare_all(another, reel, platform, saved)), platform)

    assert sent_from(platform) == ["0", "1000", "1500"]
    assert len(platform.public) == 1


def test_an_upload_that_does_not_get_on_is_left_for_later(adapter, platform, reel, monkeypatch):
    monkeypatch.setattr(facebook_reels, "SPELL", -1.0)

    with pytest.raises(Unreachable):
        prepare_all(adapter, reel, platform)

    assert platform.public == []


def test_a_slow_upload_breaks_off_in_time_and_is_taken_up_again(adapter, platform, reel, monkeypatch):
    saved = next(adapter.prepare(reel, Prepared()))
    monkeypatch.setattr(facebook_reels, "SPELL", -1.0)
    with pytest.raises(Unreachable):
        list(adapter.prepare(reel, saved))
    monkeypatch.undo()

    settle(adapter, adapter.publish(reel, prepare_all(adapter, reel, platform, saved)), platform)

    assert len(platform.public) == 1


@pytest.mark.parametrize("verb", [faults.drop(), faults.reset(), faults.error_before(502), faults.html()])
@pytest.mark.parametrize("before", [0, 1])
def test_trouble_at_start_or_with_the_bytes_ends_in_one_reel(adapter, platform, reel, verb, before):
    platform.script("upload", *[faults.accept()] * before, verb)
    saved = Prepared()
    with pytest.raises(Unreachable):
        for step in adapter.prepare(reel, saved):
            saved = step

    settle(adapter, adapter.publish(reel, prepare_all(adapter, reel, platform, saved)), platform)

    assert len(platform.public) == 1


def test_bytes_whose_answer_was_lost_are_not_sent_again(adapter, platform, reel):
    platform.script("upload", faults.accept(), faults.drop_after_accepting())

    send(adapter, reel, platform)

    assert sent_from(platform) == ["0"]
    assert len(platform.public) == 1


def test_an_upload_that_facebook_has_forgotten_begins_anew(adapter, platform, reel):
    saved = next(adapter.prepare(reel, Prepared()))
    del platform.standin._videos[saved.get("video")]

    with pytest.raises(Unreachable):
        for step in adapter.prepare(reel, saved):
            saved = step
    settle(adapter, adapter.publish(reel, prepare_all(adapter, reel, platform, saved)), platform)

    assert len(platform.public) == 1


@pytest.mark.parametrize("state", ["expired", "upload_failed", "error"])
def test_an_upload_that_facebook_has_given_up_begins_anew(adapter, platform, reel, state):
    saved = next(adapter.prepare(reel, Prepared()))
    platform.standin.script("status", faults.reply(200, {"status": {"video_status": state}}))

    with pytest.raises(Unreachable):
        for step in adapter.prepare(reel, saved):
            saved = step

    assert saved == Prepared()


def test_bytes_that_facebook_cannot_use_begin_anew(adapter, platform, reel):
    failed = {"debug_info": {"retriable": False, "type": "ProcessingFailedError", "message": "Request failed"}}
    platform.script("upload", faults.accept(), faults.reply(400, failed))
    saved = Prepared()

    with pytest.raises(Unreachable):
        for step in adapter.prepare(reel, saved):
            saved = step

    assert saved == Prepared()


@pytest.mark.parametrize(
    "named",
    [
        "https://rupload.facebook.com.example/video-upload/v26.0/1",
        "http://rupload.facebook.com/video-upload/v26.0/1",
        "https://rupload.facebook.com@evil.example/1",
    ],
)
def test_the_login_goes_to_no_other_upload_host(platform, reel, named):
    settings = Facebook.Settings(**platform.settings() | {"upload_url": "https://rupload.facebook.com"})
    careful = Facebook(settings, network=LOOPBACK)
    saved = Prepared({"video": "1", "to": named})
    platform.standin.script("status", faults.reply(200, {"status": {"uploading_phase": {"status": "not_started"}}}))
    platform.standin._videos["1"] = None  # so that its status can be asked for

    with pytest.raises(Unauthorized, match="rupload"):
        list(careful.prepare(reel, saved))


def test_the_upload_host_is_facebooks_own_unless_said():
    assert Facebook.Settings(page="1", access_token="x").upload_url == "https://rupload.facebook.com"


def test_the_login_is_in_no_address_and_in_no_error(adapter, platform, reel, caplog):
    caplog.set_level(logging.DEBUG)
    platform.script("upload", faults.accept(), faults.refuse(), faults.expired_token())
    shown = []
    saved = Prepared()
    for _ in range(2):
        with pytest.raises(ChannelError) as error:
            for step in adapter.prepare(reel, saved):
                saved = step
        shown.append(whole(error.value))

    assert platform.standin.access_token not in "\n".join([*shown, caplog.text, repr(saved)])


# The one request that counts


@pytest.mark.parametrize("verb", [faults.drop_after_accepting(), faults.error_after_accepting(500)])
def test_a_lost_answer_at_finish_ends_in_one_reel(adapter, platform, reel, since, verb):
    prepared = prepare_all(adapter, reel, platform)
    platform.script("publish", verb)
    with pytest.raises(Uncertain):
        adapter.publish(reel, prepared)

    with pytest.raises(Uncertain):  # it is at work on the video, by our request or by itself
        adapter.find(reel, prepared, since)
    (found,) = adapter.find(reel, prepared, since)

    assert settle(adapter, found, platform).id == platform.public[0].id
    assert len(platform.public) == 1
    assert adapter.certainty(reel) is Certainty.STAGED


def test_a_finish_that_never_arrived_is_surely_absent_and_done_again(adapter, platform, reel, since):
    prepared = prepare_all(adapter, reel, platform)
    platform.script("publish", faults.drop())
    with pytest.raises(Uncertain):
        adapter.publish(reel, prepared)

    assert list(adapter.find(reel, prepared, since)) == []
    settle(adapter, adapter.publish(reel, prepared), platform)

    assert len(platform.public) == 1


def test_finishing_twice_is_uncertain_and_makes_one_reel(adapter, platform, reel, since):
    prepared = prepare_all(adapter, reel, platform)
    settle(adapter, adapter.publish(reel, prepared), platform)

    with pytest.raises(Uncertain):
        adapter.publish(reel, prepared)

    assert [found.id for found in adapter.find(reel, prepared, since)] == [platform.public[0].id]
    assert len(platform.public) == 1


def test_bytes_that_facebook_lost_before_finish_are_prepared_anew(adapter, platform, reel):
    prepared = prepare_all(adapter, reel, platform)
    platform.standin._videos[prepared.get("video")].data = b""

    with pytest.raises(Stale):
        adapter.publish(reel, prepared)

    assert platform.public == []


def test_a_status_that_cannot_be_read_proves_nothing(adapter, platform, reel, since):
    prepared = prepare_all(adapter, reel, platform)

    for verb in (faults.error_before(500), faults.html(), faults.reply(200, []), faults.reply(200, {"id": "1"})):
        platform.standin.script("status", verb)
        with pytest.raises(Uncertain):
            adapter.find(reel, prepared, since)


def test_a_reel_without_bytes_was_never_released(adapter, reel, since):
    assert list(adapter.find(reel, Prepared(), since)) == []
    assert list(adapter.find(reel, Prepared({"video": "1", "to": "https://x"}), since)) == []


def test_ready_means_that_a_reel_could_be_released_not_that_it_was(adapter, platform, reel, since):
    prepared = prepare_all(adapter, reel, platform)
    ready = {
        "published": False,
        "status": {
            "video_status": "ready",
            "uploading_phase": {"status": "completed"},
            "processing_phase": {"status": "completed"},
            "publishing_phase": {"status": "not_started"},
        },
    }
    platform.standin.script("status", faults.reply(200, ready), faults.reply(200, ready))
    receipt = Receipt(prepared.get("video"), f"https://www.facebook.com/reel/{prepared.get('video')}")

    assert list(adapter.find(reel, prepared, since)) == []
    with pytest.raises(NotYet):
        adapter.confirm(replace(receipt, stage=Stage.PROCESSING))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"uploading_phase": {"status": "in_progress", "bytes_transfered": 50002}}, ("arrived", 50002)),
        ({"uploading_phase": {"status": "in_progress", "bytes_transferred": 50002}}, ("arrived", 50002)),
        ({"uploading_phase": {"status": "in_progress"}}, ("arrived", None)),
        ({"uploading_phase": {"status": "completed"}}, ("uploading", "complete")),
        ({"processing_phase": {"status": "not_started", "error": {"message": "Too low."}}}, ("says", "Too low.")),
        ({"processing_phase": {"status": "error", "errors": [{"code": 7, "message": "Bad."}]}}, ("says", "Bad.")),
        ({"publishing_phase": {"status": "error"}}, ("failed", True)),
        ({"publishing_phase": {"status": "complete", "publish_status": "published"}}, ("released", True)),
        ({"publishing_phase": {"status": "completed", "publish_status": "PUBLISHED"}}, ("released", True)),
        ({"publishing_phase": {"status": "complete", "publish_status": "draft"}}, ("released", False)),
        ({"publishing_phase": {"status": "complete", "publish_status": "scheduled"}}, ("released", False)),
        ({"publishing_phase": {"status": "in_progress", "publish_status": "published"}}, ("released", False)),
        ({"video_status": "ready"}, ("released", False)),
    ],
)
def test_the_status_is_read_in_every_spelling_that_facebook_uses(status, expected):
    name, value = expected

    assert getattr(Seen.of({"status": status}), name) == value


def test_a_reels_address_names_its_receipt():
    found = Facebook.receipt_at("https://www.facebook.com/reel/1234567890/?s=1")

    assert found.id == "1234567890"
