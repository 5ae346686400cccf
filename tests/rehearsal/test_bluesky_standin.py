import base64
import hashlib
from datetime import timedelta

import pytest
import requests

from dissem.rehearsal import faults
from dissem.rehearsal.bluesky import BlueskyStandin, linked
from dissem.rehearsal.bluesky_records import record_cid

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x04\0\0\0\x03\0" + b"\0" * 40
MP4 = b"\0\0\0\x18ftypisom" + b"\0" * 40
KEY, OTHER_KEY = "3lbkx5abcd2z2", "3lbkx5abcd2z3"
POST = "app.bsky.feed.post"


@pytest.fixture
def bluesky(clock):
    with BlueskyStandin(now=clock) as running:
        yield running
    assert running.accidents == []


@pytest.fixture
def session(bluesky):
    return login(bluesky).json()


def call(standin, method, name, token=None, **options):
    headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **options.pop("headers", {})}
    return requests.request(method, f"{standin.url}/xrpc/{name}", headers=headers, timeout=5, **options)


def login(standin, identifier=None, password=None):
    asked = {"identifier": identifier or standin.accounts[0].handle, "password": password or standin.token}
    return call(standin, "POST", "com.atproto.server.createSession", json=asked)


def record(text="Halo Padang", **fields):
    return {"$type": POST, "text": text, "createdAt": "2026-11-24T05:00:00.000Z", **fields}


def put(standin, session, value=None, *, rkey=KEY, token=None, **fields):
    asked = {"repo": session["did"], "collection": POST, "rkey": rkey, "record": value or record(), **fields}
    return call(standin, "POST", "com.atproto.repo.putRecord", token or session["accessJwt"], json=asked)


def upload(standin, session, data=PNG, kind="image/png"):
    headers = {"Content-Type": kind}
    return call(standin, "POST", "com.atproto.repo.uploadBlob", session["accessJwt"], data=data, headers=headers)


def read(standin, session, rkey=KEY):
    asked = {"repo": session["did"], "collection": POST, "rkey": rkey}
    return call(standin, "GET", "com.atproto.repo.getRecord", params=asked)


def service_token(standin, session, **changes):
    asked = {"aud": standin.service, "lxm": "com.atproto.repo.uploadBlob", **changes}
    return call(standin, "GET", "com.atproto.server.getServiceAuth", session["accessJwt"], params=asked)


def send_video(standin, session, token=None, data=MP4, kind="video/mp4", **changes):
    token = token or service_token(standin, session).json()["token"]
    asked = {"did": session["did"], "name": "klip.mp4", **changes}
    return call(
        standin,
        "POST",
        "app.bsky.video.uploadVideo",
        token,
        params=asked,
        data=data,
        headers={"Content-Type": kind},
    )


def job(standin, number):
    return call(standin, "GET", "app.bsky.video.getJobStatus", params={"jobId": number}).json()["jobStatus"]


def images(*blobs, **fields):
    ratio = {"width": 4, "height": 3}
    shown = [{"image": blob, "alt": "Peta", "aspectRatio": ratio, **fields} for blob in blobs]
    return {"$type": "app.bsky.embed.images", "images": shown}


def error(answer):
    return answer.status_code, answer.json()["error"]


# Sessions


def test_an_app_password_is_exchanged_for_a_session(bluesky, session):
    told = call(bluesky, "GET", "com.atproto.server.getSession", session["accessJwt"]).json()

    assert (told["did"], told["handle"], told["active"]) == (bluesky.accounts[0].id, "humas.padang.example", True)
    assert session["didDoc"]["service"][0]["serviceEndpoint"] == bluesky.url


def test_a_wrong_password_and_an_unknown_name_sound_the_same(bluesky):
    answers = [login(bluesky, password="salah"), login(bluesky, identifier="siapa.example")]

    assert [error(answer) for answer in answers] == [(401, "AuthenticationRequired")] * 2
    assert answers[0].json() == answers[1].json()


@pytest.mark.parametrize(
    ("token", "expected"), [(None, (401, "AuthMissing")), ("ngawur", (400, "InvalidToken"))], ids=["none", "garbage"]
)
@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("GET", "com.atproto.server.getSession"),
        ("GET", "com.atproto.server.getServiceAuth"),
        ("POST", "com.atproto.server.refreshSession"),
        ("POST", "com.atproto.repo.uploadBlob"),
        ("POST", "com.atproto.repo.putRecord"),
        ("POST", "com.atproto.repo.deleteRecord"),
        ("POST", "app.bsky.video.uploadVideo"),
        ("GET", "app.bsky.feed.getPosts"),
    ],
)
def test_without_a_good_token_nothing_is_done(bluesky, method, name, token, expected):
    assert error(call(bluesky, method, name, token)) == expected


def test_an_access_token_ends_after_two_hours_with_400_and_the_refresh_token_goes_on(bluesky, session, clock):
    clock.time += timedelta(hours=2)

    ended = call(bluesky, "GET", "com.atproto.server.getSession", session["accessJwt"])
    renewed = call(bluesky, "POST", "com.atproto.server.refreshSession", session["refreshJwt"])

    assert error(ended) == (400, "ExpiredToken")
    assert put(bluesky, renewed.json()).status_code == 200


def test_a_used_refresh_token_goes_on_for_two_hours_only(bluesky, session, clock):
    def refresh():
        return call(bluesky, "POST", "com.atproto.server.refreshSession", session["refreshJwt"])

    statuses = [refresh().status_code, refresh().status_code]
    clock.time += timedelta(hours=2, seconds=1)

    assert statuses == [200, 200]
    assert error(refresh()) == (400, "ExpiredToken")


def test_tokens_are_good_for_one_thing_only(bluesky, session):
    as_access = call(bluesky, "GET", "com.atproto.server.getSession", session["refreshJwt"])
    as_refresh = call(bluesky, "POST", "com.atproto.server.refreshSession", session["accessJwt"])

    assert error(as_access) == error(as_refresh) == (400, "InvalidToken")


def test_refreshing_takes_no_body(bluesky, session):
    answer = call(bluesky, "POST", "com.atproto.server.refreshSession", session["refreshJwt"], json={})

    assert error(answer) == (400, "InvalidRequest")


def test_a_revoked_app_password_opens_nothing_more(bluesky, session):
    bluesky.revoke()

    assert error(login(bluesky)) == (401, "AuthenticationRequired")
    assert error(call(bluesky, "POST", "com.atproto.server.refreshSession", session["refreshJwt"]))[1] == "ExpiredToken"
    assert put(bluesky, session).status_code == 200


@pytest.mark.parametrize(
    ("state", "expected"), [("takendown", "AccountTakedown"), ("deactivated", "AccountDeactivated")]
)
def test_an_account_that_may_not_act_cannot_post(bluesky, session, state, expected):
    bluesky.states[session["did"]] = state

    assert error(put(bluesky, session)) == (401, expected)


# Posts under keys


def test_a_post_is_public_and_its_page_opens(bluesky, session, clock):
    told = put(bluesky, session, record("Banjir <surut>")).json()

    (live,) = bluesky.public
    assert live.id == told["uri"] == f"at://{session['did']}/{POST}/{KEY}"
    assert (live.account, live.text, live.at) == ("humas.padang.example", "Banjir <surut>", clock.time)
    assert "Banjir &lt;surut&gt;" in requests.get(live.url, timeout=5).text
    assert read(bluesky, session).json() == {"uri": live.id, "cid": told["cid"], "value": record("Banjir <surut>")}
    assert bluesky.unknown_fields == []


def test_the_same_record_under_the_same_key_is_done_already(bluesky, session):
    answers = [put(bluesky, session, swapRecord=None) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["cid"] == answers[1].json()["cid"]
    assert len(bluesky.public) == 1


def test_another_record_under_a_taken_key_is_refused_where_nothing_should_be_there(bluesky, session):
    put(bluesky, session, swapRecord=None)

    answer = put(bluesky, session, record("Lain"), swapRecord=None)

    assert error(answer) == (400, "InvalidSwap")
    assert [live.text for live in bluesky.public] == ["Halo Padang"]


def test_without_the_swap_a_put_overwrites(bluesky, session):
    put(bluesky, session)
    put(bluesky, session, record("Lain"))

    assert [live.text for live in bluesky.public] == ["Lain"]


def test_creating_on_a_taken_key_is_a_server_error(bluesky, session):
    asked = {"repo": session["did"], "collection": POST, "rkey": KEY, "record": record()}
    first, second = (
        call(bluesky, "POST", "com.atproto.repo.createRecord", session["accessJwt"], json=asked) for _ in range(2)
    )

    assert first.status_code == 200
    assert error(second) == (500, "InternalServerError")


@pytest.mark.parametrize("rkey", ["zzzzzzzzzzzzz", "k333333333333", "3lbkx5abcd2z", "3lbkx5abcd2z1", "halo"])
def test_a_key_that_is_no_tid_is_refused(bluesky, session, rkey):
    assert error(put(bluesky, session, rkey=rkey)) == (400, "InvalidRequest")


def test_nobody_writes_for_another_account(bluesky, session):
    other = {**session, "did": bluesky.accounts[1].id}

    assert error(put(bluesky, other)) == (401, "AuthenticationRequired")


@pytest.mark.parametrize(
    "value",
    [
        record("a" * 301),
        record("👩‍👩‍👧‍👦" * 121),
        {"$type": POST, "text": "Tanpa waktu"},
        record(createdAt="24 November 2026"),
        record(createdAt="2026-11-24 05:00:00Z"),
        record(createdAt="2026-13-24T05:00:00Z"),
        record(langs=["id", "en", "min", "jv"]),
        record(langs="id"),
        record(langs=["Bahasa Indonesia"]),
        record(facets=[{"features": []}]),
        record(facets=[{"index": {"byteStart": -1, "byteEnd": 3}, "features": []}]),
        record(facets=[{"index": {"byteStart": 0, "byteEnd": 3}}]),
        record(facets=[{"index": {"byteStart": 0, "byteEnd": 3}, "features": [{"uri": "https://a.id"}]}]),
        record(
            facets=[
                {
                    "index": {"byteStart": 0, "byteEnd": 3},
                    "features": [{"$type": "app.bsky.richtext.facet#link", "uri": "padang"}],
                }
            ]
        ),
        record(
            facets=[
                {
                    "index": {"byteStart": 0, "byteEnd": 3},
                    "features": [{"$type": "app.bsky.richtext.facet#tag", "tag": "a" * 65}],
                }
            ]
        ),
        record(reply={"parent": {"uri": "at://x", "cid": "y"}}),
        record(embed={"$type": "app.bsky.embed.external", "external": {"uri": "https://a.id", "title": "A"}}),
        record(embed={"images": []}),
        {**record(), "$type": "app.bsky.feed.like"},
    ],
    ids=lambda value: str(value)[30:110],
)
def test_a_record_that_breaks_the_lexicon_is_refused(bluesky, session, value):
    assert error(put(bluesky, session, value)) == (400, "InvalidRequest")
    assert bluesky.public == []


@pytest.mark.parametrize("text", ["a" * 300, "👩‍👩‍👧‍👦" * 120, "", "e\u0301" * 300])
def test_a_text_up_to_the_limits_is_taken(bluesky, session, text):
    assert put(bluesky, session, record(text)).status_code == 200


def test_fields_that_nobody_knows_are_stored_and_told_in_the_journal(bluesky, session):
    put(bluesky, session, record(visibility="public"), idempotencyKey="x")

    assert bluesky.unknown_fields == ["idempotencyKey", "record.visibility"]


def test_facets_link_bytes_and_not_letters(bluesky, session):
    text = "👩‍👩‍👧‍👦 https://a.id"
    facet = {"features": [{"$type": "app.bsky.richtext.facet#link", "uri": "https://a.id"}]}
    right = {**facet, "index": {"byteStart": 26, "byteEnd": 38}}
    wrong = {**facet, "index": {"byteStart": 8, "byteEnd": 20}}

    assert linked(record(text, facets=[right])).endswith('<a href="https://a.id">https://a.id</a>')
    assert ">https://a.id</a>" not in linked(record(text, facets=[wrong]))
    assert put(bluesky, session, record(text, facets=[wrong])).status_code == 200  # nobody refuses it


def test_a_reply_names_its_parent_and_root(bluesky, session):
    first = put(bluesky, session).json()
    place = {"uri": first["uri"], "cid": first["cid"]}

    put(bluesky, session, record("Bagian dua", reply={"root": place, "parent": place}), rkey=OTHER_KEY)

    assert [live.reply_to for live in bluesky.public] == [None, first["uri"]]


def test_reading_needs_no_login_and_says_what_is_missing(bluesky, session):
    assert error(read(bluesky, session)) == (400, "RecordNotFound")

    put(bluesky, session)

    assert read(bluesky, session).status_code == 200


def test_a_listing_is_newest_first_in_pages(bluesky, session):
    for rkey in (KEY, OTHER_KEY):
        put(bluesky, session, rkey=rkey)
    asked = {"repo": session["did"], "collection": POST, "limit": 1}

    first = call(bluesky, "GET", "com.atproto.repo.listRecords", params=asked).json()
    second = call(bluesky, "GET", "com.atproto.repo.listRecords", params={**asked, "cursor": first["cursor"]}).json()

    assert [page["records"][0]["uri"][-13:] for page in (first, second)] == [OTHER_KEY, KEY]


def test_deleting_twice_is_done_twice(bluesky, session):
    put(bluesky, session)
    asked = {"repo": session["did"], "collection": POST, "rkey": KEY}

    answers = [
        call(bluesky, "POST", "com.atproto.repo.deleteRecord", session["accessJwt"], json=asked) for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert bluesky.public == []
    assert error(read(bluesky, session)) == (400, "RecordNotFound")


# Blobs


def test_a_blob_is_named_by_its_content(bluesky, session):
    blob = upload(bluesky, session).json()["blob"]

    digest = b"\x01\x55\x12\x20" + hashlib.sha256(PNG).digest()
    assert blob["ref"]["$link"] == "b" + base64.b32encode(digest).decode().lower().rstrip("=")
    assert (blob["mimeType"], blob["size"]) == ("image/png", len(PNG))
    assert record_cid({"a": 1}) == record_cid({"a": 1}) != record_cid({"a": 2})


def test_a_picture_is_shown_with_its_alt_text(bluesky, session):
    blob = upload(bluesky, session).json()["blob"]

    put(bluesky, session, record(embed=images(blob)))

    assert [(stored.bytes, stored.alt) for stored in bluesky.public[0].media] == [(PNG, "Peta")]


def test_what_is_no_picture_is_uploaded_and_then_refused(bluesky, session):
    blob = upload(bluesky, session, b"%PDF-1.7 bukan foto", "image/jpeg").json()["blob"]

    assert blob["mimeType"] == "application/pdf"
    assert error(put(bluesky, session, record(embed=images(blob)))) == (400, "InvalidRequest")


@pytest.mark.parametrize(
    "change",
    [
        lambda blob: images(*[blob] * 5),
        lambda blob: images({**blob, "size": 2_000_001}),
        lambda blob: images({**blob, "size": 3}),
        lambda blob: images({**blob, "mimeType": "image/jpeg"}),
        lambda blob: images({**blob, "$type": "file"}),
        lambda blob: images(blob, alt=None),
        lambda blob: images(blob, aspectRatio={"width": 0, "height": 3}),
        lambda blob: {"$type": "app.bsky.embed.video", "video": blob},
    ],
)
def test_a_blob_that_does_not_belong_there_is_refused(bluesky, session, change):
    blob = upload(bluesky, session).json()["blob"]

    assert put(bluesky, session, record(embed=change(blob))).status_code == 400
    assert bluesky.public == []


def test_a_blob_that_no_post_refers_to_is_dropped_after_an_hour(bluesky, session, clock):
    blob = upload(bluesky, session).json()["blob"]
    clock.time += timedelta(minutes=61)

    assert error(put(bluesky, session, record(embed=images(blob)))) == (400, "BlobNotFound")

    upload(bluesky, session)
    assert put(bluesky, session, record(embed=images(blob))).status_code == 200


def test_a_file_beyond_the_servers_limit_is_too_large(bluesky, session):
    bluesky.blob_bytes = 50
    limit = call(bluesky, "GET", "com.atproto.server.describeServer").json()["blobUploadLimit"]

    assert error(upload(bluesky, session)) == (413, "PayloadTooLarge")
    assert limit == 50


# Videos


def test_a_video_is_processed_and_stored_for_the_account(bluesky, session):
    told = send_video(bluesky, session).json()
    states = [job(bluesky, told["jobId"]), job(bluesky, told["jobId"])]
    embed = {"$type": "app.bsky.embed.video", "video": states[1]["blob"], "alt": "Apel"}

    answer = put(bluesky, session, record(embed=embed))

    assert [state["state"] for state in states] == ["JOB_STATE_ENCODING", "JOB_STATE_COMPLETED"]
    assert answer.status_code == 200
    assert [(stored.bytes, stored.alt) for stored in bluesky.public[0].media] == [(MP4, "Apel")]


def test_the_same_video_again_is_a_conflict_that_names_the_job(bluesky, session):
    first, second = send_video(bluesky, session), send_video(bluesky, session)

    assert error(second) == (409, "already_exists")
    assert second.json()["jobId"] == first.json()["jobId"]


def test_the_answer_comes_as_the_lexicon_says_if_wanted(bluesky, session):
    bluesky.wraps_jobs = True

    assert send_video(bluesky, session).json()["jobStatus"]["state"] == "JOB_STATE_CREATED"


def test_what_is_no_video_fails_in_processing(bluesky, session):
    bluesky.polls = 0
    told = send_video(bluesky, session, data=b"bukan video").json()

    state = job(bluesky, told["jobId"])

    assert (state["state"], state["failureCode"]) == ("JOB_STATE_FAILED", "validation_failure")


def test_the_video_service_takes_only_a_token_made_for_the_upload(bluesky, session):
    other_method = service_token(bluesky, session, lxm="app.bsky.video.getUploadLimits").json()["token"]
    other_host = service_token(bluesky, session, aud="did:web:video.bsky.app").json()["token"]

    answers = [send_video(bluesky, session, token=t) for t in (session["accessJwt"], other_method, other_host)]

    assert [error(answer)[1] for answer in answers] == ["InvalidToken", "InvalidToken", "BadJwtAudience"]


@pytest.mark.parametrize("exp", [0, 4_000_000_000])
def test_a_service_token_lasts_an_hour_at_most(bluesky, session, exp):
    assert error(service_token(bluesky, session, exp=exp)) == (400, "BadExpiration")


@pytest.mark.parametrize("change", [{"did": "did:plc:lain"}, {"name": ""}, {"kind": "video/webm"}])
def test_a_video_without_its_particulars_is_refused(bluesky, session, change):
    assert send_video(bluesky, session, **change).status_code in (400, 415)


# Counts


def posts(standin, session, *uris):
    asked = {"uris": list(uris)}
    return call(standin, "GET", "app.bsky.feed.getPosts", session["accessJwt"], params=asked)


def test_counts_grow_and_what_is_missing_is_left_out(bluesky, session, clock):
    uri = put(bluesky, session).json()["uri"]
    clock.time += timedelta(hours=1)
    soon = posts(bluesky, session, uri, uri[:-1] + "7").json()["posts"]
    clock.time += timedelta(minutes=50)
    later = posts(bluesky, session, uri).json()["posts"]

    assert [post["uri"] for post in soon] == [uri]
    assert 0 <= soon[0]["likeCount"] <= later[0]["likeCount"]


def test_the_app_may_not_have_seen_a_new_post_yet(bluesky, session, clock):
    bluesky.indexing = timedelta(seconds=30)
    uri = put(bluesky, session).json()["uri"]

    assert posts(bluesky, session, uri).json()["posts"] == []

    clock.time += timedelta(seconds=30)
    assert len(posts(bluesky, session, uri).json()["posts"]) == 1


@pytest.mark.parametrize("uris", [[], ["https://bsky.app/x"], [f"at://did:plc:a/{POST}/{KEY}"] * 26])
def test_a_question_for_counts_names_up_to_25_posts(bluesky, session, uris):
    assert error(posts(bluesky, session, *uris)) == (400, "InvalidRequest")


# Wording


@pytest.mark.parametrize(
    ("verb", "expected"),
    [
        (faults.refuse(), (400, "InvalidRequest")),
        (faults.expired_token(), (400, "ExpiredToken")),
        (faults.throttle(9), (429, "RateLimitExceeded")),
        (faults.error_before(500), (500, "InternalServerError")),
        (faults.error_before(502), (502, "UpstreamFailure")),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_faults_speak_as_the_server_does(bluesky, session, verb, expected):
    bluesky.script("publish", verb)

    answer = put(bluesky, session)

    assert error(answer) == expected
    assert answer.headers.get("Retry-After") == ("9" if expected[0] == 429 else None)
    assert bluesky.public == []


def test_a_method_nobody_knows_is_not_implemented(bluesky):
    assert error(call(bluesky, "POST", "com.atproto.repo.likeEverything")) == (501, "MethodNotImplemented")


@pytest.mark.parametrize(
    "options", [{"data": "{", "headers": {"Content-Type": "application/json"}}, {"data": {"a": 1}}]
)
def test_a_body_that_is_no_json_is_refused(bluesky, session, options):
    answer = call(bluesky, "POST", "com.atproto.repo.putRecord", session["accessJwt"], **options)

    assert error(answer) == (400, "InvalidRequest")
