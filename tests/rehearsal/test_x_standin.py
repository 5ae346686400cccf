"""The X stand-in is as strict as X's documentation: signatures, closed bodies, weighted length, media, limits."""

import base64
import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import requests
from requests_oauthlib import OAuth1

from dissem.rehearsal.faults import drop_after_accepting, error_after_accepting, expired_token, lag, throttle
from dissem.rehearsal.x import XStandin
from dissem.rehearsal.x_door import SAMPLE
from dissem.rehearsal.x_text import weight

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(range(256)) * 8


class Client:
    """Signs as an app of the account does; `post` and `get` answer with the raw response."""

    def __init__(self, standin, auth=None):
        self.standin = standin
        self.session = requests.Session()
        self.session.trust_env = False
        self.auth = auth or OAuth1(
            standin.consumer_key, standin.consumer_secret, standin.access_token, standin.access_token_secret
        )

    def call(self, method, path, **more):
        return self.session.request(method, self.standin.url + path, auth=self.auth, timeout=5, **more)

    def get(self, path, **params):
        return self.call("GET", path, params=params)

    def post(self, path, **body):
        return self.call("POST", path, json=body)

    def publish(self, text, **more):
        answer = self.post("/2/tweets", text=text, **more)
        assert answer.status_code == 201, answer.text
        return answer.json()["data"]["id"]

    def photo(self, data=PNG, category="tweet_image", name="foto.png"):
        return self.call("POST", "/2/media/upload", files={"media": (name, data)}, data={"media_category": category})

    def photo_id(self):
        return self.photo().json()["data"]["id"]

    def video_id(self, data=MP4, size=700, category="tweet_video"):
        began = self.post(
            "/2/media/upload/initialize", media_type="video/mp4", total_bytes=len(data), media_category=category
        )
        identity = began.json()["data"]["id"]
        for number, start in enumerate(range(0, len(data), size)):
            self.segment(identity, number, data[start : start + size])
        return identity

    def segment(self, identity, number, data):
        return self.call(
            "POST",
            f"/2/media/upload/{identity}/append",
            files={"media": ("part", data)},
            data={"segment_index": number},
        )


class Bearer(requests.auth.AuthBase):
    def __init__(self, token):
        self.token = token

    def __call__(self, request):
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


@pytest.fixture
def x():
    with XStandin() as standin:
        yield standin
        assert not standin.accidents


@pytest.fixture
def client(x):
    return Client(x)


# --- text -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Selamat pagi", 12),
        ("kunjungi padang.go.id hari ini", 41),
        ("humas@padang.go.id", 18),
        ("humas.kota@padang.go.id", 23),
        ("https://padang.go.id/berita/2026/11/siaran-pers?id=12&x=y", 23),
        ("Lihat https://padang.go.id/berita.", 30),
        ("(https://id.wikipedia.org/wiki/Padang_(kota))", 25),
        ("pukul 08.30 sampai 9.45", 23),
        ("berkas laporan.pdf", 18),
        ("#padang.go.id", 13),
        ("kota_padang.id", 14),
        ("kota_tua.padang.go.id", 23),
        ("https://padang.go.id/a https://padang.go.id/b", 47),
        ("café", 4),
        ("cafe\u0301", 4),
        ("“kutip” – dan …", 16),
        ("日本", 4),
        ("👍", 2),
        ("👍🏽", 2),
        ("👨‍👩‍👧‍👦", 2),
        ("🇮🇩", 2),
        ("🇮🇩🇮🇩", 4),
        ("1️⃣", 2),
        ("❤️", 2),
        ("🏴󠁧󠁢󠁥󠁮󠁧󠁿", 2),
        ("©", 1),
        ("a\nb", 3),
    ],
)
def test_text_weighs_what_x_says(text, expected):
    assert weight(text) == expected


def test_a_text_of_280_passes_and_one_of_281_does_not(client, x):
    fits = "a" * 256 + " padang.go.id"

    assert client.post("/2/tweets", text=fits).status_code == 201
    refused = client.post("/2/tweets", text=fits + "! ?")

    assert refused.status_code == 400
    assert refused.json()["detail"] == "Your Tweet text is too long."
    assert [live.text for live in x.public] == [fits]


# --- who asks -------------------------------------------------------------------------------------------------------


def test_a_signed_request_is_let_in(client, x):
    answer = client.get("/2/users/me", **{"user.fields": "subscription_type"})

    assert answer.status_code == 200
    assert answer.json()["data"] == {
        "id": x.user_id,
        "name": "Humas Kota (gladi)",
        "username": x.username,
        "subscription_type": "None",
    }


@pytest.mark.parametrize("wrong", range(4))
def test_any_wrong_secret_is_answered_401(x, wrong):
    secrets = [x.consumer_key, x.consumer_secret, x.access_token, x.access_token_secret]
    secrets[wrong] += "x"

    answer = Client(x, OAuth1(*secrets)).post("/2/tweets", text="Halo")

    assert answer.status_code == 401
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert x.public == []


def test_a_signature_covers_method_address_and_query(client, x):
    request = requests.Request("GET", x.url + "/2/users/me", params={"user.fields": "protected"}, auth=client.auth)
    signed = client.session.prepare_request(request)
    signed.url = signed.url.replace("protected", "verified")

    assert client.session.send(signed, timeout=5).status_code == 401


def test_a_signature_for_another_host_does_not_pass(client, x):
    request = requests.Request("GET", "http://api.x.com/2/users/me", auth=client.auth)
    signed = client.session.prepare_request(request)
    signed.url = x.url + "/2/users/me"

    assert client.session.send(signed, timeout=5).status_code == 401


def test_a_signed_request_cannot_be_replayed(client, x):
    signed = client.session.prepare_request(requests.Request("GET", x.url + "/2/users/me", auth=client.auth))

    assert client.session.send(signed, timeout=5).status_code == 200
    assert client.session.send(signed, timeout=5).status_code == 401


def test_form_fields_are_part_of_the_signature(client, x):
    signed = client.session.prepare_request(
        requests.Request("POST", x.url + "/2/tweets", data={"text": "Halo"}, auth=client.auth)
    )

    assert client.session.send(signed, timeout=5).status_code == 415  # signed rightly, but a form is no JSON
    other = client.session.prepare_request(
        requests.Request("POST", x.url + "/2/tweets", data={"text": "Halo"}, auth=client.auth)
    )
    other.body = other.body.replace(b"Halo", b"Hola") if isinstance(other.body, bytes) else "text=Hola"
    assert client.session.send(other, timeout=5).status_code == 401


def test_an_oauth_2_user_token_is_as_good(x):
    assert Client(x, Bearer(x.bearer)).post("/2/tweets", text="Halo").status_code == 201


def test_an_app_only_token_may_read_but_not_write(x):
    app = Client(x, Bearer(x.app_token))

    refused = app.post("/2/tweets", text="Halo")

    assert refused.status_code == 403
    assert refused.json()["type"].endswith("/unsupported-authentication")
    assert app.get(f"/2/users/{x.user_id}/tweets").json() == {"meta": {"result_count": 0}}


def test_a_token_without_the_scope_is_answered_403():
    with XStandin(accounts=[replace(SAMPLE, scopes=frozenset({"tweet.read", "users.read"}))]) as x:
        assert Client(x, Bearer(x.bearer)).post("/2/tweets", text="Halo").status_code == 403


def test_no_credits_and_a_suspension_stop_every_request(client, x):
    x.credits_depleted = True
    unpaid = client.post("/2/tweets", text="Halo")
    x.credits_depleted, x.suspended = False, True
    suspended = client.get("/2/users/me")

    assert (unpaid.status_code, unpaid.json()["title"]) == (402, "CreditsDepleted")
    assert suspended.status_code == 403
    assert "suspended" in suspended.json()["detail"]
    assert x.public == []


# --- publishing -----------------------------------------------------------------------------------------------------


def test_a_post_becomes_public_and_its_id_tells_the_time(client, x):
    answer = client.post("/2/tweets", text="Kata & gambar: https://padang.go.id/berita")

    data = answer.json()["data"]
    made = datetime.fromtimestamp(((int(data["id"]) >> 22) + 1288834974657) / 1000, UTC)
    assert answer.status_code == 201
    assert abs(datetime.now(UTC) - made) < timedelta(seconds=5)
    assert re.fullmatch(r"Kata &amp; gambar: https://t\.co/\w{10}", data["text"])
    assert x.public[0].text == "Kata & gambar: https://padang.go.id/berita"
    assert x.public[0].url == f"https://x.com/{x.username}/status/{data['id']}"


@pytest.mark.parametrize(
    "body",
    [
        {"text": "Halo", "status": "Halo"},
        {"text": 5},
        {"text": ""},
        {"text": "  "},
        {},
        {"text": "Halo", "reply_settings": "everyone"},
        {"text": "Halo", "media": {"media_ids": []}},
        {"text": "Halo", "media": {"media_ids": ["1", "2", "3", "4", "5"]}},
        {"text": "Halo", "media": {"media_ids": ["1"]}},
        {"text": "Halo", "media": {"media_ids": [1]}},
        {"text": "Halo", "media": {"ids": ["1"]}},
        {"text": "Halo", "reply": {"in_reply_to_status_id": "1"}},
        {"text": "Halo", "reply": {"in_reply_to_tweet_id": 1}},
    ],
)
def test_a_body_that_the_description_does_not_allow_is_answered_400(client, x, body):
    answer = client.post("/2/tweets", **body)

    assert answer.status_code == 400
    assert answer.json()["type"].endswith("/invalid-request")
    assert x.public == []


def test_broken_json_and_unknown_query_parameters_are_answered_400(client):
    broken = client.call("POST", "/2/tweets", data=b"{", headers={"Content-Type": "application/json"})
    unknown = client.call("POST", "/2/tweets", params={"trim": "1"}, json={"text": "Halo"})

    assert (broken.status_code, unknown.status_code) == (400, 400)


def test_a_repeated_text_is_refused_and_may_be_repeated_after_the_first_is_deleted(client, x):
    first = client.publish("Halo Padang")

    again = client.post("/2/tweets", text="Halo Padang ")
    client.call("DELETE", f"/2/tweets/{first}")
    later = client.post("/2/tweets", text="Halo Padang")

    assert again.status_code == 403
    assert again.json() == {
        "title": "Forbidden",
        "detail": "You are not allowed to create a Tweet with duplicate content.",
        "type": "about:blank",
        "status": 403,
    }
    assert later.status_code == 201


def test_the_refusal_of_duplicates_can_be_switched_off_and_ends_with_its_window(client, x):
    client.publish("Halo Padang")
    x.time_offset = x.duplicate_window + timedelta(seconds=1)
    client.publish("Halo Padang")
    x.guards_duplicates = False
    client.publish("Halo Padang")

    assert len(x.public) == 3


def test_a_reply_needs_a_post_that_is_there(client, x):
    first = client.publish("Bagian 1")

    second = client.publish("Bagian 2", reply={"in_reply_to_tweet_id": first})
    lost = client.post("/2/tweets", text="Bagian 3", reply={"in_reply_to_tweet_id": "99"})
    shown = client.get(f"/2/tweets/{second}", **{"tweet.fields": "conversation_id,referenced_tweets"}).json()["data"]

    assert lost.status_code == 403
    assert shown["conversation_id"] == first
    assert shown["referenced_tweets"] == [{"type": "replied_to", "id": first}]
    assert x.public[1].reply_to == first


def test_a_second_cashtag_is_refused(client):
    assert client.post("/2/tweets", text="$BBRI naik").status_code == 201
    assert client.post("/2/tweets", text="$BBRI dan $BMRI naik").status_code == 403


# --- media ----------------------------------------------------------------------------------------------------------


def test_photos_go_out_in_order_with_their_alt_text(client, x):
    ids = [client.photo_id(), client.photo_id()]
    answer = client.post("/2/media/metadata", id=ids[0], metadata={"alt_text": {"text": "Balai kota"}})

    post = client.publish("", media={"media_ids": ids})
    shown = client.get(
        f"/2/tweets/{post}",
        **{
            "tweet.fields": "attachments,entities",
            "expansions": "attachments.media_keys",
            "media.fields": "alt_text",
        },
    ).json()

    assert answer.json()["data"] == {"id": ids[0], "associated_metadata": {"alt_text": {"text": "Balai kota"}}}
    assert [stored.alt for stored in x.public[0].media] == ["Balai kota", ""]
    assert shown["data"]["attachments"]["media_keys"] == [f"3_{one}" for one in ids]
    assert shown["data"]["text"] == shown["data"]["entities"]["urls"][0]["url"]
    assert shown["data"]["entities"]["urls"][0]["display_url"].startswith("pic.x.com/")
    assert shown["includes"]["media"][0] == {"media_key": f"3_{ids[0]}", "type": "photo", "alt_text": "Balai kota"}


def test_a_one_shot_upload_answers_with_id_key_size_and_life(client):
    data = client.photo().json()["data"]

    assert data == {
        "id": data["id"],
        "media_key": f"3_{data['id']}",
        "size": len(PNG),
        "expires_after_secs": pytest.approx(86_400, abs=2),
    }


def test_an_upload_may_also_be_json_with_base64(client):
    answer = client.post("/2/media/upload", media=base64.b64encode(PNG).decode(), media_category="tweet_image")

    assert answer.json()["data"]["size"] == len(PNG)


def test_uploads_that_are_not_as_described_are_refused(client):
    no_category = client.call("POST", "/2/media/upload", files={"media": ("a.png", PNG)})
    extra = client.call(
        "POST", "/2/media/upload", files={"media": ("a.png", PNG)}, data={"media_category": "tweet_image", "alt": "x"}
    )

    assert client.photo(b"%PDF-1.7 ...").status_code == 400
    assert client.photo(b"\xff\xd8\xff" + b"0" * (5 * 1024 * 1024)).status_code == 400
    assert client.photo(category="photo").status_code == 400
    assert client.call("POST", "/2/media/upload", data={"media_category": "tweet_image"}).status_code == 415
    assert no_category.status_code == 400
    assert extra.status_code == 400


def test_alt_text_has_at_most_a_thousand_characters(client):
    identity = client.photo_id()

    longest = client.post("/2/media/metadata", id=identity, metadata={"alt_text": {"text": "a" * 1000}})
    longer = client.post("/2/media/metadata", id=identity, metadata={"alt_text": {"text": "a" * 1001}})
    unknown = client.post("/2/media/metadata", id="99", metadata={"alt_text": {"text": "a"}})

    assert (longest.status_code, longer.status_code, unknown.status_code) == (200, 400, 404)


def test_a_video_comes_in_segments_is_processed_and_then_published(client, x):
    identity = client.video_id()
    client.segment(identity, 0, MP4[:700])  # a lost answer: sent again

    done = client.post(f"/2/media/upload/{identity}/finalize").json()["data"]
    too_early = client.post("/2/tweets", text="Video", media={"media_ids": [identity]})
    states = [
        client.get("/2/media/upload", command="STATUS", media_id=identity).json()["data"]["processing_info"]["state"]
        for _ in range(2)
    ]
    client.publish("Video", media={"media_ids": [identity]})

    assert done["processing_info"] == {"state": "pending", "check_after_secs": 1}
    assert too_early.status_code == 400
    assert states == ["pending", "succeeded"]
    assert x.public[0].media[0].bytes == MP4


def test_a_video_whose_processing_fails_cannot_be_posted(client, x):
    x.processing_polls, x.processing_error = 0, "unsupported codec"
    identity = client.video_id()

    done = client.post(f"/2/media/upload/{identity}/finalize").json()["data"]["processing_info"]

    assert (done["state"], done["error"]["message"]) == ("failed", "unsupported codec")
    assert client.post("/2/tweets", text="Video", media={"media_ids": [identity]}).status_code == 400


def test_a_video_with_a_segment_missing_cannot_be_finalized(client):
    began = client.post(
        "/2/media/upload/initialize", media_type="video/mp4", total_bytes=len(MP4), media_category="tweet_video"
    )
    identity = began.json()["data"]["id"]
    client.segment(identity, 1, MP4[700:])

    assert client.post(f"/2/media/upload/{identity}/finalize").status_code == 400


def test_a_segment_of_more_than_5_mib_is_refused(client):
    assert client.segment(client.video_id(), 9, b"0" * (5 * 1024 * 1024 + 1)).status_code == 413


def test_photos_and_videos_do_not_mix(client):
    identity = client.video_id()
    client.post(f"/2/media/upload/{identity}/finalize")
    client.get("/2/media/upload", media_id=identity)

    mixed = client.post("/2/tweets", text="Dua", media={"media_ids": [client.photo_id(), identity]})

    assert mixed.status_code == 400


def test_a_media_id_is_good_for_a_day_only(client, x):
    identity = client.photo_id()
    x.time_offset = timedelta(hours=24, seconds=1)

    assert client.post("/2/tweets", text="Foto", media={"media_ids": [identity]}).status_code == 400


# --- reading back ---------------------------------------------------------------------------------------------------


def test_the_timeline_pages_newest_first_and_undoes_into_what_was_sent(client, x):
    sent = [f"Nomor {number}: padang.go.id & https://padang.go.id/{number}" for number in range(7)]
    ids = [client.publish(text) for text in sent]
    fields = {"tweet.fields": "created_at,entities,public_metrics", "max_results": 5}

    first = client.get(f"/2/users/{x.user_id}/tweets", **fields).json()
    rest = client.get(f"/2/users/{x.user_id}/tweets", pagination_token=first["meta"]["next_token"], **fields).json()

    assert [post["id"] for post in first["data"] + rest["data"]] == ids[::-1]
    assert "next_token" not in rest["meta"]
    newest = first["data"][0]
    assert [link["expanded_url"] for link in newest["entities"]["urls"]] == [
        "http://padang.go.id",
        "https://padang.go.id/6",
    ]
    assert all(newest["text"][link["start"] : link["end"]] == link["url"] for link in newest["entities"]["urls"])
    assert newest["public_metrics"].keys() >= {"impression_count", "like_count", "retweet_count", "bookmark_count"}


def test_the_new_names_of_fields_are_answered_in_the_new_names(client):
    post = client.publish("Halo")

    data = client.get("/2/tweets", ids=post, **{"post.fields": "public_metrics"}).json()["data"][0]

    assert "repost_count" in data["public_metrics"]
    assert data["edit_history_post_ids"] == [post]


def test_the_timeline_knows_a_window_and_leaves_replies_out(client, x):
    first = client.publish("Bagian 1")
    client.publish("Bagian 2", reply={"in_reply_to_tweet_id": first})
    x.time_offset = timedelta(hours=1)
    later = client.publish("Nanti")
    start = (datetime.now(UTC) + timedelta(minutes=30)).strftime("%Y-%m-%dT%H:%M:%SZ")

    windowed = client.get(f"/2/users/{x.user_id}/tweets", start_time=start).json()
    without = client.get(f"/2/users/{x.user_id}/tweets", exclude="retweets,replies").json()

    assert [post["id"] for post in windowed["data"]] == [later]
    assert [post["id"] for post in without["data"]] == [later, first]


@pytest.mark.parametrize(
    "params",
    [
        {"max_results": 4},
        {"max_results": 101},
        {"max_results": "banyak"},
        {"start_time": "2026-11-24 10:00"},
        {"exclude": "quotes"},
        {"tweet.fields": "text,likes"},
        {"count": 5},
        {"pagination_token": "0"},
    ],
)
def test_a_listing_with_a_wrong_parameter_is_answered_400(client, x, params):
    assert client.get(f"/2/users/{x.user_id}/tweets", **params).status_code == 400


def test_missing_posts_are_named_beside_the_others(client):
    here, gone = client.publish("Ada"), client.publish("Hilang")
    assert client.call("DELETE", f"/2/tweets/{gone}").json() == {"data": {"deleted": True}}

    answer = client.get("/2/tweets", ids=f"{here},{gone}", **{"tweet.fields": "public_metrics"})

    assert answer.status_code == 200
    assert [post["id"] for post in answer.json()["data"]] == [here]
    assert answer.json()["errors"][0]["resource_id"] == gone
    assert answer.json()["errors"][0]["type"].endswith("/resource-not-found")


def test_more_than_a_hundred_ids_are_refused(client):
    assert client.get("/2/tweets", ids=",".join(map(str, range(101)))).status_code == 400
    assert client.get("/2/tweets", ids="satu").status_code == 400


def test_counts_grow_and_private_ones_close_after_thirty_days(client, x):
    post = client.publish("Halo")
    fields = {"tweet.fields": "public_metrics,non_public_metrics"}

    x.time_offset = timedelta(days=2)
    young = client.get(f"/2/tweets/{post}", **fields).json()
    x.time_offset = timedelta(days=31)
    old = client.get(f"/2/tweets/{post}", **fields).json()

    assert "url_link_clicks" in young["data"]["non_public_metrics"]
    assert 0 < young["data"]["public_metrics"]["impression_count"] <= old["data"]["public_metrics"]["impression_count"]
    assert "non_public_metrics" not in old["data"]
    assert old["errors"][0]["type"].endswith("/not-authorized-for-field")


def test_a_long_post_of_a_paying_account_is_cut_and_whole_in_its_note():
    with XStandin(accounts=[replace(SAMPLE, subscription_type="Premium")]) as x:
        client = Client(x)
        post = client.publish("a" * 300)
        shown = client.get(f"/2/tweets/{post}", **{"tweet.fields": "note_tweet"}).json()["data"]

    assert weight(shown["text"]) <= 280
    assert shown["note_tweet"]["text"] == "a" * 300


# --- limits and faults ----------------------------------------------------------------------------------------------


def test_every_answer_tells_the_rate_limit_and_it_is_kept(client, x):
    x.limits["create_post"] = 2

    first, _, third = (client.post("/2/tweets", text=text) for text in ("Satu", "Dua", "Tiga"))
    x.time_offset = timedelta(minutes=15, seconds=1)
    fourth = client.post("/2/tweets", text="Tiga")

    assert (first.headers["x-rate-limit-limit"], first.headers["x-rate-limit-remaining"]) == ("2", "1")
    assert third.status_code == 429
    assert third.headers["x-rate-limit-remaining"] == "0"
    assert int(third.headers["x-rate-limit-reset"]) > datetime.now(UTC).timestamp()
    assert fourth.status_code == 201


def test_scripted_throttling_tells_a_time_only_when_asked_to(client, x):
    x.script("publish", throttle(120), throttle())

    told = client.post("/2/tweets", text="Halo")
    untold = client.post("/2/tweets", text="Halo")

    assert told.status_code == untold.status_code == 429
    assert int(told.headers["x-rate-limit-reset"]) == pytest.approx(datetime.now(UTC).timestamp() + 120, abs=3)
    assert "x-rate-limit-reset" not in untold.headers
    assert x.public == []


def test_a_lost_answer_and_a_503_can_hide_a_post_that_is_live(client, x):
    x.script("publish", drop_after_accepting(), error_after_accepting(503))

    with pytest.raises(requests.ConnectionError):
        client.post("/2/tweets", text="Pertama")
    failed = client.post("/2/tweets", text="Kedua")

    assert failed.status_code == 503
    assert "x-rate-limit-limit" in failed.headers
    assert [live.text for live in x.public] == ["Pertama", "Kedua"]


def test_a_lagging_listing_hides_the_newest_post_once(client, x):
    first, second = client.publish("Satu"), client.publish("Dua")
    x.script("list", lag(1))

    lagging = client.get(f"/2/users/{x.user_id}/tweets").json()["data"]
    usual = client.get(f"/2/users/{x.user_id}/tweets").json()["data"]

    assert [post["id"] for post in lagging] == [first]
    assert [post["id"] for post in usual] == [second, first]


def test_reads_that_ask_for_metrics_are_scripted_as_measuring(client, x):
    post = client.publish("Halo")
    x.script("measure", expired_token())

    read = client.get("/2/tweets", ids=post)
    measured = client.get("/2/tweets", ids=post, **{"tweet.fields": "public_metrics"})

    assert (read.status_code, measured.status_code) == (200, 401)


def test_tweepy_can_talk_to_it(x):
    import tweepy

    class Local(requests.adapters.HTTPAdapter):
        def send(self, request, **more):
            request.url = request.url.replace("https://api.twitter.com", x.url)
            return super().send(request, **more)

    client = tweepy.Client(bearer_token=x.bearer)
    client.session.mount("https://api.twitter.com", Local())

    made = client.create_tweet(text="Dari tweepy", user_auth=False)
    listed = client.get_users_tweets(x.user_id, max_results=5, tweet_fields=["created_at", "public_metrics"])
    client.session.close()

    assert [post.id for post in listed.data] == [int(made.data["id"])]


def test_the_journal_keeps_no_secret(client, x):
    client.post("/2/tweets", text="Halo")
    Client(x, Bearer(x.bearer)).get("/2/users/me")

    told = io.StringIO()
    json.dump([vars(entry) for entry in x.journal], told, default=str)

    assert not any(secret in told.getvalue() for secret in (x.bearer, x.access_token, x.consumer_secret))
