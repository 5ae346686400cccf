"""Webhook: a signed request for every release to an address of your own, by Standard Webhooks 1.0.0.

What is sent, as `application/json` in UTF-8:

    POST <url>
    webhook-id: 5f0c7a0e-…            the same for every try: take a release with a known id as done, and answer 2xx
    webhook-timestamp: 1795510800     Unix seconds of this try
    webhook-signature: v1,<base64>    HMAC-SHA256 over "<id>.<timestamp>.<body>"; while the secret changes, two of them

    {"type": "release.published",
     "timestamp": "2026-11-24T09:00:00+00:00",
     "data": {"id": "5f0c7a0e-…",     as webhook-id
              "kind": "photo",        press_release, photo, infographic or video
              "title": "…", "text": "…", "body": "…",    in short, and whole as Markdown
              "tags": ["Padang"],     without the hash sign
              "link": "https://…",    or null
              "language": "id", "created": "2026-11-23T02:10:00+00:00",    or null
              "agency": "Dinas Perhubungan",
              "media": [{"sha256": "…", "type": "image/jpeg", "size": 48213, "width": 1200, "height": 800,
                         "duration": null, "alt": "…", "url": "https://…"}]}}

The key of the HMAC is what stands behind `whsec_`, decoded from base64. Files are fetched while answering: their
addresses lie open no longer than the request needs. Any 2xx means taken; a JSON object in the answer may have `url`,
the page where people find the release, and `id`. `channel.ping`, with the page's account as data, only asks whether
address and secret are right. New types and fields may come: what is not known is to be passed over.

A receiver cannot be read, but it knows the ids it had. So a try whose answer was lost is simply made again.
Specification: https://github.com/standard-webhooks/standard-webhooks
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from dissem.channels.adapter import Account, Adapter, Attachment, Certainty, Facts, Part, Prepared, Receipt
from dissem.channels.client import Answer, Client, retry_after
from dissem.channels.errors import ChannelError, Refused, Throttled, Unauthorized, Uncertain
from dissem.channels.network import Network
from dissem.i18n import _

PREFIX = "whsec_"
SECRET_BYTES = range(24, 65)
TIME = 30.0  # seconds for one request
_PAGE = re.compile(rb"\s*(<!doctype html|<html)", re.IGNORECASE)


class Webhook(Adapter):
    """One address that takes releases."""

    platform = "webhook"
    facts = Facts(
        label="Webhook",
        certainties=frozenset({Certainty.KEYED}),
        text=None,
        api="1.0.0",
        images=20,
        videos=1,
        mixed=True,
        image_types=frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"}),
        image_bytes=20 * 2**20,
        video_types=frozenset({"video/mp4", "video/webm", "video/quicktime"}),
        video_bytes=500 * 2**20,
        alt=1500,
        link="field",
        tags="field",
        titled=True,
        full=True,
        fetches=True,
    )

    class Settings(Adapter.Settings):
        """The receiver's address, and the secret that it shares with this channel alone."""

        url: str = Field(description="address that takes the requests")
        signing_secret: SecretStr = Field(description="whsec_ and base64 of 24 to 64 bytes")
        previous_secret: SecretStr | None = Field(None, description="signs too, while the receiver changes to the new")

        @field_validator("url")
        @classmethod
        def _is_an_address(cls, url: str) -> str:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.fragment:
                raise ValueError(_("It is not an address such as https://example.go.id/hook."))
            return url

        @field_validator("signing_secret", "previous_secret")
        @classmethod
        def _is_a_secret(cls, secret: SecretStr | None) -> SecretStr | None:
            if secret and len(_key(secret) or b"") not in SECRET_BYTES:
                raise ValueError(_("It is not {prefix} and base64 of 24 to 64 bytes.", prefix=PREFIX))
            return secret

    def __init__(self, settings: Settings, *, network: Network, account: str = "") -> None:
        super().__init__(settings, network=network, account=account)
        self.api = Client(settings.url, network=network, translate=_translate)

    def fetched(self, attachment: Attachment) -> bool:
        """Every file: the payload names addresses, and carries no bytes."""
        return True

    def certainty(self, part: Part) -> Certainty:
        """The id is the receiver's key: a second try with the same id is no second release."""
        return Certainty.KEYED

    def check(self) -> Account:
        """Send a ping. The account is the address: another one is another account, even at the same host."""
        host = urlsplit(self.settings.url).hostname or ""
        account = f"{host}/{hashlib.sha256(self.settings.url.encode()).hexdigest()[:12]}"  # a path may be secret
        self._send(f"ping_{datetime.now(UTC):%Y%m%d%H%M%S%f}", "channel.ping", {"account": account})
        return Account(id=account, name=host)

    def publish(self, part: Part, prepared: Prepared) -> Receipt:
        """One request. Our id is the proof: receivers may give the same id to everything."""
        try:
            answer = self._send(part.key, "release.published", _release(part), irrevocable=True)
        except _Known:
            return Receipt(part.key)
        if _PAGE.match(answer.content):
            raise Uncertain("A web page answered, perhaps of something between here and the receiver.")
        told = _told(answer)
        url, own = told.get("url"), told.get("id")
        return Receipt(
            part.key,
            url if isinstance(url, str) and url.startswith(("https://", "http://")) else None,
            also=(str(own),) if isinstance(own, str | int) else (),
        )

    def find(self, part: Part, prepared: Prepared, since: datetime) -> Sequence[Receipt]:
        """Nothing can be read, and nothing need be: the receiver passes over an id that it knows."""
        return ()

    def _send(self, identity: str, kind: str, data: Mapping[str, Any], *, irrevocable: bool = False) -> Answer:
        """One signed event. The bytes that were signed are the bytes that are sent."""
        now = datetime.now(UTC)
        event = {"type": kind, "timestamp": now.isoformat(timespec="seconds"), "data": data}
        body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        headers = {
            "Content-Type": "application/json",
            "webhook-id": identity,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signatures(identity, int(now.timestamp()), body),
        }
        # The whole address, as it is: one that ends with a slash is another one without it.
        url = self.settings.url
        try:
            return self.api.post(url, data=body, headers=headers, irrevocable=irrevocable, total=TIME)
        except Refused as refusal:
            if 300 <= refusal.values.get("status", 0) < 400:
                raise _nobody(refusal.values["status"]) from None
            raise

    def _signatures(self, identity: str, timestamp: int, body: bytes) -> str:
        secrets = (self.settings.signing_secret, self.settings.previous_secret)
        return " ".join(signature(secret, identity, timestamp, body) for secret in secrets if secret)


def signature(secret: SecretStr, identity: str, timestamp: int, body: bytes) -> str:
    """The `v1` signature of one request."""
    signed = f"{identity}.{timestamp}.".encode() + body
    digest = hmac.new(_key(secret) or b"", signed, "sha256").digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _key(secret: SecretStr) -> bytes | None:
    """The bytes behind the prefix; None if they are no base64. Padding may be missing."""
    told = secret.get_secret_value()
    encoded = told.removeprefix(PREFIX).rstrip("=")
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True) if told.startswith(PREFIX) else None
    except (binascii.Error, ValueError):
        return None


def _release(part: Part) -> dict[str, Any]:
    return {
        "id": part.key,
        "kind": part.kind,
        "title": part.title,
        "text": part.text,
        "body": part.body,
        "tags": list(part.tags),
        "link": part.link,
        "language": part.language,
        "created": part.created and part.created.isoformat(),
        "agency": part.agency,
        "media": [_file(attachment) for attachment in part.attachments],
    }


def _file(attachment: Attachment) -> dict[str, Any]:
    names = ("sha256", "type", "size", "width", "height", "duration", "alt", "url")
    return {name: getattr(attachment, name) for name in names}


def _told(answer: Answer) -> Mapping[str, Any]:
    """The JSON object in an answer; receivers need not give one."""
    try:
        found = answer.json()
    except ChannelError:
        return {}
    return found if isinstance(found, dict) else {}


class _Known(Uncertain):
    """409: the receiver has this id already."""


def _translate(answer: Answer) -> ChannelError | None:
    """The named error for a refusal; None leaves it to the status."""
    status = answer.status
    if status == 409:
        return _Known("The receiver has this release already.")
    if status == 410:
        return Unauthorized("The receiver has closed this webhook.", hint="Ask the people who run it.")
    if status in (401, 403):
        return Unauthorized(
            "The receiver does not accept the webhook's signature (HTTP {status}).",
            hint="Compare the signing secret on both sides, and see whether both clocks are right.",
            status=status,
        )
    if status in (404, 405):
        return _nobody(status)
    if status in (425, 429):
        return Throttled("The receiver asks for a pause.", retry_after=retry_after(answer.headers.get("Retry-After")))
    if status < 500 and status != 408:
        return Refused("The receiver refused the release (HTTP {status}): {says}", status=status, says=_says(answer))
    return None


def _nobody(status: int) -> Unauthorized:
    return Unauthorized(
        "Nobody takes webhooks at this address (HTTP {status}).", hint="Correct the channel's url.", status=status
    )


def _says(answer: Answer) -> str:
    """The receiver's own words, where it gives them in one of the usual places."""
    told = _told(answer)
    return next((str(told[name])[:300] for name in ("detail", "message", "error") if told.get(name)), "–")
