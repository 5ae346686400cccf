"""Webhook: the contract, and what only webhooks do."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from media_host import MediaHost
from pydantic import SecretStr

from dissem.channels import webhook
from dissem.channels.adapter import Certainty, Prepared, Receipt
from dissem.channels.client import Answer
from dissem.channels.errors import Refused, Throttled, Unauthorized, Uncertain, Unreachable
from dissem.channels.webhook import Webhook
from dissem.rehearsal import faults
from dissem.rehearsal.webhook import WebhookStandin
from dissem.rehearsal.wire import Answer as Reply

from .contract import LOOPBACK, AdapterContract, Platform, needs, send

OTHER = "whsec_" + base64.b64encode(b"gladi-webhook-rahasia-lama").decode()


class WebhookPlatform(Platform):
    adapter_class = Webhook
    operations = Platform.operations | {"check": "account"}

    def settings(self):
        return {"url": self.standin.address, "signing_secret": self.standin.token}

    @property
    def account(self):
        return f"127.0.0.1/{hashlib.sha256(self.standin.address.encode()).hexdigest()[:12]}"


@pytest.fixture
def platform():
    with WebhookStandin() as standin:
        yield WebhookPlatform(standin)
        assert standin.accidents == []


@pytest.fixture
def standin(platform):
    return platform.standin


@pytest.fixture
def host():
    with MediaHost() as host:
        yield host


@pytest.fixture
def attach(attach, host):
    """Files as the media host gives them to everybody."""

    def served(content, kind, **changes):
        return attach(content, kind, **{"url": host.serve(content, kind), **changes})

    return served


class TestContract(AdapterContract):
    """Everything asked of every channel. A receiver cannot be read: where others find a lost post, this one is sent
    again with its id, and there is still one."""

    def _sent_again(self, adapter, platform, part, prepared, since):
        assert list(adapter.find(part, prepared, since)) == []
        receipt = adapter.publish(part, prepared)

        assert [platform.id_of(live) for live in platform.public] == [receipt.id]
        assert receipt.url.startswith(platform.public_link)

    @AdapterContract.ACCEPTED
    def test_a_post_whose_answer_was_lost_is_uncertain_and_found(self, adapter, platform, sample, lost, since, verb):
        prepared = lost(halo := sample(), verb)

        self._sent_again(adapter, platform, halo, prepared, since)

    def test_photos_whose_answer_was_lost_are_found(self, adapter, platform, illustrated, lost, since):
        prepared = lost(illustrated, faults.drop_after_accepting())

        self._sent_again(adapter, platform, illustrated, prepared, since)

    def test_a_video_whose_answer_was_lost_is_found(self, adapter, platform, part, clip, lost, since):
        needs(adapter.facts.videos, "takes no video")
        prepared = lost(film := part(kind="video", attachments=(clip,)), faults.drop_after_accepting())

        self._sent_again(adapter, platform, film, prepared, since)


@pytest.fixture
def seen(standin, monkeypatch):
    """Every request as it came: (headers, body)."""
    requests = []
    handle = type(standin).take
    monkeypatch.setattr(
        type(standin),
        "take",
        lambda self, request: requests.append((request.headers, request.body)) or handle(self, request),
    )
    return requests


def made(platform, **changes):
    """An adapter with other settings."""
    return Webhook(Webhook.Settings(**{**platform.settings(), **changes}), network=LOOPBACK)


# What is sent


def test_the_signature_is_the_one_of_the_specification():
    secret = SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    signed = webhook.signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')

    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_payload_is_the_documented_one(adapter, part, photos, seen):
    created = datetime(2026, 11, 23, 2, 10, tzinfo=UTC)
    photo = part(kind="photo", tags=("Padang",), link="https://a.id/1", created=created, attachments=(photos[0],))

    adapter.publish(photo, Prepared())

    event = json.loads(seen[0][1])
    assert (event["type"], datetime.fromisoformat(event["timestamp"]).utcoffset()) == ("release.published", timedelta())
    assert event["data"] == {
        "id": photo.key,
        "kind": "photo",
        "title": photo.title,
        "text": photo.text,
        "body": photo.body,
        "tags": ["Padang"],
        "link": "https://a.id/1",
        "language": "id",
        "created": "2026-11-23T02:10:00+00:00",
        "agency": "Dinas Perhubungan",
        "media": [
            {
                "sha256": photos[0].sha256,
                "type": "image/jpeg",
                "size": photos[0].size,
                "width": 64,
                "height": 48,
                "duration": None,
                "alt": photos[0].alt,
                "url": photos[0].url,
            }
        ],
    }


def test_every_try_has_the_same_id_and_a_time_of_its_own(adapter, part, seen):
    halo = part()

    before = int(datetime.now(UTC).timestamp())
    receipts = [adapter.publish(halo, Prepared()) for _ in range(2)]

    assert [headers["webhook-id"] for headers, _ in seen] == [halo.key] * 2
    assert all(0 <= int(headers["webhook-timestamp"]) - before < 5 for headers, _ in seen)
    assert receipts[0] == receipts[1]


def test_letters_travel_as_utf8_and_those_bytes_are_signed(adapter, platform, part, seen):
    adapter.publish(part(text="Éro – 👩‍👩‍👧‍👦"), Prepared())

    headers, body = seen[0]
    assert "Éro – 👩‍👩‍👧‍👦".encode() in body
    key = base64.b64decode(platform.standin.token.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, "sha256").digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


def test_while_the_secret_changes_both_sign(platform, standin, part, seen):
    changing = made(platform, signing_secret=OTHER, previous_secret=standin.token)

    changing.publish(part(), Prepared())

    assert len(standin.public) == 1
    assert [one[:3] for one in seen[0][0]["webhook-signature"].split(" ")] == ["v1,", "v1,"]


def test_a_slash_at_the_end_of_the_address_stays(platform, standin, part):
    assert standin.address.endswith("/")

    made(platform).publish(part(), Prepared())

    with pytest.raises(Unauthorized, match="404"):
        made(platform, url=standin.address.rstrip("/")).publish(part(), Prepared())
    assert len(standin.public) == 1


# Settings


@pytest.mark.parametrize(
    "secret",
    [
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_",
        "whsec_rahasia yang bukan base64!",
        "whsec_" + base64.b64encode(b"x" * 23).decode(),
        "whsec_" + base64.b64encode(b"x" * 65).decode(),
    ],
)
def test_a_secret_of_another_form_is_refused_and_not_shown(platform, secret):
    for name in ("signing_secret", "previous_secret"):
        with pytest.raises(ValueError, match=name) as refusal:
            made(platform, **{name: secret})
        assert secret == "whsec_" or secret not in str(refusal.value)


@pytest.mark.parametrize("length", [24, 25, 26, 64])
def test_a_secret_may_lack_its_padding(platform, length):
    encoded = base64.b64encode(b"k" * length).decode()

    bare, padded = (webhook.signature(SecretStr(f"whsec_{one}"), "i", 1, b"") for one in (encoded.rstrip("="), encoded))

    assert bare == padded
    assert made(platform, signing_secret=f"whsec_{encoded.rstrip('=')}")


@pytest.mark.parametrize(
    "url", ["", "hook", "ftp://a.id/x", "https:///x", "https://nama:sandi@a.id/x", "https://a.id/x#y"]
)
def test_an_address_that_is_none_is_refused(platform, url):
    with pytest.raises(ValueError, match="url"):
        made(platform, url=url)


def test_an_address_inside_the_house_is_reached_only_where_it_is_allowed(platform, part):
    settings = Webhook.Settings(**platform.settings())

    with pytest.raises(Unauthorized):
        Webhook(settings, network=replace(LOOPBACK, allow_hosts=frozenset()))


def test_check_sends_a_ping_and_publishes_nothing(adapter, standin):
    account = adapter.check()

    assert standin.pings == 1
    assert standin.public == []
    assert account.name == "127.0.0.1"


def test_another_address_is_another_account_and_tells_nothing_of_its_path(platform, standin):
    plain, secretive = made(platform).check(), made(platform, url=f"{standin.address}?kunci=rahasia").check()

    assert plain.id != secretive.id
    assert "rahasia" not in repr(secretive)


def test_a_wrong_secret_is_found_by_check(platform):
    with pytest.raises(Unauthorized, match="signature"):
        made(platform, signing_secret=OTHER).check()


# What the receiver answers


@pytest.mark.parametrize(
    ("body", "url", "also"),
    [
        (None, None, ()),
        (b"ok", None, ()),
        ([], None, ()),
        ({}, None, ()),
        ({"url": "https://a.id/1", "id": 7}, "https://a.id/1", ("7",)),
        ({"url": "javascript:alert(1)", "id": None}, None, ()),
        ({"url": 5, "id": {"x": 1}}, None, ()),
    ],
)
@pytest.mark.parametrize("status", [200, 202])
def test_any_2xx_means_taken_and_what_it_says_is_optional(adapter, standin, part, body, url, also, status):
    standin.script("publish", faults.reply(status, body))

    assert adapter.publish(halo := part(), Prepared()) == Receipt(halo.key, url, also)


def test_an_answer_without_content_means_taken(adapter, standin, part):
    standin.script("publish", faults.reply(204))

    assert adapter.publish(halo := part(), Prepared()) == Receipt(halo.key)


def test_a_receiver_that_gives_the_same_id_to_everything_does_not_mix_up_releases(adapter, standin, part):
    standin.script("publish", *[faults.reply(200, {"id": "ok"})] * 2)

    receipts = [adapter.publish(part(), Prepared()) for _ in range(2)]

    assert receipts[0].id != receipts[1].id


def test_an_id_that_the_receiver_knows_already_is_taken(adapter, standin, part):
    standin.known_status = 409
    halo = part()

    adapter.publish(halo, Prepared())

    assert adapter.publish(halo, Prepared()) == Receipt(halo.key)
    assert len(standin.public) == 1


def test_a_web_page_in_place_of_an_answer_is_not_believed(adapter, standin, part):
    standin.script("publish", faults.reply(200, "<!DOCTYPE html><html>Masuk</html>"), faults.reply(200, "ok"))

    with pytest.raises(Uncertain):
        adapter.publish(part(), Prepared())
    assert adapter.publish(part(), Prepared()).url is None  # PHP calls every text HTML


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, Unauthorized),
        (307, Unauthorized),
        (400, Refused),
        (401, Unauthorized),
        (403, Unauthorized),
        (404, Unauthorized),
        (405, Unauthorized),
        (408, Uncertain),
        (410, Unauthorized),
        (413, Refused),
        (422, Refused),
        (425, Throttled),
        (429, Throttled),
        (500, Uncertain),
        (503, Uncertain),
    ],
)
def test_an_error_is_named_by_its_status(adapter, standin, part, status, error):
    standin.script("publish", faults.reply(status, {"error": "x"}))

    with pytest.raises(error):
        adapter.publish(part(), Prepared())


def test_a_closed_webhook_pauses_the_channel(adapter, standin, part):
    standin.closed = True

    with pytest.raises(Unauthorized, match="closed"):
        adapter.publish(part(), Prepared())


def test_staff_read_what_the_receiver_says():
    answer = Answer(422, {}, json.dumps({"detail": "Judul kosong"}).encode(), True)

    assert "Judul kosong" in str(webhook._translate(answer))
    assert "HTTP 400" in str(webhook._translate(Answer(400, {}, b"\xff", True)))


def test_a_redirect_is_not_followed(adapter, standin, part, monkeypatch):
    moved = Reply(302, None, {"Location": f"{standin.url}/berita/1"})
    monkeypatch.setattr(type(standin), "take", lambda self, request: moved)

    with pytest.raises(Unauthorized, match="302"):
        adapter.publish(part(), Prepared())

    assert [entry.path for entry in standin.journal] == ["/hook/"]


# What cannot be done


def test_nothing_can_be_read_and_a_second_try_is_no_second_release(adapter, part, since):
    assert adapter.certainty(part()) is Certainty.KEYED
    assert list(adapter.find(part(), Prepared(), since)) == []
    assert adapter.measure([Receipt("x")]) == {}


def test_removing_is_refused_clearly(adapter, platform, part):
    receipt = send(adapter, part(), platform)

    with pytest.raises(Refused, match="remove") as refusal:
        adapter.remove(receipt)

    assert refusal.value.hint


def test_where_nobody_listens_a_ping_is_unreachable(adapter, platform):
    platform.turn_off()

    with pytest.raises(Unreachable):
        adapter.check()
