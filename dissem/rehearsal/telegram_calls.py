"""A call of a Bot API method: the parameters that each method knows, how they are read, and how a call is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dissem.rehearsal.wire import Answer, Denied, Request, Upload

_SENDING = {
    "business_connection_id",
    "chat_id",
    "message_thread_id",
    "direct_messages_topic_id",
    "disable_notification",
    "protect_content",
    "allow_paid_broadcast",
    "message_effect_id",
    "suggested_post_parameters",
    "reply_parameters",
    "reply_markup",
}
_CAPTION = {"caption", "parse_mode", "caption_entities", "show_caption_above_media", "has_spoiler"}
_ALBUM = _SENDING - {"suggested_post_parameters", "reply_markup"}
_SIZES = {"duration", "width", "height", "supports_streaming", "thumbnail", "cover", "start_timestamp"}
PARAMETERS: Mapping[str, set[str]] = {
    "getMe": set(),
    "getChat": {"chat_id"},
    "getChatMember": {"chat_id", "user_id"},
    "getChatMemberCount": {"chat_id"},
    "sendMessage": _SENDING | {"text", "parse_mode", "entities", "link_preview_options"},
    "sendPhoto": _SENDING | _CAPTION | {"photo"},
    "sendVideo": _SENDING | _CAPTION | _SIZES | {"video"},
    "sendDocument": (_SENDING | _CAPTION | {"document", "thumbnail", "disable_content_type_detection"})
    - {"show_caption_above_media", "has_spoiler"},
    "sendMediaGroup": _ALBUM | {"media"},
    "deleteMessage": {"chat_id", "message_id"},
    "deleteMessages": {"chat_id", "message_ids"},
    "forwardMessage": _ALBUM - {"reply_parameters", "business_connection_id", "allow_paid_broadcast"}
    | {"from_chat_id", "message_id", "video_start_timestamp", "suggested_post_parameters"},
    "copyMessage": (_SENDING - {"business_connection_id"})
    | {"from_chat_id", "message_id", "video_start_timestamp", "caption", "parse_mode", "caption_entities"}
    | {"show_caption_above_media"},
}
_ITEM = {"type", "media", "caption", "parse_mode", "caption_entities"}
ITEM_FIELDS: Mapping[str, set[str]] = {
    "photo": _ITEM | {"show_caption_above_media", "has_spoiler"},
    "video": _ITEM | _SIZES | {"show_caption_above_media", "has_spoiler"},
    "document": _ITEM | {"thumbnail", "disable_content_type_detection"},
}
PREVIEW_FIELDS = {"is_disabled", "url", "prefer_small_media", "prefer_large_media", "show_above_text"}


@dataclass(frozen=True)
class Call:
    """A method call: its name, its parameters as text, the files sent along, and the request."""

    method: str
    values: Mapping[str, str]
    files: Mapping[str, Upload]
    request: Request

    def object(self, name: str) -> Any:
        """A parameter that is JSON, None when it is not given."""
        if not self.values.get(name):
            return None
        try:
            return json.loads(self.values[name])
        except ValueError:
            raise bad_request(f"can't parse {name.replace('_', ' ')} JSON object") from None

    def flag(self, name: str) -> bool:
        return self.values.get(name, "").lower() in ("true", "1", "yes")


def envelope(code: int, description: str, **parameters: int) -> Answer:
    """Every refusal has this form."""
    more = {"parameters": parameters} if parameters else {}
    return Answer(code, {"ok": False, "error_code": code, "description": description, **more})


def bad_request(reason: str) -> Denied:
    return Denied(envelope(400, f"Bad Request: {reason}"))
