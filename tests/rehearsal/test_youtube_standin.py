from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from dissem.rehearsal import faults
from dissem.rehearsal.youtube import MANAGE, READ, UPLOAD, YoutubeStandin
from dissem.rehearsal.youtube_sessions import GRAIN

MP4 = b"\0\0\0\x18ftypisom" + b"\0" * 40
SIZE = len(MP4)
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 40
LONG = MP4 + b"\1" * (2 * GRAIN)
SNIPPET = {"title": "Gerak jalan", "description": "Minggu pagi.", "categoryId": "25", "tags": ["Padang"]}


@pytest.fixture
def youtube(clock):
    with YoutubeStandin(now=clock) as running:
        yield running
    assert running.accidents == []
    assert running.unknown_fields == []


def login(standin, **changes):
    fields = {
        "grant_type": "refresh_token",
        "client_id": standin.client_id,
        "client_secret": standin.client_secret,
        "refresh_token": standin.token,
    }
    return requests.post(f"{standin.url}/token", data={**fields, **changes}, timeout=5)


def call(standin, method, path, *, token=None, headers=None, **options):
    token = login(standin).json()["access_token"] if token is None else token
    bearer = {"Authorization": f"Bearer {token}"} if token else {}
    url = path if path.startswith("http") else standin.url + path
    headers = {**bearer, **(headers or {})}
    return requests.request(method, url, headers=headers, timeout=5, allow_redirects=False, **options)


def begin(standin, size=SIZE, *, snippet=None, token=None, kind="video/mp4", query="", **status):
    body = {"snippet": {**SNIPPET, **(snippet or {})}, "status": {"privacyStatus": "private", **status}}
    headers = {"X-Upload-Content-Length": str(size), "X-Upload-Content-Type": kind}
    path = f"/upload/youtube/v3/videos?uploadType=resumable&part=snippet,status{query}"
    return call(standin, "POST", path, json=body, headers=headers, token=token)


def put(standin, session, content, said, token=None):
    return call(standin, "PUT", session, data=content, headers={"Content-Range": said}, token=token)


def upload(standin, content=MP4, **more):
    session = begin(standin, len(content), **more).headers["Location"]
    return put(standin, session, content, f"bytes 0-{len(content) - 1}/{len(content)}").json()


def flip(standin, video, *, token=None, part="status", **more):
    body = {"id": video, "status": {"privacyStatus": "public"}, **more}
    return call(standin, "PUT", f"/youtube/v3/videos?part={part}", json=body, token=token)


def look(standin, *videos, part="status", token=None):
    return call(standin, "GET", f"/youtube/v3/videos?part={part}&id={','.join(videos)}", token=token)


def reason(answer):
    told = answer.json()["error"]
    assert told["code"] == answer.status_code
    return answer.status_code, told["errors"][0]["reason"]


# Logging in


def test_a_refresh_token_buys_an_access_token_for_an_hour(youtube, clock):
    answer = login(youtube).json()
    fresh = call(youtube, "GET", "/youtube/v3/channels?part=id&mine=true", token=answer["access_token"])
    clock.time += timedelta(hours=1)
    late = call(youtube, "GET", "/youtube/v3/channels?part=id&mine=true", token=answer["access_token"])

    assert (answer["expires_in"], answer["token_type"]) == (3599, "Bearer")
    assert set(answer["scope"].split()) == {UPLOAD, READ, MANAGE}
    assert "refresh_token" not in answer
    assert fresh.status_code == 200
    assert reason(late) == (401, "authError")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"refresh_token": "1//salah"}, (400, "invalid_grant")),
        ({"refresh_token": ""}, (400, "invalid_grant")),
        ({"client_secret": "salah"}, (401, "invalid_client")),
        ({"grant_type": "password"}, (400, "unsupported_grant_type")),
    ],
)
def test_the_token_endpoint_refuses_in_the_form_of_oauth(youtube, changes, told):
    answer = login(youtube, **changes)

    assert (answer.status_code, answer.json()["error"]) == told


def test_a_revoked_login_ends_its_access_tokens_too(youtube):
    token = login(youtube).json()["access_token"]
    youtube.revoked.add(youtube.token)

    assert login(youtube).json()["error"] == "invalid_grant"
    assert reason(look(youtube, "x", token=token)) == (401, "authError")


@pytest.mark.parametrize(("token", "told"), [("", (401, "required")), ("salah", (401, "authError"))])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/upload/youtube/v3/videos?uploadType=resumable&part=snippet"),
        ("PUT", "/upload/youtube/v3/videos?upload_id=x"),
        ("POST", "/upload/youtube/v3/thumbnails/set?videoId=x"),
        ("GET", "/youtube/v3/videos?part=status&id=x"),
        ("PUT", "/youtube/v3/videos?part=status"),
        ("DELETE", "/youtube/v3/videos?id=x"),
        ("GET", "/youtube/v3/channels?part=id&mine=true"),
        ("GET", "/youtube/v3/playlistItems?part=id&playlistId=x"),
    ],
)
def test_nothing_is_done_without_a_token(youtube, method, path, token, told):
    assert reason(call(youtube, method, path, token=token)) == told


def test_a_right_that_was_not_granted_is_missing(youtube):
    video = upload(youtube)["id"]
    youtube.accounts[0] = replace(youtube.accounts[0], scopes=frozenset({UPLOAD}))

    assert begin(youtube).status_code == 200
    assert reason(look(youtube, video)) == (403, "insufficientPermissions")
    assert reason(flip(youtube, video)) == (403, "insufficientPermissions")


def test_an_account_without_a_channel_cannot_upload_and_has_none_listed(youtube):
    youtube.accounts[0] = replace(youtube.accounts[0], id="")

    assert reason(begin(youtube)) == (401, "youtubeSignupRequired")
    assert "items" not in call(youtube, "GET", "/youtube/v3/channels?part=id&mine=true").json()


# Uploads


def test_a_session_is_begun_without_a_body_and_nothing_is_there_yet(youtube):
    answer = begin(youtube)

    assert (answer.status_code, answer.content) == (200, b"")
    assert parse_qs(urlsplit(answer.headers["Location"]).query)["upload_id"] == list(youtube.sessions)
    assert youtube.videos == {}


def test_a_file_goes_up_in_pieces_and_the_server_says_what_it_has(youtube):
    session, size = begin(youtube, len(LONG)).headers["Location"], len(LONG)
    asked = put(youtube, session, b"", f"bytes */{size}")
    first = put(youtube, session, LONG[:GRAIN], f"bytes 0-{GRAIN - 1}/{size}")
    second = put(youtube, session, LONG[GRAIN : 2 * GRAIN], f"bytes {GRAIN}-{2 * GRAIN - 1}/{size}")
    last = put(youtube, session, LONG[2 * GRAIN :], f"bytes {2 * GRAIN}-{size - 1}/{size}")

    assert [answer.status_code for answer in (asked, first, second, last)] == [308, 308, 308, 200]
    assert "Range" not in asked.headers
    assert first.headers["Range"] == f"bytes=0-{GRAIN - 1}"
    assert second.headers["Range"] == f"bytes=0-{2 * GRAIN - 1}"
    assert last.json()["status"]["uploadStatus"] == "uploaded"
    assert youtube.videos[last.json()["id"]].content == LONG


def test_a_finished_session_answers_with_its_one_video_for_ever(youtube):
    session = begin(youtube).headers["Location"]
    said = f"bytes 0-{len(MP4) - 1}/{len(MP4)}"
    first = put(youtube, session, MP4, said)
    again = put(youtube, session, MP4, said)
    asked = put(youtube, session, b"", f"bytes */{len(MP4)}")

    assert first.json()["id"] == again.json()["id"] == asked.json()["id"]
    assert len(youtube.videos) == 1


def test_without_a_range_a_request_is_the_whole_file(youtube):
    session = begin(youtube).headers["Location"]

    answer = call(youtube, "PUT", session, data=MP4)

    assert youtube.videos[answer.json()["id"]].content == MP4


def test_bytes_beyond_a_multiple_of_the_grain_are_not_kept(youtube):
    session, size = begin(youtube, len(LONG)).headers["Location"], len(LONG)

    answer = put(youtube, session, LONG[: GRAIN + 7], f"bytes 0-{GRAIN + 6}/{size}")

    assert answer.headers["Range"] == f"bytes=0-{GRAIN - 1}"


def test_the_server_may_keep_less_than_was_sent(youtube):
    youtube.persists = GRAIN
    session, size = begin(youtube, len(LONG)).headers["Location"], len(LONG)

    answer = put(youtube, session, LONG[: 2 * GRAIN], f"bytes 0-{2 * GRAIN - 1}/{size}")

    assert answer.headers["Range"] == f"bytes=0-{GRAIN - 1}"


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (0, 7, "bytes 0-6/{size}"),  # too short, and not the last
        (0, GRAIN, "bytes 0-{GRAIN}/{size}"),  # one byte more than sent
        (GRAIN, 2 * GRAIN, "bytes {GRAIN}-{end}/{size}"),  # a hole
        (0, GRAIN, "bytes 0-{last}/1"),  # another size than announced
        (0, GRAIN, "0-{last}"),
        (0, 1, "bytes */{size}"),  # a question with a body
    ],
)
def test_a_piece_that_does_not_fit_is_refused(youtube, start, end, said):
    session = begin(youtube, len(LONG)).headers["Location"]
    said = said.format(GRAIN=GRAIN, size=len(LONG), last=GRAIN - 1, end=2 * GRAIN - 1)

    assert reason(put(youtube, session, LONG[start:end], said)) == (400, "badRequest")


def test_a_session_lives_a_week_and_belongs_to_its_channel(youtube):
    session = begin(youtube).headers["Location"]
    foreign = login(youtube, refresh_token=youtube.accounts[1].token).json()["access_token"]
    alien = put(youtube, session, b"", "bytes */*", token=foreign)
    youtube.time_offset = timedelta(days=8)
    late = put(youtube, session, b"", "bytes */*")

    assert reason(alien) == reason(late) == (404, "notFound")


@pytest.mark.parametrize(
    ("snippet", "told"),
    [
        ({"title": None}, "invalidVideoMetadata"),
        ({"title": 7}, "invalid"),
        ({"title": " "}, "invalidTitle"),
        ({"title": "x" * 101}, "invalidTitle"),
        ({"title": "Suhu < 30"}, "invalidTitle"),
        ({"description": "é" * 2501}, "invalidDescription"),
        ({"description": "<b>"}, "invalidDescription"),
        ({"tags": ["x" * 501]}, "invalidTags"),
        ({"tags": ["a b" * 83] * 2}, "invalidTags"),
        ({"tags": "Padang"}, "invalid"),
        ({"categoryId": "99"}, "invalidCategoryId"),
        ({"judul": "x"}, "invalid"),
    ],
)
def test_words_that_youtube_does_not_take_are_refused(youtube, snippet, told):
    assert reason(begin(youtube, snippet=snippet)) == (400, told)


def test_the_longest_words_are_taken(youtube):
    answer = begin(youtube, snippet={"title": "x" * 100, "description": "é" * 2500, "tags": ["x" * 500]})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"privacyStatus": "rahasia"}, (400, "invalid")),
        ({"privacyStatus": "public", "publishAt": "2026-12-01T00:00:00Z"}, (400, "invalidPublishAt")),
        ({"selfDeclaredMadeForKids": "no"}, (400, "invalid")),
        ({"kind": "image/jpeg"}, (400, "badContent")),
        ({"size": 2**39}, (413, "uploadTooLarge")),
        ({"query": ",gambar"}, (400, "unknownPart")),
        ({"query": "&judul=x"}, (400, "invalid")),
    ],
)
def test_an_upload_that_does_not_fit_is_not_begun(youtube, more, told):
    assert reason(begin(youtube, **more)) == told


def test_title_and_category_are_needed(youtube):
    answer = call(
        youtube,
        "POST",
        "/upload/youtube/v3/videos?uploadType=resumable&part=snippet",
        json={"snippet": {"title": "Halo"}},
    )

    assert reason(answer) == (400, "invalidVideoMetadata")


# Processing


def test_a_video_is_processed_some_looks_later(youtube):
    video = upload(youtube)["id"]
    states = [look(youtube, video).json()["items"][0]["status"]["uploadStatus"] for _ in range(2)]

    assert states == ["uploaded", "processed"]


def test_what_is_no_video_fails_and_what_is_there_already_is_rejected(youtube):
    youtube.polls = 0
    broken, _, twin = (upload(youtube, content)["id"] for content in (JPEG, MP4, MP4))
    told = {item["id"]: item["status"] for item in look(youtube, broken, twin).json()["items"]}

    assert (told[broken]["uploadStatus"], told[broken]["failureReason"]) == ("failed", "invalidFile")
    assert (told[twin]["uploadStatus"], told[twin]["rejectionReason"]) == ("rejected", "duplicate")


def test_only_the_owner_sees_how_far_it_is(youtube):
    video = upload(youtube, privacyStatus="public")["id"]
    foreign = login(youtube, refresh_token=youtube.accounts[1].token).json()["access_token"]

    own = look(youtube, video, part="processingDetails").json()["items"][0]
    assert own["processingDetails"]["processingProgress"]["timeLeftMs"] == "20000"
    assert reason(look(youtube, video, part="processingDetails", token=foreign)) == (403, "forbidden")


# Public or not


def test_a_private_video_is_seen_by_its_owner_alone(youtube):
    video = upload(youtube)["id"]
    foreign = login(youtube, refresh_token=youtube.accounts[1].token).json()["access_token"]

    assert look(youtube, video).json()["items"][0]["status"]["privacyStatus"] == "private"
    assert look(youtube, video, token=foreign).json()["items"] == []
    assert requests.get(f"{youtube.url}/watch?v={video}", timeout=5).status_code == 404
    assert youtube.public == []


def test_a_flip_makes_it_public_and_twice_is_once(youtube):
    video = upload(youtube)["id"]
    answers = [flip(youtube, video).json()["status"]["privacyStatus"] for _ in range(2)]

    (live,) = youtube.public
    assert answers == ["public", "public"]
    assert (live.id, live.text, live.media[0].bytes) == (video, "Gerak jalan\n\nMinggu pagi.", MP4)
    assert "Gerak jalan" in requests.get(live.url, timeout=5).text


def test_an_update_replaces_the_whole_part(youtube):
    video = upload(youtube, selfDeclaredMadeForKids=True, embeddable=False)["id"]
    flip(youtube, video, part="status,snippet", snippet={"title": "Baru", "categoryId": "25"})

    made = youtube.videos[video]
    assert made.snippet == {"title": "Baru", "categoryId": "25", "description": ""}
    assert made.status["embeddable"] is True
    assert "selfDeclaredMadeForKids" not in made.status


def test_a_part_without_privacy_makes_public(youtube):
    video = upload(youtube)["id"]
    call(youtube, "PUT", "/youtube/v3/videos?part=status", json={"id": video, "status": {}})

    assert [live.id for live in youtube.public] == [video]


def test_private_again_takes_it_out_of_sight(youtube):
    video = upload(youtube, privacyStatus="public")["id"]
    flip(youtube, video, status={"privacyStatus": "private"})

    assert youtube.public == []


def test_videos_of_an_app_that_was_not_audited_stay_private(youtube):
    youtube.audited = False
    video = upload(youtube, privacyStatus="public")["id"]

    assert flip(youtube, video).json()["status"]["privacyStatus"] == "private"
    assert youtube.public == []


def test_a_video_of_others_cannot_be_changed_and_none_cannot_be_found(youtube):
    video = upload(youtube, privacyStatus="public")["id"]
    foreign = login(youtube, refresh_token=youtube.accounts[1].token).json()["access_token"]

    assert reason(flip(youtube, video, token=foreign)) == (403, "forbidden")
    assert reason(flip(youtube, "takada")) == (404, "videoNotFound")


def test_a_deleted_video_is_nowhere(youtube):
    video = upload(youtube, privacyStatus="public")["id"]
    answer = call(youtube, "DELETE", f"/youtube/v3/videos?id={video}")
    again = call(youtube, "DELETE", f"/youtube/v3/videos?id={video}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert reason(again) == (404, "videoNotFound")
    assert look(youtube, video).json()["items"] == []
    assert youtube.public == []


# Thumbnails


def thumbnail(standin, video, content=JPEG, kind="image/jpeg"):
    path = f"/upload/youtube/v3/thumbnails/set?videoId={video}&uploadType=media"
    return call(standin, "POST", path, data=content, headers={"Content-Type": kind})


def test_a_thumbnail_is_kept(youtube):
    video = upload(youtube)["id"]

    assert thumbnail(youtube, video).status_code == 200
    assert youtube.videos[video].thumbnail == JPEG


@pytest.mark.parametrize(
    ("content", "kind", "told"),
    [
        (b"", "image/jpeg", (400, "mediaBodyRequired")),
        (b"GIF89a", "image/gif", (400, "invalidImage")),
        (MP4, "image/jpeg", (400, "invalidImage")),
        (JPEG + b"\0" * 2**21, "image/jpeg", (413, "uploadTooLarge")),
    ],
)
def test_a_thumbnail_that_is_none_is_refused(youtube, content, kind, told):
    assert reason(thumbnail(youtube, upload(youtube)["id"], content, kind)) == told


def test_a_channel_that_is_not_verified_has_no_thumbnails_of_its_own(youtube):
    youtube.verified = False

    assert reason(thumbnail(youtube, upload(youtube)["id"])) == (403, "forbidden")


# Quotas


def test_uploads_have_a_daily_quota_of_their_own_that_ends_at_midnight_in_california(youtube, clock):
    youtube.uploads_a_day = 1
    first, second = begin(youtube), begin(youtube)
    clock.time = clock.time.replace(hour=7, minute=59)
    before = begin(youtube)
    clock.time += timedelta(minutes=2)
    after = begin(youtube)

    assert [a.status_code for a in (first, second, before, after)] == [200, 403, 403, 200]
    assert reason(second) == (403, "quotaExceeded")


def test_the_other_calls_share_one_quota_and_writes_cost_fifty(youtube):
    youtube.units_a_day = 101
    video = upload(youtube)["id"]
    answers = [flip(youtube, video), look(youtube, video), flip(youtube, video), look(youtube, video)]

    assert [a.status_code for a in answers] == [200, 200, 200, 403]


def test_a_channel_has_a_cap_of_its_own(youtube):
    youtube.channel_uploads = 1
    upload(youtube)
    full = begin(youtube)
    youtube.time_offset = timedelta(hours=25)

    assert reason(full) == (400, "uploadLimitExceeded")
    assert begin(youtube).status_code == 200


# Listings and figures


def test_uploads_are_listed_newest_first_with_the_private_ones_for_their_owner(youtube):
    videos = [upload(youtube, MP4 + bytes([n]))["id"] for n in range(3)]
    flip(youtube, videos[0])
    channel = call(youtube, "GET", "/youtube/v3/channels?part=contentDetails&mine=true").json()["items"][0]
    playlist = channel["contentDetails"]["relatedPlaylists"]["uploads"]
    path = f"/youtube/v3/playlistItems?part=contentDetails&playlistId={playlist}"
    foreign = login(youtube, refresh_token=youtube.accounts[1].token).json()["access_token"]

    first = call(youtube, "GET", f"{path}&maxResults=2").json()
    second = call(youtube, "GET", f"{path}&maxResults=2&pageToken={first['nextPageToken']}").json()
    others = call(youtube, "GET", path, token=foreign).json()

    listed = [item["contentDetails"]["videoId"] for page in (first, second) for item in page["items"]]
    assert listed == videos[::-1]
    assert "nextPageToken" not in second
    assert [item["contentDetails"]["videoId"] for item in others["items"]] == videos[:1]


def test_a_listing_that_lags_lacks_the_newest(youtube):
    videos = [upload(youtube, MP4 + bytes([n]))["id"] for n in range(2)]
    youtube.script("list", faults.lag(1))
    path = f"/youtube/v3/playlistItems?part=contentDetails&playlistId=UU{youtube.accounts[0].id[2:]}"

    late, whole = (call(youtube, "GET", path).json()["items"] for _ in range(2))

    assert [item["contentDetails"]["videoId"] for item in late] == videos[:1]
    assert len(whole) == 2


def test_counts_are_texts_that_grow_and_hidden_ones_are_not_there(youtube):
    video = upload(youtube, privacyStatus="public")["id"]
    youtube.time_offset = timedelta(days=2)
    youtube.hidden = {"likeCount"}

    told = look(youtube, video, part="statistics").json()["items"][0]["statistics"]

    assert set(told) == {"viewCount", "commentCount", "favoriteCount"}
    assert int(told["viewCount"]) > 0
    assert youtube.journal[-1].label == "measure"


def test_fifty_ids_are_asked_at_once_and_not_more(youtube):
    fifty = [f"video{n}" for n in range(50)]

    assert look(youtube, *fifty, part="statistics").json()["items"] == []
    assert reason(look(youtube, *fifty, "lebih", part="statistics")) == (400, "invalidFilters")


def test_a_request_without_parts_or_filter_is_refused(youtube):
    for path in ("/youtube/v3/videos?id=x", "/youtube/v3/videos?part=status", "/youtube/v3/channels?part=id"):
        assert reason(call(youtube, "GET", path)) == (400, "missingRequiredParameter")


# Faults in Google's words


def test_faults_are_worded_as_google_words_them(youtube):
    video = upload(youtube)["id"]
    verbs = (faults.refuse(), faults.throttle(7), faults.throttle(), faults.expired_token(), faults.error_before(503))
    youtube.script("publish", *verbs)
    told = [flip(youtube, video) for _ in range(5)]

    assert [reason(answer) for answer in told] == [
        (400, "invalidVideoMetadata"),
        (429, "rateLimitExceeded"),
        (429, "rateLimitExceeded"),
        (401, "authError"),
        (503, "backendError"),
    ]
    assert [answer.headers.get("Retry-After") for answer in told[1:3]] == ["7", None]
    assert youtube.public == []


def test_a_fault_of_the_token_endpoint_is_worded_as_oauth_words_it(youtube):
    youtube.script("token", faults.expired_token(), faults.refuse())

    assert [login(youtube).json()["error"] for _ in range(2)] == ["invalid_grant", "invalid_request"]


def test_a_broken_body_is_a_parse_error(youtube):
    answer = call(youtube, "PUT", "/youtube/v3/videos?part=status", data="{", headers={"Content-Type": "text/plain"})

    assert reason(answer) == (400, "parseError")


def test_the_journal_holds_no_secret(youtube):
    upload(youtube)

    told = repr(youtube.journal)
    assert youtube.token not in told
    assert [token for token in youtube.issued if token in told] == []
