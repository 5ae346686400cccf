"""Telegram: text, albums or a video in a channel, through a bot; tells no figures and cannot be read back.

With a staging chat (a private group of staff) files are uploaded there first, so that `publish` is one small request
by file ids; without one the files travel inside `publish`. Bots cannot list a channel's posts, so both are blind.
API: https://core.telegram.org/bots/api
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import IO, Any

from pydantic import SecretStr

from dissem.channels.adapter import (
    Account,
    Adapter,
    Attachment,
    Certainty,
    Counts,
    Facts,
    Gone,
    Part,
    Prepared,
    Receipt,
)
from dissem.channels.client import Answer, Client, retry_after
from dissem.channels.errors import ChannelError, Refused, Throttled, Unauthorized, Uncertain
from dissem.channels.network import Network

File = str | tuple[str, IO[bytes], str]  # the id of a file at Telegram, or name, content and type to upload

# Parts of a 400's description that speak of the bot and its chat, not of the release; there are no codes.
_OF_THE_ACCOUNT = (
    "chat not found",
    "rights",
    "not a member",
    "forbidden",
    "admin_required",
    "write_forbidden",
    "frozen",
)
_POST_ADDRESS = re.compile(r"https?://t\.me/(?:c/\d+|\w+)/(\d+)")


class Telegram(Adapter):
    """One channel, written by a bot that is its administrator."""

    platform = "telegram"
    facts = Facts(
        label="Telegram",
        text=4096,
        caption=1024,
        api="10.1",
        images=10,
        videos=1,
        image_bytes=10 * 2**20,
        image_side=5000,  # width and height together 10,000
        video_bytes=50 * 2**20,
        threads=True,
    )

    class Settings(Adapter.Settings):
        """*chat* and *staging_chat*: `@name`, or a number such as -1001234567890."""

        api_url: str = "https://api.telegram.org"
        chat: str
        staging_chat: str = ""
        bot_token: SecretStr

    def __init__(self, settings: Settings, *, network: Network, account: str = "") -> None:
        super().__init__(settings, network=network, account=account)
        # The token is part of every address: `Client` shows no address in its errors.
        base = f"{settings.api_url.rstrip('/')}/bot{settings.bot_token.get_secret_value()}"
        self.api = Client(base, network=network, translate=_translate)

    @classmethod
    def length(cls, text: str) -> int:
        """UTF-16 code units: an emoji counts two or more."""
        return len(text.encode("utf-16-le", "surrogatepass")) // 2

    @classmethod
    def receipt_at(cls, url: str) -> Receipt | None:
        found = _POST_ADDRESS.match(url)
        return Receipt(found[1], url) if found else None

    def certainty(self, part: Part) -> Certainty:
        return Certainty.BLIND

    def check(self) -> Account:
        """The channel, after the bot was found to be allowed to post there; the staging chat is asked for, too."""
        bot, chat = self._call("getMe"), self._call("getChat", {"chat_id": self.settings.chat})
        if self.settings.staging_chat:
            self._call("getChat", {"chat_id": self.settings.staging_chat})
        rights = self._call("getChatMember", {"chat_id": self.settings.chat, "user_id": bot["id"]})
        if chat["type"] == "channel" and not rights.get("can_post_messages"):
            raise Unauthorized(
                "The bot may not post in the channel {chat}.",
                hint="Make it an administrator of the channel who may post messages.",
                chat=chat.get("title", ""),
            )
        url = f"https://t.me/{chat['username']}" if chat.get("username") else None
        granted = tuple(sorted(name for name, given in rights.items() if name.startswith("can_") and given is True))
        return Account(id=str(chat["id"]), name=chat.get("title", ""), url=url, scopes=granted)

    def prepare(self, part: Part, prepared: Prepared) -> Iterator[Prepared]:
        """Send what is missing to the staging chat; the file ids stay good for this bot."""
        if not self.settings.staging_chat:
            return
        quietly = {"chat_id": self.settings.staging_chat, "disable_notification": True}
        for attachment in part.attachments[len(prepared.get("files")) :]:
            with attachment.path.open("rb") as file:
                answer = self._send_file(attachment, _named(attachment, file), quietly, total=None)
            prepared = prepared.adding("files", _file_id(answer, _kind(attachment)))
            yield prepared

    def publish(self, part: Part, prepared: Prepared) -> Receipt:
        """One message, or one album with the text under its first picture."""
        values: dict[str, Any] = {"chat_id": self.settings.chat}
        if part.after:
            values["reply_parameters"] = {"message_id": int(part.after.id)}
        if not part.attachments:
            return _receipt(self._call("sendMessage", {**values, "text": part.text}, irrevocable=True))
        with ExitStack() as stack:
            files = prepared.get("files") or [
                _named(attachment, stack.enter_context(attachment.path.open("rb"))) for attachment in part.attachments
            ]
            if len(files) > 1:
                return _receipt(self._send_album(part, files, values))
            captioned = {**values, "caption": part.text}
            return _receipt(self._send_file(part.attachments[0], files[0], captioned, irrevocable=True))

    def measure(self, receipts: Sequence[Receipt]) -> Mapping[str, Counts | Gone]:
        """Nothing: the Bot API tells neither views nor reactions of a channel's posts."""
        return {}

    def followers(self) -> int:
        return int(self._call("getChatMemberCount", {"chat_id": self.settings.chat}))

    def remove(self, receipt: Receipt) -> None:
        """Every message of the post, passing over those that are gone; Telegram allows it for 48 hours."""
        messages = [int(message) for message in (receipt.id, *receipt.also)]
        self._call("deleteMessages", {"chat_id": self.settings.chat, "message_ids": messages})

    def tell(self, chat: str, text: str, document: tuple[str, IO[bytes], str]) -> Receipt:
        """A file with *text* below it, for a chat of staff, as one message; Refused where the public could read it."""
        about = self._call("getChat", {"chat_id": chat})
        if about.get("username") or about.get("type") == "channel" or str(about["id"]) == self.account:
            raise Refused("The chat {chat} is public.", hint="Name a private group of staff.", chat=chat)
        values = {"chat_id": str(about["id"]), "caption": text}
        return _receipt(self._call("sendDocument", values, files={"document": document}, irrevocable=True))

    def _send_file(self, attachment: Attachment, file: File, values: Mapping[str, Any], **options: Any) -> Any:
        """One photo or video as a message; *file*: its id, or what to upload."""
        kind = _kind(attachment)
        about = {**values, **(_as_shown(attachment) if attachment.is_video else {})}
        if isinstance(file, str):
            return self._call(f"send{kind.title()}", {**about, kind: file}, **options)
        return self._call(f"send{kind.title()}", about, files={kind: file}, **options)

    def _send_album(self, part: Part, files: Sequence[File], values: Mapping[str, Any]) -> Any:
        """Several as one post: one request, or nothing of it."""
        media, uploads = [], {}
        for number, (attachment, file) in enumerate(zip(part.attachments, files, strict=True)):
            named = file if isinstance(file, str) else f"attach://file{number}"
            media.append({"type": _kind(attachment), "media": named})
            if not isinstance(file, str):
                uploads[f"file{number}"] = file
        media[0]["caption"] = part.text
        return self._call("sendMediaGroup", {**values, "media": media}, files=uploads, irrevocable=True)

    def _call(self, method: str, values: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """The result of a method. Sent as a form, with or without files; what is no text goes as JSON in it."""
        data = {name: v if isinstance(v, str) else json.dumps(v) for name, v in (values or {}).items()}
        return self.api.post(f"/{method}", data=data, **options).member("result")


def _kind(attachment: Attachment) -> str:
    return "video" if attachment.is_video else "photo"


def _named(attachment: Attachment, file: IO[bytes]) -> File:
    return (f"{attachment.sha256[:16]}.{attachment.type.rpartition('/')[2]}", file, attachment.type)


def _as_shown(video: Attachment) -> dict[str, Any]:
    """Without these phones show a video as a square, and load it whole before it plays."""
    about = {"supports_streaming": True, "width": video.width, "height": video.height}
    return {**about, "duration": round(video.duration)} if video.duration else about


def _file_id(message: Mapping[str, Any], kind: str) -> str:
    """The id under which the file can be sent again; a photo comes in sizes, the largest last."""
    found = message.get(kind)
    if not found:  # what is no video to Telegram is kept as a document
        raise Refused("Telegram does not take this file as a {kind}.", hint="Use another file.", kind=kind)
    return str((found[-1] if isinstance(found, list) else found)["file_id"])


def _receipt(result: Any) -> Receipt:
    """The proof of one message, or of an album: its first message, whose link shows them all."""
    try:
        first, *others = result if isinstance(result, list) else [result]
        chat, message = first["chat"], str(first["message_id"])
        place = chat.get("username") or f"c/{str(chat['id']).removeprefix('-100')}"
        return Receipt(message, f"https://t.me/{place}/{message}", also=tuple(str(o["message_id"]) for o in others))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Uncertain("The platform's answer lacks what was asked for.") from error


def _translate(answer: Answer) -> ChannelError | None:
    """Telegram's envelope. Its 400 mixes faults of the release with faults of the channel; only the words differ."""
    reason, parameters = _told(answer)
    if moved := parameters.get("migrate_to_chat_id"):
        return Unauthorized("The chat has a new number: {chat}.", hint="Correct the channel's chat.", chat=moved)
    if answer.status == 429:
        asked = str(parameters.get("retry_after") or answer.headers.get("Retry-After") or "")
        return Throttled("The platform asks for a pause.", retry_after=retry_after(asked))
    if answer.status in (401, 404):
        return Unauthorized("Telegram does not know the bot's token.", hint="Connect the channel again.")
    if answer.status in (403, 406) or any(words in reason.lower() for words in _OF_THE_ACCOUNT):
        return Unauthorized("Telegram does not let the bot do that: {reason}", reason=reason)
    if answer.status in (400, 413):
        return Refused("Telegram refused the post: {reason}", reason=reason)
    return None


def _told(answer: Answer) -> tuple[str, Mapping[str, Any]]:
    """Description and parameters of a refusal; what stands before the API answers with pages."""
    try:
        envelope = answer.json()
        return str(envelope["description"])[:300], envelope.get("parameters") or {}
    except (ChannelError, KeyError, TypeError, AttributeError):
        return f"HTTP {answer.status}", {}
