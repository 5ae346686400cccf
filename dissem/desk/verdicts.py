"""What people decide about deliveries that stopped: try again, it is there, it is not there, take it down."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from dissem.channels.adapter import Receipt
from dissem.channels.registry import adapter_class
from dissem.desk.acting import Acting
from dissem.desk.draft import link
from dissem.desk.releases import EARLY, approved_now
from dissem.desk.rights import Action
from dissem.errors import Conflict, WrongInput
from dissem.i18n import moment
from dissem.models import Attempt, Channel, Delivery, Evidence, Part, Publication, Release, State
from dissem.queue import parts, restored
from dissem.queue.carry import keep_receipt, prepared_anew
from dissem.queue.claims import Claimed, receipt_of, stopped_halfway
from dissem.queue.moves import advance, situation
from dissem.queue.reconcile import settled_at

SAID = "said:"  # before an address as remote id, where a person said it is there and the id cannot be read from it


@dataclass(frozen=True)
class Case:
    """A delivery with everything that is known of it."""

    delivery: Delivery
    release: Release
    channel: Channel
    parts: Sequence[Part]
    attempts: Sequence[Attempt]
    publications: Sequence[Publication]


def show(acting: Acting, number: int) -> Case:
    """Everything known of delivery *number*."""
    with acting.installation.database.read() as session:
        delivery, release, channel = acting.delivery(session, number, Action.SEE)
        return Case(
            delivery,
            release,
            channel,
            session.exec(select(Part).where(Part.delivery_id == number).order_by(col(Part.number))).all(),
            session.exec(select(Attempt).where(Attempt.delivery_id == number).order_by(col(Attempt.id))).all(),
            session.exec(select(Publication).where(Publication.delivery_id == number)).all(),
        )


def retry(acting: Acting, number: int) -> tuple[Delivery, Channel]:
    """Try a refused, cancelled or surely unpublished delivery again, as approved; also one the gate sent back although
    its approval holds again."""
    now = acting.now()
    with acting.write() as session:
        delivery, _, channel = acting.delivery(session, number, Action.RETRY)
        approved = approved_now(session, delivery, channel)
        _require_retriable(delivery, now, approved)
        seen = situation(delivery, approved=approved)
        part = session.exec(select(Part).where(Part.delivery_id == number, Part.number == delivery.part)).one()
        values = {**prepared_anew(session, part), "next_at": max(now, delivery.due), "failures": 0, "deaths": 0}
        advance(session, delivery, Evidence.RETRIED, now=now, seen=seen, reason=None, **values)
        acting.record(session, "delivery.retry", f"delivery {number}")
    return delivery, channel


def _require_retriable(delivery: Delivery, now: datetime, approved: bool) -> None:
    stopped = delivery.state in (State.REFUSED, State.MISSED, State.CANCELLED, State.HELD)
    if delivery.ambiguous or not (stopped or (delivery.state is State.PROPOSED and approved)):
        hint = "First say whether it is there: dissem delivery resolve {delivery} --published URL or --absent"
        raise Conflict(
            "Delivery {delivery} cannot be retried: it is {state}.",
            hint=hint if delivery.ambiguous else "dissem delivery show {delivery} tells what can be done.",
            delivery=delivery.id,
            state=delivery.state,
        )
    if delivery.until <= now:
        raise Conflict(
            "The latest useful time of delivery {delivery} has passed.",
            hint="Give it a new time with: dissem delivery reschedule {delivery} --at TIME",
            delivery=delivery.id,
        )


def resolve(acting: Acting, number: int, *, published: str | None) -> tuple[Delivery, Channel]:
    """A person looked: it is there at the address *published*, or (None) it is surely not there."""
    now = acting.now()
    if published is not None:
        link(published)
    with acting.write() as session:
        delivery, _, channel = acting.delivery(session, number, Action.RESOLVE)
        if delivery.state is not State.HELD or not delivery.ambiguous:
            raise Conflict(
                "Delivery {delivery} needs no verdict: it is {state}.", delivery=number, state=delivery.state
            )
        if published is None:
            _say_absent(session, acting, delivery, channel, now)
        else:
            _say_published(session, delivery, channel, published, now)
        acting.record(session, "delivery.resolve", f"delivery {number}", published=published)
    return delivery, channel


def _say_absent(session: Session, acting: Acting, delivery: Delivery, channel: Channel, now: datetime) -> None:
    """Not before the last request can no longer arrive: also a person may look too early."""
    last = session.exec(
        select(Attempt).where(Attempt.delivery_id == delivery.id).order_by(col(Attempt.id).desc()).limit(1)
    ).first()
    facts = adapter_class(channel.platform).facts
    sure = settled_at(_began(last), acting.installation.config.timing, facts.lag) if last else now
    if now < sure:
        raise Conflict(
            "It is too early to say that delivery {delivery} is not there; it may still appear.",
            hint="Look again after {moment}.",
            delivery=delivery.id,
            moment=moment(sure, acting.installation.zone),
        )
    values = {"absences": 0, "failures": 0, "next_at": now, "reason": None, **restored.absent(session, delivery)}
    advance(session, delivery, Evidence.SAID_ABSENT, now=now, **{**values, "ambiguous": False})


def _began(attempt: Attempt) -> datetime:
    """When *attempt* was made at the latest: one that a restored database cannot know of, before it was restored."""
    return attempt.settled if attempt.settled and restored.is_marked(attempt) else attempt.started


def _say_published(session: Session, delivery: Delivery, channel: Channel, url: str, now: datetime) -> None:
    receipt = adapter_class(channel.platform).receipt_at(url)
    if receipt is None and delivery.part < delivery.parts and not delivery.independent:
        raise WrongInput(
            "{url} is not the address of a post on {channel}, and the next part has to refer to it.",
            hint="Copy the address of the post itself.",
            url=url,
            channel=channel.name,
        )
    recipients = f" {delivery.part}" if delivery.independent else ""  # the same address may be said of each
    receipt = receipt or Receipt(SAID + url + recipients, url)
    other = session.exec(
        select(Publication).where(
            Publication.channel_id == channel.id,
            Publication.account == (delivery.account or ""),
            Publication.remote_id == receipt.id,
        )
    ).first()
    if other and other.delivery_id != delivery.id:
        raise Conflict("That address belongs to delivery {delivery} already.", delivery=other.delivery_id)
    part = session.exec(select(Part).where(Part.delivery_id == delivery.id, Part.number == delivery.part)).one()
    claimed = Claimed(delivery, part, channel, None, None, 0.0)
    values = parts.proven(session, delivery, now)
    advance(session, delivery, Evidence.SAID_PUBLISHED, now=now, **values)
    keep_receipt(session, claimed, receipt, now)


def remove(acting: Acting, number: int) -> tuple[Delivery, Channel]:
    """Take a public post down, every part of it, the last one first; parts that wait are not published any more."""
    now = acting.now()
    with acting.write() as session:
        delivery, _, channel = acting.delivery(session, number, Action.REMOVE)
        query = select(Publication).where(
            Publication.delivery_id == number,
            col(Publication.published).is_not(None),
            col(Publication.removed).is_(None),
        )
        public = session.exec(query.order_by(col(Publication.id).desc())).all()
        _require_removable(session, delivery, public)
        if delivery.state in EARLY:
            advance(session, delivery, Evidence.CANCELLED, now=now, reason=stopped_halfway(delivery))
    adapter = acting.installation.adapters.of(channel)
    for publication in public:
        adapter.remove(receipt_of(publication))
        with acting.write() as session:
            kept = session.get_one(Publication, publication.id)
            kept.removed = acting.now()
            session.add(kept)
            acting.record(session, "delivery.remove", f"delivery {number}", id=kept.remote_id)
    return delivery, channel


def _require_removable(session: Session, delivery: Delivery, public: Sequence[Publication]) -> None:
    if delivery.state in (State.PUBLISHING, State.PROCESSING, State.UNKNOWN):
        raise Conflict(
            "Delivery {delivery} is being published at this moment.",
            hint="Wait until it is settled; dissem delivery show {delivery} tells.",
            delivery=delivery.id,
        )
    if not public:
        taken = session.exec(
            select(Publication.id).where(Publication.delivery_id == delivery.id, col(Publication.removed).is_not(None))
        ).first()
        said = "It was taken down already." if taken else "Nothing of delivery {delivery} is public."
        raise Conflict(said, delivery=delivery.id)
    if any(p.remote_id.startswith(SAID) for p in public):
        raise Conflict(
            "Of delivery {delivery} only the address is known, so dissem cannot take it down.",
            hint="Take it down there by hand.",
            delivery=delivery.id,
        )
