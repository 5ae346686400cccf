"""What the accounts look like now, as one page that needs nothing from elsewhere: for demo and training."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from html import escape

from dissem.rehearsal.files import Stored
from dissem.rehearsal.standin import Account, Live, Standin

TITLE = "Gladi: akun-akun sekarang"
WIB = timezone(timedelta(hours=7), "WIB")
MONTHS = (
    "Januari",
    "Februari",
    "Maret",
    "April",
    "Mei",
    "Juni",
    "Juli",
    "Agustus",
    "September",
    "Oktober",
    "November",
    "Desember",
)
LARGEST_EMBEDDED_VIDEO = 8_000_000  # bytes
PLATFORMS = {
    "mastodon": "Mastodon",
    "telegram": "Telegram",
    "x": "X",
    "apprise": "Apprise",
    "email": "Surel",
    "facebook": "Facebook",
    "instagram": "Instagram",
    "threads": "Threads",
    "bluesky": "Bluesky",
    "linkedin": "LinkedIn",
    "youtube": "YouTube",
    "tiktok": "TikTok",
    "wordpress": "WordPress",
    "webhook": "Webhook",
}
COUNTS = {
    "favourites_count": "suka",
    "like_count": "suka",
    "likes": "suka",
    "reactions": "reaksi",
    "reblogs_count": "boost",
    "retweet_count": "posting ulang",
    "shares": "dibagikan",
    "replies": "balasan",
    "replies_count": "balasan",
    "reply_count": "balasan",
    "comments": "komentar",
    "quotes_count": "kutipan",
    "quote_count": "kutipan",
    "bookmark_count": "disimpan",
    "impression_count": "tayangan",
    "views": "tayangan",
    "members": "pelanggan",
    "likeCount": "suka",
    "replyCount": "balasan",
    "repostCount": "posting ulang",
    "quoteCount": "kutipan",
    "bookmarkCount": "disimpan",
    "viewCount": "tayangan",
    "commentCount": "komentar",
    "impressionCount": "tayangan",
    "uniqueImpressionsCount": "jangkauan",
    "clickCount": "klik",
    "shareCount": "dibagikan",
    "view_count": "tayangan",
    "comment_count": "komentar",
    "share_count": "dibagikan",
}

STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --paper: #f4f6f8; --card: #fff; --line: #d5dbe3; --soft: #566173;
  --link: #0b57a4; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ecf2; --paper: #12161c; --card: #1b212a; --line: #343d4a;
  --soft: #a9b4c4; --link: #8cc2ff; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 2rem clamp(1rem, 4vw, 3rem); background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.6rem; line-height: 1.25; }
h2 { margin: 0; font-size: 1.15rem; }
a { color: var(--link); overflow-wrap: anywhere; }
a:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.soft { color: var(--soft); margin: .2rem 0 0; font-size: .9rem; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(21rem, 100%), 1fr)); gap: 1.5rem;
  align-items: start; margin-top: 1.75rem; }
section > header { padding: 0 .25rem .6rem; border-bottom: 3px solid var(--line); }
article { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem;
  margin-top: 1rem; }
article p { margin: 0 0 .75rem; overflow-wrap: anywhere; }
.text { white-space: pre-line; }
figure { margin: 0 0 .75rem; }
img, video { display: block; width: 100%; height: auto; border-radius: .35rem; background: var(--line); }
figcaption { color: var(--soft); font-size: .85rem; margin-top: .3rem; }
ul { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin: .6rem 0 0; padding: .6rem 0 0;
  border-top: 1px solid var(--line); font-size: .9rem; }
li b { font-variant-numeric: tabular-nums; }
"""


def page(standins: Iterable[Standin]) -> str:
    """Every account with its live posts, newest first; files are inside the page, texts are escaped."""
    playing = list(standins)
    sections = "".join(_section(standin, who) for standin in playing for who in _everybody(standin))
    newest = max((standin.clock() for standin in playing), default=None)
    at = f'<p class="soft">Keadaan {_when(newest)}. Semua ini tiruan di komputer ini.</p>' if newest else ""
    return document(TITLE, f"<header><h1>{TITLE}</h1>{at}</header>\n<main>{sections or _nothing()}</main>")


def document(title: str, body: str) -> str:
    """*body* as a whole page; the caller has escaped it."""
    return (
        '<!DOCTYPE html>\n<html lang="id">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def figure(stored: Stored) -> str:
    """A file shown in place. A picture without alt text says so, as a screen reader would stumble over it."""
    alt = escape(stored.alt, quote=True)
    caption = f"<figcaption>{alt or 'Tanpa teks alternatif'}</figcaption>"
    source = f"data:{escape(stored.type)};base64,{b64encode(stored.bytes).decode()}"
    if stored.type.startswith("image/"):
        return f'<figure><img src="{source}" alt="{alt}">{caption}</figure>'
    if stored.type.startswith("video/") and len(stored.bytes) <= LARGEST_EMBEDDED_VIDEO:
        return f'<figure><video controls src="{source}" aria-label="{alt or "Video"}"></video>{caption}</figure>'
    size = f"{len(stored.bytes) / 1_000_000:.1f}".replace(".", ",")
    return f'<p class="soft">Berkas {escape(stored.type)}, {size} MB, tidak ditampilkan di sini. {alt}</p>'


def _everybody(standin: Standin) -> list[Account]:
    """The accounts, then whoever else has posted. A post names its account by handle or by id."""
    known = {name for account in standin.accounts for name in (account.handle, account.id)}
    strangers = dict.fromkeys(live.account for live in standin.public if live.account not in known)
    return [*standin.accounts, *(Account(name, name, name) for name in strangers)]


def _section(standin: Standin, account: Account) -> str:
    handle, name = account.handle, account.name
    platform = escape(PLATFORMS.get(standin.name, standin.name))
    posts = [live for live in reversed(standin.public) if live.account in (handle, account.id)]
    total = f"{len(posts)} kiriman" if posts else "Belum ada kiriman"
    called = handle if "@" in handle else f"@{handle}"  # a mail address has its own
    head = f'<header><h2>{escape(name)}</h2><p class="soft">{platform}, {escape(called)}. {total}.</p></header>'
    label = escape(f"{name} di {PLATFORMS.get(standin.name, standin.name)}", quote=True)
    return f'<section aria-label="{label}">{head}{"".join(_article(standin, live) for live in posts)}</section>'


def _article(standin: Standin, live: Live) -> str:
    media = "".join(figure(stored) for stored in live.media)
    text = f'<p class="text">{escape(live.text)}</p>' if live.text else ""
    continues = '<p class="soft">Sambungan dari kiriman sebelumnya.</p>' if live.reply_to else ""
    address = f'<a href="{escape(live.url, quote=True)}">Buka kiriman</a>'
    when = f'<time datetime="{live.at.isoformat()}">{_when(live.at)}</time>'
    return f"<article>{continues}{text}{media}<p>{when}. {address}</p>{_counts(standin, live)}</article>"


def _counts(standin: Standin, live: Live) -> str:
    shown = [f"<li><b>{count}</b> {COUNTS.get(name, name)}</li>" for name, count in standin.counts(live).items()]
    return f'<ul aria-label="Angka">{"".join(shown)}</ul>' if shown else ""


def _when(moment: datetime) -> str:
    local = moment.astimezone(WIB)
    return f"{local.day} {MONTHS[local.month - 1]} {local.year} pukul {local:%H.%M} WIB"


def _nothing() -> str:
    return '<p class="soft">Tidak ada akun.</p>'
