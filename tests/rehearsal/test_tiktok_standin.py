"""The TikTok stand-in is as strict as the documented API: tokens, chunks in order, fetched photos, statuses, limits."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
import requests

from dissem.rehearsal.faults import drop_after_accepting, error_before, expired_token, lag, refuse, throttle
from dissem.rehearsal.standin import Standin, route
from dissem.rehearsal.tiktok import TikTokStandin
from dissem.rehearsal.wire import Answer

VIDEO = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"v" * 2976  # 3,000 bytes
JPEG = b"\xff\xd8\xff\xe0" + b"0" * 60
DIRECT = {"privacy_level": "PUBLIC_TO_EVERYONE", "title": "Halo"}


class Client:
    """Talks as an app does; answers are raw responses."""

    def __init__(self, standin, token=None):
        self.standin = standin
        self.session = requests.Session()
        self.session.trust_env = False
        self.headers = {"Authorization": f"Bearer {token or standin.token}"}

    def post(self, path, body=None, **more):
        headers = {**self.headers, "Content-Type": "application/json; charset=UTF-8", **more.pop("headers", {})}
        url = f"{self.standin.url}/v2/{path}/"
        return self.session.post(url, json=body, headers=headers, timeout=5, **more)

    def get(self, path, **params):
        return self.session.get(f"{self.standin.url}/v2/{path}/", params=params, headers=self.headers, timeout=5)

    def begin(self, size=3000, chunk=None, count=1, info=None):
        source = {
            "source": "FILE_UPLOAD",
            "video_size": size,
            "chunk_size": chunk or size,
            "total_chunk_count": count,
        }
        return self.post("post/publish/video/init", {"post_info": {**DIRECT, **(info or {})}, "source_info": source})

    def draft(self, size=3000):
        source = {"source": "FILE_UPLOAD", "video_size": size, "chunk_size": size, "total_chunk_count": 1}
        return self.post("post/publish/inbox/video/init", {"source_info": source})

    def put(self, url, data, first=0, total=3000, kind="video/mp4"):
        span = {"Content-Range": f"bytes {first}-{first + len(data) - 1}/{total}", "Content-Type": kind}
        return self.session.put(url, data=data, headers=span, timeout=5)

    def photos(self, *urls, mode="DIRECT_POST", info=None, **source):
        info = {"description": "Dua foto", **({"privacy_level": "PUBLIC_TO_EVERYONE"} if mode == "DIRECT_POST" else {})}
        body = {
            "media_type": "PHOTO",
            "post_mode": mode,
            "post_info": info,
            "source_info": {"source": "PULL_FROM_URL", "photo_images": list(urls), "photo_cover_index": 0, **source},
        }
        return self.post("post/publish/content/init", body)

    def status(self, publish_id):
        answer = self.post("post/publish/status/fetch", {"publish_id": publish_id})
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def publish(self, **info):
        begun = self.begin(info=info).json()["data"]
        assert self.put(begun["upload_url"], VIDEO).status_code == 201
        return begun["publish_id"]

    def query(self, *ids, fields="id,view_count"):
        return self.post("video/query", {"filters": {"video_ids": list(ids)}}, params={"fields": fields})

    def renew(self, refresh_token=None, **changes):
        door = self.standin.door
        form = {
            "client_key": door.client_key,
            "client_secret": door.client_secret,
            "grant_type": "refresh_token",
            "refresh_token": refresh_token or self.standin.accounts[0].refresh_token,
            **changes,
        }
        return self.session.post(f"{self.standin.url}/v2/oauth/token/", data=form, timeout=5)


class Host(Standin):
    """A place where photos lie."""

    name = "host"

    @route("GET", "/{file}")
    def file(self, request):
        match request.params["file"]:
            case "elsewhere.jpg":
                return Answer(302, None, {"Location": f"{self.url}/a.jpg"})
            case "kaput.jpg":
                return Answer(404)
            case "png.jpg":
                return Answer(200, b"\x89PNG\r\n\x1a\n" + bytes(50), {"Content-Type": "image/jpeg"})
        return Answer(200, JPEG, {"Content-Type": "image/jpeg"})


def code(answer):
    return answer.status_code, answer.json()["error"]["code"]


@pytest.fixture
def tiktok(clock):
    with TikTokStandin(now=clock, polls=0) as standin:
        yield standin
        assert not standin.accidents


@pytest.fixture
def client(tiktok):
    return Client(tiktok)


@pytest.fixture
def host():
    with Host() as running:
        yield running


# Who asks


def test_every_answer_has_the_envelope_and_success_is_a_code(client):
    answer = client.get("user/info", fields="open_id,display_name")

    assert answer.json()["data"] == {"user": {"open_id": "-000gladiHumasKota01", "display_name": "Humas Kota (gladi)"}}
    assert answer.json()["error"]["code"] == "ok"


def test_a_wrong_token_and_a_missing_scope_are_401(tiktok, client):
    tiktok.accounts[1] = replace(tiktok.accounts[1], scopes=frozenset({"user.info.basic"}))
    poor = Client(tiktok, tiktok.accounts[1].token)

    assert code(Client(tiktok, "act.wrong").begin()) == (401, "access_token_invalid")
    assert code(poor.begin()) == (401, "scope_not_authorized")
    assert code(poor.get("user/info", fields="open_id,username")) == (401, "scope_not_authorized")
    assert code(client.get("user/info")) == (400, "invalid_params")
    assert code(client.get("user/info", fields="open_id,shoe_size")) == (400, "invalid_params")


def test_a_refresh_token_is_spent_by_its_use(tiktok, client):
    first = tiktok.accounts[0].refresh_token

    pair = client.renew().json()
    again = client.renew(first)

    assert (pair["open_id"], pair["expires_in"], pair["token_type"]) == (tiktok.accounts[0].id, 86_400, "Bearer")
    assert pair["refresh_token"] != first
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert client.renew(pair["refresh_token"]).status_code == 200


def test_an_access_token_ends_and_the_former_one_lives_to_its_own_end(tiktok, client, clock):
    pair = client.renew().json()
    renewed = Client(tiktok, pair["access_token"])
    clock.time += timedelta(hours=23)
    client.renew()
    former = renewed.get("user/info", fields="open_id").status_code
    clock.time += timedelta(hours=2)

    assert former == 200
    assert code(renewed.get("user/info", fields="open_id")) == (401, "access_token_invalid")
    assert Client(tiktok).get("user/info", fields="open_id").status_code == 200


def test_a_refresh_token_ends_too(tiktok, client, clock):
    client.renew()
    clock.time += timedelta(days=365)

    assert client.renew().json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_secret": "x"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"refresh_token": "rft.x"}, "invalid_grant"),
    ],
)
def test_the_token_endpoint_refuses_in_its_own_form(client, changes, error):
    told = client.renew(**changes).json()

    assert told["error"] == error
    assert {"error", "error_description", "log_id"} == set(told)


def test_the_token_endpoint_reads_forms_only_and_can_refuse_with_200(tiktok, client):
    url = f"{tiktok.url}/v2/oauth/token/"
    tiktok.door.refusal_status = 200
    refused = client.renew("rft.x")

    assert client.session.post(url, json={"grant_type": "refresh_token"}, timeout=5).json()["error"] == (
        "invalid_request"
    )
    assert (refused.status_code, refused.json()["error"]) == (200, "invalid_grant")


def test_six_posts_a_minute_and_twenty_questions_about_the_creator(client, clock):
    begun = [client.begin().status_code for _ in range(7)]
    asked = [client.post("post/publish/creator_info/query").status_code for _ in range(21)]
    clock.time += timedelta(minutes=1)

    assert begun == [200] * 6 + [429]
    assert asked == [200] * 20 + [429]
    assert client.begin().status_code == 200


def test_the_journal_shows_no_secret(tiktok, client):
    client.publish()
    client.renew()

    shown = repr(tiktok.journal)

    assert "act." not in shown
    assert "rft." not in shown


# The creator


def test_a_private_account_offers_other_privacy_levels(tiktok, client):
    tiktok.accounts[0] = replace(tiktok.accounts[0], private=True, comment_disabled=True)

    told = client.post("post/publish/creator_info/query").json()["data"]

    assert told["privacy_level_options"] == ["FOLLOWER_OF_CREATOR", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"]
    assert (told["comment_disabled"], told["duet_disabled"], told["stitch_disabled"]) == (True, True, True)
    assert code(client.begin()) == (403, "privacy_level_option_mismatch")


def test_limits_of_the_account_come_with_200_from_the_question_and_403_from_the_post(tiktok, client):
    tiktok.posts_a_day = 1
    client.publish()

    assert code(client.post("post/publish/creator_info/query")) == (200, "spam_risk_too_many_posts")
    assert code(client.begin()) == (403, "spam_risk_too_many_posts")


def test_a_banned_account_and_an_app_without_audit_may_not_post(tiktok, client):
    tiktok.audited = False
    unaudited = client.begin()
    tiktok.accounts[0] = replace(tiktok.accounts[0], private=True)
    allowed = client.begin(info={"privacy_level": "SELF_ONLY"})
    tiktok.accounts[0] = replace(tiktok.accounts[0], banned=True)

    assert code(unaudited) == (403, "unaudited_client_can_only_post_to_private_accounts")
    assert code(allowed) == (200, "ok")
    assert code(client.begin()) == (403, "spam_risk_user_banned_from_posting")


# Videos


MIB = 2**20


@pytest.mark.parametrize(
    ("size", "chunk", "count", "accepted"),
    [
        (50_000_123, 10_000_000, 5, True),  # rounded down, and the last chunk takes the rest
        (50_000_123, 10_000_000, 6, False),
        (4 * MIB, 4 * MIB, 1, True),
        (4 * MIB, 2 * MIB, 2, False),
        (10 * MIB, 4 * MIB, 2, False),
        (64 * MIB, 64 * MIB, 1, True),
        (65 * MIB, 65 * MIB, 1, False),
        (10 * MIB, 11 * MIB, 0, False),
        (4097 * MIB, 64 * MIB, 64, False),
        (4096 * MIB, 5 * MIB, 819, True),
    ],
)
def test_chunks_are_counted_by_rounding_down(client, size, chunk, count, accepted):
    assert (client.begin(size, chunk, count).status_code == 200) is accepted


def test_a_video_goes_up_in_order_and_nothing_is_public_before_its_last_byte(tiktok, client):
    tiktok.least_chunk = 1000
    begun = client.begin(3000, 1000, 3).json()["data"]
    url = begun["upload_url"]

    early = client.put(url, VIDEO[1000:2000], 1000)
    first = client.put(url, VIDEO[:1000])
    repeated = client.put(url, VIDEO[:1000])
    second = client.put(url, VIDEO[1000:2000], 1000)
    halfway = client.status(begun["publish_id"])
    unseen = list(tiktok.public)
    last = client.put(url, VIDEO[2000:], 2000)

    assert [one.status_code for one in (early, first, repeated, second, last)] == [416, 206, 416, 206, 201]
    assert first.headers["Content-Range"] == "bytes 0-1000/3000"
    assert (halfway["status"], halfway["uploaded_bytes"]) == ("PROCESSING_UPLOAD", 2000)
    assert unseen == []
    assert [entry.label for entry in tiktok.journal if entry.method == "PUT"] == ["upload"] * 4 + ["publish"]
    assert tiktok.public[0].media[0].bytes == VIDEO


def test_the_upload_address_is_the_key_and_ends_after_an_hour(tiktok, client, clock):
    url = client.begin().json()["data"]["upload_url"]

    wrong = client.put(url + "x", VIDEO).status_code
    kind = client.put(url, VIDEO, kind="video/x-msvideo").status_code
    size = client.put(url, VIDEO[:-1]).status_code
    clock.time += timedelta(hours=1, seconds=1)

    assert (wrong, kind, size) == (404, 400, 400)
    assert client.put(url, VIDEO).status_code == 403


def test_a_post_is_processed_then_moderated_then_public(tiktok, client):
    tiktok.polls, tiktok.moderation = 1, 1
    publish_id = client.publish()

    told = [client.status(publish_id) for _ in range(3)]

    assert [one["status"] for one in told] == ["PROCESSING_UPLOAD", "PUBLISH_COMPLETE", "PUBLISH_COMPLETE"]
    assert [len(one["publicaly_available_post_id"]) for one in told] == [0, 0, 1]
    assert told[2]["publicaly_available_post_id"] == [int(tiktok.public[0].id)]
    assert float(tiktok.public[0].id) != int(tiktok.public[0].id)


def test_what_is_for_friends_never_gets_a_public_id(tiktok, client):
    publish_id = client.publish(privacy_level="SELF_ONLY")

    told = client.status(publish_id)

    assert (told["status"], told["publicaly_available_post_id"]) == ("PUBLISH_COMPLETE", [])
    assert tiktok.public == []


@pytest.mark.parametrize("data", [b"%PDF-" + bytes(2995), b"\0\0\0\x18ftypavif" + bytes(2988)])
def test_a_file_that_is_no_video_fails_in_processing(tiktok, client, data):
    begun = client.begin().json()["data"]
    client.put(begun["upload_url"], data)

    told = client.status(begun["publish_id"])

    assert (told["status"], told["fail_reason"]) == ("FAILED", "file_format_check_failed")
    assert tiktok.public == []


def test_processing_can_be_made_to_fail(tiktok, client):
    tiktok.gives_up = "spam_risk_text"

    assert client.status(client.publish())["fail_reason"] == "spam_risk_text"


def test_a_publish_id_is_known_to_its_account_alone(tiktok, client):
    publish_id = client.publish()
    other = Client(tiktok, tiktok.accounts[1].token)
    asked = {"publish_id": publish_id}

    assert code(other.post("post/publish/status/fetch", asked)) == (
        400,
        "token_not_authorized_for_specified_publish_id",
    )
    assert code(client.post("post/publish/status/fetch", {"publish_id": "v_x"})) == (400, "invalid_publish_id")


@pytest.mark.parametrize(
    "info", [{"title": "x" * 2201}, {"title": "😀" * 1101}, {"title": 5}, {"disable_duet": "false"}]
)
def test_captions_are_counted_in_utf_16_and_types_are_checked(client, info):
    assert code(client.begin(info=info)) == (400, "invalid_params")


def test_the_longest_caption_passes(client):
    assert code(client.begin(info={"title": "😀" * 1100})) == (200, "ok")


def test_unknown_fields_pass_and_are_remembered(tiktok, client):
    client.begin(info={"hashtags": ["x"]})

    assert tiktok.unknown_fields == ["post_info.hashtags"]


def test_only_json_is_read(tiktok, client):
    plain = client.post("post/publish/video/init", {}, headers={"Content-Type": "text/plain"})
    broken = client.session.post(
        f"{tiktok.url}/v2/post/publish/status/fetch/",
        data="{",
        headers={**client.headers, "Content-Type": "application/json"},
        timeout=5,
    )

    assert code(plain) == code(broken) == (400, "invalid_params")


# Drafts


def test_a_draft_waits_in_the_inbox_until_a_person_posts_it(tiktok, client):
    begun = client.draft().json()["data"]
    client.put(begun["upload_url"], VIDEO)
    before = client.status(begun["publish_id"])

    post = tiktok.post_draft(begun["publish_id"], "Ditulis di ponsel")
    again = tiktok.post_draft(begun["publish_id"])
    after = client.status(begun["publish_id"])

    assert (before["status"], before["publicaly_available_post_id"]) == ("SEND_TO_USER_INBOX", [])
    assert (after["status"], after["publicaly_available_post_id"]) == ("PUBLISH_COMPLETE", [int(post), int(again)])
    assert tiktok.public[0].text == "Ditulis di ponsel"
    assert tiktok.inbox == []


def test_five_drafts_may_wait_in_a_day(tiktok, client, clock):
    begun = [client.draft().status_code for _ in range(5)]
    clock.time += timedelta(minutes=2)
    sixth = client.draft()
    clock.time += timedelta(days=1)

    assert begun == [200] * 5
    assert code(sixth) == (403, "spam_risk_too_many_pending_share")
    assert client.draft().status_code == 200


# Photos


def test_photos_are_fetched_in_order_and_shown_with_their_words(tiktok, client, host):
    publish_id = client.photos(f"{host.url}/a.jpg", f"{host.url}/b.jpg").json()["data"]["publish_id"]

    told = client.status(publish_id)

    assert [entry.path for entry in host.journal] == ["/a.jpg", "/b.jpg"]
    assert (told["status"], told["downloaded_bytes"]) == ("PUBLISH_COMPLETE", 2 * len(JPEG))
    (live,) = tiktok.public
    assert live.text == "Dua foto"
    assert "/photo/" in live.url


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("kaput.jpg", "photo_pull_failed"),
        ("elsewhere.jpg", "photo_pull_failed"),
        ("png.jpg", "file_format_check_failed"),
    ],
)
def test_a_photo_that_cannot_be_had_fails_later(tiktok, client, host, file, reason):
    begun = client.photos(f"{host.url}/{file}")

    told = client.status(begun.json()["data"]["publish_id"])

    assert (told["status"], told["fail_reason"]) == ("FAILED", reason)
    assert tiktok.public == []


def test_nothing_is_fetched_from_another_machine(tiktok, client):
    tiktok.verified = ["https://media.padang.example/"]

    begun = client.photos("https://media.padang.example/a.jpg").json()["data"]

    assert client.status(begun["publish_id"])["fail_reason"] == "photo_pull_failed"


def test_addresses_must_be_https_and_verified(client, host):
    assert code(client.photos("https://padang.example/a.jpg")) == (403, "url_ownership_unverified")
    assert code(client.photos("http://padang.example/a.jpg")) == (400, "invalid_params")
    assert code(client.photos()) == (400, "invalid_params")
    assert code(client.photos(f"{host.url}/a.jpg", source="FILE_UPLOAD")) == (400, "invalid_params")
    assert code(client.photos(f"{host.url}/a.jpg", photo_cover_index=1)) == (400, "invalid_params")
    assert code(client.photos(f"{host.url}/a.jpg", mode="LATER")) == (400, "invalid_params")


def test_photos_can_be_drafts_too(tiktok, client, host):
    publish_id = client.photos(f"{host.url}/a.jpg", mode="MEDIA_UPLOAD").json()["data"]["publish_id"]

    assert client.status(publish_id)["status"] == "SEND_TO_USER_INBOX"
    assert tiktok.public == []


# Listing and figures


def test_a_listing_is_newest_first_in_pages(tiktok, client, clock):
    for number in range(3):
        client.publish(title=f"Nomor {number} " + "x" * 200)
        clock.time += timedelta(minutes=1)

    first = client.post("video/list", {"max_count": 2}, params={"fields": "id,title"}).json()["data"]
    second = client.post("video/list", {"cursor": first["cursor"]}, params={"fields": "id,title"}).json()["data"]

    assert [one["title"][:7] for one in first["videos"]] == ["Nomor 2", "Nomor 1"]
    assert [one["title"][:7] for one in second["videos"]] == ["Nomor 0"]
    assert len(first["videos"][0]["title"]) == 150
    assert (first["has_more"], second["has_more"]) == (True, False)


def test_a_listing_may_lag(tiktok, client):
    client.publish()
    tiktok.script("list", lag(1))

    counts = [len(client.post("video/list", {}, params={"fields": "id"}).json()["data"]["videos"]) for _ in range(2)]

    assert counts == [0, 1]


def test_figures_grow_and_a_post_taken_down_is_missing(tiktok, client, clock):
    client.publish()
    client.publish()
    ids = [live.id for live in tiktok.public]
    clock.time += timedelta(days=2)
    tiktok.take_down(ids[0])

    (told,) = client.query(*ids).json()["data"]["videos"]

    assert told["id"] == ids[1]
    assert told["view_count"] > 0
    assert isinstance(told["id"], str)


@pytest.mark.parametrize("ids", [[], [1], "7", ["7"] * 21])
def test_figures_are_asked_for_one_to_twenty_ids(client, ids):
    answer = client.post("video/query", {"filters": {"video_ids": ids}}, params={"fields": "id"})

    assert code(answer) == (400, "invalid_params")


def test_photo_posts_can_be_unknown_to_listing_and_figures(tiktok, client, host):
    tiktok.shows_photos = False
    client.photos(f"{host.url}/a.jpg")

    assert client.query(tiktok.public[0].id).json()["data"]["videos"] == []
    assert client.post("video/list", {}, params={"fields": "id"}).json()["data"]["videos"] == []


def test_the_address_that_is_told_leads_to_the_post(tiktok, client):
    client.publish(title="Ramai & <tertib>")

    url = client.query(tiktok.public[0].id, fields="share_url").json()["data"]["videos"][0]["share_url"]

    assert "Ramai &amp; &lt;tertib&gt;" in client.session.get(url, timeout=5).text


# Trouble


def test_trouble_is_worded_as_tiktok_words_it(tiktok, client):
    tiktok.script("init", error_before(500), throttle(), expired_token(), refuse())

    told = [code(client.begin()) for _ in range(4)]

    assert told == [
        (500, "internal_error"),
        (429, "rate_limit_exceeded"),
        (401, "access_token_invalid"),
        (400, "invalid_params"),
    ]


def test_a_spent_login_is_worded_for_the_token_endpoint(tiktok, client):
    tiktok.script("token", expired_token())

    assert client.renew().json()["error"] == "invalid_grant"


def test_a_lost_answer_to_the_last_chunk_leaves_the_post_there(tiktok, client):
    begun = client.begin().json()["data"]
    tiktok.script("publish", drop_after_accepting())

    with pytest.raises(requests.ConnectionError):
        client.put(begun["upload_url"], VIDEO)

    assert len(tiktok.public) == 1
    assert client.put(begun["upload_url"], VIDEO).status_code == 416


def test_another_process_sees_what_is_public(tiktok, client):
    client.publish()

    told = json.loads(client.session.get(f"{tiktok.url}/_rehearsal/public", timeout=5).text)

    assert [one["account"] for one in told] == ["humaskota"]
