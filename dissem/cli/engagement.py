"""What people did with what was published: read it now, look at it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dissem import i18n
from dissem.cli.command import Commands
from dissem.cli.opening import desk, installation
from dissem.cli.options import LARGEST, Limit, channel_names
from dissem.cli.show import local, note, show, table, word
from dissem.cli.sparks import spark
from dissem.clock import quotable, utc_now
from dissem.errors import WrongInput, told
from dissem.i18n import _

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from dissem.desk.proofs import Measured
    from dissem.engagement.ledger import Moment
    from dissem.models import Channel, ForeignPost

app = Commands(_("What people did with what was published."))

MOST = 1_000_000  # posts read in one go
_SHOWN = ("views", "likes", "comments", "shares")


@app.command("collect", help=_("Read the counts that are due, as the daemon does by itself."))
def collect(
    limit: Annotated[int, typer.Option(min=1, max=MOST, metavar="N", help=_("At most so many."))] = 20_000,
) -> None:
    from dataclasses import asdict

    from dissem.engagement.collect import collect as read

    with installation() as opened:
        done = read(opened, now=utc_now(), limit=limit)
    reasons = {channel: told(reason) for channel, reason in done.reasons.items()}
    lines = [
        _(
            "{read} read, {unavailable} without counts, {gone} gone, {failed} not answered.",
            read=i18n.number(done.read),
            unavailable=i18n.number(done.unavailable),
            gone=i18n.number(done.gone),
            failed=i18n.number(done.failed),
        ),
        *(f"{channel}: {reason}" for channel, reason in reasons.items()),
    ]
    show({**asdict(done), "reasons": reasons}, "\n".join(lines))
    if reasons and not (done.read or done.gone or done.unavailable):
        raise typer.Exit(1)


@app.command("show", help=_("The newest counts of each post, and their course; of one release each count by itself."))
def show_counts(
    release: Annotated[
        int | None, typer.Argument(min=1, max=LARGEST, metavar="RELEASE", help=_("Only this release."))
    ] = None,
    limit: Limit = 50,
) -> None:
    from dissem.desk.ledger import notices
    from dissem.desk.proofs import measured
    from dissem.engagement.ledger import course

    with desk() as acting:
        rows, zone = measured(acting, release, limit=limit), acting.installation.zone
        with acting.installation.database.read() as session:
            courses = course(session, [one.publication.id or 0 for one in rows])
        moments = [(one, courses[one.publication.id or 0]) for one in rows]
        empty = _("Nothing was published yet.")
        text = _overview(moments, zone, empty) if release is None else _closely(moments, zone, empty)
        show([{**_as_json(one, zone), "course": [_point(m, zone) for m in course]} for one, course in moments], text)
        if foreign := notices(acting):
            note(_foreign_note(foreign))


Courses = Sequence[tuple["Measured", Sequence["Moment"]]]


def _overview(rows: Courses, zone: "ZoneInfo", empty: str) -> str:
    """A line for each post."""
    headings = [_("Release"), _("Channel"), *(word(name).capitalize() for name in _SHOWN)]
    lines = [_row(one, course, zone) for one, course in rows]
    return table([*headings, _("Course"), _("Read"), _("Link")], lines, empty=empty)


def _row(one: "Measured", course: Sequence["Moment"], zone: "ZoneInfo") -> tuple[Any, ...]:
    counts = [i18n.number(getattr(one.counts, name) if one.counts else None) for name in _SHOWN]
    leading = next((name for name in _SHOWN if one.counts and getattr(one.counts, name) is not None), "views")
    line = spark([moment.counts[leading] for moment in course])
    return one.release.id, one.channel.name, *counts, line, _read(one, zone), _link(one)


def _read(one: "Measured", zone: "ZoneInfo") -> str:
    if one.publication.gone:
        return _("gone since {when}", when=i18n.short_moment(one.publication.gone, zone))
    return i18n.short_moment(one.counts.at, zone) if one.counts else _("not yet")


def _link(one: "Measured") -> str:
    return one.publication.url or one.publication.remote_id


def _closely(rows: Courses, zone: "ZoneInfo", empty: str) -> str:
    """For each post a line a count, with what kept it from being told or made it fall."""
    headings = [_("Count"), _("Newest"), _("Course"), _("Note")]
    blocks = [
        f"{one.channel.name}  {_link(one)}  {_read(one, zone)}\n" + table(headings, list(_lines(one, course)))
        for one, course in rows
    ]
    return "\n\n".join(blocks) or empty


def _lines(one: "Measured", course: Sequence["Moment"]) -> Iterable[tuple[Any, ...]]:
    from dissem.channels.adapter import COUNTS

    for name in COUNTS:
        value = getattr(one.counts, name) if one.counts else None
        line = spark([moment.counts[name] for moment in course])
        yield word(name).capitalize(), i18n.number(value), line, _note(one, name, course)


def _note(one: "Measured", name: str, course: Sequence["Moment"]) -> str:
    from dissem.reports import words

    falls = sum(name in moment.fell for moment in course)
    why = (one.counts.missing or {}).get(name) if one.counts else None
    if why:
        return words.why(why)
    if one.counts and getattr(one.counts, name) is None:
        return _("This platform does not count it.")
    return _("It fell {n} times.", n=falls) if falls else ""


def _point(moment: "Moment", zone: "ZoneInfo") -> dict[str, Any]:
    return {"at": local(moment.at, zone), **moment.counts, "fell": sorted(moment.fell)}


def _as_json(one: "Measured", zone: "ZoneInfo") -> dict[str, Any]:
    from dissem.channels.adapter import COUNTS

    return {
        "release": one.release.id,
        "title": one.release.title,
        "delivery": one.delivery.id,
        "channel": one.channel.name,
        "platform": one.channel.platform,
        "remote_id": one.publication.remote_id,
        "url": one.publication.url,
        "published": local(one.publication.published, zone),
        "gone": local(one.publication.gone, zone),
        "at": local(one.counts.at, zone) if one.counts else None,
        **{name: getattr(one.counts, name) if one.counts else None for name in COUNTS},
        "missing": (one.counts.missing or {}) if one.counts else {},
    }


# Posts that are not ours


@app.command("foreign", help=_("Posts on our accounts that dissem did not make: by hand, or by somebody else."))
def foreign_posts(
    known: Annotated[
        str | None,
        typer.Option(
            metavar="CHANNEL",
            help=_("Those of this channel are the office's own."),
            autocompletion=channel_names,
        ),
    ] = None,
) -> None:
    from dissem.desk.ledger import acknowledge, notices

    with desk() as acting:
        zone = acting.installation.zone
        if known is not None:
            found = acknowledge(acting, known)
            text = _("{n} posts of {channel} are known as the office's own.", n=len(found), channel=known)
            show([_notice(one, known, zone) for one in found], text)
            return
        rows = notices(acting)
        lines = [
            (channel.name, i18n.short_moment(one.at, zone), one.url or one.remote_id, one.text) for one, channel in rows
        ]
        text = table(
            [_("Channel"), _("Made"), _("Link"), _("Text")], lines, empty=_("Every post there was made by dissem.")
        )
        show([_notice(one, channel.name, zone) for one, channel in rows], text)


def _notice(one: "ForeignPost", channel: str, zone: "ZoneInfo") -> dict[str, Any]:
    return {
        "channel": channel,
        "remote_id": one.remote_id,
        "url": one.url,
        "at": local(one.at, zone),
        "seen": local(one.seen, zone),
        "text": one.text,
        "known": local(one.known, zone),
    }


def _foreign_note(rows: Sequence[tuple["ForeignPost", "Channel"]]) -> str:
    names = ", ".join(sorted({channel.name for _one, channel in rows}))
    return _(
        "{n} posts on the accounts of {channels} were not made by dissem. See them: dissem engagement foreign",
        n=len(rows),
        channels=names,
    )


# For analysts


@app.command("export", help=_("Every reading as a CSV file, for analysts."))
def export(
    out: Annotated[Path, typer.Option(metavar="FILE", help=_("The file to write."))],
    since: Annotated[str, typer.Option(metavar="DAY", help=_("Readings from this day on, as in 2026-11-01."))] = "",
    until: Annotated[str, typer.Option(metavar="DAY", help=_("Readings up to this day, itself included."))] = "",
) -> None:
    from dissem.desk.ledger import everything

    with desk() as acting:
        zone = acting.installation.zone
        start, end = _midnight(since, zone), _midnight(until, zone, after=True)
        with everything(acting, start, end) as rows:
            written = _written(out.expanduser(), rows, zone)
    show({"file": str(out), "rows": written}, _("{n} readings are in {file}.", n=i18n.number(written), file=out))


def _midnight(day: str, zone: "ZoneInfo", *, after: bool = False) -> datetime | None:
    """Where the local *day* begins, or the next one."""
    if not day:
        return None
    try:
        return datetime.combine(date.fromisoformat(day) + timedelta(days=after), time(), zone)
    except (ValueError, OverflowError) as error:
        raise WrongInput('There is no day "{day}".', hint="Write it as 2026-11-01.", day=quotable(day)) from error


def _written(file: Path, rows: Iterable[Mapping[str, Any]], zone: "ZoneInfo") -> int:
    """Write *rows* one by one; the file is there whole or not at all. Answers how many."""
    import csv
    from functools import lru_cache, partial

    from dissem.engagement.ledger import COLUMNS
    from dissem.reports.csv import cell

    as_cell = lru_cache(maxsize=10_000)(partial(cell, zone=zone))  # names and titles come again with every reading
    half, count = file.with_name(f".{file.name}.part"), 0
    try:
        with half.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(COLUMNS)
            for row in rows:
                writer.writerow([as_cell(row[name]) for name in COLUMNS])
                count += 1
        half.replace(file)
    except OSError as error:
        raise WrongInput("{file} cannot be written: {why}.", file=file, why=error.strerror) from error
    finally:
        half.unlink(missing_ok=True)
    return count
