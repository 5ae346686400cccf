"""Deliveries that wait for the link of another one of the same release: the website or the video goes first.

They are parked until their latest useful time; a publication of the one they follow wakes them, its failure tells them.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, update
from sqlmodel import Session, col, select

from dissem.errors import DissemError
from dissem.models import Channel, Delivery, Publication, State
from dissem.queue.due import padded
from dissem.queue.pacing import first_moment

_STOPPED = (State.REFUSED, State.MISSED, State.CANCELLED, State.HELD)


def parked(session: Session, delivery: Delivery, channel: Channel, now: datetime) -> datetime:
    """When an approved *delivery* has something to do: at its time, or when the link it waits for is there."""
    if delivery.follows is not None and not _is_public(session, delivery.follows):
        return delivery.until
    return first_moment(delivery, channel.platform, now)


def tell(session: Session, delivery: Delivery, now: datetime) -> None:
    """Those that wait for the link of *delivery* learn that it is published, or why it is not."""
    if delivery.state is not State.PUBLISHED and delivery.state not in _STOPPED:
        return
    query = select(Delivery, Channel).join(Channel, col(Channel.id) == Delivery.channel_id)
    waiting = session.exec(query.where(Delivery.follows == delivery.id, Delivery.state == State.WAITING)).all()
    for follower, channel in waiting:
        public = delivery.state is State.PUBLISHED
        values = (
            {"next_at": first_moment(follower, channel.platform, now), "reason": None}
            if public
            else {"reason": _stopped(session, delivery).reason()}
        )
        session.execute(
            update(Delivery)
            .where(col(Delivery.id) == follower.id, col(Delivery.state) == State.WAITING)
            .values(**values)
            .execution_options(synchronize_session=False)
        )


def tell_all(session: Session, published: Sequence[int], now: datetime) -> None:
    """The same for many deliveries that are published now: mostly, nobody waits for them."""
    for number in session.execute(_FOLLOWED, {"published": padded(published)}).scalars().all():
        tell(session, session.get_one(Delivery, number, populate_existing=True), now)


_FOLLOWED = select(Delivery.follows).where(col(Delivery.follows).in_(bindparam("published", expanding=True))).distinct()


def links(session: Session, deliveries: Sequence[Delivery]) -> dict[int, str | None]:
    """By delivery id, the link that each of *deliveries* waits for; None: it is not there, or the platform gave none.
    Those that wait for no link are missing."""
    followed = {d.id or 0: d.follows for d in deliveries if d.follows is not None}
    if not followed:
        return {}
    rows = session.exec(
        select(Publication.delivery_id, Publication.url)
        .where(col(Publication.delivery_id).in_(followed.values()), col(Publication.published).is_not(None))
        .order_by(col(Publication.id).desc())
    )
    urls = dict(rows.all())  # the first part's comes last and stays
    return {number: urls.get(leader) for number, leader in followed.items()}


def _is_public(session: Session, number: int) -> bool:
    state = session.exec(select(Delivery.state).where(Delivery.id == number)).first()
    return state is State.PUBLISHED


def _stopped(session: Session, delivery: Delivery) -> DissemError:
    return DissemError(
        "It waits for the link of {channel}, which is not published: delivery {delivery} is {state}.",
        hint="See: dissem delivery show {delivery}",
        channel=session.exec(select(Channel.name).where(Channel.id == delivery.channel_id)).one(),
        delivery=delivery.id,
        state=delivery.state,
    )
