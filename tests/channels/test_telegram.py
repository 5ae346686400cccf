from datetime import timedelta

import pytest

from dissem.channels.adapter import Certainty, Prepared, Receipt
from dissem.channels.errors import Refused, Throttled, Unauthorized
from dissem.channels.telegram import Telegram
from dissem.rehearsal import faults
from dissem.rehearsal.telegram import Chat, TelegramStandin

from .contract import LOOPBACK, AdapterContract, Platform, prepare_all, send


class TelegramPlatform(Platform):
    adapter_class = Telegram
    operations = Platform.operations | {"check": "account"}

    def __init__(self, standin, *, staging: bool) -> None:
        super().__init__(standin)
        self.staging = self.uploads_in_prepare = staging

    def settings(self):
        staging = {"staging_chat": str(self.standin.staging)} if self.staging else {}
        return {"api_url": self.standin.url, "chat": "@kota_humas", "bot_token": self.standin.token, **staging}


class TestTelegram(AdapterContract):
    @pytest.fixture
    def platform(self):
        with TelegramStandin() as standin:
            yield TelegramPlatform(standin, staging=False)


class TestTelegramWithAStagingChat(AdapterContract):
    @pytest.fixture
    def platform(self):
        with TelegramStandin() as standin:
            yield TelegramPlatform(standin, staging=True)


@pytest.fixture
def standin():
    with TelegramStandin() as running:
        yield running


@pytest.fixture
def platform(standin):
    return TelegramPlatform(standin, staging=True)


@pytest.fixture
def bot(platform):
    """bot(**settings) → an adapter with a staging chat unless told otherwise."""

    def bot(**changes) -> Telegram:
        return Telegram(Telegram.Settings(**{**platform.settings(), **changes}), network=LOOPBACK)

    return bot


@pytest.mark.parametrize(("text", "units"), [("Padang", 6), ("é", 1), ("😀", 2), ("👩‍👩‍👧‍👦", 11), ("\ud800", 1)])
def test_lengths_are_counted_in_utf_16(text, units):
    assert Telegram.length(text) == units


def test_a_telegram_album_keeps_all_its_ids(bot, platform, standin, part, photos):
    """One photo is one message to Telegram: whoever kept the first id alone could take only that down."""
    receipt = send(bot(), part(attachments=tuple(photos)), platform)
    channel = next(chat for chat in standin.chats.values() if chat.username == "kota_humas")
    arrived = list(channel.messages)

    bot().remove(receipt)

    assert [int(receipt.id), *map(int, receipt.also)] == arrived == [1, 2, 3]
    assert list(channel.messages) == []
    assert receipt.url == "https://t.me/kota_humas/1"


def test_the_text_stands_under_the_first_photo_alone(bot, platform, standin, part, photos):
    album = part(attachments=tuple(photos))

    send(bot(), album, platform)

    messages = next(chat for chat in standin.chats.values() if chat.username == "kota_humas").messages.values()
    assert [message.text for message in messages] == [album.text, "", ""]


def test_with_a_staging_chat_publish_carries_no_file(bot, platform, part, photos, clip):
    for attachments in ((photos[0],), tuple(photos), (clip,)):
        send(bot(), part(attachments=attachments), platform)

    calls = platform.calls("publish")
    assert [entry.headers["content-type"] for entry in calls] == ["application/x-www-form-urlencoded"] * 3
    assert all(int(entry.headers["content-length"]) < 1000 for entry in calls)


def test_the_largest_size_of_a_photo_is_kept(bot, platform, standin, part, photos):
    prepared = prepare_all(bot(), part(attachments=(photos[0],)), platform)

    (staged,) = standin.chats[standin.staging].messages.values()
    assert prepared.get("files") == [staged.file.id]


def test_a_video_plays_while_it_loads_and_keeps_its_shape(bot, standin, part, clip, monkeypatch):
    sent = []
    send_file = standin._send_file
    monkeypatch.setattr(standin, "_send_file", lambda call, kind: sent.append(call.values) or send_file(call, kind))

    bot(staging_chat="").publish(part(attachments=(clip,)), Prepared())

    told = {name: sent[0][name] for name in ("supports_streaming", "width", "height", "duration")}
    assert told == {"supports_streaming": "true", "width": "320", "height": "240", "duration": "2"}


def test_a_prepared_part_may_be_sent_again_without_a_second_upload(bot, platform, standin, part, photos):
    album = part(attachments=tuple(photos))
    prepared = prepare_all(bot(), album, platform)
    standin.script("publish", faults.throttle(5))
    with pytest.raises(Throttled):
        bot().publish(album, prepared)

    bot().publish(album, prepared)

    assert (platform.finished_uploads(), len(standin.public)) == (3, 1)


def test_a_long_text_beside_a_photo_is_refused(bot, platform, part, photos):
    with pytest.raises(Refused, match="caption is too long"):
        send(bot(), part(text="x" * 1025, attachments=(photos[0],)), platform)


def test_a_file_that_is_no_video_is_refused_before_it_is_public(bot, platform, standin, part, attach):
    fake = attach(b"bukan video", "video/mp4", duration=1.0)

    with pytest.raises(Refused, match="video"):
        send(bot(), part(attachments=(fake,)), platform)

    assert standin.public == []


def test_a_channel_without_a_name_has_links_for_its_members(bot, standin, part):
    standin.chats[-1001234567890] = Chat(-1001234567890, "Warga RW 5")
    halo = part()

    receipt = bot(chat="-1001234567890").publish(halo, Prepared())

    assert receipt.url == "https://t.me/c/1234567890/1"


def test_check_finds_a_bot_that_may_not_post(bot, standin):
    chat = next(chat for chat in standin.chats.values() if chat.username == "kota_humas")
    chat.rights = frozenset({"can_delete_messages"})

    with pytest.raises(Unauthorized, match="Humas Kota"):
        bot().check()


def test_check_finds_a_staging_chat_that_is_none(bot):
    with pytest.raises(Unauthorized, match="chat not found"):
        bot(staging_chat="@tidak_ada").check()


def test_check_tells_address_and_rights(bot):
    account = bot().check()

    assert (account.name, account.url) == ("Humas Kota", "https://t.me/kota_humas")
    assert "can_post_messages" in account.scopes


@pytest.mark.parametrize("rights", [None, frozenset()], ids=["thrown out", "no rights"])
def test_a_bot_that_lost_its_place_is_the_channels_trouble_not_the_releases(bot, standin, part, rights):
    next(chat for chat in standin.chats.values() if chat.username == "kota_humas").rights = rights

    with pytest.raises(Unauthorized):
        bot().publish(part(), Prepared())


def test_a_chat_that_moved_tells_its_new_number(bot, standin, part):
    moved = {
        "ok": False,
        "error_code": 400,
        "description": "Bad Request: group chat was upgraded to a supergroup chat",
        "parameters": {"migrate_to_chat_id": -1009876543210},
    }
    standin.script("publish", faults.refuse(400, moved))

    with pytest.raises(Unauthorized, match="-1009876543210"):
        bot().publish(part(), Prepared())


@pytest.mark.parametrize("token", ["salah", "700100200:AAsalah-salah-salah-salah-salah-salah"])
def test_a_wrong_token_is_unauthorized_and_not_shown(bot, part, token):
    for act in (bot(bot_token=token).check, lambda: bot(bot_token=token).publish(part(), Prepared())):
        with pytest.raises(Unauthorized) as refusal:
            act()
        assert token not in str(refusal.value)


def test_the_wait_in_the_answer_is_believed_without_the_header(bot, standin, part):
    told = {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 17}}
    standin.script("publish", faults.reply(429, told))

    with pytest.raises(Throttled) as pause:
        bot().publish(part(), Prepared())

    assert pause.value.retry_after == timedelta(seconds=17)


def test_what_is_older_than_two_days_must_be_taken_down_by_hand(bot, platform, part):
    receipt = send(bot(), part(), platform)
    platform.wait(timedelta(hours=49))

    with pytest.raises(Refused, match="can't be deleted"):
        bot().remove(receipt)


def test_a_part_cannot_go_on_below_a_message_that_is_gone(bot, part):
    with pytest.raises(Refused, match="replied not found"):
        bot().publish(part(after=Receipt("404")), Prepared())


def test_nothing_can_be_read_back(bot, part):
    assert bot().certainty(part()) is Certainty.BLIND
