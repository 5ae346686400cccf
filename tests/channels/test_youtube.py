"""YouTube: the contract, and what only YouTube does."""

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import ClassVar

import pytest

from dissem.channels import client, youtube, youtube_answers, youtube_login
from dissem.channels.adapter import Certainty, Counts, Gone, Prepared, Receipt, Stage
from dissem.channels.client import Answer
from dissem.channels.errors import ChannelError, NotYet, Refused, Throttled, Unauthorized, Uncertain, Unreachable
from dissem.channels.youtube import YouTube
from dissem.rehearsal import faults
from dissem.rehearsal.youtube import UPLOAD, YoutubeStandin
from dissem.rehearsal.youtube_sessions import GRAIN

from .conftest import CLIP
from .contract import AdapterContract, Platform, prepare_all, send, whole

PIECES = 5


class YouTubePlatform(Platform):
    adapter_class = YouTube
    operations: ClassVar = {**Platform.operations, "check": "account", "list": "none: the staged video is asked"}

    def settings(self):
        return {
            "api_url": self.standin.url,
            "token_url": self.standin.url,
            "client_id": self.standin.client_id,
            "client_secret": self.standin.client_secret,
            "refresh_token": self.standin.token,
        }

    @property
    def secrets(self):
        return (*super().secrets, *self.standin.issued, *self.standin.sessions)

    def shows(self, live, part):
        """The title has a field of its own; angle brackets are not taken."""
        return live.text == f"{part.title}\n\n{part.text}".replace("<", "‹").replace(">", "›")


@pytest.fixture
def standin():
    with YoutubeStandin() as running:
        yield running
    assert running.accidents == []


@pytest.fixture
def platform(standin):
    return YouTubePlatform(standin)


@pytest.fixture
def movie(attach):
    """movie(size) → a video that the channel does not have yet; with more bytes than the clip if told."""
    numbers = count(1)

    def movie(size: int = 0):
        filler = next(numbers).to_bytes(4) + b"\0" * max(size - len(CLIP.read_bytes()) - 12, 0)
        content = CLIP.read_bytes() + (len(filler) + 8).to_bytes(4) + b"free" + filler  # a box that players skip
        return attach(content, "video/mp4", width=320, height=240, duration=2.0)

    return movie


@pytest.fixture
def film(part, movie):
    """film(**changes) → a part with a new video."""

    def film(**changes):
        return part(**{"kind": "video", "attachments": (movie(),), **changes})

    return film


class TestContract(AdapterContract):
    """Everything asked of every channel, with videos: YouTube takes nothing else, and no file twice."""

    @pytest.fixture
    def sample(self, film):
        return film

    @pytest.fixture
    def illustrated(self, film):
        return film()


@pytest.fixture
def long_film(film, movie, monkeypatch):
    """A part whose video goes up in several pieces."""
    monkeypatch.setattr(youtube, "CHUNK", GRAIN)
    return film(attachments=(movie((PIECES - 1) * GRAIN + 1000),))


def prepare_until(adapter, part, saved, steps):
    """What was saved when *adapter* was killed after *steps* further steps."""
    for number, step in enumerate(adapter.prepare(part, saved), start=1):
        saved = step
        if number == steps:
            break
    return saved


# Uploads


@pytest.mark.parametrize("steps", range(1, PIECES + 3))
def test_youtube_resumes_after_every_chunk(platform, standin, long_film, steps):
    saved = prepare_until(platform.adapter(), long_film, Prepared(), steps)

    reborn = platform.adapter()
    receipt = reborn.publish(long_film, prepare_all(reborn, long_film, platform, saved))

    assert list(standin.videos) == [receipt.id] == [live.id for live in standin.public]
    assert standin.videos[receipt.id].content == long_film.attachments[0].path.read_bytes()
    assert len(standin.sessions) == 1


def test_an_upload_that_dies_after_every_step_goes_on_to_one_video(platform, standin, long_film):
    saved, lives = Prepared(), 0
    while saved.get("video", "") == "":
        saved = prepare_until(platform.adapter(), long_film, saved, 2)  # the offset is asked, and one piece sent
        lives += 1
    adapter = platform.adapter()
    adapter.publish(long_film, prepare_all(adapter, long_film, platform, saved))

    assert lives >= PIECES
    assert len(standin.sessions) == len(standin.videos) == len(standin.public) == 1


@pytest.mark.parametrize("piece", range(PIECES))
@pytest.mark.parametrize(
    "trouble",
    [
        faults.drop(),
        faults.drop_after_accepting(),
        faults.error_before(503),
        faults.error_after_accepting(500),
        faults.html(),
        faults.late(30),
    ],
    ids=lambda verb: verb.kind,
)
def test_a_piece_whose_answer_is_lost_is_not_sent_twice(
    adapter, platform, standin, long_film, piece, trouble, monkeypatch
):
    monkeypatch.setattr(client, "READ", 0.1)
    standin.script("upload", *[faults.accept()] * piece, trouble)
    saved = Prepared()

    with pytest.raises(Unreachable):
        for step in adapter.prepare(long_film, saved):
            saved = step
    prepare_all(adapter, long_film, platform, saved)

    (video,) = standin.videos.values()
    assert video.content == long_film.attachments[0].path.read_bytes()
    assert len(standin.sessions) == 1
    assert standin.public == []


def test_the_server_keeps_less_than_was_sent_and_is_obeyed(adapter, platform, standin, long_film, monkeypatch):
    monkeypatch.setattr(youtube, "CHUNK", 2 * GRAIN)
    standin.persists = GRAIN

    saved = prepare_all(adapter, long_film, platform)

    assert standin.videos[saved.get("video")].content == long_film.attachments[0].path.read_bytes()


def test_what_we_saved_counts_less_than_what_the_server_says(adapter, platform, standin, long_film):
    saved = prepare_until(adapter, long_film, Prepared(), 3)
    wrong = saved.having(sent=4 * GRAIN)

    prepared = prepare_all(adapter, long_film, platform, wrong)

    assert standin.videos[prepared.get("video")].content == long_film.attachments[0].path.read_bytes()


def test_a_server_that_takes_nothing_is_left_for_later(adapter, standin, long_film):
    standin.persists = 0

    with pytest.raises(Unreachable, match="forward"):
        list(adapter.prepare(long_film, Prepared()))

    assert [e.status for e in standin.journal if e.label == "upload"] == [308]


def test_a_session_that_is_lost_is_replaced_by_a_new_one(adapter, platform, standin, long_film):
    saved = prepare_until(adapter, long_film, Prepared(), 3)
    standin.sessions.clear()

    with pytest.raises(Unreachable, match="anew"):
        for step in adapter.prepare(long_film, saved):
            saved = step
    assert saved == Prepared()
    prepare_all(adapter, long_film, platform, saved)

    assert len(standin.sessions) == len(standin.videos) == 1


def test_a_session_lost_after_the_last_piece_leads_to_the_video_it_made(adapter, platform, standin, long_film):
    saved = prepare_until(adapter, long_film, Prepared(), PIECES)  # all but the last
    standin.script("upload", faults.accept(), faults.drop_after_accepting())
    with pytest.raises(Unreachable):
        list(adapter.prepare(long_film, saved))
    (video,) = standin.videos
    standin.sessions.clear()

    with pytest.raises(Unreachable, match="anew"):
        for step in adapter.prepare(long_film, saved):
            saved = step
    saved = prepare_all(adapter, long_film, platform, saved)

    assert saved.get("video") == video
    assert list(standin.videos) == [video]


def test_what_was_prepared_before_a_backup_was_restored_is_found_again(adapter, platform, standin, film):
    ours = film()
    first = send(adapter, ours, platform)

    again = send(adapter, ours, platform)

    assert again == first
    assert len(standin.videos) == len(standin.public) == 1


def test_a_listing_that_fails_begins_no_second_upload(adapter, standin, film):
    standin.script("list", faults.error_before(500))

    with pytest.raises(Unreachable):
        list(adapter.prepare(film(), Prepared()))

    assert standin.sessions == {}


def test_our_video_is_found_among_many_by_its_mark(adapter, platform, standin, film):
    ours = film()
    made = prepare_all(adapter, ours, platform)
    for number in range(60):
        twin = replace(standin.videos[made.get("video")], id=f"lain{number}", content=b"", snippet={"tags": []})
        standin.videos[twin.id] = replace(twin, snippet={"title": "Lain", "description": "", "categoryId": "25"})

    assert adapter._marked(ours) == made.get("video")
    assert adapter._marked(film()) == ""


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://jahat.example/upload",
        "http://127.0.0.1:1/upload",
        "https://googleapis.com.jahat.example/",
        "http://[",
    ],
)
def test_the_token_is_not_carried_to_a_strange_upload_address(adapter, standin, film, address, monkeypatch):
    begin = standin.begin
    monkeypatch.setattr(standin, "begin", lambda request: replace(begin(request), headers={"Location": address}))

    with pytest.raises(Unreachable, match="no address of its own"):
        list(adapter.prepare(film(), Prepared()))

    assert [entry.label for entry in standin.journal if entry.label == "upload"] == []


def test_an_upload_address_at_another_host_of_google_is_followed(adapter):
    assert adapter._is_theirs("https://youtube.googleapis.com/upload/youtube/v3/videos?upload_id=x")


def test_a_whole_video_that_is_not_acknowledged_is_asked_for_again(adapter, standin, film, attach):
    """All bytes are there by YouTube's word, and it names no video: nothing is sent, nothing goes round."""
    ours = film()
    saved = prepare_until(adapter, ours, Prepared(), 1)
    size = ours.attachments[0].size
    reply = Answer(308, {"Range": f"bytes=0-{size - 1}"}, b"", False)
    adapter.api.put = lambda *args, **options: sent.append(options) or reply
    sent = []

    with pytest.raises(Unreachable):
        list(adapter.prepare(ours, saved))

    assert [(o["data"], o["headers"]["Content-Range"]) for o in sent] == [(b"", f"bytes */{size}")] * 2


# Processing


def test_a_video_in_processing_is_asked_for_ever_more_seldom(adapter, standin, film):
    standin.polls = 6
    ours, saved, waits = film(), Prepared(), []
    for _ in range(6):
        with pytest.raises(NotYet) as pause:
            for step in adapter.prepare(ours, saved):
                saved = step
        waits.append(pause.value.retry_after.total_seconds())
    saved = list(adapter.prepare(ours, saved))[-1]

    assert waits == [30, 60, 120, 240, 300, 300]
    assert adapter.publish(ours, saved).stage is Stage.PUBLIC


@pytest.mark.parametrize(
    ("cause", "error", "says"),
    [
        ("codec", Refused, "codec"),
        ("invalidFile", Refused, "invalidFile"),
        ("duplicate", Refused, "already"),
    ],
)
def test_a_video_that_youtube_gives_up_is_refused_and_another_try_begins_anew(
    adapter, platform, standin, film, cause, error, says
):
    ours, saved = film(), Prepared()
    with pytest.raises(NotYet):
        for step in adapter.prepare(ours, saved):
            saved = step
    broken = standin.videos.pop(saved.get("video"))
    standin.videos[broken.id] = replace(broken, cause=cause, content=b"")

    with pytest.raises(error, match=says):
        for step in adapter.prepare(ours, saved):
            saved = step

    assert saved == Prepared()
    assert send(adapter, ours, platform).id != broken.id


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ({"uploadStatus": "rejected", "rejectionReason": "length"}, Refused),
        ({"uploadStatus": "rejected", "rejectionReason": "uploaderAccountSuspended"}, Unauthorized),
        ({"uploadStatus": "rejected", "rejectionReason": "uploaderAccountClosed"}, Unauthorized),
        ({"uploadStatus": "failed"}, Refused),
        ({"uploadStatus": "deleted"}, Unreachable),
        ({"uploadStatus": "uploaded"}, NotYet),
        ({"uploadStatus": "new in 2028"}, NotYet),
        (None, NotYet),
    ],
)
def test_every_state_of_a_video_has_its_error(status, error):
    assert type(youtube_answers.unprocessed(status, 1)) is error


def test_a_file_that_is_no_video_is_refused(adapter, platform, standin, film, attach):
    broken = attach(b"%PDF-1.7 bukan video", "video/mp4")

    with pytest.raises(Refused, match="invalidFile"):
        send(adapter, film(attachments=(broken,)), platform)

    assert standin.public == []


def test_a_new_video_that_is_not_listed_yet_is_waited_for_and_a_deleted_one_is_uploaded_anew(
    adapter, platform, standin, film
):
    ours, saved = film(), Prepared()
    errors = []
    for _ in range(youtube_answers.PATIENCE + 1):
        try:
            for step in adapter.prepare(ours, saved):
                saved = step
        except ChannelError as error:
            errors.append(type(error))
        standin.videos.clear()

    assert errors == [NotYet] * youtube_answers.PATIENCE + [Unreachable]
    assert send(adapter, ours, platform).id == standin.public[0].id


# What is sent


def test_title_description_and_settings_arrive(platform, standin, film):
    settings = {**platform.settings(), "category": "22", "made_for_kids": True}
    adapter = YouTube(YouTube.Settings(**settings), network=platform.adapter().network)
    ours = film(tags=("Padang", "gerak jalan"), language="id")

    receipt = send(adapter, ours, platform)

    video = standin.videos[receipt.id]
    assert video.snippet == {
        "title": ours.title,
        "description": ours.text,
        "tags": [f"dissem-{ours.key}", "Padang", "gerak jalan"],
        "categoryId": "22",
        "defaultLanguage": "id",
        "defaultAudioLanguage": "id",
    }
    assert video.status["selfDeclaredMadeForKids"] is True


def test_it_is_private_until_it_is_published(adapter, platform, standin, film):
    ours = film()
    saved = prepare_all(adapter, ours, platform)

    before = standin.videos[saved.get("video")].status["privacyStatus"]
    adapter.publish(ours, saved)

    assert (before, standin.videos[saved.get("video")].status["privacyStatus"]) == ("private", "public")


def test_what_people_set_at_youtube_is_not_undone_by_the_flip(adapter, platform, standin, film):
    ours, saved = film(), Prepared()
    with pytest.raises(NotYet):
        for step in adapter.prepare(ours, saved):
            saved = step
    status = standin.videos[saved.get("video")].status
    status.update(embeddable=False, containsSyntheticMedia=True, publishAt="2030-01-01T00:00:00Z")

    receipt = adapter.publish(ours, prepare_all(adapter, ours, platform, saved))

    assert standin.videos[receipt.id].status == {
        "privacyStatus": "public",
        "embeddable": False,
        "license": "youtube",
        "publicStatsViewable": True,
        "selfDeclaredMadeForKids": False,
        "containsSyntheticMedia": True,
    }


@pytest.mark.parametrize(
    ("text", "length"), [("", 0), ("Padang", 6), ("é", 2), ("👩‍👩‍👧‍👦", 25), ("a\nb", 3), ("<b>", 7)]
)
def test_a_text_is_counted_in_bytes_as_it_is_sent(text, length):
    assert YouTube.length(text) == length


def test_the_longest_text_is_taken_and_one_more_byte_is_not(adapter, platform, standin, film):
    send(adapter, film(text="é" * 2498 + "<x"), platform)

    assert YouTube.length("é" * 2498 + "<x") == 5000
    with pytest.raises(Refused):
        send(adapter, film(text="é" * 2498 + "<xy"), platform)


@pytest.mark.parametrize("title", ["Jalan ditutup", "x" * 100, "kata " * 19 + "akhir", "Suhu < 30 & > 20"])
def test_a_title_arrives_whole(adapter, platform, standin, film, title):
    ours = film(title=title)

    receipt = send(adapter, ours, platform)

    assert standin.videos[receipt.id].snippet["title"] == title.replace("<", "‹").replace(">", "›")
    assert YouTube.objection(ours) is None
    assert YouTube.facts.title == 100


@pytest.mark.parametrize("title", ["x" * 101, "🙂" * 51, "a" + "👩‍👩‍👧‍👦" * 9 + "b"])
def test_a_title_that_may_be_too_long_is_told_before_the_approval(film, title):
    objection = YouTube.objection(film(title=title))

    assert "100" in str(objection)


def test_a_title_that_is_too_long_is_refused_and_never_cut(adapter, standin, film):
    with pytest.raises(Refused, match="title"):
        list(adapter.prepare(film(title="x" * 101), Prepared()))

    assert standin.sessions == {}


def test_tags_are_sent_as_far_as_there_is_room(adapter, platform, standin, film):
    ours = film(tags=tuple(f"tagar nomor {n} yang panjang" for n in range(40)))

    receipt = send(adapter, ours, platform)

    tags = standin.videos[receipt.id].snippet["tags"]
    assert tags[0] == f"dissem-{ours.key}"
    assert 10 < len(tags) < 40


def test_nothing_is_published_without_a_video(adapter, standin, part, photos):
    for attachments in ((), tuple(photos[:1])):
        with pytest.raises(Refused, match="without a video"):
            list(adapter.prepare(part(attachments=attachments), Prepared()))

    assert standin.sessions == {}


# Thumbnails


def test_a_picture_beside_the_video_is_its_thumbnail(adapter, platform, standin, film, movie, photos):
    ours = film(attachments=(photos[0], movie()))

    saved = prepare_all(adapter, ours, platform)
    prepare_all(adapter, ours, platform, saved)

    assert standin.videos[saved.get("video")].thumbnail == photos[0].path.read_bytes()
    assert len([e for e in standin.journal if e.label == "thumbnail"]) == 1


def test_a_channel_that_may_set_no_thumbnail_publishes_without_one(adapter, platform, standin, film, movie, photos):
    standin.verified = False
    ours = film(attachments=(movie(), photos[0]))

    saved = prepare_all(adapter, ours, platform)
    adapter.publish(ours, saved)

    assert saved.get("cover") is False
    assert len(standin.public) == 1


@pytest.mark.parametrize(
    ("trouble", "error"), [(faults.error_before(503), Unreachable), (faults.expired_token(), Unauthorized)]
)
def test_a_thumbnail_that_fails_for_now_is_tried_again(adapter, platform, standin, film, movie, photos, trouble, error):
    ours, saved = film(attachments=(movie(), photos[0])), Prepared()
    standin.script("thumbnail", trouble)

    with pytest.raises(error):
        for step in adapter.prepare(ours, saved):
            saved = step
    saved = prepare_all(adapter, ours, platform, saved)

    assert standin.videos[saved.get("video")].thumbnail
    assert len(standin.videos) == 1


def test_a_channel_that_set_enough_thumbnails_today_publishes_without_one(
    adapter, platform, standin, film, movie, photos
):
    ours = film(attachments=(movie(), photos[0]))
    entry = {"reason": "uploadRateLimitExceeded", "message": "Too many thumbnails", "domain": "youtube.thumbnail"}
    standin.script("thumbnail", faults.reply(429, {"error": {"code": 429, "message": "M", "errors": [entry]}}))

    saved = prepare_all(adapter, ours, platform)
    receipt = adapter.publish(ours, saved)

    assert saved.get("cover") is False
    assert [live.id for live in standin.public] == [receipt.id]


def test_a_picture_that_is_too_large_for_a_thumbnail_is_left_out(adapter, platform, standin, film, movie, attach):
    large = attach(b"\xff\xd8\xff\xe0" + b"\0" * (2 * 2**20), "image/jpeg")

    saved = prepare_all(adapter, film(attachments=(movie(), large)), platform)

    assert saved.get("cover") is False
    assert standin.videos[saved.get("video")].thumbnail == b""


def test_the_second_attachment_is_the_cover_that_the_facts_promise(adapter, platform, standin, film, movie, photos):
    ours = film(attachments=(movie(), photos[0]))

    receipt = send(adapter, ours, platform)

    assert YouTube.facts.cover
    assert standin.videos[receipt.id].thumbnail == photos[0].path.read_bytes()
    assert [stored.bytes for stored in standin.public[0].media] == [ours.attachments[0].path.read_bytes()]


# Shorts


@pytest.mark.parametrize(
    ("width", "height", "duration", "place"),
    [
        (720, 1280, 60.0, "shorts/"),
        (720, 720, 180.0, "shorts/"),
        (720, 1280, 180.1, "watch?v="),
        (1280, 720, 60.0, "watch?v="),
        (720, 1280, None, "watch?v="),
    ],
)
def test_a_short_is_told_by_its_shape_and_length_and_only_its_address_differs(
    adapter, platform, standin, film, movie, since, width, height, duration, place
):
    video = replace(movie(), width=width, height=height, duration=duration)
    ours = film(attachments=(video,))

    saved = prepare_all(adapter, ours, platform)
    receipt = adapter.publish(ours, saved)

    assert receipt == Receipt(id=standin.public[0].id, url=f"https://www.youtube.com/{place}{receipt.id}")
    assert list(adapter.find(ours, saved, since)) == [receipt]


# The flip


def test_it_is_asked_itself_whatever_the_answer_was(adapter, film):
    assert adapter.certainty(film()) is Certainty.STAGED


@pytest.mark.parametrize(
    "trouble",
    [faults.error_before(500), faults.drop(), faults.html(), faults.throttle(5), faults.reply(200, {"items": []})],
    ids=lambda verb: verb.kind,
)
def test_a_look_that_fails_is_no_proof_of_absence(adapter, platform, standin, film, since, trouble):
    ours = film()
    saved = prepare_all(adapter, ours, platform)
    standin.script("publish", faults.drop_after_accepting())
    with pytest.raises(Uncertain):
        adapter.publish(ours, saved)
    standin.script("status", trouble)

    with pytest.raises((Uncertain, Unreachable, Throttled)):
        adapter.find(ours, saved, since)
    (found,) = adapter.find(ours, saved, since)

    assert found.id == standin.public[0].id


def test_before_there_is_a_video_nothing_can_have_been_published(adapter, standin, film, since):
    ours = film()

    with pytest.raises(Unreachable):
        adapter.publish(ours, Prepared())

    assert list(adapter.find(ours, Prepared(), since)) == []
    assert standin.journal == []


def test_a_video_of_an_app_that_was_not_audited_is_no_success(adapter, platform, standin, film, since):
    standin.audited = False
    ours = film()
    saved = prepare_all(adapter, ours, platform)

    with pytest.raises(Unauthorized, match="private"):
        adapter.publish(ours, saved)

    assert list(adapter.find(ours, saved, since)) == []
    assert standin.public == []


def test_a_video_deleted_before_it_was_public_is_said_so(adapter, platform, standin, film, since):
    ours = film()
    saved = prepare_all(adapter, ours, platform)
    standin.videos.clear()

    with pytest.raises(Refused, match="deleted"):
        adapter.publish(ours, saved)
    assert list(adapter.find(ours, saved, since)) == []


@pytest.mark.parametrize("body", [{}, [], {"id": "x"}, {"id": "x", "status": {}}, {"id": "x", "status": "public"}, "x"])
def test_a_flip_whose_answer_cannot_be_read_is_uncertain(adapter, platform, standin, film, body):
    ours = film()
    saved = prepare_all(adapter, ours, platform)
    standin.script("publish", faults.reply(200, body))

    with pytest.raises(Uncertain):
        adapter.publish(ours, saved)


def test_the_flip_leaves_title_and_tags_as_they_are(adapter, platform, standin, film):
    ours = film()
    saved = prepare_all(adapter, ours, platform)
    before = dict(standin.videos[saved.get("video")].snippet)

    adapter.publish(ours, saved)

    assert standin.videos[saved.get("video")].snippet == before


# Errors


def refusal(status, reason, irrevocable=True, headers=None):
    body = {"error": {"code": status, "message": "M", "errors": [{"reason": reason, "message": "Kata YouTube"}]}}
    return Answer(status, headers or {}, json.dumps(body).encode(), irrevocable)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal(400, "invalidTitle"), Refused),
        (refusal(400, "invalidDescription"), Refused),
        (refusal(400, "mediaBodyRequired"), Refused),
        (refusal(413, "uploadTooLarge"), Refused),
        (refusal(404, "videoNotFound"), youtube_answers.Missing),
        (Answer(410, {}, b"", False), youtube_answers.Missing),
        (refusal(403, "forbidden"), youtube_answers.Forbidden),
        (refusal(403, "insufficientPermissions"), Unauthorized),
        (refusal(403, "channelSuspended"), Unauthorized),
        (refusal(403, "channelClosed"), Unauthorized),
        (refusal(403, "authenticatedUserAccountSuspended"), Unauthorized),
        (refusal(403, "accessNotConfigured"), Unauthorized),
        (refusal(403, "forbiddenPrivacySetting"), Unauthorized),
        (refusal(401, "youtubeSignupRequired"), Unauthorized),
        (refusal(403, "quotaExceeded"), Throttled),
        (refusal(429, "quotaExceeded"), Throttled),
        (refusal(403, "dailyLimitExceeded"), Throttled),
        (refusal(400, "uploadLimitExceeded"), Throttled),
        (refusal(403, "rateLimitExceeded"), Throttled),
        (refusal(403, "userRateLimitExceeded"), Throttled),
        (refusal(429, "uploadRateLimitExceeded"), youtube_answers.Enough),
        (refusal(401, "authError"), type(None)),
        (refusal(500, "backendError"), type(None)),
        (refusal(503, "backendError"), type(None)),
        (refusal(408, "x"), type(None)),
        (Answer(403, {}, b"<h1>quotaExceeded</h1>", True), type(None)),  # a page is no reason
        (Answer(400, {}, b'{"error": "invalid_grant"}', True), type(None)),
        (Answer(400, {}, b"[]", True), type(None)),
        (Answer(400, {}, b'{"error": {"errors": ["x"]}}', True), type(None)),
    ],
    ids=lambda given: f"{given.status}-{given.content[-60:]!r}" if isinstance(given, Answer) else "",
)
def test_an_error_is_named_by_its_reason(answer, error):
    assert type(youtube_answers.translate(answer)) is error


def test_staff_read_what_youtube_says():
    assert "Kata YouTube" in str(youtube_answers.translate(refusal(400, "invalidTitle")))


@pytest.mark.parametrize(
    ("now", "wait"),
    [
        (datetime(2026, 11, 24, 7, 59, tzinfo=UTC), timedelta(minutes=1)),  # winter: UTC-8
        (datetime(2026, 11, 24, 8, 0, tzinfo=UTC), timedelta(days=1)),
        (datetime(2026, 7, 1, 6, 0, tzinfo=UTC), timedelta(hours=1)),  # summer: UTC-7
        (datetime(2026, 11, 1, 7, 0, tzinfo=UTC), timedelta(hours=25)),  # the clocks are put back on that day
    ],
)
def test_a_daily_quota_begins_anew_at_midnight_in_california(now, wait):
    assert youtube_answers._to_reset(now) == wait


def test_a_day_without_uploads_left_says_how_long_to_wait(adapter, standin, film):
    standin.uploads_a_day = 0

    with pytest.raises(Throttled) as pause:
        list(adapter.prepare(film(), Prepared()))

    assert timedelta() < pause.value.retry_after <= timedelta(hours=25)
    assert standin.videos == {}


def test_the_cap_of_the_channel_is_a_pause_of_a_day(adapter, standin, film):
    standin.channel_uploads = 0

    with pytest.raises(Throttled) as pause:
        list(adapter.prepare(film(), Prepared()))

    assert pause.value.retry_after == timedelta(days=1)


# The login


def tokens(standin):
    return [entry.status for entry in standin.journal if entry.label == "token"]


def test_one_token_serves_an_hours_requests(adapter, platform, standin, film):
    send(adapter, film(), platform)
    adapter.check()

    assert tokens(standin) == [200]


def test_many_threads_ask_for_one_token(adapter, standin):
    threads = [threading.Thread(target=adapter.check) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert tokens(standin) == [200]


def test_a_token_is_renewed_before_it_ends(adapter, standin, monkeypatch):
    adapter.check()
    clock = youtube_login.time.clock_gettime(youtube_login._CLOCK)
    ends = clock + 3599

    for later in (ends - 400, ends - 200):
        monkeypatch.setattr(youtube_login.time, "clock_gettime", lambda _, later=later: later)
        adapter.check()

    assert tokens(standin) == [200, 200]


def test_a_token_that_was_not_accepted_is_not_used_again(adapter, standin):
    standin.script("account", faults.expired_token())

    with pytest.raises(Unauthorized):
        adapter.check()

    assert adapter.check().id == standin.accounts[0].id
    assert tokens(standin) == [200, 200]


def test_a_login_that_has_ended_is_unauthorized_and_surely_nothing_was_published(platform, standin, film):
    ours = film()
    saved = prepare_all(platform.adapter(), ours, platform)
    standin.revoked.add(standin.token)

    with pytest.raises(Unauthorized, match="login"):
        platform.adapter().publish(ours, saved)

    assert standin.public == []


@pytest.mark.parametrize(
    ("verb", "error"),
    [
        (faults.drop(), Unreachable),
        (faults.error_before(503), Unreachable),
        (faults.html(), Unreachable),
        (faults.reply(200, {"access_token": "x"}), Unreachable),
        (faults.reply(200, {"access_token": None, "expires_in": 3599}), Unreachable),
        (faults.reply(200, {"access_token": "x", "expires_in": "3599"}), Unreachable),
        (faults.throttle(7), Throttled),
        (faults.refuse(401, {"error": "invalid_client"}), Unauthorized),
        (faults.refuse(400, {"error": "invalid_grant"}), Unauthorized),
        (faults.refuse(403, "<h1>403</h1>"), Unauthorized),
    ],
    ids=lambda given: getattr(given, "kind", ""),
)
def test_trouble_while_logging_in_is_never_uncertain(platform, standin, film, verb, error):
    ours = film()
    saved = prepare_all(platform.adapter(), ours, platform)
    standin.script("token", verb)

    with pytest.raises(error):
        platform.adapter().publish(ours, saved)

    assert standin.public == []


def test_a_wrong_app_secret_is_never_shown(platform, film):
    settings = {**platform.settings(), "client_secret": "rahasia-yang-salah"}
    adapter = YouTube(YouTube.Settings(**settings), network=platform.adapter().network)

    with pytest.raises(Unauthorized, match="invalid_client") as refused:
        adapter.check()

    assert "rahasia-yang-salah" not in whole(refused.value)


def test_check_tells_the_channel_its_rights_and_its_limits(adapter, standin):
    verified = adapter.check()
    standin.verified = False
    unverified = adapter.check()

    assert (verified.name, verified.url) == ("Humas Kota", f"https://www.youtube.com/channel/{verified.id}")
    assert UPLOAD in verified.scopes
    assert (verified.limits, unverified.limits) == ({}, {"video_seconds": 900})


def test_a_login_that_may_only_upload_is_not_enough(platform, standin):
    readonly = frozenset({UPLOAD, "https://www.googleapis.com/auth/youtube.readonly"})
    standin.accounts[0] = replace(standin.accounts[0], scopes=readonly)

    with pytest.raises(Unauthorized, match="may not publish"):
        platform.adapter().check()


def test_a_google_account_without_a_channel_is_told_from_an_outage(platform, standin):
    standin.accounts[0] = replace(standin.accounts[0], id="")

    with pytest.raises(Unauthorized, match="no YouTube channel"):
        platform.adapter().check()


# Afterwards


def test_fifty_videos_are_measured_in_one_request(adapter, platform, standin, film):
    receipt = send(adapter, film(), platform)
    asked = [receipt, *(Receipt(id=f"lain{n:07}") for n in range(49))]
    before = len(standin.journal)

    figures = adapter.measure(asked)

    assert len(standin.journal) - before == 1
    assert isinstance(figures[receipt.id], Counts)
    assert [figures[other.id] for other in asked[1:]] == [Gone()] * 49


def test_counts_that_the_owner_hides_are_unavailable_not_zero(adapter, platform, standin, film):
    receipt = send(adapter, film(), platform)
    standin.hidden = {"likeCount"}

    counts = adapter.measure([receipt])[receipt.id]

    assert (counts.views, counts.likes, counts.comments) == (0, None, 0)


def test_a_video_that_youtube_took_down_is_gone(adapter, platform, standin, film):
    receipt = send(adapter, film(), platform)
    standin.videos[receipt.id].cause = "duplicate"

    assert adapter.measure([receipt]) == {receipt.id: Gone()}


@pytest.mark.parametrize("body", [{"items": []}, {"kind": "x", "items": {}}, {"kind": "x", "items": [{}]}, [], "x"])
def test_an_answer_that_is_no_listing_makes_nothing_gone(adapter, platform, standin, film, body):
    receipt = send(adapter, film(), platform)
    standin.script("measure", faults.reply(200, body))

    with pytest.raises(Unreachable):
        adapter.measure([receipt])


@pytest.mark.parametrize(
    "address",
    [
        "https://www.youtube.com/watch?v={}",
        "https://www.youtube.com/watch?app=desktop&v={}&t=3",
        "https://youtu.be/{}?si=x",
        "https://www.youtube.com/shorts/{}",
    ],
)
def test_a_publication_that_a_person_vouched_for_is_counted_and_removed_by_its_address(
    adapter, platform, standin, film, address
):
    made = send(adapter, film(), platform)
    vouched = Receipt(id=address.format(made.id))

    assert isinstance(adapter.measure([vouched])[vouched.id], Counts)
    adapter.remove(vouched)

    assert standin.public == []


def test_an_address_without_a_video_is_neither_gone_nor_removed(adapter, standin):
    strange = Receipt(id="https://padang.go.id/video")

    assert adapter.measure([strange]) == {}
    with pytest.raises(Refused, match="padang"):
        adapter.remove(strange)
    assert standin.journal == []
