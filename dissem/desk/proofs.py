"""What is public, and what people did with it: publications and their newest counts, for lists."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from dissem.desk.acting import Acting
from dissem.desk.rights import Action, allow
from dissem.models import Channel, Delivery, Engagement, Publication, Release


@dataclass(frozen=True)
class Measured:
    """A publication and its newest counts; None if it was not read yet."""

    publication: Publication
    delivery: Delivery
    release: Release
    channel: Channel
    counts: Engagement | None


def proofs(acting: Acting, deliveries: Sequence[int]) -> dict[int, Publication]:
    """The first part's publication of each delivery that has one: the link that people open."""
    query = select(Publication).where(col(Publication.delivery_id).in_(deliveries)).order_by(col(Publication.id).desc())
    with acting.installation.database.read() as session:
        return {publication.delivery_id: publication for publication in session.scalars(query)}


def measured(acting: Acting, number: int | None, *, limit: int) -> list[Measured]:
    """The newest publications that the person may see, of release *number* or of all."""
    sample = aliased(Engagement)
    newest = select(func.max(col(sample.id))).where(col(sample.publication_id) == col(Publication.id)).scalar_subquery()
    query = (
        select(Publication, Delivery, Release, Channel, Engagement)
        .join(Delivery, col(Delivery.id) == Publication.delivery_id)
        .join(Release, col(Release.id) == Delivery.release_id)
        .join(Channel, col(Channel.id) == Publication.channel_id)
        .outerjoin(Engagement, col(Engagement.id) == newest)
    )
    if number is None and not allow(acting.somebody, Action.SEE, None):
        acting.require(Action.SEE, acting.somebody.agency)
        query = query.where(col(Release.agency) == acting.somebody.agency)
    with acting.installation.database.read() as session:
        if number is not None:
            acting.release(session, number, Action.SEE)
            query = query.where(col(Release.id) == number)
        return [Measured(*row) for row in session.execute(query.order_by(col(Publication.id).desc()).limit(limit))]
