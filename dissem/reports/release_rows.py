"""What the report of one release reads from the tables."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from dissem.channels.adapter import COUNTS
from dissem.clock import local_day
from dissem.desk.acting import Acting
from dissem.desk.rights import Action
from dissem.engagement.ledger import offered
from dissem.models import (
    Agency,
    Approval,
    Attempt,
    AuditEntry,
    Channel,
    Delivery,
    Engagement,
    Evidence,
    Person,
    Publication,
    Release,
)
from dissem.models import Reading as ReadingRow
from dissem.reports.figures import Link
from dissem.reports.pictures import pictures_of
from dissem.reports.release import (
    Approved,
    OnChannel,
    Reading,
    ReleaseReport,
    Step,
    Try,
    engaged,
    growth,
    untold,
)

PROVEN = (Evidence.PROOF.value, Evidence.ACCEPTED.value, Evidence.HANDED_OVER.value)

Posts = Mapping[int, Sequence[Publication]]  # by delivery
Readings = Mapping[int, Sequence[Reading]]  # by publication


def of_release(acting: Acting, number: int, *, printed: date | None = None) -> ReleaseReport:
    """The report of release *number*, if the person may see it; *printed* as in the weekly report."""
    installation = acting.installation
    with installation.database.read() as session:
        release = acting.release(session, number, Action.SEE)
        found = session.execute(_on_channels(number)).all()
        posts = _posts(session, [delivery.id or 0 for delivery, _channel, _reading in found])
        readings = _readings(session, [one.id or 0 for some in posts.values() for one in some])
        everything = [readings[one.id or 0] for some in posts.values() for one in some]
        public = [one.published for some in posts.values() for one in some if one.published]
        names = {person.username: person.name for person in session.scalars(select(Person))}
        return ReleaseReport(
            release=number,
            title=release.title,
            kind=release.kind.value,
            agency=release.agency,
            agency_name=session.get_one(Agency, release.agency).name,
            state=release.state.value,
            author=session.get_one(Person, release.author_id).name,
            created=release.created,
            submitted=release.submitted,
            rejected=release.reason,
            zone=installation.zone,
            office=installation.config.office.name,
            printed=printed or local_day(acting.now(), installation.zone),
            approvals=tuple(_approvals(session, release)),
            steps=tuple(_steps(session, number, {d.id or 0: c.name for d, c, _reading in found}, names)),
            channels=tuple(_on_channel(d, c, reading, posts[d.id or 0], readings) for d, c, reading in found),
            tries=tuple(_tries(session, {d.id or 0: c.name for d, c, _reading in found})),
            growth=growth(everything, min(public, default=None)),
            pictures=pictures_of(session, [number], installation.media),
            **engaged(everything),
        )


def _on_channels(number: int) -> Any:
    """Deliveries with their channels and how reading those goes, by when they are due and the channel's number."""
    return (
        select(Delivery, Channel, ReadingRow)
        .join(Channel, col(Channel.id) == col(Delivery.channel_id))
        .outerjoin(ReadingRow, col(ReadingRow.channel_id) == col(Channel.id))
        .where(col(Delivery.release_id) == number)
        .order_by(col(Delivery.due), col(Channel.id))
    )


def _posts(session: Session, deliveries: Sequence[int]) -> Posts:
    """Those that are public, or were."""
    found: dict[int, list[Publication]] = {number: [] for number in deliveries}
    query = select(Publication).where(
        col(Publication.delivery_id).in_(deliveries), col(Publication.published).is_not(None)
    )
    for publication in session.scalars(query.order_by(col(Publication.id))):
        found[publication.delivery_id].append(publication)
    return found


def _readings(session: Session, publications: Sequence[int]) -> Readings:
    """Every sample of each, oldest first."""
    found: dict[int, list[Reading]] = {number: [] for number in publications}
    counts = [col(getattr(Engagement, name)) for name in COUNTS]
    query = (
        select(col(Engagement.publication_id), col(Engagement.at), col(Engagement.missing), *counts)
        .where(col(Engagement.publication_id).in_(publications))
        .order_by(col(Engagement.publication_id), col(Engagement.at), col(Engagement.planned))
    )
    for number, at, missing, *values in session.execute(query):
        found[number].append(Reading(at, tuple(values), missing or {}))
    return found


def _on_channel(
    delivery: Delivery, channel: Channel, reading: ReadingRow | None, posts: Sequence[Publication], readings: Readings
) -> OnChannel:
    own = [readings[one.id or 0] for one in posts]
    return OnChannel(
        delivery=delivery.id or 0,
        channel=channel.name,
        platform=channel.platform,
        agency=channel.agency,
        state=delivery.state.value,
        held=delivery.held and delivery.held.value,
        due=delivery.due,
        published=delivery.published,
        attempts=delivery.attempts,
        reason=delivery.reason,
        links=tuple(Link(channel.name, one.url, gone=bool(one.removed or one.gone)) for one in posts),
        read=max((some[-1].at for some in own if some), default=None),
        untold=untold(own, offered(channel.platform)) if posts else (),
        failing=reading.failing if reading and posts else None,
        failing_reason=reading.reason if reading and posts and reading.failing else None,
        **engaged(own),
    )


def _approvals(session: Session, release: Release) -> list[Approved]:
    query = (
        select(col(Approval.at), col(Person.name), col(Approval.voided))
        .join(Person, col(Person.id) == col(Approval.approver_id))
        .where(col(Approval.release_id) == release.id)
        .order_by(col(Approval.at), col(Approval.id))
    )
    return [Approved(*row) for row in session.execute(query)]


def _steps(session: Session, number: int, channels: Mapping[int, str], names: Mapping[str, str]) -> list[Step]:
    """What people did to the release and its deliveries, by the audit record."""
    objects = {f"delivery {delivery}": channel for delivery, channel in channels.items()}
    query = select(AuditEntry).where(col(AuditEntry.object).in_([f"release {number}", *objects]))
    return [
        Step(entry.at, entry.action, names.get(entry.actor, entry.actor), objects.get(entry.object))
        for entry in session.scalars(query.order_by(col(AuditEntry.id)))
    ]


def _tries(session: Session, channels: Mapping[int, str]) -> list[Try]:
    """Those without a proof, oldest first; numbered by channel."""
    query = select(col(Attempt.delivery_id), col(Attempt.started), col(Attempt.outcome))
    query = query.where(col(Attempt.delivery_id).in_(channels)).order_by(col(Attempt.id))
    found, number = [], defaultdict[int, int](int)
    for delivery, started, outcome in session.execute(query):
        number[delivery] += 1
        if outcome not in PROVEN:
            found.append(Try(channels[delivery], number[delivery], started, outcome))
    return found
