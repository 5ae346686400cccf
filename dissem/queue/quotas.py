"""How many posts an account may make in 24 hours: refused here before the platform refuses."""

from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import Session, col, select

from dissem.channels.registry import adapter_class
from dissem.models import Channel, Delivery, Publication, State

DAY = timedelta(hours=24)
_OVER = (State.CANCELLED, State.MISSED, State.REFUSED)


def most(channel: Channel) -> int | None:
    """Posts that *channel* may make in 24 hours: as it is set, but no more than the platform allows; None: any."""
    known = [limit for limit in (channel.settings.get("daily"), adapter_class(channel.platform).facts.daily) if limit]
    return min(known, default=None)


def used(session: Session, channel: Channel, now: datetime) -> list[datetime]:
    """When the posts of the last 24 hours were made by the account of *channel*, oldest first."""
    query = (
        select(Publication.published)
        .where(
            Publication.channel_id == channel.id,
            Publication.account == (channel.account or ""),
            col(Publication.published) > now - DAY,
        )
        .order_by(col(Publication.published))
    )
    return [moment for moment in session.exec(query) if moment]


def free_again(session: Session, channel: Channel, now: datetime) -> datetime:
    """When *channel* may post again: now, or when enough of its posts are a day old."""
    limit = most(channel)
    if limit is None:
        return now
    session.flush()
    made = used(session, channel, now)
    return now if len(made) < limit else made[-limit] + DAY


def planned(session: Session, channel: Channel, at: datetime) -> int:
    """Deliveries of *channel* in the fuller one of the two days before and after *at*."""
    query = (
        select(func.count())
        .select_from(Delivery)
        .where(Delivery.channel_id == channel.id, col(Delivery.state).not_in(_OVER))
    )
    before = session.exec(query.where(Delivery.due > at - DAY, Delivery.due <= at)).one()
    after = session.exec(query.where(Delivery.due >= at, Delivery.due < at + DAY)).one()
    return max(before, after)
