"""Whom a channel writes to, one by one, and who gets nothing any more."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from dissem.desk.acting import Acting
from dissem.desk.channels import known
from dissem.desk.rights import Action
from dissem.errors import DissemError, NotFound, WrongInput
from dissem.models import Channel, Suppression
from dissem.store.installation import Installation


def wanted(installation: Installation, channel: Channel) -> list[str]:
    """The recipients of *channel* that may be written to."""
    with installation.database.read() as session:
        without = {row.recipient for row in _suppressed(session, channel)}
    return [one for one in installation.adapters.of(channel).recipients() if one not in without]


def listed(acting: Acting, name: str) -> tuple[list[str], Sequence[Suppression]]:
    """Recipients of the channel *name* that may be written to, and those that get nothing any more."""
    with acting.installation.database.read() as session:
        channel = known(session, name)
        acting.require(Action.CHANNELS, channel.agency)
        suppressed = _suppressed(session, channel)
    return wanted(acting.installation, channel), suppressed


def suppress(acting: Acting, name: str, recipient: str) -> None:
    """Write to *recipient* no more, also what is approved already: the person asked for it."""
    with acting.write() as session:
        channel = known(session, name)
        acting.require(Action.CHANNELS, channel.agency)
        meant = _meant(recipient, acting.installation.adapters.of(channel).recipients())
        if meant is None:
            raise WrongInput(
                "{recipient} is no recipient of {channel}.",
                hint="See them: dissem channel recipients {channel}",
                recipient=recipient,
                channel=name,
            )
        recipient = meant
        if session.get(Suppression, (channel.id, recipient)) is None:
            why = DissemError("Unsubscribed, as said by {person}.", person=acting.name)
            session.add(
                Suppression(channel_id=channel.id or 0, recipient=recipient, since=acting.now(), reason=why.reason())
            )
        acting.record(session, "channel.suppress", f"channel {name}", recipient=recipient)


def restore(acting: Acting, name: str, recipient: str) -> None:
    """Write to *recipient* again."""
    with acting.write() as session:
        channel = known(session, name)
        acting.require(Action.CHANNELS, channel.agency)
        rows = {row.recipient: row for row in _suppressed(session, channel)}
        meant = _meant(recipient, list(rows))
        if meant is None:
            raise NotFound(
                "{recipient} is not left out of {channel}.",
                hint="See who is: dissem channel recipients {channel}",
                recipient=recipient,
                channel=name,
            )
        session.delete(rows[meant])
        acting.record(session, "channel.restore", f"channel {name}", recipient=meant)


def _meant(said: str, known: Sequence[str]) -> str | None:
    """Which of *known* is meant, also where only the address of a "Name <address>" is said."""
    wanted = said.strip().casefold()
    return next((one for one in known if wanted in (one.casefold(), _address(one).casefold())), None)


def _address(recipient: str) -> str:
    return recipient.rpartition("<")[2].rstrip(">")


def _suppressed(session: Session, channel: Channel) -> Sequence[Suppression]:
    query = select(Suppression).where(Suppression.channel_id == channel.id)
    return session.exec(query.order_by(col(Suppression.recipient))).all()
