from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dissem.channels import mastodon
from dissem.channels.adapter import Certainty, Prepared
from dissem.channels.errors import NotYet, Refused, Unauthorized, Uncertain, Unreachable
from dissem.channels.mastodon import Mastodon
from dissem.rehearsal import faults
from dissem.rehearsal.mastodon import MastodonStandin
from dissem.rehearsal.mastodon_text import counted

from .contract import AdapterContract, Platform, prepare_all, send


class MastodonPlatform(Platform):
    adapter_class = Mastodon
    operations = Platform.operations | {"check": "account"}
    always_names_the_wait = True  # X-RateLimit-Reset is in every answer

    def settings(self):
        return {"api_url": self.standin.url, "access_token": self.standin.token}


class TestMastodon(AdapterContract):
    @pytest.fixture
    def platform(self):
        with MastodonStandin() as standin:
            yield MastodonPlatform(standin)


class TestAServerThatIgnoresKeys(AdapterContract):
    """GoToSocial, snac and Takahē publish a second time when asked a second time."""

    @pytest.fixture
    def platform(self):
        with MastodonStandin(honours_keys=False) as standin:
            yield MastodonPlatform(standin)


@pytest.fixture
def standin():
    with MastodonStandin() as running:
        yield running


@pytest.fixture
def platform(standin):
    return MastodonPlatform(standin)


def lose(adapter, standin, part, prepared=None):
    """Publish *part*, and lose the answer."""
    standin.script("publish", faults.drop_after_accepting())
    with pytest.raises(Uncertain):
        adapter.publish(part, prepared or Prepared())


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("Padang", 6),
        ("e\u0301", 1),
        ("👩‍👩‍👧‍👦🇮🇩", 2),
        ("https://a.id", 23),
        ("https://padang.go.id/berita/2026/11/24/jalan-sudirman-ditutup?ref=mastodon#isi", 23),
        ("(lihat https://a.id/x).", 32),
        ("@humas@mastodon.padang.go.id", 6),
        ("humas@padang.go.id", 18),
        ("a\r\nb", 3),
    ],
)
def test_lengths_are_counted_as_the_server_counts(text, length):
    assert Mastodon.length(text) == length == counted(text)


def test_check_tells_name_address_and_the_limits_of_the_server(adapter, standin):
    account = adapter.check()

    assert (account.name, account.url) == ("Humas Kota", f"{standin.url}/@humas")
    assert account.limits == {
        "text": 500,
        "images": 4,
        "alt": 1500,
        "image_bytes": 16 * 2**20,
        "video_bytes": 99 * 2**20,
    }


def test_check_works_on_a_server_that_tells_no_limits(adapter, standin):
    standin.script("instance", faults.refuse(404, {"error": "Not Found"}))

    assert adapter.check().limits == {}


def test_a_right_the_token_lacks_is_unauthorized(platform, standin, part):
    standin.accounts[0] = replace(standin.accounts[0], scopes=frozenset({"read:accounts"}))

    with pytest.raises(Unauthorized, match="scopes"):
        platform.adapter().publish(part(), Prepared())


def test_a_status_is_public_whatever_the_accounts_default(adapter, standin, part, monkeypatch):
    asked = []
    made = standin._new_status
    monkeypatch.setattr(
        standin, "_new_status", lambda account, fields, *rest: asked.append(fields) or made(account, fields, *rest)
    )

    adapter.publish(part(language="min"), Prepared())

    assert [(fields["visibility"], fields["language"]) for fields in asked] == [("public", "min")]


def test_the_same_key_again_is_the_same_status(adapter, standin, part):
    halo = part()

    assert adapter.publish(halo, Prepared()) == adapter.publish(halo, Prepared())
    assert len(standin.public) == 1


def test_a_video_in_processing_is_saved_before_it_is_waited_for(adapter, standin, part, clip):
    film = part(attachments=(clip,))
    saved = Prepared()

    with pytest.raises(NotYet) as pause:
        for step in adapter.prepare(film, saved):
            saved = step
    adapter.publish(film, list(adapter.prepare(film, saved))[-1])

    assert saved.get("media") == list(standin.media)
    assert pause.value.retry_after == timedelta(seconds=5)
    assert len(standin.public) == 1


def test_a_video_the_server_cannot_process_is_refused(adapter, standin, part, clip):
    standin.script("status", faults.refuse(422, {"error": "Error processing thumbnail for uploaded media"}))

    with pytest.raises(Refused, match="thumbnail"):
        list(adapter.prepare(part(attachments=(clip,)), Prepared()))


def test_a_status_whose_video_is_still_processed_was_surely_not_made(adapter, standin, part, clip):
    standin.polls = 5
    film = part(attachments=(clip,))

    with pytest.raises(Unreachable):
        adapter.publish(film, next(adapter.prepare(film, Prepared())))

    assert standin.public == []


def test_uploads_are_good_for_less_than_a_day(adapter, part, photos):
    saved = list(adapter.prepare(part(attachments=tuple(photos)), Prepared()))[-1]

    assert timedelta(hours=12) < saved.expires - datetime.now(UTC) < timedelta(hours=24)


def test_two_images_on_mastodon_arrive_as_two_ids(adapter, platform, standin, part, photos, monkeypatch):
    """A list sent as `media_ids` without its brackets would arrive as its last id alone."""
    sent = []
    attachable = standin._attachable
    monkeypatch.setattr(standin, "_attachable", lambda account, ids: sent.append(ids) or attachable(account, ids))

    send(adapter, part(attachments=tuple(photos[:2])), platform)

    assert sent == [list(standin.media)]
    assert [stored.bytes for stored in standin.public[0].media] == [a.path.read_bytes() for a in photos[:2]]


def test_files_that_are_in_a_post_already_mean_that_ours_may_be_there(adapter, platform, part, photos, since):
    photo = part(attachments=tuple(photos))
    prepared = prepare_all(adapter, photo, platform)
    first = adapter.publish(photo, prepared)

    with pytest.raises(Uncertain):
        adapter.publish(replace(photo, key="another"), prepared)

    assert [found.id for found in adapter.find(photo, prepared, since)] == [first.id]


def test_our_files_prove_more_than_the_same_words(adapter, platform, standin, part, photos, since):
    by_hand = part(attachments=(photos[0],))
    send(adapter, by_hand, platform)
    ours = part(attachments=(photos[0],))
    prepared = prepare_all(adapter, ours, platform)
    lose(adapter, standin, ours, prepared)

    (found,) = adapter.find(ours, prepared, since)

    assert found.id == standin.public[-1].id


def test_a_post_is_found_below_a_hundred_later_ones(adapter, standin, part, since):
    lose(adapter, standin, ours := part())
    for number in range(85):
        adapter.publish(part(text=f"Antrean nomor {number}"), Prepared())

    (found,) = adapter.find(ours, Prepared(), since)

    assert found.id == standin.public[0].id


def test_too_many_posts_to_read_are_no_proof_of_absence(adapter, part, since, monkeypatch):
    monkeypatch.setattr(mastodon, "PAGE", 2)
    monkeypatch.setattr(mastodon, "PAGES", 2)
    for number in range(5):
        adapter.publish(part(text=f"Antrean nomor {number}"), Prepared())

    with pytest.raises(Uncertain):
        adapter.find(part(), Prepared(), since)


def test_the_same_words_of_last_week_are_not_this_part(adapter, standin, part, since):
    standin.time_offset = -timedelta(days=7)
    adapter.publish(part(), Prepared())
    standin.time_offset = timedelta()

    assert list(adapter.find(part(), Prepared(), since)) == []


def test_the_same_words_elsewhere_in_the_thread_are_not_this_part(adapter, standin, part, since):
    first = adapter.publish(part(text="(1/3)"), Prepared())
    adapter.publish(part(after=first), Prepared())

    assert list(adapter.find(part(), Prepared(), since)) == []


@pytest.mark.parametrize(
    "text",
    [
        "Tanya @dishub@mastodon.padang.example soal rute & jadwal",
        "Rute: https://dishub.padang.example/rute?hari=minggu&jam=6\n\nJadwal #Padang #CFD <resmi>",
        "Baris satu\nBaris dua\n\n\nBaris tiga  –  “selesai”",
    ],
)
def test_what_the_server_makes_of_a_text_is_still_recognised(adapter, standin, part, since, text):
    lose(adapter, standin, ours := part(text=text))

    (found,) = adapter.find(ours, Prepared(), since)

    assert found.id == standin.public[0].id


def test_a_mention_without_its_server_is_looked_up_in_the_source(adapter, part, standin, since, monkeypatch):
    """Real servers show `@dishub` where `@dishub@mastodon.padang.example` was written."""
    lose(adapter, standin, ours := part(text="Tanya @dishub@mastodon.padang.example soal rute"))
    monkeypatch.setattr("dissem.rehearsal.mastodon.as_html", lambda text, base: "<p>Tanya @dishub soal rute</p>")

    assert len(adapter.find(ours, Prepared(), since)) == 1


@pytest.mark.parametrize("body", [{"error": "x"}, ["a"], [{"id": "1"}], "teks"])
def test_a_listing_that_is_none_is_no_proof_of_absence(adapter, standin, part, since, body):
    standin.script("list", faults.reply(200, body))

    with pytest.raises((Uncertain, Unreachable)):
        adapter.find(part(), Prepared(), since)


def test_quotes_are_shares_too(adapter, platform, standin, part):
    receipt = send(adapter, part(), platform)
    platform.wait(timedelta(days=30))

    counts = adapter.measure([receipt])[receipt.id]

    told = standin.counts(standin.public[0])
    assert counts.shares == told["reblogs_count"] + told["quotes_count"] > told["reblogs_count"]


def test_it_is_read_back_whatever_the_key_promises(adapter, part):
    assert adapter.certainty(part()) is Certainty.READABLE
