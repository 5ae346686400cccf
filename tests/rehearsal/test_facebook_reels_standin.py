"""Reels and stories of the Facebook stand-in: order, fields, the upload host, and what is public for how long."""

import json
import struct
from datetime import timedelta

import pytest
import requests
from test_facebook_standin import LANDSCAPE, Client, box, error_of, movie

from dissem.rehearsal.facebook import FacebookStandin
from dissem.rehearsal.faults import drop, drop_after_accepting, error_after_accepting, refuse, throttle


def film(width=1080, height=1920, seconds=12):
    """An MP4 that tells its sides and how long it lasts."""
    header = box(b"mvhd", struct.pack(">IIIII", 0, 0, 0, 1000, int(seconds * 1000)) + bytes(80))
    bare = movie(width, height)
    place = bare.index(b"moov") - 4
    body = header + bare[place + 8 : place + int.from_bytes(bare[place : place + 4])]
    return bare[:place] + box(b"moov", body) + bare[place + int.from_bytes(bare[place : place + 4]) :]


FILM = film()


class Publisher(Client):
    """Knows the phases, too."""

    def phase(self, edge, phase, **data):
        return self.post(f"{self.standin.page}/{edge}", upload_phase=phase, **data)

    def start(self, edge="video_reels"):
        return self.phase(edge, "start").json()

    def send(self, started, data, offset=0, **headers):
        told = {"Authorization": f"OAuth {self.standin.access_token}", "offset": str(offset), **headers}
        return self.session.post(started["upload_url"], data=data, headers=told, timeout=5)

    def uploaded(self, edge="video_reels", data=FILM):
        """The number of a video whose bytes are there."""
        started = self.start(edge)
        assert self.send(started, data, file_size=str(len(data))).json() == {"success": True}
        return started["video_id"]

    def finish(self, number, edge="video_reels", **more):
        return self.phase(edge, "finish", video_id=number, **{"video_state": "PUBLISHED", **more})

    def status(self, number):
        return self.get(number, fields="status,published,post_id,permalink_url").json()


@pytest.fixture
def facebook():
    with FacebookStandin() as standin:
        yield standin
        assert not standin.accidents


@pytest.fixture
def client(facebook):
    return Publisher(facebook)


# --- reels ----------------------------------------------------------------------------------------------------------


def test_a_reel_is_public_once_it_was_finished_and_worked_on(client, facebook):
    number = client.uploaded()
    before = list(facebook.public)
    done = client.finish(number, title="Judul", description="Apel pagi")

    first, then = client.status(number), client.status(number)

    (live,) = facebook.public
    assert before == []
    assert done.json() == {"success": True}
    assert first["status"]["processing_phase"] == {"status": "in_progress"}
    assert first["status"]["publishing_phase"] == {"status": "not_started"}
    assert first["published"] is False
    assert then["status"]["publishing_phase"]["publish_status"] == "published"
    assert (then["post_id"], then["permalink_url"]) == (live.id, f"/reel/{number}/")
    assert (live.text, live.media[0].bytes) == ("Apel pagi", FILM)


def test_labels_tell_what_publishes(client, facebook):
    client.finish(client.uploaded())

    assert [entry.label for entry in facebook.journal] == ["upload", "upload", "publish"]


def test_a_draft_never_goes_live(client, facebook):
    number = client.uploaded()
    client.finish(number, video_state="DRAFT")

    phases = [client.status(number)["status"]["publishing_phase"] for _ in range(3)]

    assert phases[-1] == {"status": "not_started", "publish_status": "draft"}
    assert facebook.public == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, 100),
        ({"upload_phase": "transfer"}, 100),
        ({"upload_phase": "start", "video_id": "1"}, 100),
        ({"upload_phase": "start", "file_size": "10"}, 100),
        ({"upload_phase": "finish"}, 100),
        ({"upload_phase": "finish", "video_id": "1"}, 100),
        ({"upload_phase": "finish", "video_id": "1", "video_state": "PUBLISHED"}, 100),
    ],
)
def test_phases_have_their_fields_and_no_others(client, facebook, fields, code):
    assert error_of(client.post(f"{facebook.page}/video_reels", **fields))[0] == code


def test_what_finish_asks_for_is_enforced(client, facebook):
    number, unsent = client.uploaded(), client.start()["video_id"]

    assert error_of(client.finish(number, video_state="LIVE")) == (100, None)
    assert error_of(client.finish(number, video_state="SCHEDULED")) == (100, None)
    assert error_of(client.finish(number, "video_stories")) == (100, 33)
    assert error_of(client.finish(unsent)) == (6000, 1363030)
    assert facebook.public == []


def test_finishing_twice_is_refused(client, facebook):
    facebook.processing_polls = 0
    number = client.uploaded()
    client.finish(number)

    assert error_of(client.finish(number)) == (100, None)
    assert len(facebook.public) == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (film(1080, 2400), 1363040),
        (film(480, 852), 1363127),
        (film(1280, 720), 1363127),
        (film(seconds=2), 1363128),
        (film(seconds=91), 1363128),
        (b"no film at all", 1363024),
    ],
)
def test_what_no_reel_can_be_is_told_in_its_status_and_at_finish(client, facebook, data, code):
    number = client.uploaded(data=data)

    status = client.status(number)["status"]
    refused = client.finish(number)

    assert status["processing_phase"]["status"] == "not_started"
    assert status["processing_phase"]["error"]["message"]
    assert error_of(refused) == (6000, code)
    assert facebook.public == []


def test_a_day_has_thirty_reels(client, facebook):
    facebook.reels_a_day = 1
    client.finish(client.uploaded())

    refused = client.finish(client.uploaded())
    facebook.time_offset = timedelta(hours=25)
    later = client.finish(client.uploaded())

    assert error_of(refused)[0] == 613
    assert later.status_code == 200


def test_a_failed_processing_is_told(client, facebook):
    facebook.processing_polls, facebook.processing_error = 0, "The audio cannot be read."
    number = client.uploaded()
    client.finish(number)

    status = client.status(number)["status"]

    assert status["video_status"] == "error"
    assert status["processing_phase"]["errors"][0]["message"] == "The audio cannot be read."
    assert facebook.public == []


# --- the upload host ------------------------------------------------------------------------------------------------


def test_half_an_upload_calls_itself_processing_and_goes_on(client, facebook):
    facebook.cuts.append(300)
    started = client.start()

    broken = client.send(started, FILM, file_size=str(len(FILM)))
    half = client.status(started["video_id"])["status"]
    whole = client.send(started, FILM[300:], offset=300, file_size=str(len(FILM)))
    after = client.status(started["video_id"])["status"]

    assert broken.json()["debug_info"]["type"] == "PartialRequestError"
    assert half["video_status"] == "processing"
    assert half["uploading_phase"] == {"status": "in_progress", "bytes_transferred": 300}
    assert whole.json() == {"success": True}
    assert after["uploading_phase"] == {"status": "complete", "bytes_transferred": len(FILM)}
    assert after["publishing_phase"] == {"status": "not_started"}


def test_bytes_need_offset_size_and_the_oauth_scheme(client, facebook):
    started, size = client.start(), str(len(FILM))

    assert client.send(started, FILM).json()["debug_info"]["type"] == "ParameterValidationError"
    assert client.send(started, FILM, offset="x", file_size=size).json()["debug_info"]["type"] == (
        "ParameterValidationError"
    )
    assert client.send(started, FILM, offset=5, file_size=size).json()["debug_info"]["type"] == "OffsetInvalidError"
    assert client.send(started, FILM, file_size="9999").json()["debug_info"]["type"] == "PartialRequestError"
    assert error_of(client.send(started, FILM, file_size=size, Authorization="Bearer x"))[0] == 190
    assert error_of(client.send(started, FILM, file_size=size, Authorization="OAuth wrong"))[0] == 190
    elsewhere = {"upload_url": started["upload_url"] + "9"}
    assert error_of(client.send(elsewhere, FILM, file_size=size)) == (100, 33)


def test_bytes_are_taken_once(client, facebook):
    started = client.start()
    client.send(started, FILM, file_size=str(len(FILM)))

    assert error_of(client.send(started, FILM, file_size=str(len(FILM)))) == (100, 33)


# --- stories --------------------------------------------------------------------------------------------------------


def test_a_photo_becomes_a_story_and_is_listed(client, facebook):
    photo = client.staged_photo()

    told = client.post(f"{facebook.page}/photo_stories", photo_id=photo).json()
    (listed,) = client.get(f"{facebook.page}/stories").json()["data"]

    (live,) = facebook.public
    assert told == {"success": True, "post_id": live.id}
    assert listed == {
        "post_id": live.id,
        "status": "published",
        "creation_time": str(int(live.at.timestamp())),
        "media_type": "photo",
        "media_id": photo,
        "url": live.url,
    }
    assert client.posts().json() == {"data": []}


def test_a_story_takes_an_unused_photo_and_nothing_else(client, facebook):
    photo_stories = f"{facebook.page}/photo_stories"
    used, public = client.staged_photo(), client.photo().json()["id"]
    client.post(photo_stories, photo_id=used)

    assert error_of(client.post(photo_stories)) == (100, None)
    assert error_of(client.post(photo_stories, photo_id=used)) == (100, None)
    assert error_of(client.post(photo_stories, photo_id=public)) == (100, None)
    assert error_of(client.post(photo_stories, photo_id="1")) == (100, 33)
    assert error_of(client.post(photo_stories, photo_id=client.staged_photo(), message="Halo")) == (100, None)
    assert len(facebook.public) == 2


def test_a_video_story_names_its_post_and_lasts_a_minute(client, facebook):
    facebook.processing_polls = 0
    number, long = client.uploaded("video_stories"), client.uploaded("video_stories", film(seconds=61))

    told = client.finish(number, "video_stories").json()
    (listed,) = client.get(f"{facebook.page}/stories").json()["data"]

    assert told == {"success": True, "post_id": facebook.public[0].id}
    assert (listed["media_type"], listed["media_id"]) == ("video", number)
    assert error_of(client.finish(long, "video_stories")) == (6000, 1363128)
    assert error_of(client.finish(number, "video_reels")) == (100, 33)


def test_a_story_is_public_for_a_day_and_then_nowhere_without_an_archive(client, facebook):
    story = client.post(f"{facebook.page}/photo_stories", photo_id=client.staged_photo()).json()["post_id"]
    metric = {"metric": "story_media_view"}
    facebook.time_offset = timedelta(hours=23)
    seen = client.get(f"{story}/insights", **metric).json()["data"][0]["values"][0]["value"]
    facebook.time_offset = timedelta(hours=24)

    gone = client.get(f"{story}/insights", **metric)
    listed = client.get(f"{facebook.page}/stories").json()
    facebook.story_archive = True
    archived = client.get(f"{facebook.page}/stories").json()["data"]

    assert seen > 0
    assert facebook.public == []
    assert error_of(gone) == (100, 33)
    assert listed == {"data": []}
    assert [one["status"] for one in archived] == ["archived"]
    assert client.get(f"{facebook.page}/stories", status="PUBLISHED").json() == {"data": []}


@pytest.mark.parametrize("metric", ["post_media_view", "page_media_view", "story_impressions"])
def test_stories_have_metrics_of_their_own(client, facebook, metric):
    story = client.post(f"{facebook.page}/photo_stories", photo_id=client.staged_photo()).json()["post_id"]

    assert error_of(client.get(f"{story}/insights", metric=f"story_media_view,{metric}")) == (100, None)


def test_a_story_is_removed_by_its_number(client, facebook):
    story = client.post(f"{facebook.page}/photo_stories", photo_id=client.staged_photo()).json()["post_id"]

    assert client.call("DELETE", story).json() == {"success": True}
    assert error_of(client.call("DELETE", story)) == (100, 33)
    assert facebook.public == []


# --- the trap, and faults -------------------------------------------------------------------------------------------


def test_an_upright_video_on_videos_is_answered_with_success_and_nobody_sees_it(client, facebook):
    answer = client.video(FILM, description="Tegak")

    assert answer.status_code == 200
    assert client.status(answer.json()["id"])["status"]["publishing_phase"]["publish_status"] == "draft"
    assert facebook.public == []
    assert client.video(LANDSCAPE).status_code == 200
    assert len(facebook.public) == 1


@pytest.mark.parametrize("edge", ["video_reels", "video_stories"])
def test_faults_can_be_scripted_at_every_step(client, facebook, edge):
    facebook.processing_polls = 0
    facebook.script("upload", throttle(60), refuse())
    assert error_of(client.phase(edge, "start"))[0] == 80001
    assert error_of(client.phase(edge, "start"))[0] == 100
    started = client.start(edge)
    facebook.script("upload", drop())
    with pytest.raises(requests.ConnectionError):
        client.send(started, FILM, file_size=str(len(FILM)))
    client.send(started, FILM, file_size=str(len(FILM)))
    facebook.script("status", refuse())
    assert error_of(client.get(started["video_id"], fields="status"))[0] == 100

    facebook.script("publish", drop(), error_after_accepting())
    with pytest.raises(requests.ConnectionError):
        client.finish(started["video_id"], edge)
    assert facebook.public == []
    assert error_of(client.finish(started["video_id"], edge))[0] == 2
    assert len(facebook.public) == 1


def test_a_photo_story_can_be_live_although_its_answer_was_lost(client, facebook):
    facebook.script("publish", drop_after_accepting())

    with pytest.raises(requests.ConnectionError):
        client.post(f"{facebook.page}/photo_stories", photo_id=client.staged_photo())

    assert len(facebook.public) == 1


def test_the_journal_keeps_no_token_of_the_upload_host(client, facebook):
    client.uploaded()

    assert facebook.access_token not in json.dumps([vars(entry) for entry in facebook.journal], default=str)
