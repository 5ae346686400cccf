"""Bluesky: the contract, and what only Bluesky does."""

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest

from dissem.channels import bluesky_login, bluesky_text, client
from dissem.channels.adapter import Certainty, Counts, Gone, Prepared
from dissem.channels.bluesky import Bluesky, key_of
from dissem.channels.client import Answer
from dissem.channels.errors import NotYet, Refused, Throttled, Unauthorized, Uncertain, Unreachable
from dissem.rehearsal import faults
from dissem.rehearsal.bluesky import BlueskyStandin, linked
from dissem.rehearsal.bluesky_records import TID

from .contract import AdapterContract, Platform, prepare_all, send, whole

FAMILY = "👩‍👩‍👧‍👦"


class BlueskyPlatform(Platform):
    adapter_class = Bluesky
    operations: ClassVar = {**Platform.operations, "check": "account", "list": "read", "recent": "list"}
    always_names_the_wait = True

    def settings(self):
        url = self.standin.url
        return {
            "api_url": url,
            "video_url": url,
            "web_url": url,
            "identifier": self.standin.accounts[0].handle,
            "app_password": self.standin.token,
        }

    def script(self, operation, *verbs):
        """A token that merely ended is renewed: for good it ends with the app password. A server knows its own posts
        at once: its reading never lags."""
        if any(verb.kind == "expired_token" for verb in verbs):
            self.standin.revoke()
        super().script(operation, *(faults.accept() if verb.kind == "lag" else verb for verb in verbs))


class TestBluesky(AdapterContract):
    @pytest.fixture
    def platform(self, standin):
        return BlueskyPlatform(standin)


@pytest.fixture
def standin():
    with BlueskyStandin() as running:
        yield running
    assert running.accidents == []


@pytest.fixture
def platform(standin):
    return BlueskyPlatform(standin)


def record_of(standin, place=-1):
    return standin.records[standin.public[place].id].value


def labels(standin):
    return [entry.label for entry in standin.journal]


# Text


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("Padang", 6),
        ("e\u0301", 1),
        ("a" * 300, 300),
        (FAMILY * 120, 300),  # 25 bytes each: the bytes are full before the letters
        (FAMILY * 121, 303),
        (FAMILY, 3),
        ("https://padang.go.id/berita", 27),
    ],
)
def test_letters_count_unless_the_bytes_are_more(text, length):
    assert Bluesky.length(text) == length


@pytest.mark.parametrize("text", [FAMILY * 120, "a" * 300, "é" * 300])
def test_what_fits_is_taken(adapter, platform, standin, part, text):
    assert Bluesky.length(text) <= Bluesky.facts.text

    send(adapter, part(text=text), platform)

    assert standin.public[0].text == text


def linked_in(text):
    """What of *text* the facets cover, and where they lead."""
    found = []
    for facet in bluesky_text.facets(text):
        index, (feature,) = facet["index"], facet["features"]
        shown = text.encode()[index["byteStart"] : index["byteEnd"]].decode()
        found.append((shown, feature.get("uri") or f"#{feature['tag']}"))
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Halo", []),
        (f"{FAMILY} https://a.id/x", [("https://a.id/x", "https://a.id/x")]),
        ("Éro “aman” https://a.id/x?y=1&z=é#isi.", [("https://a.id/x?y=1&z=é#isi", "https://a.id/x?y=1&z=é#isi")]),
        ("(lihat https://a.id/x).", [("https://a.id/x", "https://a.id/x")]),
        ("(https://a.id/x)", [("https://a.id/x", "https://a.id/x")]),
        ("https://a.id/Padang_(kota)", [("https://a.id/Padang_(kota)", "https://a.id/Padang_(kota)")]),
        ("Lihat padang.go.id/info, ya", [("padang.go.id/info", "https://padang.go.id/info")]),
        ("Lihat padang.go.id.", [("padang.go.id", "https://padang.go.id")]),
        ("Surel: humas@padang.go.id", []),
        ("https:// dan https://... dan http", []),
        ("Rp1.000.000 pukul 09.30, Jl.Sudirman.No 1", []),
        ("#Padang #CêkFakta, #gempa_bumi! #2026 #", [("#Padang", "#Padang"), ("#CêkFakta", "#CêkFakta")]),
        (f"{FAMILY}\n#Padang2026", [("#Padang2026", "#Padang2026")]),
        ("a#Padang https://a.id/#Padang", [("https://a.id/#Padang", "https://a.id/#Padang")]),
        ("#️⃣ " + "#" + "a" * 65, []),
        ("https://a.id #a https://a.id", [("https://a.id",) * 2, ("#a", "#a"), ("https://a.id",) * 2]),
    ],
)
def test_links_and_hashtags_are_placed_by_bytes(text, expected):
    if "gempa_bumi" in text:
        expected = [*expected, ("#gempa_bumi", "#gempa_bumi")]

    assert linked_in(text) == expected


def test_a_bluesky_link_after_an_emoji_is_where_it_belongs(adapter, platform, standin, part):
    send(adapter, part(text=f"Éro {FAMILY} https://padang.go.id/a #Padang"), platform)

    shown = linked(record_of(standin))
    assert '<a href="https://padang.go.id/a">https://padang.go.id/a</a>' in shown
    assert ">#Padang</a>" in shown


# Keys


def test_a_key_is_a_tid_and_the_same_for_every_try(part):
    made = datetime(2026, 11, 24, 5, tzinfo=UTC)
    ours = part(created=made)

    keys = {key_of(replace(ours, key=f"{number:064x}")) for number in range(500)}

    assert len(keys) == 500
    assert all(TID.fullmatch(key) for key in keys)
    assert key_of(ours) == key_of(replace(ours, text="Lain"))


def test_a_key_tells_a_moment_within_the_hour_before_the_release_was_made(part):
    made = datetime(2026, 11, 24, 5, tzinfo=UTC)

    number = 0
    for letter in key_of(part(created=made)):
        number = number << 5 | "234567abcdefghijklmnopqrstuvwxyz".index(letter)

    told = datetime.fromtimestamp((number >> 10) / 1_000_000, UTC)
    assert made - timedelta(hours=1) <= told <= made


def test_a_request_that_comes_twice_makes_one_post_and_overwrites_nothing(adapter, standin, part):
    halo = part()
    first = adapter.publish(halo, Prepared())
    before = record_of(standin)

    with pytest.raises(Uncertain, match="already"):
        adapter.publish(replace(halo, text="Lain sama sekali"), Prepared())

    assert record_of(standin) == before
    assert adapter.find(halo, Prepared(), datetime.now(UTC)) == [first]


def test_the_post_is_dated_when_it_is_published_and_not_when_it_was_written(adapter, standin, part):
    adapter.publish(part(created=datetime(2026, 1, 1, tzinfo=UTC)), Prepared())

    assert datetime.now(UTC) - datetime.fromisoformat(record_of(standin)["createdAt"]) < timedelta(minutes=1)


def test_a_server_that_does_not_hold_the_account_cannot_say_that_the_post_is_absent(adapter, standin, part):
    reply = {"error": "InvalidRequest", "message": "Could not locate record"}
    standin.script("read", faults.reply(400, reply))

    with pytest.raises(Uncertain):
        adapter.find(part(), Prepared(), datetime.now(UTC))


def test_every_part_is_keyed(adapter, part):
    assert adapter.certainty(part()) is Certainty.KEYED


# Sessions


def test_one_login_serves_many_posts_and_threads(adapter, standin, part):
    workers = [threading.Thread(target=adapter.publish, args=(part(), Prepared())) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert len(standin.public) == 4
    assert labels(standin).count("login") == 1


def test_a_session_that_ended_is_renewed_by_its_refresh_token(adapter, standin):
    adapter.check()
    standin.end_sessions()

    assert adapter.check().id == standin.accounts[0].id
    assert labels(standin).count("login") == 1
    assert labels(standin).count("refresh") == 1


def test_a_refresh_token_that_ended_too_leads_back_to_the_app_password(adapter, platform, standin):
    adapter.check()
    platform.wait(timedelta(days=91))

    adapter.check()

    assert labels(standin).count("login") == 2


def test_an_old_session_is_renewed_before_it_ends(adapter, standin, part, monkeypatch):
    adapter.check()
    monkeypatch.setattr(bluesky_login, "LIFE", -1)

    adapter.publish(part(), Prepared())

    assert "refresh" in labels(standin)


def test_a_session_that_ends_at_publish_sends_nothing_and_the_next_try_goes_through(adapter, standin, part):
    halo = part()
    adapter.check()
    standin.end_sessions()

    with pytest.raises(Unreachable, match="login"):
        adapter.publish(halo, Prepared())
    adapter.publish(halo, Prepared())

    assert labels(standin).count("publish") == 2
    assert len(standin.public) == 1


def test_a_wrong_app_password_is_unauthorized(platform, standin):
    settings = Bluesky.Settings(**{**platform.settings(), "app_password": "salah-sama-sekali"})

    with pytest.raises(Unauthorized, match="Invalid identifier or password"):
        Bluesky(settings, network=platform.adapter().network).check()


@pytest.mark.parametrize("state", ["takendown", "suspended", "deactivated"])
def test_an_account_that_may_not_act_is_unauthorized(adapter, standin, part, state):
    adapter.check()
    standin.states[standin.accounts[0].id] = state

    with pytest.raises(Unauthorized):
        adapter.publish(part(), Prepared())
    with pytest.raises(Unauthorized):
        adapter.check()


def test_a_new_session_of_an_account_that_may_not_act_is_unauthorized(adapter, standin):
    standin.states[standin.accounts[0].id] = "deactivated"

    with pytest.raises(Unauthorized, match="deactivated"):
        adapter.check()


def test_the_accounts_own_server_is_spoken_to_wherever_one_logs_in(platform, standin, part):
    with BlueskyStandin() as entry:
        entry.script("login", faults.reply(200, standin._session(standin.accounts[0])))
        settings = Bluesky.Settings(**{**platform.settings(), "api_url": entry.url})

        Bluesky(settings, network=platform.adapter().network).publish(part(), Prepared())

    assert len(standin.public) == 1
    assert labels(entry) == ["login"]


def test_check_tells_handle_address_and_the_files_the_server_takes(adapter, standin):
    account = adapter.check()

    assert (account.name, account.url) == ("humas.padang.example", f"{standin.url}/profile/humas.padang.example")
    assert account.limits == {"image_bytes": 1_000_000, "video_bytes": 5 * 2**20}


# Errors


def refusal(name, status=400, irrevocable=True, headers=None):
    return Answer(status, headers or {}, json.dumps({"error": name, "message": "M"}).encode(), irrevocable)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal("InvalidRequest"), Refused),
        (refusal("InvalidMimeType"), Refused),
        (refusal("PayloadTooLarge", 413), Refused),
        (refusal("InvalidSwap"), Uncertain),
        (refusal("BlobNotFound"), Unreachable),
        (refusal("ExpiredToken"), bluesky_login.Ended),
        (refusal("InvalidToken"), bluesky_login.Ended),
        (refusal("AuthMissing", 401), Unauthorized),
        (refusal("AuthFactorTokenRequired", 401), Unauthorized),
        (refusal("AccountTakedown", 401), Unauthorized),
        (refusal("AccountNotFound", 403), Unauthorized),
        (refusal("RecordNotFound"), bluesky_login.Missing),
        (refusal("RateLimitExceeded", 429), Throttled),
        (refusal("InternalServerError", 500), type(None)),
        (refusal("UpstreamFailure", 502), type(None)),
        (Answer(502, {}, b"<h1>Bad Gateway</h1>", True), type(None)),
        (Answer(413, {}, b"<h1>Too large</h1>", True), Refused),
        (Answer(400, {}, b"[]", True), Refused),
    ],
    ids=lambda given: f"{given.status} {given.content[:30]!r}" if isinstance(given, Answer) else "",
)
def test_an_error_is_named_by_its_name(answer, error):
    assert isinstance(bluesky_login._translate(answer), error)


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"Retry-After": "35"}, 35, 35),
        ({"RateLimit-Reset": str(int(datetime.now(UTC).timestamp()) + 120)}, 1, 120),
        ({"RateLimit-Reset": "0"}, 0, 0),
    ],
)
def test_the_wait_comes_from_either_header(headers, least, most):
    wait = bluesky_login._translate(refusal("RateLimitExceeded", 429, headers=headers)).retry_after

    assert timedelta(seconds=least) <= wait <= timedelta(seconds=most)


@pytest.mark.parametrize("headers", [{}, {"RateLimit-Reset": "soon"}])
def test_a_pause_without_a_time_names_none(headers):
    assert bluesky_login._translate(refusal("RateLimitExceeded", 429, headers=headers)).retry_after is None


# Files


def test_pictures_have_their_shape_and_their_alt_text(adapter, platform, standin, part, photos):
    wordless = replace(photos[1], alt="")

    send(adapter, part(attachments=(photos[0], wordless)), platform)

    shown = record_of(standin)["embed"]["images"]
    assert [image["aspectRatio"] for image in shown] == [{"width": 64, "height": 48}] * 2
    assert [image["alt"] for image in shown] == [photos[0].alt, ""]


def test_uploads_are_used_within_the_hour_that_servers_keep_them(adapter, platform, part, photos):
    saved = prepare_all(adapter, part(attachments=tuple(photos)), platform)

    assert timedelta(minutes=40) < saved.expires - datetime.now(UTC) < timedelta(hours=1)
    assert Bluesky.facts.ahead < timedelta(minutes=40)


def test_a_file_the_server_has_dropped_was_surely_not_published(adapter, platform, standin, part, photos):
    photo = part(attachments=(photos[0],))
    prepared = prepare_all(adapter, photo, platform)
    platform.wait(timedelta(minutes=61))

    with pytest.raises(Unreachable):
        adapter.publish(photo, prepared)

    assert standin.public == []


def test_a_video_in_processing_is_saved_before_it_is_waited_for(adapter, standin, part, clip):
    film, saved = part(attachments=(clip,)), Prepared()

    with pytest.raises(NotYet) as pause:
        for step in adapter.prepare(film, saved):
            saved = step
    adapter.publish(film, list(adapter.prepare(film, saved))[-1])

    assert saved.get("job") in standin.jobs
    assert pause.value.retry_after == timedelta(seconds=5)
    assert record_of(standin)["embed"]["aspectRatio"] == {"width": 320, "height": 240}


def test_a_video_the_service_knows_already_is_not_sent_again(adapter, platform, standin, part, clip):
    send(adapter, part(attachments=(clip,)), platform)

    send(adapter, part(attachments=(clip,)), platform)

    assert len(standin.jobs) == 1
    assert len(standin.public) == 2


def test_a_video_upload_whose_answer_was_lost_goes_on_with_the_same_job(adapter, platform, standin, part, clip):
    film = part(attachments=(clip,))
    standin.script("upload", faults.drop_after_accepting())

    with pytest.raises(Unreachable):
        prepare_all(adapter, film, platform)
    send(adapter, film, platform)

    assert len(standin.jobs) == 1


def test_both_forms_of_the_upload_answer_are_read(adapter, platform, standin, part, clip):
    standin.wraps_jobs = True

    send(adapter, part(attachments=(clip,)), platform)

    assert len(standin.public) == 1


@pytest.mark.parametrize("failure", ["validation_failure", "encoding_failure", "pds_upload_unsupported_blob_size"])
def test_a_video_that_cannot_be_used_is_refused(adapter, platform, standin, part, clip, failure):
    standin.failure = failure

    with pytest.raises(Refused, match=failure):
        prepare_all(adapter, part(attachments=(clip,)), platform)


@pytest.mark.parametrize("failure", ["generic_failure", "pds_upload_failure", "sesuatu_yang_baru"])
def test_a_failure_of_the_service_itself_begins_anew(adapter, standin, part, clip, failure):
    standin.failure, standin.polls = failure, 0
    film, saved = part(attachments=(clip,)), Prepared()

    with pytest.raises(Unreachable):
        for step in adapter.prepare(film, saved):
            saved = step
    standin.jobs.clear()
    standin.failure = ""
    for step in adapter.prepare(film, saved):
        saved = step
    adapter.publish(film, saved)

    assert len(standin.public) == 1


def test_a_job_that_is_forgotten_begins_anew(adapter, standin, part, clip):
    film = part(attachments=(clip,))
    saved = next(adapter.prepare(film, Prepared()))
    standin.jobs.clear()

    with pytest.raises(Unreachable):
        for step in adapter.prepare(film, saved):
            saved = step

    assert not saved.get("job")


# Cards and threads


def test_a_link_beside_a_text_alone_has_a_card(adapter, platform, standin, part):
    link = "https://padang.go.id/a"

    send(adapter, part(text=f"Jalan ditutup\n\n{link}", link=link), platform)

    card = record_of(standin)["embed"]["external"]
    assert card == {"uri": link, "title": "Jalan Sudirman ditutup Minggu pagi", "description": "Dinas Perhubungan"}


def test_a_link_beside_pictures_is_a_link_in_the_text(adapter, platform, standin, part, photos):
    link = "https://padang.go.id/a"

    send(adapter, part(text=f"Jalan ditutup\n\n{link}", link=link, attachments=(photos[0],)), platform)

    assert record_of(standin)["embed"]["$type"] == "app.bsky.embed.images"
    assert f'<a href="{link}">' in linked(record_of(standin))


def test_the_third_part_of_a_thread_names_the_second_and_the_first(adapter, platform, standin, part):
    receipts = [send(adapter, part(text="(1/3)"), platform)]
    for text in ("(2/3)", "(3/3)"):
        receipts.append(send(adapter, part(text=text, after=receipts[-1]), platform))

    reply = record_of(standin)["reply"]

    assert reply["root"]["uri"] == receipts[0].id
    assert reply["parent"] == {"uri": receipts[1].id, "cid": standin.records[receipts[1].id].cid}


def test_a_thread_goes_on_below_a_post_that_a_person_pointed_to(adapter, platform, standin, part):
    first = send(adapter, part(text="(1/2)"), platform)
    said = replace(first, id=f"https://bsky.app/profile/humas.padang.example/post/{first.id[-13:]}?ref=x")

    send(adapter, part(text="(2/2)", after=said), platform)

    assert standin.public[1].reply_to == first.id


# Counts and taking down


def test_quotes_are_shares_too(adapter, platform, standin, part):
    receipt = send(adapter, part(), platform)
    platform.wait(timedelta(days=30))

    counts = adapter.measure([receipt])[receipt.id]

    told = standin.counts(standin.public[0])
    assert counts.shares == told["repostCount"] + told["quoteCount"] > told["repostCount"]
    assert counts.saves == told["bookmarkCount"]


def test_a_post_that_the_app_has_not_seen_yet_is_not_gone(adapter, platform, standin, part):
    standin.indexing = timedelta(minutes=1)
    receipt = send(adapter, part(), platform)

    assert adapter.measure([receipt]) == {}

    platform.wait(timedelta(minutes=1))
    assert isinstance(adapter.measure([receipt])[receipt.id], Counts)


def test_a_post_that_a_person_pointed_to_is_counted_and_removed(adapter, platform, standin, part):
    receipt = send(adapter, part(), platform)
    said = replace(receipt, id=receipt.url)

    assert isinstance(adapter.measure([said])[said.id], Counts)

    adapter.remove(said)
    assert standin.public == []
    assert adapter.measure([said]) == {said.id: Gone()}


def test_a_server_without_the_app_counts_nothing_and_loses_nothing(adapter, platform, standin, part):
    receipt = send(adapter, part(), platform)
    standin.script("measure", faults.error_before(502))

    with pytest.raises(Unreachable):
        adapter.measure([receipt])


def test_no_token_of_a_session_is_ever_shown(adapter, standin, part):
    adapter.check()
    standin.end_sessions()
    standin.revoke()

    with pytest.raises(Unauthorized) as error:
        adapter.publish(part(), Prepared())

    shown = f"{vars(adapter.login)!r} {vars(adapter)!r} {whole(error.value)}"
    assert [token for token in standin.tokens if token in shown] == []


def test_a_late_answer_to_a_login_sends_nothing(adapter, standin, part, monkeypatch):
    monkeypatch.setattr(client, "READ", 0.2)
    standin.script("login", faults.late(30))

    with pytest.raises(Unreachable):
        adapter.publish(part(), Prepared())

    assert standin.public == []
