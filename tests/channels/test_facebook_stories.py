"""Facebook stories: the contract with a photo and with a video, and what only stories do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest

from dissem import rehearsal
from dissem.channels.adapter import Certainty, Counts, Gone, Prepared, Stage
from dissem.channels.errors import NotYet, Refused, Uncertain
from dissem.channels.facebook import Facebook
from dissem.channels.facebook_stories import METRICS, FacebookStory
from dissem.compose import media
from dissem.compose.attach import Picture
from dissem.compose.post import compose
from dissem.models.release import Kind, Release
from dissem.rehearsal import faults
from dissem.rehearsal.facebook import FacebookStandin

from .contract import prepare_all, send, settle
from .facebook_films import upright_film
from .test_facebook import FacebookContract, FacebookPlatform

STORY = Path(rehearsal.__file__).parent / "material" / "story.jpg"


class StoryPlatform(FacebookPlatform):
    adapter_class = FacebookStory

    def shows(self, live, part):
        return live.text == ""  # a story has no words


@pytest.fixture
def platform():
    with FacebookStandin() as standin:
        standin.processing_polls = 0
        standin.story_archive = True
        yield StoryPlatform(standin)


@pytest.fixture
def clip(attach):
    return attach(upright_film(), "video/mp4", width=1080, height=1920, duration=12.0, alt="Apel pagi")


@pytest.fixture
def photo(part, photos):
    return part(kind="photo", attachments=(photos[0],))


@pytest.fixture
def film(part, clip):
    return part(kind="video", attachments=(clip,))


class TestPhotoStoryContract(FacebookContract):
    """Everything asked of every channel, where a post is a photo for a day."""


class TestVideoStoryContract(FacebookContract):
    """The same, where a post is a video for a day."""

    @pytest.fixture
    def sample(self, part, clip):
        return lambda **changes: part(kind="video", **{"attachments": (clip,), **changes})


def sent(platform, end):
    return [entry for entry in platform.standin.journal if entry.method == "POST" and entry.path.endswith(end)]


# Photos


def test_a_photo_is_unseen_until_it_is_made_a_story(adapter, platform, photo):
    prepared = prepare_all(adapter, photo, platform)
    before = list(platform.public)
    receipt = adapter.publish(photo, prepared)

    (live,) = platform.public
    assert before == []
    assert receipt.id == live.id
    assert receipt.also == (prepared.get("photo"),)
    assert adapter.confirm(receipt).url == live.url
    assert sent(platform, "/feed") == []


def test_an_address_that_cannot_be_read_does_not_unpublish(adapter, platform, photo):
    receipt = send(adapter, photo, platform)
    platform.standin.script("read", faults.error_before(500))

    assert adapter.confirm(receipt) == receipt


@pytest.mark.parametrize("steps", [0, 1])
def test_dying_before_or_after_the_photo_ends_in_one_story(adapter, platform, photo, steps):
    saved = Prepared()
    for step in islice(adapter.prepare(photo, saved), steps):
        saved = step

    adapter.publish(photo, prepare_all(adapter, photo, platform, saved))

    assert len(platform.public) == 1
    assert len(sent(platform, "/photos")) == 1


def test_a_photo_story_whose_answer_was_lost_is_found_by_its_photo_among_others(adapter, platform, part, photos, since):
    ours, theirs = (part(kind="photo", attachments=(one,)) for one in photos[:2])
    prepared = prepare_all(adapter, ours, platform)
    send(adapter, theirs, platform)
    platform.script("publish", faults.error_after_accepting(500))
    with pytest.raises(Uncertain):
        adapter.publish(ours, prepared)

    (found,) = adapter.find(ours, prepared, since)

    assert found.id == platform.public[1].id
    assert found.url == platform.public[1].url
    assert adapter.certainty(ours) is Certainty.READABLE


def test_a_photo_is_a_story_once(adapter, platform, photo):
    prepared = prepare_all(adapter, photo, platform)
    adapter.publish(photo, prepared)

    with pytest.raises(Refused, match="used"):
        adapter.publish(photo, prepared)

    assert len(platform.public) == 1


def test_every_page_of_the_stories_is_read(adapter, platform, part, photos, since):
    first = part(kind="photo", attachments=(photos[0],))
    prepared = prepare_all(adapter, first, platform)
    receipt = adapter.publish(first, prepared)
    for _ in range(25):
        send(adapter, part(kind="photo", attachments=(photos[1],)), platform)

    (found,) = adapter.find(first, prepared, since)

    assert found.id == receipt.id
    assert len(platform.calls("list")) == 2


@pytest.mark.parametrize("body", [{}, [], {"data": [{}]}, {"data": None}, {"data": [{"post_id": "1"}]}])
def test_a_list_of_stories_that_is_not_whole_proves_nothing(adapter, platform, photo, since, body):
    prepared = prepare_all(adapter, photo, platform)
    platform.script("list", faults.reply(200, body))

    with pytest.raises(Uncertain):
        adapter.find(photo, prepared, since)


def test_what_was_never_uploaded_cannot_be_a_story(adapter, photo, film, since):
    assert list(adapter.find(photo, Prepared(), since)) == []
    assert list(adapter.find(film, Prepared(), since)) == []


def test_a_story_carries_no_words(adapter, platform, photo, film):
    send(adapter, photo, platform)
    send(adapter, film, platform)

    assert [live.text for live in platform.public] == ["", ""]
    assert [(video.title, video.description) for video in platform.standin._videos.values()] == [("", "")]


# Videos


def test_a_video_story_goes_over_the_upload_host_and_is_no_reel(adapter, platform, film):
    receipt = send(adapter, film, platform)

    (live,) = platform.public
    assert receipt.id == live.id
    assert live.media[0].bytes == film.attachments[0].path.read_bytes()
    assert len(sent(platform, "/video_stories")) == 2
    assert sent(platform, "/video_reels") == sent(platform, "/videos") == []


def test_a_video_story_is_processing_until_facebook_is_done(adapter, platform, film):
    platform.standin.processing_polls = 2
    receipt = adapter.publish(film, prepare_all(adapter, film, platform))

    for _ in range(2):
        with pytest.raises(NotYet):
            adapter.confirm(receipt)
    confirmed = adapter.confirm(receipt)

    assert receipt.stage is Stage.PROCESSING
    assert (confirmed.id, confirmed.stage) == (platform.public[0].id, Stage.PUBLIC)
    assert adapter.certainty(film) is Certainty.STAGED


def test_a_video_story_that_facebook_gives_up_is_refused(adapter, platform, film):
    platform.standin.processing_error = "no picture"

    with pytest.raises(Refused, match="no picture"):
        send(adapter, film, platform)

    assert platform.public == []


@pytest.mark.parametrize("steps", [0, 1, 2])
@pytest.mark.parametrize("verb", [faults.drop(), faults.drop_after_accepting()], ids=lambda verb: verb.kind)
def test_dying_on_the_way_and_a_lost_answer_end_in_one_video_story(adapter, platform, film, since, steps, verb):
    saved = Prepared()
    for step in islice(adapter.prepare(film, saved), steps):
        saved = step
    prepared = prepare_all(adapter, film, platform, saved)
    platform.script("publish", verb)
    with pytest.raises(Uncertain):
        adapter.publish(film, prepared)

    found = adapter.find(film, prepared, since) or [adapter.publish(film, prepared)]
    receipt = settle(adapter, found[0], platform)

    assert [live.id for live in platform.public] == [receipt.id]


def test_a_video_story_at_work_is_neither_there_nor_absent(adapter, platform, film, since):
    platform.standin.processing_polls = 1
    prepared = prepare_all(adapter, film, platform)
    adapter.publish(film, prepared)

    with pytest.raises(Uncertain):
        adapter.find(film, prepared, since)
    (found,) = adapter.find(film, prepared, since)

    assert settle(adapter, found, platform).id == platform.public[0].id


def test_a_broken_upload_of_a_story_goes_on(adapter, platform, film):
    platform.standin.cuts.append(700)

    send(adapter, film, platform)

    offsets = [entry.headers["offset"] for entry in platform.standin.journal if "/video-upload/" in entry.path]
    assert offsets == ["0", "700"]
    assert len(platform.public) == 1


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"duration": 61.0}, "3 to 60 seconds"),
        ({"width": 1920, "height": 1080}, "9:16"),
        ({"width": 1080, "height": 1080}, "9:16"),
        ({"width": 360, "height": 640}, "540 × 960"),
    ],
)
def test_what_no_video_story_can_be_is_told_before_anything_is_sent(adapter, platform, part, clip, changes, why):
    film = part(kind="video", attachments=(replace(clip, **changes),))

    with pytest.raises(Refused, match=why):
        prepare_all(adapter, film, platform)

    assert why in str(FacebookStory.objection(film))
    assert platform.standin.journal == []


def test_a_photo_of_any_shape_can_be_a_story(part, photos):
    wide, tall = (replace(photos[0], width=width, height=height) for width, height in ((1600, 900), (900, 1600)))

    assert [FacebookStory.objection(part(attachments=(one,))) for one in (wide, tall)] == [None, None]


# A day later


@pytest.mark.parametrize("kind", ["photo", "film"])
def test_a_story_that_has_run_out_is_gone_and_no_error(adapter, platform, kind, request):
    platform.standin.story_archive = False
    receipt = send(adapter, request.getfixturevalue(kind), platform)
    platform.wait(timedelta(hours=23))
    last = adapter.measure([receipt])[receipt.id]
    platform.wait(timedelta(hours=1))

    assert last.views > 0
    assert platform.public == []
    assert adapter.measure([receipt]) == {receipt.id: Gone()}
    adapter.remove(receipt)


def test_a_page_with_an_archive_counts_on(adapter, platform, photo):
    receipt = send(adapter, photo, platform)
    platform.wait(timedelta(days=3))

    counts = adapter.measure([receipt])[receipt.id]

    assert platform.public == []
    assert counts.views > 0


def test_a_retired_metric_leaves_the_others(adapter, platform, photo):
    receipt = send(adapter, photo, platform)
    platform.wait(timedelta(hours=5))
    retired = {"error": {"code": 100, "message": "The value must be a valid insights metric"}}
    platform.script("measure", faults.reply(400, retired), faults.reply(400, retired))

    counts = adapter.measure([receipt])[receipt.id]

    assert counts.views is None  # asked for first, and refused
    assert counts.reach > 0


def test_without_the_right_to_insights_nothing_is_claimed(adapter, platform, photo):
    receipt = send(adapter, photo, platform)
    platform.script("measure", faults.reply(400, {"error": {"code": 10, "message": "M"}}))

    assert adapter.measure([receipt]) == {receipt.id: Counts()}


def test_a_story_takes_its_file_along_when_it_is_removed(adapter, platform, photo):
    receipt = send(adapter, photo, platform)

    adapter.remove(receipt)

    assert platform.public == []
    with pytest.raises(Refused):
        adapter.graph.get_object(receipt.also[0])


# What it is


def test_a_channel_of_stories_is_set_up_like_one_of_the_page():
    assert FacebookStory.Settings.model_fields.keys() == Facebook.Settings.model_fields.keys()


def test_every_figure_it_claims_has_its_metric():
    assert FacebookStory.facts.counts == METRICS.keys()


def test_a_release_becomes_one_part_with_one_picture(tmp_path):
    release = Release(
        id=1,
        kind=Kind.PHOTO,
        agency="dishub",
        title="Jalan Sudirman ditutup",
        body="Lewat **Jalan Veteran**, ya!",
        link="https://padang.go.id/1",
        tags=["padang"],
        author_id=1,
        editor_id=1,
        created=datetime(2026, 11, 23, tzinfo=UTC),
        edited=datetime(2026, 11, 23, tzinfo=UTC),
    )
    picture = Picture(media.keep_original(STORY, tmp_path), "Peta", "story.jpg")

    post = compose(release, [picture], agency="A", kind=FacebookStory, folder=tmp_path, seed="s")

    (part,) = post.parts
    assert [(a.width, a.height) for a in part.attachments] == [(1080, 1920)]
    assert FacebookStory.objection(part) is None
