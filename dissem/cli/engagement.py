"""What people did with what was published: read it now, look at it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dissem import i18n
from dissem.cli.command import Commands
from dissem.cli.opening import desk, installation
from dissem.cli.options import LARGEST, Limit
from dissem.cli.show import local, show, table, word
from dissem.clock import utc_now
from dissem.errors import told
from dissem.i18n import _

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from dissem.desk.proofs import Measured

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


@app.command("show", help=_("The newest counts of each post."))
def show_counts(
    release: Annotated[
        int | None, typer.Argument(min=1, max=LARGEST, metavar="RELEASE", help=_("Only this release."))
    ] = None,
    limit: Limit = 50,
) -> None:
    from dissem.desk.proofs import measured

    with desk() as acting:
        rows, zone = measured(acting, release, limit=limit), acting.installation.zone
        text = table(
            [_("Release"), _("Channel"), *(word(name).capitalize() for name in _SHOWN), _("Read"), _("Link")],
            [_row(one, zone) for one in rows],
            empty=_("Nothing was published yet."),
        )
        show([_as_json(one, zone) for one in rows], text)


def _row(one: "Measured", zone: "ZoneInfo") -> tuple[Any, ...]:
    counts = [i18n.number(getattr(one.counts, name) if one.counts else None) for name in _SHOWN]
    read = i18n.short_moment(one.counts.at, zone) if one.counts else _("not yet")
    return one.release.id, one.channel.name, *counts, read, one.publication.url or one.publication.remote_id


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
    }
