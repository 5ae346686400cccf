"""Instagram stories: the contract, and what only stories do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from PIL import Image

from dissem.channels.adapter import Counts, Gone
from dissem.channels.errors import Uncertain, Unreachable
from dissem.channels.instagram import Instagram
from dissem.channels.instagram_story import InstagramStory
from dissem.rehearsal import faults
from dissem.rehearsal.instagram import InstagramStandin

from . import two_steps
from .contract import prepare_all, send
from .test_instagram import InstagramContract, InstagramPlatform
from .two_steps import refused, saved_steps

host, attach = two_steps.host, two_steps.attach


class StoryPlatform(InstagramPlatform):
    """A story says nothing and is gone after a day."""

    adapter_class = InstagramStory

    @property
    def max_text(self):
        return None

    def shows(self, live, part):
        return (live.text, [one.bytes for one in live.media]) == ("", [a.path.read_bytes() for a in part.attachments])

    def wait(self, span):
        """No longer than there are figures, where the suite waits for days to see some."""
        super().wait(span if span <= timedelta(hours=24) else timedelta(hours=20))


@pytest.fixture
def platform():
    with InstagramStandin() as standin:
        yield StoryPlatform(standin)


class TestContract(InstagramContract):
    """Everything asked of every channel, and of Instagram's own."""


@pytest.fixture
def photo(part, photos):
    return part(kind="photo", text="", attachments=(photos[0],))


@pytest.fixture
def film(part, clip):
    return part(kind="video", text="", attachments=(replace(clip, url=None),))


def test_only_the_file_is_sent(adapter, platform, part, photos, film):
    send(adapter, part(text="Ini tidak ikut.", attachments=(photos[0],)), platform)
    receipt = send(adapter, film, platform)

    assert [(live.text, live.media[0].alt) for live in platform.public] == [("", ""), ("", "")]
    assert platform.public[1].media[0].bytes == film.attachments[0].path.read_bytes()
    assert receipt.url == f"https://www.instagram.com/stories/humaskota.rehearsal/{receipt.id}"
    assert platform.standin.unknown_fields == []


def test_a_picture_of_any_shape_is_taken(adapter, platform, part, attach):
    held = BytesIO()
    Image.new("RGB", (90, 160)).save(held, "JPEG")

    send(adapter, part(text="", attachments=(attach(held.getvalue(), "image/jpeg"),)), platform)

    assert len(platform.public) == 1
    assert InstagramStory.facts.image_ratio is None
    assert Instagram.facts.image_ratio == (0.8, 1.91)


def lose(adapter, platform, part):
    """What was prepared of a story whose answer was lost after it went out."""
    prepared = prepare_all(adapter, part, platform)
    platform.script("publish", faults.drop_after_accepting())
    with pytest.raises(Uncertain):
        adapter.publish(part, prepared)
    return prepared


def test_a_story_is_told_from_those_that_were_there_before(adapter, platform, photo, since):
    send(adapter, photo, platform)
    prepared = lose(adapter, platform, photo)

    (found,) = adapter.find(photo, prepared, since)

    assert found.id == platform.public[1].id
    assert found.url == platform.public[1].url


def test_another_story_of_ours_that_was_prepared_at_the_same_time_is_not_taken_for_it(
    adapter, platform, photo, part, photos, since
):
    other = part(kind="photo", text="", attachments=(photos[1],))
    earlier = prepare_all(adapter, other, platform)
    prepared = prepare_all(adapter, photo, platform)
    adapter.publish(other, earlier)
    platform.script("publish", faults.drop_after_accepting())
    with pytest.raises(Uncertain):
        adapter.publish(photo, prepared)

    (found,) = adapter.find(photo, prepared, since)

    assert found.id == platform.public[1].id


def test_where_another_story_came_in_between_a_person_has_to_say_which_is_ours(adapter, platform, photo, since):
    prepared = lose(adapter, platform, photo)
    send(platform.adapter(), photo, platform)  # by somebody else, from a handset

    with pytest.raises(Uncertain) as doubt:
        adapter.find(photo, prepared, since)

    assert "dissem delivery resolve" in doubt.value.hint_text
    assert len(platform.public) == 2


def test_a_video_story_in_between_is_not_taken_for_a_photo(adapter, platform, photo, film, since):
    prepared = lose(adapter, platform, photo)
    send(adapter, film, platform)

    (found,) = adapter.find(photo, prepared, since)

    assert found.id == platform.public[0].id


def test_a_container_that_hides_leaves_it_open_although_there_is_a_new_story(adapter, platform, photo, since):
    prepared = prepare_all(adapter, photo, platform)
    send(adapter, photo, platform)
    platform.standin.script("status", refused(100, 33))

    with pytest.raises(Uncertain):
        adapter.find(photo, prepared, since)


def test_a_list_that_cannot_be_read_keeps_a_story_from_being_prepared(adapter, platform, photo):
    platform.script("list", faults.html())

    saved, why = saved_steps(adapter, photo)

    assert isinstance(why, Unreachable)
    assert saved.data == {}


def test_a_story_is_gone_after_a_day_and_that_is_no_failure(adapter, platform, photo, since):
    receipt = send(adapter, photo, platform)
    platform.standin.time_offset += timedelta(hours=20)
    assert isinstance(adapter.measure([receipt])[receipt.id], Counts)

    platform.standin.time_offset += timedelta(hours=4)

    assert adapter.measure([receipt]) == {receipt.id: Gone()}
    adapter.remove(receipt)


def test_what_fewer_than_five_have_seen_has_no_figures_and_keeps_no_other_from_being_read(adapter, platform, photo):
    old = send(adapter, photo, platform)
    platform.standin.time_offset += timedelta(hours=20)
    new = send(adapter, photo, platform)

    figures = adapter.measure([old, new])

    assert figures[new.id] == Counts()
    assert figures[old.id].views > 0
    assert figures[old.id].comments is not None  # replies


def test_a_video_of_more_than_a_minute_is_no_story_but_may_be_a_reel():
    assert (InstagramStory.facts.video_least_seconds, InstagramStory.facts.video_seconds) == (3, 60)
    assert Instagram.facts.video_seconds == 900


def test_stories_share_the_quota_of_the_account(adapter, platform, photo):
    platform.standin.elsewhere = 49
    send(adapter, photo, platform)

    assert InstagramStory.facts.daily == Instagram.facts.daily == 50
    assert platform.standin.published_today(platform.standin.accounts[0]) == 50


def test_a_story_knows_when_it_was_prepared(adapter, platform, photo):
    prepared = prepare_all(adapter, photo, platform)

    assert prepared.get("before") == []
    assert prepared.expires - datetime.now(UTC) < timedelta(hours=24)
    assert InstagramStory.facts.ahead == timedelta(hours=1)
