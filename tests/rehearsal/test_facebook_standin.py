"""The Facebook stand-in is as strict as Graph: closed parameters, fields, two-step photos, video, errors."""

import hashlib
import hmac
import json
import struct
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import requests

from dissem.rehearsal.facebook import SAMPLE, SCOPES, FacebookStandin
from dissem.rehearsal.faults import (
    drop_after_accepting,
    duplicate,
    error_after_accepting,
    error_before,
    expired_token,
    lag,
    throttle,
)
from dissem.rehearsal.files import mp4_size
from dissem.rehearsal.graph_parameters import wanted_fields
from dissem.rehearsal.wire import Denied

JPEG = b"\xff\xd8\xff\xe0" + b"0" * 60


def box(name, body):
    return struct.pack(">I", 8 + len(body)) + name + body


def movie(width, height, *, turned=False):
    """The smallest MP4 that tells its dimensions."""
    matrix = (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    straight = (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    header = bytes(40) + struct.pack(">9i", *(matrix if turned else straight))
    header += struct.pack(">II", width << 16, height << 16)
    track = box(b"trak", box(b"tkhd", header))
    return box(b"ftyp", b"mp42\0\0\0\0mp42isom") + box(b"moov", track) + box(b"mdat", bytes(500))


LANDSCAPE, PORTRAIT = movie(1280, 720), movie(720, 1280)


class Client:
    """Talks as the page's app does; answers are raw responses."""

    def __init__(self, standin, token=None):
        self.standin = standin
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {token or standin.access_token}"

    def call(self, method, path, **more):
        return self.session.request(method, f"{self.standin.url}/v26.0/{path}", timeout=5, **more)

    def get(self, path, **params):
        return self.call("GET", path, params=params)

    def post(self, path, **data):
        return self.call("POST", path, data=data)

    def feed(self, **data):
        return self.post(f"{self.standin.page}/feed", **data)

    def publish(self, **data):
        answer = self.feed(**data)
        assert answer.status_code == 200, answer.text
        return answer.json()["id"]

    def photo(self, data=JPEG, **fields):
        return self.call("POST", f"{self.standin.page}/photos", data=fields, files={"source": ("foto.jpg", data)})

    def staged_photo(self, **fields):
        return self.photo(published="false", **fields).json()["id"]

    def video(self, data=LANDSCAPE, **fields):
        return self.call("POST", f"{self.standin.page}/videos", data=fields, files={"source": ("v.mp4", data)})

    def posts(self, **params):
        return self.get(f"{self.standin.page}/published_posts", **params)


def error_of(answer):
    error = answer.json()["error"]
    return error["code"], error.get("error_subcode")


@pytest.fixture
def facebook():
    with FacebookStandin() as standin:
        yield standin
        assert not standin.accidents


@pytest.fixture
def client(facebook):
    return Client(facebook)


# --- who asks -------------------------------------------------------------------------------------------------------


def test_a_page_token_is_read_from_the_header_or_the_parameter(client, facebook):
    bare = requests.get(
        f"{facebook.url}/v26.0/me", params={"access_token": facebook.access_token, "fields": "name"}, timeout=5
    )

    assert client.get("me", fields="name,username").json() == {
        "name": "Humas Kota (gladi)",
        "username": "humaskota.rehearsal",
        "id": facebook.page,
    }
    assert bare.json() == {"name": "Humas Kota (gladi)", "id": facebook.page}


def test_errors_have_graphs_form_and_status_400(facebook):
    answer = Client(facebook, "wrong").feed(message="Halo")

    error = answer.json()["error"]
    assert answer.status_code == 400
    assert error.pop("fbtrace_id")
    assert error == {
        "message": "Invalid OAuth access token - Cannot parse access token",
        "type": "OAuthException",
        "code": 190,
        "is_transient": False,
    }


def test_every_answer_tells_its_version_and_the_pages_usage(client, facebook):
    facebook.usage_percent = 85

    answer = client.get("me")
    usage = json.loads(answer.headers["X-Business-Use-Case-Usage"])[facebook.page][0]

    assert answer.headers["facebook-api-version"] == "v26.0"
    assert (usage["type"], usage["call_count"]) == ("pages", 85)


@pytest.mark.parametrize(("asked", "answered"), [("v25.0", "v25.0"), ("v3.1", "v21.0")])
def test_a_version_that_has_ended_is_answered_by_the_oldest_living_one(client, facebook, asked, answered):
    answer = client.session.get(f"{facebook.url}/{asked}/me", timeout=5)

    assert (answer.status_code, answer.headers["facebook-api-version"]) == (200, answered)


@pytest.mark.parametrize("asked", ["v27.0", "26.0", "latest"])
def test_a_version_that_does_not_exist_is_refused(client, facebook, asked):
    assert error_of(client.session.get(f"{facebook.url}/{asked}/me", timeout=5)) == (2500, None)


def test_a_missing_permission_is_code_200():
    with FacebookStandin(accounts=[replace(SAMPLE, scopes=SCOPES - {"pages_manage_posts"})]) as facebook:
        assert error_of(Client(facebook).feed(message="Halo")) == (200, None)


def test_another_pages_token_may_not_post():
    other = replace(SAMPLE, id="104000000000009", token="other-page-token")
    with FacebookStandin(accounts=[SAMPLE, other]) as facebook:
        assert error_of(Client(facebook, other.token).feed(message="Halo")) == (200, None)
        assert error_of(Client(facebook).post("999/feed", message="Halo")) == (100, 33)


def test_debug_token_tells_validity_and_scopes(client, facebook):
    good = client.get("debug_token", input_token=facebook.access_token).json()["data"]
    bad = client.get("debug_token", input_token="wrong").json()["data"]

    assert good["is_valid"]
    assert good["expires_at"] == 0
    assert set(good["scopes"]) == SCOPES
    assert not bad["is_valid"]


def test_a_proof_is_verified_when_sent_and_demanded_when_required(client, facebook):
    proof = hmac.new(facebook.app_secret.encode(), facebook.access_token.encode(), hashlib.sha256).hexdigest()
    facebook.requires_proof = True

    assert client.get("me", appsecret_proof=proof).status_code == 200
    assert client.get("me").status_code == 400
    assert client.get("me", appsecret_proof="wrong").status_code == 400


# --- feed -----------------------------------------------------------------------------------------------------------


def test_a_text_with_a_link_becomes_public(client, facebook):
    post = client.publish(message="Halo Padang", link="https://padang.go.id/berita")

    shown = client.get(post, fields="message,permalink_url,status_type,is_published,attachments{media_type,target{id}}")

    assert [(live.id, live.text) for live in facebook.public] == [(post, "Halo Padang")]
    assert shown.json() == {
        "message": "Halo Padang",
        "permalink_url": facebook.public[0].url,
        "status_type": "shared_story",
        "is_published": True,
        "attachments": {"data": [{"media_type": "link", "target": {}}]},
        "id": post,
    }


def test_json_bodies_are_read_too(client, facebook):
    photo = client.staged_photo()

    answer = client.call(
        "POST", f"{facebook.page}/feed", json={"message": "Foto", "attached_media": [{"media_fbid": photo}]}
    )

    assert answer.status_code == 200
    assert len(facebook.public[0].media) == 1


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"message": ""},
        {"mesage": "Halo"},
        {"message": "Halo", "published": "True"},
        {"message": "Halo", "scheduled_publish_time": "1800000000"},
        {"message": "Halo", "attached_media": "media_fbid"},
        {"message": "Halo", "attached_media": '{"media_fbid":"1"}'},
        {"message": "Halo", "attached_media": '[{"media_fbid":"1"}]'},
        {"message": "Halo", "attached_media[a]": '{"media_fbid":"1"}'},
        {"message": "Halo", "link": "padang"},
        {"message": "a" * 63_207},
    ],
)
def test_bad_missing_and_unknown_parameters_are_code_100(client, facebook, data):
    answer = client.feed(**data)

    assert answer.status_code == 400
    assert error_of(answer)[0] == 100
    assert facebook.public == []


def test_a_repeated_text_is_refused_as_duplicate_unless_switched_off(client, facebook):
    client.publish(message="Halo")

    again = client.feed(message="Halo")
    facebook.guards_duplicates = False
    client.publish(message="Halo")

    assert error_of(again) == (506, 1455006)
    assert again.json()["error"]["error_user_msg"]
    assert len(facebook.public) == 2


def test_a_repeated_text_passes_later_and_after_deletion(client, facebook):
    first = client.publish(message="Halo")
    client.call("DELETE", first)
    client.publish(message="Halo")
    facebook.time_offset = facebook.duplicate_window
    client.publish(message="Halo")

    assert len(facebook.public) == 2


def test_an_unpublished_post_is_published_by_a_change(client, facebook):
    post = client.publish(message="Halo", published="false")
    before = list(facebook.public)

    changed = client.post(post, is_published="true")

    assert before == []
    assert changed.json() == {"success": True}
    assert [live.id for live in facebook.public] == [post]


def test_a_text_can_be_edited_and_a_post_deleted(client, facebook):
    post = client.publish(message="Hallo")

    edited = client.post(post, message="Halo")
    text = facebook.public[0].text
    deleted = client.call("DELETE", post)

    assert edited.json() == deleted.json() == {"success": True}
    assert text == "Halo"
    assert facebook.public == []
    assert error_of(client.get(post)) == (100, 33)
    assert error_of(client.call("DELETE", post)) == (100, 33)
    assert facebook.journal[-1].label == "delete"


# --- photos ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("numbered", [False, True])
def test_photos_are_staged_and_then_attached_in_order(client, facebook, numbered):
    ids = [client.staged_photo(alt_text_custom=alt) for alt in ("Balai kota", "Pasar")]
    entries = [{"media_fbid": one} for one in ids]
    attached = (
        {f"attached_media[{place}]": json.dumps(entry) for place, entry in enumerate(entries)}
        if numbered
        else {"attached_media": json.dumps(entries)}
    )

    before = list(facebook.public)
    post = client.publish(message="Dua foto", **attached)
    fields = "attachments{media_type,target{id},subattachments{target{id}}}"
    album = client.get(post, fields=fields).json()["attachments"]["data"][0]

    assert before == []
    assert [stored.alt for stored in facebook.public[0].media] == ["Balai kota", "Pasar"]
    assert [one["target"]["id"] for one in album["subattachments"]["data"]] == ids
    assert album["media_type"] == "album"


def test_a_photo_can_be_attached_once_only(client, facebook):
    attached = json.dumps([{"media_fbid": client.staged_photo()}])
    client.publish(message="Foto", attached_media=attached)

    again = client.feed(message="Foto lagi", attached_media=attached)

    assert error_of(again) == (100, 1366051)
    assert len(facebook.public) == 1


def test_one_photo_can_be_published_in_one_step(client, facebook):
    data = client.photo(caption="Balai kota").json()

    listed = client.get(f"{facebook.page}/photos", type="uploaded", fields="name,page_story_id").json()["data"]

    assert facebook.public[0].id == data["post_id"]
    assert listed == [{"name": "Balai kota", "page_story_id": data["post_id"], "id": data["id"]}]


@pytest.mark.parametrize("data", [b"%PDF-1.7", b"RIFF\0\0\0\0WEBPVP8 ", b"\xff\xd8\xff" + bytes(4 * 1024 * 1024)])
def test_a_photo_of_a_wrong_type_or_size_is_1366046(client, data):
    assert error_of(client.photo(data)) == (100, 1366046)


def test_a_photo_without_a_file_or_with_an_unknown_field_is_refused(client, facebook):
    assert error_of(client.post(f"{facebook.page}/photos", message="Foto")) == (324, None)
    assert error_of(client.photo(alt_text="Balai kota")) == (100, None)
    assert error_of(client.photo(published="False")) == (100, None)


def test_a_temporary_photo_vanishes_after_a_day(client, facebook):
    photo = client.staged_photo(temporary="true")
    facebook.time_offset = timedelta(days=1, seconds=1)

    refused = client.feed(message="Foto", attached_media=json.dumps([{"media_fbid": photo}]))

    assert error_of(refused) == (100, 33)


# --- video ----------------------------------------------------------------------------------------------------------


def test_dimensions_are_read_from_the_track_header():
    assert mp4_size(LANDSCAPE) == (1280, 720)
    assert mp4_size(PORTRAIT) == (720, 1280)
    assert mp4_size(movie(1280, 720, turned=True)) == (720, 1280)
    assert mp4_size(b"no film") is None


def test_a_video_in_one_request_is_published_and_its_status_moves_on(client, facebook):
    identity = client.video(description="Rapat").json()["id"]

    states = [client.get(identity, fields="status").json()["status"]["video_status"] for _ in range(2)]
    shown = client.get(identity, fields="post_id,permalink_url,published").json()

    assert states == ["processing", "ready"]
    assert shown == {
        "post_id": facebook.public[0].id,
        "permalink_url": f"/{facebook.page}/videos/{identity}/",
        "published": True,
        "id": identity,
    }
    assert facebook.public[0].media[0].bytes == LANDSCAPE


def test_a_video_is_measured_by_its_own_id_and_has_no_shares(client, facebook):
    identity = client.video(description="Rapat").json()["id"]
    facebook.time_offset = timedelta(days=3)

    shown = client.get(
        "", ids=identity, fields="views,reactions.limit(0).summary(true),comments.limit(0).summary(true)"
    )
    refused = client.get(identity, fields="shares")

    assert shown.json()[identity]["views"] > 0
    assert shown.json()[identity]["reactions"]["summary"]["total_count"] > 0
    assert error_of(refused) == (100, None)


@pytest.mark.parametrize("film", [PORTRAIT, movie(1280, 720, turned=True)])
def test_a_vertical_video_becomes_a_draft_although_the_answer_is_a_success(client, facebook, film):
    answer = client.video(film, description="Tegak")

    shown = client.get(answer.json()["id"], fields="published,post_id,status").json()

    assert answer.status_code == 200
    assert shown["published"] is False
    assert "post_id" not in shown
    assert shown["status"]["publishing_phase"]["publish_status"] == "draft"
    assert facebook.public == []


def test_a_video_in_phases_is_public_only_after_finish_and_once(client, facebook):
    facebook.chunk_bytes = 300
    videos = f"{facebook.page}/videos"
    start = client.post(videos, upload_phase="start", file_size=len(LANDSCAPE)).json()
    session, offsets = start["upload_session_id"], start
    while offsets["start_offset"] != offsets["end_offset"]:
        first, last = int(offsets["start_offset"]), int(offsets["end_offset"])
        offsets = client.call(
            "POST",
            videos,
            data={"upload_phase": "transfer", "upload_session_id": session, "start_offset": first},
            files={"video_file_chunk": ("part", LANDSCAPE[first:last])},
        ).json()
    labels = {entry.label for entry in facebook.journal}
    before = list(facebook.public)

    done = client.post(videos, upload_phase="finish", upload_session_id=session, description="Rapat")
    again = client.post(videos, upload_phase="finish", upload_session_id=session, description="Rapat")

    assert labels == {"upload"}
    assert before == []
    assert done.json() == {"success": True}
    assert error_of(again)[0] == 100
    assert facebook.journal[-1].label == "publish"
    assert client.get(start["video_id"], fields="post_id").json()["post_id"] == facebook.public[0].id
    assert len(facebook.public) == 1


def test_a_chunk_at_the_wrong_place_tells_the_right_one_and_a_gap_stops_finish(client, facebook):
    videos = f"{facebook.page}/videos"
    session = client.post(videos, upload_phase="start", file_size=len(LANDSCAPE)).json()["upload_session_id"]

    wrong = client.call(
        "POST",
        videos,
        data={"upload_phase": "transfer", "upload_session_id": session, "start_offset": 10},
        files={"video_file_chunk": ("part", LANDSCAPE[10:])},
    )
    early = client.post(videos, upload_phase="finish", upload_session_id=session)

    assert error_of(wrong) == (6001, 1363037)
    assert wrong.json()["error"]["error_data"]["start_offset"] == "0"
    assert error_of(early)[0] == 6000
    assert facebook.public == []


def test_a_video_uploaded_resumably_is_published_by_its_handle(client, facebook):
    query = {"file_name": "rapat.mp4", "file_length": len(LANDSCAPE), "file_type": "video/mp4"}
    session = client.call("POST", f"{facebook.app_id}/uploads", params=query).json()["id"]
    token = {"Authorization": f"OAuth {facebook.access_token}"}

    broken = client.call("POST", session, data=LANDSCAPE[:100], headers={**token, "file_offset": "0"})
    offset = client.get(session).json()["file_offset"]
    whole = client.call("POST", session, data=LANDSCAPE[100:], headers={**token, "file_offset": str(offset)})
    handle = whole.json()["h"]
    made = client.post(f"{facebook.page}/videos", fbuploader_video_file_chunk=handle, description="Rapat")

    assert broken.json()["debug_info"]["type"] == "PartialRequestError"
    assert offset == 100
    assert made.status_code == 200
    assert facebook.public[0].media[0].bytes == LANDSCAPE


def test_the_upload_session_needs_the_oauth_scheme_and_the_right_offset(client, facebook):
    query = {"file_name": "rapat.mp4", "file_length": 10, "file_type": "video/mp4"}
    session = client.call("POST", f"{facebook.app_id}/uploads", params=query).json()["id"]
    token = {"Authorization": f"OAuth {facebook.access_token}"}

    assert error_of(client.call("POST", session, data=b"0123456789", headers={"file_offset": "0"})) == (190, None)
    assert client.call("POST", session, data=b"56789", headers={**token, "file_offset": "5"}).status_code == 400
    assert client.call("POST", session.partition("?")[0], data=b"0", headers=token).status_code == 400


def test_a_staged_video_is_published_by_a_change_once(client, facebook):
    identity = client.video(published="false", description="Rapat").json()["id"]
    before = list(facebook.public)

    for _ in range(2):
        client.post(identity, published="true")

    assert before == []
    assert [live.text for live in facebook.public] == ["Rapat"]
    assert [entry.label for entry in facebook.journal] == ["upload", "publish", "publish"]


def test_a_file_that_is_no_video_is_352_and_a_failed_processing_is_told(client, facebook):
    facebook.processing_polls, facebook.processing_error = 0, "The audio cannot be read."

    identity = client.video().json()["id"]
    status = client.get(identity, fields="status").json()["status"]

    assert error_of(client.video(JPEG)) == (352, 1363024)
    assert status["video_status"] == "error"
    assert status["processing_phase"]["errors"][0]["message"] == "The audio cannot be read."
    assert facebook.public == []


# --- reading --------------------------------------------------------------------------------------------------------


def test_published_posts_page_newest_first(client, facebook):
    ids = [client.publish(message=f"Nomor {number}") for number in range(5)]

    first = client.posts(fields="id,message", limit=3).json()
    rest = client.session.get(first["paging"]["next"], timeout=5).json()

    assert [post["id"] for post in first["data"] + rest["data"]] == ids[::-1]
    assert "next" not in rest["paging"]
    assert client.posts(after=rest["paging"]["cursors"]["after"]).json() == {"data": []}
    assert [post["id"] for post in client.posts(limit=3, after=first["paging"]["cursors"]["after"]).json()["data"]] == [
        post["id"] for post in rest["data"]
    ]


def test_published_posts_know_a_window(client, facebook):
    client.publish(message="Dahulu")
    facebook.time_offset = timedelta(hours=2)
    later = client.publish(message="Sekarang")
    since = int((datetime.now(UTC) + timedelta(hours=1)).timestamp())

    assert [post["id"] for post in client.posts(since=since).json()["data"]] == [later]
    assert [post["message"] for post in client.posts(until=since).json()["data"]] == ["Dahulu"]
    assert error_of(client.posts(since="kemarin")) == (100, None)


def test_engagement_of_many_posts_comes_in_one_request(client, facebook):
    ids = [client.publish(message=f"Nomor {number}") for number in range(3)]
    facebook.time_offset = timedelta(days=3)
    fields = (
        "id,created_time,shares,reactions.limit(0).summary(true),comments.limit(0).summary(true),"
        "insights.metric(post_media_view,post_total_media_view_unique,post_clicks,post_reactions_by_type_total)"
    )

    listed = client.posts(fields=fields, limit=50).json()["data"]
    by_id = client.get("", ids=",".join(ids), fields=fields).json()

    assert [by_id[post["id"]] for post in listed] == listed
    newest = listed[0]
    metrics = {one["name"]: one["values"][0]["value"] for one in newest["insights"]["data"]}
    assert metrics["post_media_view"] > 0
    assert newest["reactions"] == {
        "data": [],
        "summary": {"total_count": sum(metrics["post_reactions_by_type_total"].values())},
    }
    assert {entry.label for entry in facebook.journal[-2:]} == {"measure"}


def test_shares_are_absent_while_nobody_has_shared(client):
    post = client.publish(message="Baru saja")

    assert client.get(post, fields="shares").json() == {"id": post}


@pytest.mark.parametrize("metric", ["post_impressions", "post_impressions_unique", "post_engaged_users", "post_views"])
def test_one_dead_metric_fails_the_whole_request(client, metric):
    post = client.publish(message="Halo")

    answer = client.posts(fields=f"id,insights.metric(post_clicks,{metric})")

    assert error_of(answer) == (100, None)
    assert error_of(client.get(f"{post}/insights", metric=metric)) == (100, None)


def test_page_insights_know_their_own_names(client, facebook):
    good = client.get(f"{facebook.page}/insights", metric="page_media_view", period="day").json()["data"]

    assert good[0]["period"] == "day"
    assert error_of(client.get(f"{facebook.page}/insights", metric="page_fans")) == (100, None)


def test_insights_and_people_need_their_permissions():
    with FacebookStandin(
        accounts=[replace(SAMPLE, scopes={"pages_manage_posts", "pages_read_engagement"})]
    ) as facebook:
        client = Client(facebook)
        client.publish(message="Halo")

        assert error_of(client.posts(fields="insights.metric(post_clicks)")) == (10, None)
        assert error_of(client.posts(fields="reactions.summary(true)")) == (10, None)


def test_one_missing_id_fails_a_read_of_many_but_not_a_batch(client):
    here, missing = client.publish(message="Ada"), "104000000000001_1"
    calls = [{"method": "GET", "relative_url": f"{one}?fields=message"} for one in (here, missing)]

    many = client.get("", ids=f"{here},{missing}", fields="message")
    batch = client.post("", batch=json.dumps(calls)).json()

    assert error_of(many) == (100, 33)
    assert [one["code"] for one in batch] == [200, 400]
    assert json.loads(batch[0]["body"]) == {"message": "Ada", "id": here}


def test_more_than_fifty_ids_an_unknown_field_and_an_unknown_parameter_are_refused(client):
    post = client.publish(message="Halo", link="https://padang.go.id")

    assert error_of(client.get("", ids=",".join(map(str, range(51))))) == (100, None)
    assert error_of(client.get(post, fields="id,titel")) == (100, None)
    assert error_of(client.get(post, fields="attachments{titel}")) == (100, None)
    assert error_of(client.posts(count=5)) == (100, None)
    assert error_of(client.posts(limit=101)) == (100, None)


def test_field_expressions_nest():
    fields = wanted_fields(
        "id, attachments{target{id},subattachments.limit(5){target{id}}},comments.limit(0).summary(true)"
    )

    assert [one.name for one in fields] == ["id", "attachments", "comments"]
    assert fields[1].inner[1].options == {"limit": "5"}
    assert fields[1].inner[1].inner[0].inner[0].name == "id"
    assert fields[2].options == {"limit": "0", "summary": "true"}


@pytest.mark.parametrize("text", ["a{b", "a}", "{a}", "a[0]", ".limit(1)"])
def test_field_expressions_with_wrong_syntax_are_refused(text):
    with pytest.raises(Denied) as refused:
        wanted_fields(text)

    assert refused.value.answer.body["error"]["code"] == 2500


# --- faults ---------------------------------------------------------------------------------------------------------


def test_an_error_with_code_2_can_hide_a_post_that_is_live(client, facebook):
    facebook.script("publish", error_before(), error_after_accepting(), drop_after_accepting())

    before = client.feed(message="Pertama")
    after = client.feed(message="Kedua")
    with pytest.raises(requests.ConnectionError):
        client.feed(message="Ketiga")

    assert before.status_code == after.status_code == 500
    assert error_of(before) == error_of(after) == (2, None)
    assert after.json()["error"]["is_transient"] is True
    assert [live.text for live in facebook.public] == ["Kedua", "Ketiga"]


def test_throttling_tells_its_minutes_in_the_usage_header_or_nothing(client, facebook):
    facebook.script("publish", throttle(600), throttle())

    told = client.feed(message="Halo")
    untold = client.feed(message="Halo")
    usage = json.loads(told.headers["X-Business-Use-Case-Usage"])[facebook.page][0]

    assert error_of(told) == (80001, 2494055)
    assert (usage["call_count"], usage["estimated_time_to_regain_access"]) == (100, 10)
    assert error_of(untold) == (32, None)
    assert "X-Business-Use-Case-Usage" not in untold.headers


def test_expiry_and_duplicates_can_be_scripted(client, facebook):
    facebook.script("publish", expired_token(), duplicate())

    assert error_of(client.feed(message="Halo")) == (190, 463)
    assert error_of(client.feed(message="Halo")) == (506, 1455006)


def test_faults_for_publishing_leave_staging_alone(client, facebook):
    facebook.script("publish", error_before())

    photo = client.photo(published="false")
    post = client.feed(message="Halo")

    assert photo.status_code == 200
    assert post.status_code == 500


def test_a_lagging_listing_hides_the_newest_post_once(client, facebook):
    first, second = client.publish(message="Satu"), client.publish(message="Dua")
    facebook.script("list", lag(1))

    assert [post["id"] for post in client.posts().json()["data"]] == [first]
    assert [post["id"] for post in client.posts().json()["data"]] == [second, first]


def test_reads_are_labelled_by_what_they_ask(client, facebook):
    post, video = client.publish(message="Halo"), client.video(published="false").json()["id"]
    facebook.journal.clear()

    client.get(post, fields="message")
    client.get(post, fields="message,shares")
    client.get(video, fields="status")
    client.get(facebook.page, fields="name")
    client.posts(fields="message")

    assert [entry.label for entry in facebook.journal] == ["read", "measure", "status", "account", "list"]


def test_the_journal_keeps_no_token(client, facebook):
    client.feed(message="Halo")
    client.get("me", access_token=facebook.access_token)

    assert facebook.access_token not in json.dumps([vars(entry) for entry in facebook.journal], default=str)
