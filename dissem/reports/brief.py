"""The report on one page, for the body of a mail and for a chat: figures with their change, best releases, failures.

Every text from outside is one line without control signs, and is escaped by the template. Styles stand in the
elements, layout in tables, because mail programs drop the rest; the style sheet only adds darkness.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dissem import i18n
from dissem.channels.mail_addresses import clean_line
from dissem.errors import told
from dissem.i18n import _
from dissem.reports import words
from dissem.reports.figures import Glance, ReleaseRow, Report, Trouble
from dissem.reports.layout import Chart, Page
from dissem.reports.page import page as laid_out
from dissem.reports.typesetting import typeset

BEST = 3  # releases told
TROUBLES = 5
LONGEST = 160  # letters of a title or a reason
CHARTS = ("past_interactions", "past_published")
WIDTH = 560  # pixels of the page; a drawing has twice as many, for sharp screens
_DRAWING = b"""\
#set page(width: 372pt, height: auto, margin: 6pt, fill: white)
#image(bytes(sys.inputs.svg), format: "svg", width: 100%)
"""


@dataclass(frozen=True)
class Figure:
    label: str
    now: str
    change: str  # since the period before; a dash where nobody can say


@dataclass(frozen=True)
class Picture:
    """*alt* says what is to be seen. *name* is that of the file, and what the page calls it by."""

    name: str
    type: str
    content: bytes
    alt: str
    title: str = ""


@dataclass(frozen=True)
class Best:
    title: str
    gained: str
    link: str
    picture: Picture | None


@dataclass(frozen=True)
class Brief:
    """What is told, in the language of whoever asks."""

    title: str
    office: str
    period: str
    summary: str
    figures: tuple[Figure, ...]
    drawings: tuple[Picture, ...]
    usual: bool  # whether they show what was usual
    best: tuple[Best, ...]
    troubles: tuple[str, ...]
    untold: int  # more of them
    notes: tuple[str, ...]

    @property
    def pictures(self) -> tuple[Picture, ...]:
        return (*self.drawings, *(one.picture for one in self.best if one.picture))


def brief(report: Report) -> Brief:
    """*report* on one page, its drawings as PNG (Broken without the extra `reports`)."""
    page = laid_out(report)
    troubles = [*report.failures, *report.holds]
    return Brief(
        title=page.title,
        office=clean_line(page.office),
        period=page.period,
        summary=clean_line(page.summary),
        figures=tuple(map(_figure, report.glance)),
        drawings=tuple(_drawings(page)),
        usual=any(one.low is not None for one in report.glance),
        best=tuple(_best(row, report) for row in report.releases[:BEST] if row.interactions),
        troubles=tuple(map(_trouble, troubles[:TROUBLES])),
        untold=max(len(troubles) - TROUBLES, 0),
        notes=tuple(map(clean_line, page.notes)),
    )


def _figure(one: Glance) -> Figure:
    label, shape = words.glance(one.name)
    now = words.share(one.now) if shape == "share" else words.number(one.now)
    change = words.change(one.change, shape)
    percent = "" if shape == "share" else words.percent(one.now, one.before)
    return Figure(label, now, f"{change} ({percent})" if percent else change)


def _best(row: ReleaseRow, report: Report) -> Best:
    gained = _(
        "{interactions} interactions, {views} views",
        interactions=words.number(row.interactions),
        views=words.number(row.gained["views"]),
    )
    shown = (clean_line(link.url) for link in row.links if link.url and not link.gone)
    link = next((url for url in shown if url.startswith(("https://", "http://")) and " " not in url), "")
    title, content = _short(row.title), report.pictures.get(row.release)
    picture = Picture(f"release-{row.release}.jpg", "image/jpeg", content, title) if content else None
    return Best(title, gained, link, picture)


def _trouble(one: Trouble) -> str:
    why = clean_line(told(one.reason)) or words.state(one)
    return f"{_short(one.title)} – {clean_line(one.channel)}: {_short(why)}"


def _short(text: str) -> str:
    line = clean_line(text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1].rstrip()}…"


# The drawings


def _drawings(page: Page) -> Iterator[Picture]:
    charts = {block.key: block for section in page.sections for block in section.blocks if isinstance(block, Chart)}
    for key in CHARTS:
        if chart := charts.get(key):
            alt = clean_line(f"{chart.title}. {chart.alt}")
            yield Picture(f"{key.replace('_', '-')}.png", "image/png", _png(chart.svg), alt, clean_line(chart.title))


def _png(svg: str) -> bytes:
    """White, as the drawings are made for paper."""
    return typeset(_DRAWING, {"svg": svg}, format="png", ppi=2 * 72 * WIDTH / 372)


# As HTML, as text


def html(told: Brief, cids: Mapping[str, str], *, attached: str, whole: bool) -> str:
    """One page, or its beginning alone. *cids*: by the names of its pictures, under which id each travels; *attached*
    says what comes along."""
    page: str = _template().render(
        brief=told,
        cids=cids,
        attached=attached,
        whole=whole,
        width=WIDTH,
        language=i18n.language.get(),
        pairs=_in_pairs(told.figures),
        _=_,
    )
    return page


@cache
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("mail.html")


def _in_pairs(figures: Sequence[Figure]) -> list[Sequence[Figure]]:
    return [figures[place : place + 2] for place in range(0, len(figures), 2)]


def text(told: Brief, *, attached: str, whole: bool) -> str:
    """The same without pictures, which it says in words."""
    blocks = [_head(told), told.summary, *(_rest(told) if whole else ()), attached]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _rest(told: Brief) -> list[str]:
    best = [f"{one.title} – {one.gained} {one.link}".rstrip() for one in told.best]
    failed = [*told.troubles, *([_("And {count} more.", count=i18n.number(told.untold))] if told.untold else [])]
    return [
        _lines(_("At a glance"), figure_lines(told)),
        _lines(_("Best releases"), best),
        _lines(_("What did not work"), failed),
        *(picture.alt for picture in told.drawings),
        _lines(_("What to know about these figures"), told.notes),
    ]


def note(told: Brief, *, longest: int) -> str:
    """For a chat: the figures, as many whole lines as *longest* letters hold (counted as Telegram does)."""
    kept = ""
    for line in (*_head(told).splitlines(), "", *figure_lines(told)):
        more = f"{kept}\n{line}" if kept else line
        if len(more.encode("utf-16-le")) // 2 > longest:
            break
        kept = more
    return kept


def figure_lines(told: Brief) -> list[str]:
    return [_("{figure}: {now}; change: {change}", figure=f.label, now=f.now, change=f.change) for f in told.figures]


def _head(told: Brief) -> str:
    return f"{told.title} · {told.office}\n{told.period}"


def _lines(heading: str, lines: Iterable[str]) -> str:
    found = list(lines)
    return "\n".join([heading, *(f"- {line}" for line in found)]) if found else ""
