"""The Telegram Bot API of version 10.1 as its documentation tells it, for channels and one staging chat.

Messages, photos, videos, documents and albums; forwarding and copying; deletion within 48 hours. As the real one
does, unknown parameters are ignored; the journal lists them. `parse_mode`, files by URL, keyboards, edits and
updates are left out: a request that needs them is refused.
Sources: https://core.telegram.org/bots/api, error texts as TDLib and the Bot API server word them.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from html import escape
from typing import Any, ClassVar

from dissem.rehearsal.files import Stored, dimensions, sniff
from dissem.rehearsal.page import document, figure
from dissem.rehearsal.standin import Account, Live, Route, Standin, grown, route
from dissem.rehearsal.telegram_calls import ITEM_FIELDS, PARAMETERS, PREVIEW_FIELDS, Call, bad_request, envelope
from dissem.rehearsal.telegram_entities import checked_entities, units
from dissem.rehearsal.wire import Answer, Denied, Malformed, Request, Upload

MAX_TEXT = 4096
MAX_CAPTION = 1024
MAX_PHOTO_BYTES = 10 * 2**20
MAX_UPLOAD_BYTES = 50 * 2**20
MAX_PHOTO_SIDES = 10_000
MAX_PHOTO_RATIO = 20
DELETABLE = timedelta(hours=48)
STAGING = -1009000000001
RIGHTS = ("can_post_messages", "can_edit_messages", "can_delete_messages")
PHOTO_TYPES = {"image/jpeg", "image/png", "image/webp", "image/gif"}
KINDS = {"photo": "Photo", "video": "Video", "document": "Document"}


@dataclass
class Chat:
    """A channel or a group; `rights` is what the bot may do there, None that it is no member."""

    id: int
    title: str
    type: str = "channel"
    username: str | None = None
    rights: frozenset[str] | None = frozenset(RIGHTS)
    members: int = 1800
    messages: dict[int, Message] = field(default_factory=dict)
    last_id: int = 0

    @property
    def is_public(self) -> bool:
        return self.username is not None


@dataclass(frozen=True)
class File:
    """A file that Telegram keeps for this bot, to be sent again by its id."""

    id: str
    kind: str
    stored: Stored
    name: str = ""


@dataclass(frozen=True)
class Message:
    """One message; an album is several with one `group`."""

    id: int
    chat: Chat = field(repr=False)
    at: datetime
    text: str = ""
    entities: tuple[Mapping[str, Any], ...] = ()
    file: File | None = None
    group: str | None = None
    reply_to: int | None = None
    origin: Message | None = None


Handler = Callable[[Any, Call], Any]


def method(name: str, *, label: str) -> Callable[[Handler], Callable[[Any, Request], Answer]]:
    """Mark the handler of a Bot API method; it gets a checked `Call` and returns the result for the envelope."""

    def mark(handle: Handler) -> Callable[[Any, Request], Answer]:
        def serve(standin: TelegramStandin, request: Request) -> Answer:
            return Answer(200, {"ok": True, "result": handle(standin, standin.called(name, request))})

        serve.__name__ = handle.__name__
        path = f"/bot{{token}}/{name}"
        return route("GET", path, label=label)(route("POST", path, label=label)(serve))

    return mark


class TelegramStandin(Standin):
    """`TelegramStandin()` has one bot, the channels @kota_humas and @kota_dishub, and a staging chat without a name.

    `chats` may be changed: more of them, or fewer `rights` for the bot. `staging` is the id of the staging chat.
    """

    name: ClassVar[str] = "telegram"

    def __init__(self, *, port: int = 0, now: Callable[[], datetime] | None = None) -> None:
        self.bot = Account("700100200", "gladi_bot", "Gladi", "700100200:AAGladi-untuk-latihan-bukan-rahasia")
        super().__init__(port=port, now=now)
        channels = (
            Chat(-1001000000001, "Humas Kota", username="kota_humas"),
            Chat(-1001000000002, "Dinas Perhubungan", username="kota_dishub", members=640),
            Chat(STAGING, "Ruang periksa humas", type="supergroup", members=7),
        )
        self.chats = {chat.id: chat for chat in channels}
        self.staging = STAGING
        self.files: dict[str, File] = {}
        self.accounts = [Account(str(one.id), one.username, one.title) for one in channels if one.username]

    @property
    def token(self) -> str:
        """The bot's token."""
        return self.bot.token

    def without_secrets(self, text: str) -> str:
        return text.replace(self.bot.token, "***")

    @property
    def labels(self) -> set[str]:
        return super().labels | {"upload", "tidy"}

    def operation(self, made: Route | None, request: Request) -> str:
        """What is sent to a chat without a name is an upload, not a publication; deleting there is tidying."""
        label = super().operation(made, request)
        elsewhere = {"publish": "upload", "delete": "tidy"}
        if label not in elsewhere:
            return label
        try:
            wanted = self._parameters(request)[0].get("chat_id", "")
        except (Malformed, Denied):
            return label
        private = [str(chat.id) for chat in self.chats.values() if not chat.is_public]
        return elsewhere[label] if wanted in private else label

    # Reading a call

    def called(self, name: str, request: Request) -> Call:
        """The call, if its token is the bot's; its unknown parameters are written in the journal."""
        self._authorize(request.params["token"])
        try:
            values, files = self._parameters(request)
        except Malformed:
            raise bad_request("can't parse the request body") from None
        call = Call(name, values, files, request)
        attached = {name for name in files if f"attach://{name}" in str(values)}
        request.entry.unknown_fields += sorted({*values, *files} - PARAMETERS[name] - attached)
        return call

    def _authorize(self, token: str) -> None:
        if not re.fullmatch(r"\d+:[\w-]{30,}", token):
            raise Denied(envelope(404, "Not Found"))
        if token != self.bot.token:
            raise Denied(envelope(401, "Unauthorized"))

    def _parameters(self, request: Request) -> tuple[dict[str, str], dict[str, Upload]]:
        """Query, form and JSON body alike; whatever is no text in JSON is read as its JSON."""
        values = {name: many[-1] for name, many in request.query.items()}
        if request.type == "application/json":
            body = request.json()
            if not isinstance(body, dict):
                raise bad_request("can't parse the request body")
            sent = {name: value if isinstance(value, str) else json.dumps(value) for name, value in body.items()}
            return {**values, **{name: value for name, value in sent.items() if value != "null"}}, {}
        form = request.form()
        values.update({name: many[-1] for name, many in form.fields.items()})
        return values, {name: many[-1] for name, many in form.files.items()}

    def _chat(self, call: Call, parameter: str = "chat_id") -> Chat:
        wanted = call.values.get(parameter, "")
        if not wanted:
            raise bad_request(f"{parameter} is empty")
        for chat in self.chats.values():
            if wanted == str(chat.id) or (chat.username and wanted.lower() == f"@{chat.username.lower()}"):
                return chat
        raise bad_request("chat not found")

    def _postable(self, call: Call) -> Chat:
        """The chat, if the bot may write there."""
        chat = self._member_of(call)
        if chat.type == "channel" and "can_post_messages" not in (chat.rights or ()):
            raise bad_request("need administrator rights in the channel chat")
        return chat

    def _member_of(self, call: Call, parameter: str = "chat_id") -> Chat:
        chat = self._chat(call, parameter)
        if chat.rights is None:
            kind = "channel" if chat.type == "channel" else "supergroup"
            raise Denied(envelope(403, f"Forbidden: bot is not a member of the {kind} chat"))
        return chat

    # Who and where

    @method("getMe", label="account")
    def me(self, call: Call) -> dict[str, Any]:
        return {**self._user(), "can_join_groups": True, "can_read_all_group_messages": False}

    @method("getChat", label="account")
    def chat(self, call: Call) -> dict[str, Any]:
        return {**self._chat_entity(self._member_of(call)), "accent_color_id": 1, "max_reaction_count": 11}

    @method("getChatMember", label="account")
    def member(self, call: Call) -> dict[str, Any]:
        chat = self._member_of(call)
        if call.values.get("user_id") != self.bot.id:
            raise bad_request("PARTICIPANT_ID_INVALID")
        rights = {right: right in (chat.rights or ()) for right in RIGHTS}
        granted = {"can_be_edited": False, "is_anonymous": False, "can_manage_chat": True, **rights}
        return {"status": "administrator", "user": self._user(), **granted}

    @method("getChatMemberCount", label="measure")
    def member_count(self, call: Call) -> int:
        return self._member_of(call).members

    # Sending

    @method("sendMessage", label="publish")
    def send_message(self, call: Call) -> dict[str, Any]:
        chat = self._postable(call)
        text = call.values.get("text", "").strip()
        self._check_text(call, text, MAX_TEXT, "message")
        if not text:
            raise bad_request("message text is empty")
        preview = call.object("link_preview_options") or {}
        if not isinstance(preview, dict):
            raise bad_request("can't parse link preview options JSON object")
        call.request.entry.unknown_fields += sorted(
            f"link_preview_options.{name}" for name in {*preview} - PREVIEW_FIELDS
        )
        entities = checked_entities(call.values.get("text", ""), call.object("entities") or [])
        made = self._add(chat, text=text, entities=entities, reply_to=self._replied_to(call, chat))
        self._tell(call.request, [made])
        return self._message(made)

    @method("sendPhoto", label="publish")
    def send_photo(self, call: Call) -> dict[str, Any]:
        return self._send_file(call, "photo")

    @method("sendVideo", label="publish")
    def send_video(self, call: Call) -> dict[str, Any]:
        return self._send_file(call, "video")

    @method("sendDocument", label="publish")
    def send_document(self, call: Call) -> dict[str, Any]:
        return self._send_file(call, "document")

    def _send_file(self, call: Call, kind: str) -> dict[str, Any]:
        chat = self._postable(call)
        file = self._file(call, kind, call.values.get(kind, ""), kind)
        caption = self._caption(call, call.values.get("caption", ""))
        entities = checked_entities(caption, call.object("caption_entities") or [])
        reply_to = self._replied_to(call, chat)
        made = self._add(chat, text=caption, entities=entities, file=file, reply_to=reply_to)
        self._tell(call.request, [made])
        return self._message(made)

    @method("sendMediaGroup", label="publish")
    def send_album(self, call: Call) -> list[dict[str, Any]]:
        chat = self._postable(call)
        items = self._album_items(call)
        files = [self._file(call, item["type"], str(item.get("media", "")), None) for item in items]
        captions = [self._caption(call, str(item.get("caption") or "")) for item in items]
        marked = zip(captions, items, strict=True)
        entities = [checked_entities(caption, item.get("caption_entities") or []) for caption, item in marked]
        reply_to = self._replied_to(call, chat)
        group = str(13_000_000_000_000_000 + chat.last_id + 1)
        made = [
            self._add(chat, text=caption, entities=marks, file=file, group=group, reply_to=reply_to)
            for caption, marks, file in zip(captions, entities, files, strict=True)
        ]
        self._tell(call.request, made)
        return [self._message(one) for one in made]

    def _album_items(self, call: Call) -> list[dict[str, Any]]:
        items = call.object("media")
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise bad_request("expected an Array of InputMedia")
        if len(items) > 10:
            raise bad_request("too many messages to send as an album")
        if len(items) < 2:  # the documentation asks for 2 to 10
            raise bad_request("too few messages to send as an album")
        kinds = {str(item.get("type")) for item in items}
        if kinds - set(KINDS):
            raise bad_request('can\'t parse InputMedia: invalid parameter "type" specified')
        if "document" in kinds and len(kinds) > 1:
            raise bad_request("documents can't be mixed with other media types")
        for item in items:
            call.request.entry.unknown_fields += sorted(f"media.{name}" for name in {*item} - ITEM_FIELDS[item["type"]])
        return items

    def _caption(self, call: Call, caption: str) -> str:
        self._check_text(call, caption, MAX_CAPTION, "message caption")
        return caption.strip()

    def _check_text(self, call: Call, text: str, limit: int, what: str) -> None:
        if call.values.get("parse_mode"):
            raise bad_request("the rehearsal reads entities only, no parse_mode")
        if units(text.strip()) > limit:
            raise bad_request(f"{what} is too long")

    def _replied_to(self, call: Call, chat: Chat) -> int | None:
        wanted = call.object("reply_parameters")
        if not wanted:
            return None
        if not isinstance(wanted, dict) or not isinstance(wanted.get("message_id"), int):
            raise bad_request("can't parse reply parameters JSON object")
        if wanted["message_id"] in chat.messages:
            return int(wanted["message_id"])
        if wanted.get("allow_sending_without_reply"):
            return None
        raise bad_request("message to be replied not found")

    # Files

    def _file(self, call: Call, kind: str, given: str, part: str | None) -> File:
        """The file of a message: sent in *part* or an attached part, or known by its id."""
        attached = given.removeprefix("attach://") if given.startswith("attach://") else part
        upload = call.files.get(attached or "")
        if upload is not None:
            return self._keep(kind, upload)
        if not given:
            raise bad_request(f"there is no {kind} in the request")
        if given not in self.files:
            raise bad_request("wrong file identifier/HTTP URL specified")
        known = self.files[given]
        if known.kind != kind:
            raise bad_request(f"can't use file of type {KINDS[known.kind]} as {KINDS[kind]}")
        return known

    def _keep(self, kind: str, upload: Upload) -> File:
        data = upload.bytes
        if len(data) > MAX_UPLOAD_BYTES:
            raise Denied(envelope(413, "Request Entity Too Large"))
        if not data:
            raise bad_request("file must be non-empty")
        if kind == "photo":
            self._check_photo(data)
        if kind == "video" and not sniff(data).startswith("video/"):
            kind = "document"  # a file that is no video is kept, and shown, as a document
        digest = hashlib.sha256(kind.encode() + data).hexdigest()
        file = File(f"AgACAgUAAx{digest[:40]}", kind, Stored(data, sniff(data)), upload.filename)
        self.files[file.id] = file
        return file

    def _check_photo(self, data: bytes) -> None:
        if len(data) > MAX_PHOTO_BYTES:
            size = f"file of size {len(data)} bytes is too big for a photo"
            raise bad_request(f"{size}; the maximum size is {MAX_PHOTO_BYTES} bytes")
        if sniff(data) not in PHOTO_TYPES:
            raise bad_request("IMAGE_PROCESS_FAILED")
        width, height = dimensions(data) or (1, 1)
        if not width or not height:
            raise bad_request("IMAGE_PROCESS_FAILED")
        if width + height > MAX_PHOTO_SIDES or max(width, height) > MAX_PHOTO_RATIO * min(width, height):
            raise bad_request("PHOTO_INVALID_DIMENSIONS")

    # Looking, copying, deleting

    @method("forwardMessage", label="read")
    def forward(self, call: Call) -> dict[str, Any]:
        chat, original = self._postable(call), self._original(call, "forward")
        origin = original.origin or original
        made = self._add(
            chat, text=original.text, entities=original.entities, file=original.file, group=None, origin=origin
        )
        self._tell(call.request, [made])
        return self._message(made)

    @method("copyMessage", label="read")
    def copy(self, call: Call) -> dict[str, int]:
        chat, original = self._postable(call), self._original(call, "copy")
        caption = self._caption(call, call.values["caption"]) if "caption" in call.values else original.text
        marks = call.object("caption_entities") or []
        entities = checked_entities(caption, marks) if "caption" in call.values else original.entities
        reply_to = self._replied_to(call, chat)
        made = self._add(chat, text=caption, entities=entities, file=original.file, reply_to=reply_to)
        self._tell(call.request, [made])
        return {"message_id": made.id}

    def _original(self, call: Call, deed: str) -> Message:
        source = self._member_of(call, "from_chat_id")
        found = source.messages.get(self._message_id(call.values.get("message_id", "")))
        if found is None:
            raise bad_request(f"message to {deed} not found")
        return found

    def _message_id(self, text: str) -> int:
        if not re.fullmatch(r"\d{1,15}", text) or not int(text):
            raise bad_request("message identifier is not specified")
        return int(text)

    @method("deleteMessage", label="delete")
    def delete(self, call: Call) -> bool:
        chat = self._deletable_chat(call)
        found = chat.messages.get(self._message_id(call.values.get("message_id", "")))
        if found is None:
            raise bad_request("message to delete not found")
        self._remove(call.request, [found])
        return True

    @method("deleteMessages", label="delete")
    def delete_several(self, call: Call) -> bool:
        """Those that are not found are passed over."""
        chat = self._deletable_chat(call)
        wanted = call.object("message_ids")
        if not isinstance(wanted, list) or not all(isinstance(one, int) for one in wanted):
            raise bad_request("can't parse message identifiers JSON object")
        if not wanted:
            raise bad_request("message identifiers are not specified")
        if len(wanted) > 100:
            raise bad_request("too many message identifiers specified")
        self._remove(call.request, [chat.messages[one] for one in wanted if one in chat.messages])
        return True

    def _deletable_chat(self, call: Call) -> Chat:
        chat = self._member_of(call)
        if "can_delete_messages" not in (chat.rights or ()) and "can_post_messages" not in (chat.rights or ()):
            raise bad_request("message can't be deleted")
        return chat

    def _remove(self, request: Request, messages: Sequence[Message]) -> None:
        if any(self.clock() - one.at > DELETABLE for one in messages):
            raise bad_request("message can't be deleted")
        for one in messages:
            del one.chat.messages[one.id]
        for key in dict.fromkeys(self._key(one) for one in messages):
            self._tell_again(request, key)

    # What is public

    def _add(self, chat: Chat, **values: Any) -> Message:
        chat.last_id += 1
        made = Message(id=chat.last_id, chat=chat, at=self.clock().replace(microsecond=0), **values)
        chat.messages[made.id] = made
        return made

    def _key(self, message: Message) -> str:
        """An album is one post, known by its group; ids of two channels may be equal."""
        return f"{message.chat.id}/{message.group or message.id}"

    def _tell(self, request: Request, messages: Sequence[Message]) -> None:
        """Show messages of one post, if their channel is public."""
        first = messages[0]
        if not first.chat.is_public:
            return
        live = Live(
            account=first.chat.username or "",
            id=str(first.id),
            url=self.address(first.chat, first.id),
            text="\n\n".join(one.text for one in messages if one.text),
            at=first.at,
            media=tuple(one.file.stored for one in messages if one.file),
            reply_to=str(first.reply_to) if first.reply_to else None,
        )
        self.show(request, live, key=self._key(first))

    def _tell_again(self, request: Request, key: str) -> None:
        """What is left of a post after some of its messages were deleted."""
        chat = self.chats[int(key.partition("/")[0])]
        if self.find(key) is None:
            return
        left = [one for one in chat.messages.values() if self._key(one) == key]
        if left:
            self._tell(request, left)
        else:
            self.hide(request, key)

    def address(self, chat: Chat, message: int) -> str:
        """The link that people share; it leads to the real Telegram, where nothing of this exists."""
        return f"https://t.me/{chat.username}/{message}"

    def counts(self, live: Live) -> dict[str, int]:
        """What people see in the app; no Bot API method tells it."""
        return {"views": grown(f"{live.url}:views", self.age(live), 1500)}

    # Pages for people

    @route("GET", "/s/{username}", label="preview")
    def preview(self, request: Request) -> Answer:
        """The channel as its web preview shows it, newest last."""
        chat = next((one for one in self.chats.values() if one.username == request.params["username"]), None)
        if chat is None:
            return Answer(302, None, {"Location": f"https://t.me/{request.params['username']}"})
        posts = "".join(
            f'<article data-post="{live.account}/{live.id}"><p class="text">{escape(live.text)}</p>'
            f"{''.join(figure(stored) for stored in live.media)}</article>"
            for live in [one for one in self.public if one.account == chat.username][-20:]
        )
        return Answer(200, document(chat.title, f"<h1>{escape(chat.title)}</h1>{posts}"))

    # Entities

    def _user(self) -> dict[str, Any]:
        return {
            "id": int(self.bot.id),
            "is_bot": True,
            "first_name": self.bot.name,
            "username": self.bot.handle,
        }

    def _chat_entity(self, chat: Chat) -> dict[str, Any]:
        named = {"username": chat.username} if chat.username else {}
        return {"id": chat.id, "title": chat.title, **named, "type": chat.type}

    def _message(self, message: Message) -> dict[str, Any]:
        chat = self._chat_entity(message.chat)
        sender = {"sender_chat": chat} if message.chat.type == "channel" else {"from": self._user()}
        body: dict[str, Any] = {"message_id": message.id, **sender, "chat": chat, "date": _unix(message.at)}
        if message.origin:
            body["forward_origin"] = self._origin(message.origin)
        if message.group:
            body["media_group_id"] = message.group
        replied = message.chat.messages.get(message.reply_to or 0)
        if replied:
            body["reply_to_message"] = self._message(replace(replied, reply_to=None))
        return {**body, **self._content(message)}

    def _origin(self, origin: Message) -> dict[str, Any]:
        if origin.chat.type != "channel":
            return {"type": "user", "sender_user": self._user(), "date": _unix(origin.at)}
        chat = self._chat_entity(origin.chat)
        return {"type": "channel", "chat": chat, "message_id": origin.id, "date": _unix(origin.at)}

    def _content(self, message: Message) -> dict[str, Any]:
        prefix = "caption" if message.file else "text"
        content: dict[str, Any] = self._file_entity(message.file) if message.file else {}
        if message.text:
            content[prefix] = message.text
        if message.entities:
            content["caption_entities" if message.file else "entities"] = list(message.entities)
        return content

    def _file_entity(self, file: File) -> dict[str, Any]:
        about = {"file_id": file.id, "file_unique_id": f"AQAD{file.id[10:26]}", "file_size": len(file.stored.bytes)}
        width, height = dimensions(file.stored.bytes) or (640, 360)
        if file.kind == "photo":
            return {"photo": self._sizes(file, about, width, height)}
        named = {"file_name": file.name, "mime_type": file.stored.type}
        if file.kind == "video":
            return {"video": {**about, **named, "width": width, "height": height, "duration": 0}}
        return {"document": {**about, **named}}

    def _sizes(self, file: File, about: Mapping[str, Any], width: int, height: int) -> list[dict[str, Any]]:
        """A small and the large one; both ids send the same photo."""
        scale = min(1.0, 90 / max(width, height))
        small = {**about, "file_id": f"{file.id}s", "file_unique_id": f"{about['file_unique_id']}s"}
        self.files[small["file_id"]] = replace(file, id=small["file_id"])
        size = {"width": max(round(width * scale), 1), "height": max(round(height * scale), 1)}
        return [{**small, **size, "file_size": 1200}, {**about, "width": width, "height": height}]

    # The server's own wording

    def not_found(self, request: Request) -> Answer:
        found = re.fullmatch(r"/bot([^/]+)/\w+", request.path)
        if found and found[1] == self.bot.token:
            return envelope(404, "Not Found: method not found")
        return envelope(404, "Not Found")

    def refused(self, request: Request) -> Answer:
        return envelope(400, "Bad Request: message is too long")

    def throttled(self, request: Request, retry_after: float | None) -> Answer:
        if retry_after is None:
            return envelope(429, "Too Many Requests")
        seconds = math.ceil(retry_after)
        told = envelope(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
        return replace(told, headers={"Retry-After": str(seconds)})

    def token_expired(self, request: Request) -> Answer:
        """Tokens of bots do not expire, they are revoked."""
        return envelope(401, "Unauthorized")

    def failed(self, request: Request, status: int) -> Answer:
        """502 and 504 come from the web server in front, as a page."""
        if status in (502, 504):
            text = {502: "Bad Gateway", 504: "Gateway Time-out"}[status]
            head = f"<html>\r\n<head><title>{status} {text}</title></head>"
            return Answer(
                status, f"{head}\r\n<body>\r\n<center><h1>{status} {text}</h1></center>\r\n</body>\r\n</html>\r\n"
            )
        return envelope(status, "Internal Server Error" if status == 500 else "Service Unavailable")

    def finish(self, request: Request, answer: Answer) -> Answer:
        """JSON without a charset, and the status again in the body."""
        if not isinstance(answer.body, dict):
            return answer
        body = {**answer.body, "error_code": answer.status} if "error_code" in answer.body else answer.body
        return replace(answer, body=body, headers={"Content-Type": "application/json", **answer.headers})


def _unix(moment: datetime) -> int:
    return int(moment.timestamp())
