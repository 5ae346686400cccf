from dataclasses import replace
from datetime import timedelta

import pytest
import requests

from dissem.rehearsal import faults
from dissem.rehearsal.mastodon import MastodonStandin
from dissem.rehearsal.mastodon_text import as_html, counted

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x04\0\0\0\x03\0" + b"\0" * 40
MP4 = b"\0\0\0\x18ftypisom" + b"\0" * 40


@pytest.fixture
def mastodon(clock):
    with MastodonStandin(now=clock) as running:
        yield running
    assert running.accidents == []


def call(standin, method, path, *, token=None, headers=None, **options):
    bearer = {"Authorization": f"Bearer {token or standin.token}"} if token != "" else {}
    return requests.request(method, standin.url + path, headers={**bearer, **(headers or {})}, timeout=5, **options)


def post(standin, text="Halo Jakarta", *, key=None, token=None, **fields):
    headers = {"Idempotency-Key": key} if key else None
    return call(standin, "POST", "/api/v1/statuses", json={"status": text, **fields}, headers=headers, token=token)


def upload(standin, data=PNG, name="foto.png", token=None, **fields):
    return call(standin, "POST", "/api/v2/media", files={"file": (name, data)}, data=fields, token=token)


def error(answer):
    return answer.status_code, answer.json()["error"]


def test_the_instance_tells_its_limits_to_anyone(mastodon):
    configuration = call(mastodon, "GET", "/api/v2/instance", token="").json()["configuration"]

    assert configuration["statuses"] == {
        "max_characters": 500,
        "max_media_attachments": 4,
        "characters_reserved_per_url": 23,
    }
    assert configuration["media_attachments"]["image_size_limit"] == 16 * 2**20


def test_a_token_tells_whose_it_is(mastodon):
    account = call(mastodon, "GET", "/api/v1/accounts/verify_credentials").json()

    assert (account["username"], account["display_name"]) == ("humas", "Humas Kota")
    assert account["id"] == mastodon.accounts[0].id


@pytest.mark.parametrize("token", ["", "salah"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/accounts/verify_credentials"),
        ("POST", "/api/v1/statuses"),
        ("POST", "/api/v2/media"),
        ("GET", "/api/v1/media/1"),
        ("GET", "/api/v1/statuses/1/source"),
        ("DELETE", "/api/v1/statuses/1"),
    ],
)
def test_without_a_good_token_nothing_is_done(mastodon, method, path, token):
    answer = call(mastodon, method, path, token=token)

    assert error(answer) == (401, "The access token is invalid")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_a_token_without_the_scope_is_refused(mastodon):
    reader = replace(mastodon.accounts[0], token="hanya-baca", scopes=frozenset({"read"}))
    mastodon.accounts.append(reader)

    assert call(mastodon, "GET", "/api/v1/accounts/verify_credentials", token="hanya-baca").status_code == 200
    assert error(post(mastodon, token="hanya-baca")) == (403, "This action is outside the authorized scopes")
    assert mastodon.public == []


def test_a_published_status_is_public_and_its_page_opens(mastodon, clock):
    status = post(mastodon, "Banjir <surut>\n\nWarga pulang.", visibility="public", language="id").json()

    (live,) = mastodon.public
    assert (live.id, live.account, live.text, live.at) == (
        status["id"],
        "humas",
        "Banjir <surut>\n\nWarga pulang.",
        clock.time,
    )
    assert status["content"] == "<p>Banjir &lt;surut&gt;</p><p>Warga pulang.</p>"
    assert status["created_at"] == "2026-11-24T05:00:00.000Z"
    assert status["url"] == live.url == f"{mastodon.url}/@humas/{status['id']}"
    assert "Banjir &lt;surut&gt;" in requests.get(status["url"], timeout=5).text
    assert mastodon.unknown_fields == []


def test_forms_are_taken_as_well_as_json(mastodon):
    media = [upload(mastodon).json()["id"] for _ in range(2)]

    answer = call(mastodon, "POST", "/api/v1/statuses", data={"status": "Foto", "media_ids[]": media})

    assert [one["id"] for one in answer.json()["media_attachments"]] == media


@pytest.mark.parametrize(
    "options", [{"json": {"status": "x", "media_ids": "5"}}, {"data": {"status": "x", "media_ids": "5"}}]
)
def test_media_ids_that_are_no_list_are_ignored_and_told_in_the_journal(mastodon, options):
    answer = call(mastodon, "POST", "/api/v1/statuses", **options)

    assert answer.json()["media_attachments"] == []
    assert mastodon.unknown_fields == ["media_ids"]


def test_fields_that_nobody_knows_are_ignored_and_told_in_the_journal(mastodon):
    assert post(mastodon, text_format="markdown").status_code == 200
    assert mastodon.unknown_fields == ["text_format"]


def test_a_body_that_is_no_json_is_refused(mastodon):
    headers = {"Content-Type": "application/json"}

    assert call(mastodon, "POST", "/api/v1/statuses", data="{", headers=headers).status_code == 400


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"text": " \n "}, "Validation failed: Text can't be blank"),
        ({"text": "x" * 501}, "Validation failed: Text character limit of 500 exceeded"),
        ({"text": "x" * 400, "spoiler_text": "y" * 101}, "Validation failed: Text character limit of 500 exceeded"),
        ({"visibility": "semua"}, "Validation failed: Visibility is not included in the list"),
        ({"media_ids": ["1", "2", "3", "4", "5"]}, "Cannot attach more than 4 files"),
        ({"media_ids": ["8", "9"]}, "Media 8, 9 not found or already attached to another post"),
    ],
)
def test_an_invalid_status_is_refused_and_not_public(mastodon, fields, reason):
    assert error(post(mastodon, **fields)) == (422, reason)
    assert mastodon.public == []


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("halo", 4),
        ("lihat https://x.id", 6 + 23),
        (f"https://kota.example/{'a' * 200}.", 24),
        ("@humas@kota.example halo", 11),
        ("👨‍👩‍👧 🇮🇩🇲🇾 e\u0301 👍🏽", 1 + 1 + 2 + 1 + 1 + 1 + 1),
    ],
)
def test_texts_are_counted_as_people_see_them_and_addresses_as_23(text, length):
    assert counted(text) == length


def test_500_characters_with_a_long_address_fit(mastodon):
    text = "x" * 476 + " https://kota.example/" + "y" * 300

    assert post(mastodon, text).status_code == 200
    assert post(mastodon, "x" + text).status_code == 422


def test_content_has_links_and_tags_taken_apart():
    html = as_html("Baca https://kota.example/berita/panjang-sekali-alamatnya #BanjirJKT\nya", "http://m")

    assert '<span class="invisible">https://</span><span class="ellipsis">kota.example/berita/panjang-se</span>' in html
    assert (
        '<a href="http://m/tags/BanjirJKT" class="mention hashtag" rel="tag">#<span>BanjirJKT</span></a><br />ya'
        in html
    )


def test_the_same_key_gives_the_same_status_for_an_hour(mastodon, clock):
    first = post(mastodon, "satu", key="k-1").json()["id"]

    again = post(mastodon, "isi lain", key="k-1")
    clock.time += timedelta(minutes=61)
    later = post(mastodon, "satu", key="k-1")

    assert (again.status_code, again.json()["id"]) == (200, first)
    assert later.json()["id"] != first
    assert [live.text for live in mastodon.public] == ["satu", "satu"]


def test_keys_of_two_accounts_do_not_meet(mastodon):
    first = post(mastodon, key="k").json()["id"]

    assert post(mastodon, key="k", token=mastodon.accounts[1].token).json()["id"] != first


def test_a_server_may_ignore_keys():
    with MastodonStandin(honours_keys=False) as mastodon:
        post(mastodon, key="k")
        post(mastodon, key="k")

        assert len(mastodon.public) == 2


def test_an_image_is_ready_at_once_with_its_size_and_alt_text(mastodon):
    answer = upload(mastodon, description="Pintu air")

    media = answer.json()
    assert (answer.status_code, media["type"], media["description"]) == (200, "image", "Pintu air")
    assert media["meta"]["original"] == {"width": 1024, "height": 768, "size": "1024x768"}
    assert requests.get(media["url"], timeout=5).content == PNG


def test_a_video_is_processed_before_it_can_be_attached(mastodon):
    uploaded = upload(mastodon, MP4, "video.mp4")
    media = uploaded.json()["id"]

    early = post(mastodon, media_ids=[media])
    asked = [call(mastodon, "GET", f"/api/v1/media/{media}") for _ in range(2)]
    in_time = post(mastodon, media_ids=[media])

    assert (uploaded.status_code, uploaded.json()["url"]) == (202, None)
    assert error(early) == (
        422,
        "Cannot attach files that have not finished processing. Try again in a moment!",
    )
    assert [(one.status_code, one.json()["url"] is None) for one in asked] == [(206, True), (200, False)]
    assert in_time.json()["media_attachments"][0]["type"] == "video"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "Validation failed: File can't be blank"),
        (b"<html></html>", "File type of uploaded media could not be verified"),
        (b"%PDF-1.7", "Validation failed: File content type is invalid, File is invalid"),
        (PNG + b"\0" * 16 * 2**20, "Validation failed: File file size must be less than 16 MB"),
    ],
)
def test_a_file_of_the_wrong_kind_or_size_is_refused(mastodon, data, reason):
    assert error(upload(mastodon, data)) == (422, reason)
    assert mastodon.media == {}


def test_alt_text_has_a_limit_and_can_be_changed_before_posting(mastodon):
    media = upload(mastodon).json()["id"]
    path = f"/api/v1/media/{media}"

    too_long = call(mastodon, "PUT", path, json={"description": "x" * 1501})
    changed = call(mastodon, "PUT", path, json={"description": "Warga mengungsi"})
    post(mastodon, media_ids=[media])
    too_late = call(mastodon, "PUT", path, json={"description": "lain"})

    assert error(too_long)[0] == 422
    assert changed.json()["description"] == "Warga mengungsi"
    assert error(too_late) == (404, "Record not found")
    assert [stored.alt for stored in mastodon.public[0].media] == ["Warga mengungsi"]


def test_a_file_is_attached_only_once_and_only_by_its_owner(mastodon):
    media = upload(mastodon).json()["id"]
    reason = f"Media {media} not found or already attached to another post"

    foreign = post(mastodon, media_ids=[media], token=mastodon.accounts[1].token)
    first = post(mastodon, media_ids=[media])
    second = post(mastodon, media_ids=[media])

    assert error(foreign) == (422, reason)
    assert first.status_code == 200
    assert error(second) == (422, reason)
    assert len(mastodon.public) == 1


def test_pictures_and_video_are_not_mixed(mastodon):
    mastodon.polls = 0
    media = [upload(mastodon).json()["id"], upload(mastodon, MP4, "v.mp4").json()["id"]]

    answer = post(mastodon, media_ids=media)

    assert error(answer) == (422, "Cannot attach a video to a post that already contains images")


def test_a_reply_needs_something_to_reply_to(mastodon):
    first = post(mastodon).json()["id"]

    reply = post(mastodon, "lanjutan", in_reply_to_id=first)
    lost = post(mastodon, "lanjutan", in_reply_to_id="12")

    assert reply.json()["in_reply_to_id"] == first
    assert mastodon.public[1].reply_to == first
    assert error(lost) == (404, "The post you are trying to reply to does not appear to exist.")


def test_private_statuses_are_not_public_but_their_owner_sees_them(mastodon):
    status = post(mastodon, visibility="direct").json()["id"]
    path = f"/api/v1/statuses/{status}"

    assert mastodon.public == []
    assert call(mastodon, "GET", path).status_code == 200
    assert call(mastodon, "GET", path, token="").status_code == 404
    assert call(mastodon, "GET", path, token=mastodon.accounts[1].token).status_code == 404


def test_a_scheduled_status_is_not_public_and_has_no_address(mastodon):
    later = post(mastodon, scheduled_at="2026-11-24T05:06:00Z")
    at_once = post(mastodon, scheduled_at="2026-11-24T05:01:00Z")

    assert "url" not in later.json()
    assert error(at_once)[0] == 422
    assert mastodon.public == []


def test_the_source_is_the_text_as_it_was_sent(mastodon):
    status = post(mastodon, " Baca https://kota.example #Info\n").json()["id"]

    source = call(mastodon, "GET", f"/api/v1/statuses/{status}/source").json()

    assert source == {"id": status, "text": "Baca https://kota.example #Info", "spoiler_text": ""}


def listing(standin, query="", token=None):
    answer = call(standin, "GET", f"/api/v1/accounts/{standin.accounts[0].id}/statuses{query}", token=token)
    return [one["id"] for one in answer.json()]


def test_an_account_lists_its_own_statuses_newest_first(mastodon):
    ids = [post(mastodon, f"{number}").json()["id"] for number in range(5)]
    post(mastodon, "lain", token=mastodon.accounts[1].token)

    assert listing(mastodon) == ids[::-1]
    assert listing(mastodon, "?limit=2") == [ids[4], ids[3]]
    assert listing(mastodon, f"?min_id={ids[1]}&limit=2") == [ids[3], ids[2]]
    assert listing(mastodon, f"?since_id={ids[1]}&limit=2") == [ids[4], ids[3]]
    assert listing(mastodon, f"?max_id={ids[2]}") == [ids[1], ids[0]]
    assert listing(mastodon, token="") == ids[::-1]


def test_at_most_40_statuses_are_listed(mastodon):
    for number in range(45):
        post(mastodon, f"{number}")

    assert (len(listing(mastodon)), len(listing(mastodon, "?limit=100"))) == (20, 40)


def test_a_listing_without_replies_keeps_an_accounts_own_threads(mastodon):
    first = post(mastodon, "utas").json()["id"]
    second = post(mastodon, "lanjutan", in_reply_to_id=first).json()["id"]
    other = post(mastodon, "lain", token=mastodon.accounts[1].token).json()["id"]
    post(mastodon, "jawaban", in_reply_to_id=other)

    assert listing(mastodon, "?exclude_replies=true&exclude_reblogs=true") == [second, first]
    assert mastodon.unknown_fields == []


def test_an_account_that_does_not_exist_has_no_listing(mastodon):
    assert error(call(mastodon, "GET", "/api/v1/accounts/5/statuses")) == (404, "Record not found")


def test_a_listing_that_lags_leaves_the_newest_out(mastodon):
    old, new = (post(mastodon, text).json()["id"] for text in ("lama", "baru"))
    mastodon.script("list", faults.lag(1))

    assert (listing(mastodon), listing(mastodon)) == ([old], [new, old])


def test_several_statuses_are_counted_in_one_request(mastodon):
    ids = [post(mastodon, f"{number}").json()["id"] for number in range(3)]
    call(mastodon, "DELETE", f"/api/v1/statuses/{ids[1]}")
    mastodon.time_offset = timedelta(days=3)

    found = call(mastodon, "GET", "/api/v1/statuses", params={"id[]": ids}).json()

    assert {one["id"] for one in found} == {ids[0], ids[2]}
    assert all(one["favourites_count"] > 0 for one in found)
    assert "views_count" not in found[0]


def test_more_than_twenty_at_once_are_refused(mastodon):
    answer = call(mastodon, "GET", "/api/v1/statuses", params={"id[]": [str(number) for number in range(21)]})

    assert answer.status_code == 422


def test_reactions_grow_with_time(mastodon):
    status = post(mastodon).json()
    mastodon.time_offset = timedelta(days=2)

    later = call(mastodon, "GET", f"/api/v1/statuses/{status['id']}").json()

    assert status["favourites_count"] == 0
    assert later["favourites_count"] > 0


def test_a_deleted_status_is_gone_everywhere(mastodon):
    status = post(mastodon, "Salah ketik").json()["id"]
    path = f"/api/v1/statuses/{status}"

    foreign = call(mastodon, "DELETE", path, token=mastodon.accounts[1].token)
    deleted = call(mastodon, "DELETE", path)

    assert foreign.status_code == 404
    assert (deleted.status_code, deleted.json()["text"]) == (200, "Salah ketik")
    assert call(mastodon, "GET", path).status_code == 404
    assert requests.get(f"{mastodon.url}/@humas/{status}", timeout=5).status_code == 404
    assert (mastodon.public, listing(mastodon)) == ([], [])


def test_the_rate_limit_is_told_as_a_time(mastodon):
    headers = call(mastodon, "GET", "/api/v1/accounts/verify_credentials").headers

    assert headers["X-RateLimit-Limit"] == "300"
    assert headers["X-RateLimit-Reset"] == "2026-11-24T05:05:00.000000Z"


def test_throttling_names_its_end_without_retry_after(mastodon):
    mastodon.script("publish", faults.throttle(90), faults.throttle())

    told, untold = post(mastodon), post(mastodon)

    assert error(told) == (429, "Too many requests")
    assert told.headers["X-RateLimit-Reset"] == "2026-11-24T05:01:30.000000Z"
    assert "Retry-After" not in told.headers
    assert untold.headers["X-RateLimit-Reset"] == "2026-11-24T05:05:00.000000Z"


def test_refusals_and_errors_are_worded_as_the_server_words_them(mastodon):
    mastodon.script("publish", faults.refuse, faults.expired_token, faults.reply(503), faults.reply(502))

    refused, revoked, busy, gateway = (post(mastodon) for _ in range(4))

    assert error(refused) == (422, "Validation failed: Text character limit of 500 exceeded")
    assert error(revoked) == (401, "The access token was revoked")
    assert error(busy) == (503, "There was a temporary problem serving your request, please try again")
    assert gateway.headers["Content-Type"].startswith("text/html")
    assert mastodon.public == []


def test_a_dropped_line_after_accepting_leaves_the_post_and_a_repeat_finds_it(mastodon):
    mastodon.script("publish", faults.drop_after_accepting)

    with pytest.raises(requests.ConnectionError):
        post(mastodon, key="k-9")
    repeated = post(mastodon, key="k-9")

    assert [live.id for live in mastodon.public] == [repeated.json()["id"]]


def test_duplicates_are_never_refused_here(mastodon):
    with pytest.raises(ValueError, match="no duplicates"):
        mastodon.script("publish", faults.duplicate)

    assert {post(mastodon, "sama").status_code for _ in range(2)} == {200}
    assert len(mastodon.public) == 2


def test_unknown_paths_answer_as_the_api_does(mastodon):
    assert error(call(mastodon, "GET", "/api/v1/nothing")) == (404, "Not Found")
    assert error(call(mastodon, "GET", "/api/v1/statuses/77")) == (404, "Record not found")
