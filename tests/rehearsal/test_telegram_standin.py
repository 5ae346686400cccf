import json
import struct
from datetime import timedelta

import pytest
import requests

from dissem.rehearsal import faults
from dissem.rehearsal.telegram import TelegramStandin
from dissem.rehearsal.telegram_entities import units

CHANNEL = "@kota_humas"
PHOTO = {"type": "photo", "media": "$"}  # $ stands for an uploaded file
MP4 = b"\0\0\0\x18ftypisom" + b"\0" * 40


def png(width=1024, height=768, more=b""):
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height) + b"\0" * 8 + more


@pytest.fixture
def telegram(clock):
    with TelegramStandin(now=clock) as running:
        yield running
    assert running.accidents == []


def call(standin, method, *, token=None, files=None, data=None, **parameters):
    body = {"data": data, "files": files} if files or data else {"json": parameters}
    return requests.post(f"{standin.url}/bot{token or standin.token}/{method}", timeout=5, **body)


def result(answer):
    assert answer.status_code == 200, answer.text
    assert answer.json()["ok"] is True
    return answer.json()["result"]


def refusal(answer):
    body = answer.json()
    assert body["ok"] is False
    assert body["error_code"] == answer.status_code
    return body["error_code"], body["description"]


def say(standin, text="Halo warga", **more):
    return call(standin, "sendMessage", **{"chat_id": CHANNEL, "text": text, **more})


def photo(standin, data=None, chat=CHANNEL, **fields):
    data = png() if data is None else data
    return call(standin, "sendPhoto", data={"chat_id": chat, **fields}, files={"photo": ("foto.png", data)})


def file_id(standin, data=None):
    return result(photo(standin, data, standin.staging))["photo"][-1]["file_id"]


def test_the_bot_knows_itself_its_chats_and_its_rights(telegram):
    me = result(call(telegram, "getMe"))
    chat = result(call(telegram, "getChat", chat_id=CHANNEL))
    member = result(call(telegram, "getChatMember", chat_id=CHANNEL, user_id=me["id"]))

    assert (me["is_bot"], me["username"]) == (True, "gladi_bot")
    assert (chat["type"], chat["username"], chat["id"]) == ("channel", "kota_humas", -1001000000001)
    assert (member["status"], member["can_post_messages"]) == ("administrator", True)
    assert result(call(telegram, "getChatMemberCount", chat_id=chat["id"])) == 1800


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", (401, "Unauthorized")),
        ("kosong", (404, "Not Found")),
    ],
)
def test_a_revoked_token_and_a_malformed_one_are_told_apart(telegram, token, expected):
    assert refusal(call(telegram, "sendMessage", token=token, chat_id=CHANNEL, text="x")) == expected
    assert telegram.public == []


def test_an_unknown_method_is_not_found(telegram):
    assert refusal(call(telegram, "sendTelepathy")) == (404, "Not Found: method not found")


def test_a_message_is_public_with_its_link(telegram, clock):
    message = result(say(telegram, "Banjir <surut>", link_preview_options={"is_disabled": True}))

    (live,) = telegram.public
    assert (live.id, live.account, live.text, live.at) == ("1", "kota_humas", "Banjir <surut>", clock.time)
    assert live.url == "https://t.me/kota_humas/1"
    assert message["chat"] == message["sender_chat"]
    assert (message["message_id"], message["date"], message["text"]) == (1, 1795496400, "Banjir <surut>")
    assert telegram.unknown_fields == []


@pytest.mark.parametrize(
    "form", [{"data": {"chat_id": CHANNEL, "text": "x"}}, {"params": {"chat_id": CHANNEL, "text": "x"}}]
)
def test_parameters_come_in_any_form(telegram, form):
    answer = requests.post(f"{telegram.url}/bot{telegram.token}/sendMessage", timeout=5, **form)

    assert result(answer)["text"] == "x"


def test_parameters_that_nobody_knows_are_ignored_and_told_in_the_journal(telegram):
    result(say(telegram, disable_web_page_preview=True, link_preview_options={"disabled": True}))

    assert telegram.unknown_fields == ["disable_web_page_preview", "link_preview_options.disabled"]


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"text": ""}, "message text is empty"),
        ({"text": " \n"}, "message text is empty"),
        ({"text": "x" * 4097}, "message is too long"),
        ({"text": "😀" * 2049}, "message is too long"),
        ({"chat_id": "@tidak_ada"}, "chat not found"),
        ({"chat_id": ""}, "chat_id is empty"),
        ({"reply_parameters": {"message_id": 99}}, "message to be replied not found"),
        ({"reply_parameters": "x"}, "can't parse reply parameters JSON object"),
        ({"entities": {}}, None),
        ({"entities": "x"}, "can't parse entities JSON object"),
        ({"entities": ["x"]}, "expected an Array of MessageEntity"),
    ],
)
def test_a_message_that_is_wrong_is_refused_and_not_public(telegram, parameters, reason):
    answer = say(telegram, **parameters)

    if reason is None:
        result(answer)
    else:
        assert refusal(answer) == (400, f"Bad Request: {reason}")
        assert telegram.public == []


def test_the_longest_message_fits(telegram):
    assert result(say(telegram, "😀" * 2048))["message_id"] == 1


@pytest.mark.parametrize(
    ("entity", "reason"),
    [
        ({"type": "bold", "offset": 0, "length": 4}, None),
        ({"type": "bold", "offset": 4, "length": 5}, None),
        ({"type": "bold", "offset": 1, "length": 1}, "entity begins in a middle of a UTF-16 symbol"),
        (
            {"type": "bold", "offset": 0, "length": 3},
            "entity beginning at UTF-16 offset 0 ends in a middle of a UTF-16 symbol",
        ),
        (
            {"type": "bold", "offset": 5, "length": 9},
            "entity beginning at UTF-16 offset 5 ends after the end of the text at UTF-16 offset 14",
        ),
        (
            {"type": "bold", "offset": 12, "length": 1},
            "entity begins after the end of the text at UTF-16 offset 12",
        ),
        ({"type": "bold", "offset": -1, "length": 1}, "receive an entity with incorrect offset -1"),
        ({"type": "bold", "length": 1}, 'can\'t parse MessageEntity: Field "offset" must be of type Number'),
        (
            {"type": "text_link", "offset": 0, "length": 2},
            'can\'t parse MessageEntity: Field "url" must be of type String',
        ),
        ({"type": "tebal", "offset": 0, "length": 2}, "can't parse MessageEntity: Unsupported type specified"),
    ],
)
def test_entities_are_measured_in_utf16_units(telegram, entity, reason):
    assert units("😀😀 Halo") == 9

    answer = say(telegram, "😀😀 Halo", entities=[entity])

    if reason is None:
        assert result(answer)["entities"] == [entity]
    else:
        assert refusal(answer) == (400, f"Bad Request: {reason}")


def test_parse_mode_is_not_rehearsed(telegram):
    assert refusal(say(telegram, parse_mode="HTML"))[0] == 400


def test_a_reply_tells_what_it_replies_to(telegram):
    result(say(telegram, "satu"))

    reply = result(say(telegram, "dua", reply_parameters={"message_id": 1}))

    assert reply["reply_to_message"]["text"] == "satu"
    assert telegram.public[1].reply_to == "1"


def test_without_rights_or_membership_nothing_is_posted(telegram):
    telegram.chats[-1001000000001].rights = frozenset()
    telegram.chats[-1001000000002].rights = None

    unranked = say(telegram)
    outside = say(telegram, chat_id="@kota_dishub")

    assert refusal(unranked) == (400, "Bad Request: need administrator rights in the channel chat")
    assert refusal(outside) == (403, "Forbidden: bot is not a member of the channel chat")
    assert telegram.public == []


def test_two_channels_count_their_messages_apart(telegram):
    result(say(telegram, "humas"))
    result(say(telegram, "dishub", chat_id="@kota_dishub"))

    assert [(live.account, live.id) for live in telegram.public] == [("kota_humas", "1"), ("kota_dishub", "1")]


def test_a_photo_is_uploaded_to_staging_unseen_and_published_by_its_id(telegram):
    known = file_id(telegram)
    assert telegram.public == []

    message = result(call(telegram, "sendPhoto", chat_id=CHANNEL, photo=known, caption="Pintu air"))

    assert message["caption"] == "Pintu air"
    assert message["photo"][-1]["width"] == 1024
    assert [(live.text, live.media[0].bytes) for live in telegram.public] == [("Pintu air", png())]
    assert [entry.label for entry in telegram.journal] == ["upload", "publish"]


def test_a_file_id_can_be_used_again(telegram):
    known = file_id(telegram)

    ids = [result(call(telegram, "sendPhoto", chat_id=CHANNEL, photo=known))["message_id"] for _ in range(2)]

    assert ids == [1, 2]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "file must be non-empty"),
        (b"<html>", "IMAGE_PROCESS_FAILED"),
        (b"%PDF-1.7", "IMAGE_PROCESS_FAILED"),
        (png(0, 5), "IMAGE_PROCESS_FAILED"),
        (png(9000, 1001), "PHOTO_INVALID_DIMENSIONS"),
        (png(2100, 100), "PHOTO_INVALID_DIMENSIONS"),
        (
            png(more=b"\0" * 10 * 2**20),
            f"file of size {10 * 2**20 + 32} bytes is too big for a photo; the maximum size is 10485760 bytes",
        ),
    ],
)
def test_a_photo_that_is_none_or_too_large_is_refused(telegram, data, reason):
    assert refusal(photo(telegram, data)) == (400, f"Bad Request: {reason}")
    assert telegram.public == []


def test_an_upload_over_50_megabytes_is_refused(telegram):
    answer = call(
        telegram, "sendDocument", data={"chat_id": CHANNEL}, files={"document": ("a.pdf", b"\0" * (50 * 2**20 + 1))}
    )

    assert refusal(answer) == (413, "Request Entity Too Large")


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({}, "there is no photo in the request"),
        ({"photo": "AgACtidakada"}, "wrong file identifier/HTTP URL specified"),
        ({"photo": "attach://p0"}, "wrong file identifier/HTTP URL specified"),
    ],
)
def test_a_photo_that_is_not_there_is_refused(telegram, parameters, reason):
    assert refusal(call(telegram, "sendPhoto", chat_id=CHANNEL, **parameters)) == (400, f"Bad Request: {reason}")


def test_a_caption_has_its_own_limit(telegram):
    known = file_id(telegram)

    too_long = call(telegram, "sendPhoto", chat_id=CHANNEL, photo=known, caption="x" * 1025)
    longest = call(telegram, "sendPhoto", chat_id=CHANNEL, photo=known, caption="x" * 1024)

    assert refusal(too_long) == (400, "Bad Request: message caption is too long")
    assert result(longest)["message_id"] == 1


def test_a_file_id_keeps_its_kind(telegram):
    sent = call(telegram, "sendVideo", data={"chat_id": telegram.staging}, files={"video": ("v.mp4", MP4)})
    video = result(sent)["video"]["file_id"]

    wrong = call(telegram, "sendPhoto", chat_id=CHANNEL, photo=video)
    right = call(telegram, "sendVideo", chat_id=CHANNEL, video=video, supports_streaming=True)

    assert refusal(wrong) == (400, "Bad Request: can't use file of type Video as Photo")
    assert result(right)["video"]["mime_type"] == "video/mp4"


def test_a_document_keeps_its_name(telegram):
    sent = call(telegram, "sendDocument", data={"chat_id": CHANNEL}, files={"document": ("rilis.pdf", b"%PDF-1.7")})

    document = result(sent)["document"]
    assert (document["file_name"], document["mime_type"]) == ("rilis.pdf", "application/pdf")


def test_an_album_is_one_post_of_several_messages(telegram):
    known = file_id(telegram)
    media = [{"type": "photo", "media": "attach://p0", "caption": "Album"}, {"type": "photo", "media": known}]

    sent = call(
        telegram,
        "sendMediaGroup",
        data={"chat_id": CHANNEL, "media": json.dumps(media)},
        files={"p0": ("a.png", png(640, 480))},
    )

    messages = result(sent)
    assert [one["message_id"] for one in messages] == [1, 2]
    assert len({one["media_group_id"] for one in messages}) == 1
    assert [(live.id, live.text, len(live.media)) for live in telegram.public] == [("1", "Album", 2)]
    assert telegram.unknown_fields == []


@pytest.mark.parametrize(
    ("media", "reason"),
    [
        ("x", "can't parse media JSON object"),
        ([], "too few messages to send as an album"),
        ([PHOTO], "too few messages to send as an album"),
        ([PHOTO] * 11, "too many messages to send as an album"),
        ([PHOTO, {**PHOTO, "type": "gif"}], 'can\'t parse InputMedia: invalid parameter "type" specified'),
        ([PHOTO, {**PHOTO, "type": "document"}], "documents can't be mixed with other media types"),
        ([PHOTO, {**PHOTO, "media": "attach://p9"}], "wrong file identifier/HTTP URL specified"),
        ([PHOTO, {**PHOTO, "caption": "x" * 1025}], "message caption is too long"),
    ],
)
def test_an_album_that_is_wrong_is_refused_whole(telegram, media, reason):
    known = file_id(telegram)
    text = json.dumps(media).replace("$", known) if isinstance(media, list) else media

    answer = call(telegram, "sendMediaGroup", chat_id=CHANNEL, media=text)

    assert refusal(answer) == (400, f"Bad Request: {reason}")
    assert telegram.public == []


def test_a_probe_forwards_what_was_posted_and_finds_gaps(telegram, clock):
    posted = result(say(telegram, "Ada di sini"))
    probe = {"chat_id": telegram.staging, "from_chat_id": CHANNEL}

    found = result(call(telegram, "forwardMessage", **probe, message_id=posted["message_id"]))
    gap = call(telegram, "forwardMessage", **probe, message_id=2)
    result(call(telegram, "deleteMessage", chat_id=telegram.staging, message_id=found["message_id"]))

    assert found["text"] == "Ada di sini"
    assert found["forward_origin"] == {
        "type": "channel",
        "chat": posted["chat"],
        "message_id": 1,
        "date": int(clock.time.timestamp()),
    }
    assert refusal(gap) == (400, "Bad Request: message to forward not found")
    assert [live.id for live in telegram.public] == ["1"]
    assert [entry.label for entry in telegram.journal] == ["publish", "read", "read", "tidy"]


def test_a_copy_tells_only_its_number(telegram):
    result(say(telegram))

    copied = result(call(telegram, "copyMessage", chat_id=telegram.staging, from_chat_id=CHANNEL, message_id=1))
    gap = call(telegram, "copyMessage", chat_id=telegram.staging, from_chat_id=CHANNEL, message_id=7)

    assert copied == {"message_id": 1}
    assert refusal(gap) == (400, "Bad Request: message to copy not found")


def test_a_message_can_be_deleted_within_48_hours(telegram, clock):
    result(say(telegram, "lama"))
    clock.time += timedelta(hours=47)
    result(say(telegram, "baru"))
    clock.time += timedelta(hours=2)

    too_late = call(telegram, "deleteMessage", chat_id=CHANNEL, message_id=1)
    in_time = call(telegram, "deleteMessage", chat_id=CHANNEL, message_id=2)
    gone = call(telegram, "deleteMessage", chat_id=CHANNEL, message_id=2)

    assert refusal(too_late) == (400, "Bad Request: message can't be deleted")
    assert result(in_time) is True
    assert refusal(gone) == (400, "Bad Request: message to delete not found")
    assert [live.text for live in telegram.public] == ["lama"]


def test_an_album_is_gone_when_all_its_messages_are(telegram):
    known = file_id(telegram)
    media = [{"type": "photo", "media": known, "caption": "Album"}, {"type": "photo", "media": known}]
    result(call(telegram, "sendMediaGroup", chat_id=CHANNEL, media=media))

    result(call(telegram, "deleteMessage", chat_id=CHANNEL, message_id=1))
    half = list(telegram.public)
    result(call(telegram, "deleteMessages", chat_id=CHANNEL, message_ids=[1, 2, 3]))

    assert [len(live.media) for live in half] == [1]
    assert telegram.public == []


def test_message_numbers_are_never_used_again(telegram):
    result(say(telegram))
    result(call(telegram, "deleteMessage", chat_id=CHANNEL, message_id=1))

    assert result(say(telegram))["message_id"] == 2


@pytest.mark.parametrize(
    ("ids", "reason"),
    [
        ([], "message identifiers are not specified"),
        (list(range(1, 102)), "too many message identifiers specified"),
        ("1", "can't parse message identifiers JSON object"),
    ],
)
def test_a_wrong_list_of_deletions_is_refused(telegram, ids, reason):
    answer = call(telegram, "deleteMessages", chat_id=CHANNEL, message_ids=ids)

    assert refusal(answer) == (400, f"Bad Request: {reason}")


def test_the_web_preview_shows_the_channel_escaped(telegram):
    result(say(telegram, "Banjir <surut>"))

    page = requests.get(f"{telegram.url}/s/kota_humas", timeout=5).text

    assert 'data-post="kota_humas/1"' in page
    assert "Banjir &lt;surut&gt;" in page


def test_throttling_is_told_in_body_and_header(telegram):
    telegram.script("publish", faults.throttle(35), faults.throttle())

    told, untold = say(telegram), say(telegram)

    assert refusal(told) == (429, "Too Many Requests: retry after 35")
    assert told.json()["parameters"] == {"retry_after": 35}
    assert told.headers["Retry-After"] == "35"
    assert refusal(untold) == (429, "Too Many Requests")
    assert "Retry-After" not in untold.headers
    assert telegram.public == []


def test_refusals_and_errors_are_worded_as_telegram_words_them(telegram):
    telegram.script(
        "publish", faults.refuse, faults.refuse(403), faults.expired_token, faults.reply(500), faults.error_before(502)
    )

    refused, forbidden, revoked, broken, gateway = (say(telegram) for _ in range(5))

    assert refusal(refused) == (400, "Bad Request: message is too long")
    assert refusal(forbidden)[0] == 403
    assert refusal(revoked) == (401, "Unauthorized")
    assert refusal(broken) == (500, "Internal Server Error")
    assert "502 Bad Gateway" in gateway.text
    assert telegram.public == []


def test_a_dropped_line_after_accepting_leaves_the_message(telegram):
    telegram.script("publish", faults.drop_after_accepting)

    with pytest.raises(requests.ConnectionError):
        say(telegram, "Sudah terkirim")

    assert [live.text for live in telegram.public] == ["Sudah terkirim"]


def test_faults_of_publishing_leave_the_staging_chat_alone(telegram):
    telegram.script("publish", faults.drop)
    telegram.script("upload", faults.reply(500))

    uploads = [photo(telegram, chat=telegram.staging).status_code for _ in range(2)]

    assert uploads == [500, 200]
    assert len(telegram.faults["publish"]) == 1


def test_neither_listings_nor_duplicates_can_be_scripted_here(telegram):
    for where, verb in (("list", faults.lag(1)), ("publish", faults.duplicate())):
        with pytest.raises(ValueError, match=r"no operation|no duplicates"):
            telegram.script(where, verb)


def test_the_journal_does_not_tell_the_token(telegram):
    result(say(telegram))

    journal = requests.get(f"{telegram.url}/_rehearsal/journal", timeout=5)

    assert telegram.token not in journal.text
    assert journal.json()[0]["path"] == "/bot***/sendMessage"
