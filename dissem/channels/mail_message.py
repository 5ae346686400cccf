"""A release as a mail to one journalist: plain text first, then HTML with its pictures. Pure: the same values give the
same bytes, so that a second try is the same mail (RFC 5322, 2045, 2369, 2919, 8058).

Readers of a press list read the release's language, whoever runs dissem: the few words around it are in that language.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage, MIMEPart
from email.policy import EmailPolicy
from functools import cache
from typing import Any
from urllib.parse import quote

from dissem.channels.adapter import Attachment, Part
from dissem.channels.mail_addresses import Mailbox, clean_line
from dissem.channels.markdown import as_html

WIDTH = 600  # pixels of the text and of a picture
LONGEST_SUBJECT = 250  # letters

_WORDS: Mapping[str, Mapping[str, str]] = {
    "id": {
        "picture": "Foto",
        "more": "Selengkapnya",
        "why": "Surel ini dikirim kepada Anda sebagai kontak pers {agency}.",
        "stop": "Berhenti berlangganan",
    },
    "en": {
        "picture": "Photo",
        "more": "Read more",
        "why": "You receive this mail as a press contact of {agency}.",
        "stop": "Unsubscribe",
    },
}
_TAG = re.compile(r"<(p|h[1-6]|ul|ol|li|blockquote|pre|table|th|td)(?=[ >])")
_STYLES = {
    "p": "margin:0 0 1em",
    "ul": "margin:0 0 1em;padding-left:1.5em",
    "ol": "margin:0 0 1em;padding-left:1.5em",
    "li": "margin:0 0 .3em",
    "blockquote": "margin:0 0 1em;padding-left:1em;border-left:3px solid #8a94a6",
    "pre": "margin:0 0 1em;white-space:pre-wrap",
    "table": "margin:0 0 1em;border-collapse:collapse",
    "th": "padding:.3em .6em;border:1px solid #8a94a6;text-align:left",
    "td": "padding:.3em .6em;border:1px solid #8a94a6",
}
_HEADING = "margin:1.4em 0 .5em;font-size:1.15em;line-height:1.3"
_PAGE = """\
<!DOCTYPE html>
<html lang="{{ language }}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{ title }}</title>
</head>
<body style="margin:0;padding:16px">
<div style="max-width:{{ width }}px;margin:0 auto;font:16px/1.5 Arial,Helvetica,sans-serif">
<h1 style="margin:0 0 .7em;font-size:1.5em;line-height:1.25">{{ title }}</h1>
{{ body | safe }}
{% for picture in pictures %}
<p style="margin:0 0 1em"><img src="cid:{{ picture.cid }}" alt="{{ picture.alt }}" width="{{ picture.width }}"
 style="display:block;max-width:100%;height:auto;border:0"></p>
{% endfor %}
{% if link %}
<p style="margin:0 0 1em">{{ words.more }}: <a href="{{ link }}">{{ link }}</a></p>
{% endif %}
<p style="margin:2em 0 0;padding-top:.8em;border-top:1px solid #8a94a6;font-size:.85em">{{ why }}
<a href="{{ stop }}">{{ words.stop }}</a></p>
</div>
</body>
</html>
"""


class _Policy(EmailPolicy):
    """Mail as it travels. Addresses and ids are never folded or encoded, as the library does with long ones; a header
    that would end before its end is a ValueError."""

    def fold_binary(self, name: str, value: Any) -> bytes:
        plain = name.lower() in _UNFOLDED
        folded = f"{name}: {value}\r\n".encode("ascii") if plain else bytes(super().fold_binary(name, value))
        if _BROKEN.search(folded):
            raise ValueError("a line end in a header")
        return folded


_BROKEN = re.compile(rb"\r\n(?![ \t]|\Z)|\r(?!\n)|(?<!\r)\n")
_UNFOLDED = {"message-id", "list-id", "list-unsubscribe", "list-unsubscribe-post", "x-dissem-delivery"}
# Encoded words may have 75 letters, and a line that continues begins with a blank.
POLICY = _Policy(linesep="\r\n", cte_type="7bit", max_line_length=76)


@dataclass(frozen=True)
class Letterhead:
    """What all mails of a channel have in common. *unsubscribe*: a mail address, or the beginning of an https address
    that a token is put behind; the token is made with *key*."""

    sender: Mailbox
    list_id: str
    unsubscribe: str
    reply_to: Mailbox | None = None
    key: str = ""

    @property
    def one_click(self) -> bool:
        return self.unsubscribe.startswith("https://")

    def way_out(self, reader: Mailbox) -> str:
        """The address by which *reader* leaves the list."""
        if self.one_click:
            return self.unsubscribe + unsubscribe_token(self.key, self.list_id, reader.address)
        return f"mailto:{quote(self.unsubscribe, safe='@')}?subject=unsubscribe"


def unsubscribe_token(key: str, list_id: str, address: str) -> str:
    """What stands for list and reader in an address: nobody can guess it, and nothing can be read in it."""
    named = f"{list_id}\n{address.casefold()}".encode()
    return hmac.new(key.encode(), named, "sha256").hexdigest()[:40]


def message_id(part: Part, sender: Mailbox) -> str:
    """The Message-ID of *part*, without its brackets: the same for every try."""
    return f"{_key(part)}.{_short(part.recipient.casefold())}@{sender.domain}"


def release_mail(part: Part, letterhead: Letterhead, reader: Mailbox, date: datetime) -> EmailMessage:
    """The mail of *part* for *reader*. The pictures' files are read here; OSError if one is gone."""
    message = EmailMessage(POLICY)
    message["From"] = letterhead.sender.header()
    message["To"] = reader.header()
    if letterhead.reply_to:
        message["Reply-To"] = letterhead.reply_to.header()
    message["Subject"] = clean_line(part.title)[:LONGEST_SUBJECT]
    message["Date"] = date.replace(microsecond=0)
    message["Message-ID"] = f"<{message_id(part, letterhead.sender)}>"
    for name, value in _about(part, letterhead, reader).items():
        message[name] = value
    _fill(message, part, letterhead, reader)
    return message


def _about(part: Part, letterhead: Letterhead, reader: Mailbox) -> dict[str, str]:
    """Headers for programs."""
    ways = [f"<{letterhead.way_out(reader)}>"]
    if letterhead.one_click:
        ways.append(f"<mailto:{letterhead.sender.address}?subject=unsubscribe>")
    keywords = ", ".join(clean_line(tag).replace(",", " ") for tag in part.tags)
    return {
        "List-Id": f"<{letterhead.list_id}>",
        "List-Unsubscribe": ", ".join(ways),
        **({"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"} if letterhead.one_click else {}),
        "X-Dissem-Delivery": _key(part),
        **({"Keywords": keywords} if keywords else {}),
    }


def _fill(message: EmailMessage, part: Part, letterhead: Letterhead, reader: Mailbox) -> None:
    """Text, HTML and pictures. The boundaries are ours: the library's are different each time."""
    stop = letterhead.way_out(reader)
    message.set_content(_text(part, letterhead, stop), charset="utf-8", cte="quoted-printable")
    page = _html(part, letterhead, stop)
    message.add_alternative(page, subtype="html", charset="utf-8", cte="quoted-printable")
    message.set_boundary(f"=_{_short(part.key, 24)}")
    message["Content-Language"] = _language(part)  # setting the content has taken such headers away
    shown = message.get_payload(1)
    if part.attachments and isinstance(shown, MIMEPart):
        for number, attachment in enumerate(part.attachments, 1):
            _add(shown, part, attachment, number)
        shown.set_boundary(f"=_{_short(part.key, 24)}_1")


def _add(page: MIMEPart, part: Part, attachment: Attachment, number: int) -> None:
    main, _, sub = attachment.type.partition("/")
    page.add_related(
        attachment.path.read_bytes(),
        main,
        sub,
        cid=f"<{_cid(part, number)}>",
        disposition="inline",
        filename=f"foto-{number}.{'jpg' if sub == 'jpeg' else sub}",
    )


def _text(part: Part, letterhead: Letterhead, stop: str) -> str:
    words = _WORDS[_language(part)]
    pictures = [f"[{words['picture']} {n}: {a.alt}]" for n, a in enumerate(part.attachments, 1) if a.alt]
    link = f"{words['more']}: {_link(part)}" if _link(part) else ""
    footer = f"-- \n{_why(part, letterhead)}\n{words['stop']}: {stop}"
    return _encodable("\n\n".join(block for block in (_body(part), *pictures, link, footer) if block) + "\n")


def _html(part: Part, letterhead: Letterhead, stop: str) -> str:
    page: str = _page().render(
        language=_language(part),
        title=clean_line(part.title),
        body=_styled(as_html(_body(part), below=1)),
        pictures=_pictures(part),
        link=_link(part),
        words=_WORDS[_language(part)],
        why=_why(part, letterhead),
        stop=stop,
        width=WIDTH,
    )
    return _encodable(page)


def _body(part: Part) -> str:
    text = (part.body or part.text).replace("\r\n", "\n").replace("\r", "\n")
    return text.strip()


def _encodable(text: str) -> str:
    """*text* without what no encoding takes, and without NUL, at which readers stop."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _link(part: Part) -> str:
    """The address of the whole release; empty if it is none that people can open."""
    link = clean_line(part.link or "")
    return link if link.startswith(("https://", "http://")) and " " not in link else ""


def _pictures(part: Part) -> Sequence[Mapping[str, Any]]:
    shown = enumerate(part.attachments, 1)
    return [{"cid": _cid(part, n), "alt": a.alt, "width": min(a.width or WIDTH, WIDTH)} for n, a in shown]


def _styled(html: str) -> str:
    """*html* with its styles in place: mail programs drop style sheets."""
    return _TAG.sub(lambda tag: f'<{tag[1]} style="{_STYLES.get(tag[1], _HEADING)}"', html)


def _why(part: Part, letterhead: Letterhead) -> str:
    agency = clean_line(part.agency) or letterhead.sender.name or letterhead.sender.address
    return _WORDS[_language(part)]["why"].format(agency=agency)


def _language(part: Part) -> str:
    return "en" if part.language.lower().startswith("en") else "id"


def _key(part: Part) -> str:
    """The part's key, as long as it is one of ours."""
    return part.key if re.fullmatch(r"[A-Za-z0-9-]{1,64}", part.key) else _short(part.key, 32)


def _cid(part: Part, number: int) -> str:
    return f"{number}.{_short(part.key)}@dissem"


def _short(text: str, length: int = 12) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]


@cache
def _page() -> Any:
    from jinja2 import Environment, StrictUndefined

    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(
        _PAGE
    )
