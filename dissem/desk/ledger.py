"""People and the ledger: reading it out, and saying that a post which dissem did not make is the office's own."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any

from sqlmodel import col, select

from dissem.desk.acting import Acting
from dissem.desk.channels import known
from dissem.desk.rights import Action, allow
from dissem.engagement import foreign, ledger
from dissem.models import Channel, ForeignPost


def _agency(acting: Acting) -> str | None:
    """The agency whose figures alone the person may see; None: all."""
    if allow(acting.somebody, Action.SEE, None):
        return None
    acting.require(Action.SEE, acting.somebody.agency)
    return acting.somebody.agency


@contextmanager
def everything(acting: Acting, since: datetime | None, until: datetime | None) -> Iterator[Iterator[dict[str, Any]]]:
    """Every sample that the person may see, as `dissem.engagement.ledger.rows` streams them."""
    agency = _agency(acting)
    with (
        acting.installation.database.read() as session,
        closing(ledger.rows(session, since, until, agency=agency)) as rows,
    ):
        yield rows


def notices(acting: Acting) -> list[tuple[ForeignPost, Channel]]:
    """Posts on accounts that the person may see which dissem did not make, and of which nobody said that they are the
    office's own; newest first."""
    agency = _agency(acting)
    with acting.installation.database.read() as session:
        return foreign.open_notices(session, agency)


def acknowledge(acting: Acting, name: str) -> Sequence[ForeignPost]:
    """Say that all posts told of the channel *name* are the office's own; answers which. New ones are told again."""
    with acting.write() as session:
        channel = known(session, name)
        acting.require(Action.PAUSE, channel.agency)  # whoever may stop a taken-over channel may call it sound
        query = select(ForeignPost).where(ForeignPost.channel_id == channel.id, col(ForeignPost.known).is_(None))
        found = session.exec(query.order_by(col(ForeignPost.id)).with_for_update()).all()
        for notice in found:
            notice.known, notice.known_by = acting.now(), acting.name
        if found:
            named = [notice.url or notice.remote_id for notice in found]
            acting.record(session, "channel.known", f"channel {name}", posts=named)
    return found
