"""A release's life: draft, submitted, approved or rejected; any edit leads back to draft and voids the approval."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from dissem.channels.registry import adapter_class
from dissem.desk import recipients
from dissem.desk.acting import Acting
from dissem.desk.channels import known
from dissem.desk.draft import Draft, File, complete
from dissem.desk.people import known_agency
from dissem.desk.rights import Action, allow
from dissem.desk.times import times
from dissem.errors import Conflict, NotAllowed, WrongInput
from dissem.models import (
    Agency,
    Approval,
    ApprovedDelivery,
    AuditEntry,
    Channel,
    Delivery,
    Evidence,
    Media,
    Part,
    Person,
    Publication,
    Release,
    ReleaseMedia,
    ReleaseState,
    State,
)
from dissem.queue import following, gate
from dissem.queue.carry import files_of
from dissem.queue.moves import advance
from dissem.queue.reconcile import is_in_doubt

if TYPE_CHECKING:  # composing costs start-up time, and most commands do not compose
    from dissem.compose.attach import Picture
    from dissem.compose.media import Inspected
    from dissem.compose.post import Post

EARLY = (State.PROPOSED, State.WAITING, State.PREPARING)
LOOKED = "release.preview"  # in the audit record: who saw what before approving


@dataclass(frozen=True)
class Shown:
    """A release with what belongs to it."""

    release: Release
    media: Sequence[tuple[ReleaseMedia, Media]]
    deliveries: Sequence[tuple[Delivery, Channel]]
    approval: Approval | None
    people: Mapping[int, str]  # usernames by id


def add(acting: Acting, draft: Draft) -> Release:
    """A new draft. Its media are taken in: the originals are kept as they are, nothing is sent from them directly."""
    whole = complete(draft)
    person = acting.somebody
    agency = whole.agency or person.agency
    if agency is None:
        raise WrongInput("It is not said which agency the release belongs to.", hint="Name it with --agency CODE.")
    acting.require(Action.ADD, agency)
    taken = _take_in(acting, whole.media or ())
    now = acting.now()
    with acting.write() as session:
        known_agency(session, agency)
        release = Release(
            **_columns(whole),
            agency=agency,
            author_id=person.id or 0,
            editor_id=person.id or 0,
            created=now,
            edited=now,
        )
        _take_link_from(session, release, whole)
        session.add(release)
        session.flush()
        _attach(session, release, taken, now)
        _check_times(release)
        acting.record(session, "release.add", f"release {release.id}", title=release.title)
    return release


def edit(acting: Acting, number: int, draft: Draft) -> Release:
    """Change what *draft* says; the release is a draft again and its approval void."""
    taken = None if draft.media is None else _take_in(acting, draft.media)
    now = acting.now()
    with acting.write() as session:
        release = acting.release(session, number, Action.EDIT)
        if draft.agency and draft.agency != release.agency:
            acting.require(Action.EDIT, draft.agency)
            known_agency(session, draft.agency)
            release.agency = draft.agency
        reopen(session, release, now=now)
        for name, value in _columns(draft).items():
            setattr(release, name, value)
        _take_link_from(session, release, draft)
        if taken is not None:
            session.execute(delete(ReleaseMedia).where(col(ReleaseMedia.release_id) == release.id))
            _attach(session, release, taken, now)
        _check_times(release)
        for delivery, _ in _deliveries(session, release):
            if delivery.state is State.PROPOSED:
                delivery.sqlmodel_update(times(release, delivery.due, acting.installation.config.windows))
                session.add(delivery)
        release.editor_id, release.edited = acting.somebody.id or 0, now
        session.add(release)
        acting.record(session, "release.edit", f"release {number}")
    return release


def reopen(session: Session, release: Release, *, now: datetime) -> None:
    """Make *release* a draft: approvals void, deliveries proposed again. Refused once something may be public."""
    deliveries = session.exec(select(Delivery).where(Delivery.release_id == release.id).with_for_update()).all()
    _require_nothing_public(session, release, deliveries)
    session.execute(
        update(Approval)
        .where(col(Approval.release_id) == release.id, col(Approval.voided).is_(None))
        .values(voided=now)
    )
    for delivery in deliveries:
        if delivery.state in (State.WAITING, State.PREPARING):
            advance(session, delivery, Evidence.VOIDED, now=now, reason=None)
    release.state, release.content_hash, release.submitted, release.reason = ReleaseState.DRAFT, None, None, None
    session.add(release)


def _require_nothing_public(session: Session, release: Release, deliveries: Iterable[Delivery]) -> None:
    for delivery in deliveries:
        if is_in_doubt(delivery):
            raise Conflict(
                "Release {release} is being published, or may be public already (delivery {delivery}).",
                hint="Wait until it is settled; dissem delivery show {delivery} tells.",
                release=release.id,
                delivery=delivery.id,
            )
    public = session.exec(
        select(Publication)
        .join(Delivery, col(Delivery.id) == Publication.delivery_id)
        .where(Delivery.release_id == release.id, col(Publication.published).is_not(None))
    ).first()
    if public or any(d.state is State.PUBLISHED for d in deliveries):
        raise Conflict(
            "Release {release} is public, so it is no longer changed.",
            hint="Remove it there and make a new release.",
            release=release.id,
        )


def preview(acting: Acting, number: int, names: Sequence[str] = ()) -> "list[tuple[Channel, Post]]":
    """What each channel is sent: those named, else those scheduled.

    Once submitted it is what was frozen then; before, what the same function would compose at submit. That somebody who
    may approve looked at a submitted release is recorded, with what they saw.
    """
    with acting.installation.database.read() as session:
        release = acting.release(session, number, Action.SEE)
        channels = _named(session, names) if names else [c for _, c in _deliveries(session, release)]
        pictures, agency = _pictures(session, release), session.get_one(Agency, release.agency).name
        frozen = _frozen(session, release)
    if not channels:
        raise Conflict(
            "Release {release} is scheduled on no channel yet.", hint="Name one with --channel NAME.", release=number
        )
    with _at_once():
        shown = [(c, _shown(acting, release, pictures, agency, c, frozen.get(c.id or 0))) for c in channels]
    if release.state is ReleaseState.SUBMITTED and allow(acting.somebody, Action.APPROVE, release.agency):
        with acting.write() as session:
            acting.record(session, LOOKED, f"release {number}", hash=release.content_hash)
    return shown


def _frozen(session: Session, release: Release) -> dict[int, list[Part]]:
    """By channel id, the frozen parts of a submitted or approved release; nothing of a draft."""
    if release.content_hash is None:
        return {}
    deliveries = [d for d, _ in _deliveries(session, release)]
    parts = gate.parts_of(session, deliveries)
    return {d.channel_id: parts[d.id or 0] for d in deliveries if parts[d.id or 0]}


def _shown(
    acting: Acting,
    release: Release,
    pictures: "Sequence[Picture]",
    agency: str,
    channel: Channel,
    frozen: Sequence[Part] | None,
) -> "Post":
    """What was frozen, with its warnings if it would be composed the same today."""
    from dissem.channels.adapter import Part as Frozen
    from dissem.compose.post import Post

    composed = _composed(acting, release, pictures, agency, channel)
    if frozen is None or [part.frozen() for part in composed.parts] == [part.post for part in frozen]:
        return composed
    media = acting.installation.media
    return Post(tuple(Frozen.thawed(part.post, files_of(media, part)) for part in frozen))


def submit(acting: Acting, number: int) -> Release:
    """Compose and freeze what every scheduled channel will be sent, and ask for approval of exactly that."""
    with acting.installation.database.read() as session:
        before = acting.release(session, number, Action.SUBMIT)
        planned = [(d, c) for d, c in _deliveries(session, before) if d.state is State.PROPOSED]
        pictures, agency = _pictures(session, before), session.get_one(Agency, before.agency).name
    _require_submittable(before, planned)
    with _at_once():
        posts = {c.id: _composed(acting, before, pictures, agency, c) for _, c in planned}
    now = acting.now()
    with acting.write() as session:
        release = acting.release(session, number, Action.SUBMIT)
        deliveries = [(d, c) for d, c in _deliveries(session, release) if d.state is State.PROPOSED]
        unchanged = release.edited == before.edited and release.state == before.state
        if not unchanged or {c.id for _, c in deliveries} != set(posts):
            raise Conflict("Release {release} was changed at the same moment.", hint="Submit it again.", release=number)
        hashes, leader = [], _leader(release, deliveries)
        for delivery, channel in deliveries:
            delivery.follows = leader if delivery.id != leader else None
            _keep_made(session, posts[channel.id], now)
            parts = _freeze(session, delivery, channel, posts[channel.id])
            hashes.append(gate.delivery_hash(delivery, parts))
        release.content_hash = gate.content_hash(release, hashes)
        release.state, release.submitted, release.reason = ReleaseState.SUBMITTED, now, None
        session.add(release)
        acting.record(session, "release.submit", f"release {number}", hash=release.content_hash)
    return release


def _require_submittable(release: Release, planned: Sequence[tuple[Delivery, Channel]]) -> None:
    if release.state not in (ReleaseState.DRAFT, ReleaseState.REJECTED):
        raise Conflict("Release {release} is {state} already.", release=release.id, state=release.state)
    if not planned:
        raise Conflict(
            "Release {release} is not scheduled on any channel.",
            hint="First: dissem schedule {release} --to CHANNEL --at TIME",
            release=release.id,
        )
    _require_leader_first(release, planned)
    for _, channel in planned:
        if channel.account is None:
            raise Conflict(
                "The account of channel {channel} has not been checked yet.",
                hint="Run: dissem channel check {channel}",
                channel=channel.name,
            )


def _require_leader_first(release: Release, planned: Sequence[tuple[Delivery, Channel]]) -> None:
    if release.link_from is None:
        return
    leading = next(((d, c) for d, c in planned if c.id == release.link_from), None)
    if leading is None:
        raise Conflict(
            "Release {release} takes its link from a channel on which it is not scheduled.",
            hint="Schedule it there too, or name another channel: dissem release edit {release} --link-from CHANNEL",
            release=release.id,
        )
    leader, channel = leading
    for delivery, other in planned:
        if delivery.due < leader.due:
            raise Conflict(
                "On {other} release {release} is due before {channel}, whose link it shows.",
                hint="Schedule {channel} first, or at the same time.",
                other=other.name,
                release=release.id,
                channel=channel.name,
            )


def _leader(release: Release, deliveries: Sequence[tuple[Delivery, Channel]]) -> int | None:
    """The delivery whose link the others wait for."""
    return next((d.id for d, _ in deliveries if release.link_from and d.channel_id == release.link_from), None)


def approve(acting: Acting, number: int) -> Release:
    """Say yes to exactly what was submitted: its deliveries wait for their time. Never to one's own work."""
    now = acting.now()
    with acting.write() as session:
        release = acting.release(session, number, Action.APPROVE)
        person = acting.somebody
        _require_other_eyes(release, person)
        _require_seen(session, acting, release)
        if release.state is not ReleaseState.SUBMITTED:
            raise Conflict(
                "Release {release} is not waiting for approval (it is {state}).",
                release=number,
                state=release.state,
            )
        deliveries = [(d, c) for d, c in _deliveries(session, release) if d.state is State.PROPOSED]
        hashes = _hashes(session, [d for d, _ in deliveries])
        if gate.content_hash(release, hashes.values()) != release.content_hash:
            raise Conflict(
                "What was submitted of release {release} has changed since.",
                hint="dissem release withdraw {release}, then submit it again.",
                release=number,
            )
        approval = Approval(
            release_id=number,
            content_hash=release.content_hash,
            approver_id=person.id or 0,
            author_id=release.author_id,
            editor_id=release.editor_id,
            at=now,
        )
        session.add(approval)
        session.flush()
        for delivery, channel in deliveries:
            covered = ApprovedDelivery(
                approval_id=approval.id or 0, delivery_id=delivery.id or 0, hash=hashes[delivery.id or 0]
            )
            session.add(covered)
            advance(
                session,
                delivery,
                Evidence.APPROVED,
                now=now,
                next_at=following.parked(session, delivery, channel, now),
                reason=None,
            )
        release.state = ReleaseState.APPROVED
        session.add(release)
        acting.record(session, "release.approve", f"release {number}", hash=release.content_hash)
    return release


def reject(acting: Acting, number: int, reason: str) -> Release:
    """Send a submitted release back, saying why."""
    with acting.write() as session:
        release = acting.release(session, number, Action.REJECT)
        if release.state is not ReleaseState.SUBMITTED:
            raise Conflict(
                "Release {release} is not waiting for approval (it is {state}).",
                release=number,
                state=release.state,
            )
        release.state, release.reason = ReleaseState.REJECTED, reason
        session.add(release)
        acting.record(session, "release.reject", f"release {number}", reason=reason)
    return release


def withdraw(acting: Acting, number: int) -> Release:
    """Back to draft, as long as nothing is public."""
    with acting.write() as session:
        release = acting.release(session, number, Action.EDIT)
        reopen(session, release, now=acting.now())
        acting.record(session, "release.withdraw", f"release {number}")
    return release


def listed(acting: Acting, *, state: ReleaseState | None = None, limit: int = 50) -> Sequence[Release]:
    """The newest releases that the person may see."""
    query = select(Release).order_by(col(Release.id).desc()).limit(limit)
    if not allow(acting.somebody, Action.SEE, None):
        acting.require(Action.SEE, acting.somebody.agency)
        query = query.where(Release.agency == acting.somebody.agency)
    if state:
        query = query.where(Release.state == state)
    with acting.installation.database.read() as session:
        return session.exec(query).all()


def show(acting: Acting, number: int) -> Shown:
    """Release *number* with media, deliveries and approval."""
    with acting.installation.database.read() as session:
        release = acting.release(session, number, Action.SEE)
        approval = session.exec(
            select(Approval).where(Approval.release_id == number, col(Approval.voided).is_(None))
        ).first()
        numbers = [release.author_id, release.editor_id, *([approval.approver_id] if approval else [])]
        names = session.exec(select(Person.id, Person.username).where(col(Person.id).in_(numbers)))
        return Shown(
            release,
            _media(session, release),
            _deliveries(session, release),
            approval,
            {number or 0: username for number, username in names},
        )


def _require_other_eyes(release: Release, person: Person) -> None:
    if person.id in (release.author_id, release.editor_id):
        raise NotAllowed(
            "{name} wrote or last edited release {release}, so somebody else has to approve it.",
            hint="Ask another approver of the agency, or a coordinator.",
            name=person.name,
            release=release.id,
        )


def _require_seen(session: Session, acting: Acting, release: Release) -> None:
    """Whoever looked before must have seen what they say yes to: it may have been edited and submitted anew since."""
    last = session.exec(
        select(AuditEntry)
        .where(
            AuditEntry.action == LOOKED, AuditEntry.actor == acting.name, AuditEntry.object == f"release {release.id}"
        )
        .order_by(col(AuditEntry.id).desc())
        .limit(1)
    ).first()
    if last and last.detail.get("hash") != release.content_hash:
        raise Conflict(
            "Release {release} was submitted anew after you looked at it.",
            hint="Look again: dissem preview {release}",
            release=release.id,
        )


def _columns(draft: Draft) -> dict[str, Any]:
    names = ("kind", "title", "body", "link", "language", "urgent", "not_before", "until", "shape")
    said = {name: getattr(draft, name) for name in names if getattr(draft, name) is not None}
    return {**said, "tags": list(draft.tags)} if draft.tags is not None else said


def _take_link_from(session: Session, release: Release, draft: Draft) -> None:
    if draft.link_from is not None:
        release.link_from = known(session, draft.link_from).id if draft.link_from else None


def _check_times(release: Release) -> None:
    if release.not_before and release.until and release.until <= release.not_before:
        raise WrongInput(
            "The latest useful time lies before the embargo ends.", hint="Correct --until or --not-before."
        )


def _take_in(acting: Acting, files: Sequence[File]) -> "list[tuple[File, Inspected]]":
    """Keep every original and see that a clean copy can be made of it. Nothing is attached if one is refused."""
    from dissem.compose.media import batch, clean, keep_original

    folder = acting.installation.media
    with batch():
        taken = [(file, keep_original(file.path, folder)) for file in files]
        for file, _ in taken:
            clean(file.path, folder)
    return taken


def _attach(session: Session, release: Release, taken: "Sequence[tuple[File, Inspected]]", now: datetime) -> None:
    for position, (file, facts) in enumerate(taken, start=1):
        _keep_media(session, facts, None, now)
        session.add(
            ReleaseMedia(
                release_id=release.id or 0,
                position=position,
                sha256=facts.sha256,
                name=file.path.name,
                alt=file.alt,
            )
        )


def _keep_media(session: Session, facts: Any, made_from: str | None, now: datetime) -> None:
    if session.get(Media, facts.sha256) is None:
        session.add(
            Media(
                sha256=facts.sha256,
                type=facts.type,
                size=facts.size,
                width=facts.width,
                height=facts.height,
                duration=facts.duration,
                made_from=made_from if made_from != facts.sha256 else None,
                created=now,
            )
        )
        session.flush()


def _keep_made(session: Session, post: "Post", now: datetime) -> None:
    for made in post.made:
        _keep_media(session, made, made.made_from, now)


def _freeze(session: Session, delivery: Delivery, channel: Channel, post: "Post") -> list[Part]:
    """Write the parts of *post* as those of *delivery*. A part that was attempted before keeps its row and history."""
    kind = adapter_class(channel.platform)
    facts = kind.facts
    kept = {p.number: p for p in session.exec(select(Part).where(Part.delivery_id == delivery.id))}
    parts = []
    for number, frozen in enumerate(post.parts, start=1):
        part = kept.get(number) or Part(delivery_id=delivery.id or 0, number=number, post={})
        part.post, part.prepared, part.prepared_until = frozen.frozen(), {}, None
        part.prepares = bool(frozen.attachments) or facts.prepares_text
        part.price, part.settled, part.next_at = kind.price(frozen), None, None
        session.add(part)
        parts.append(part)
    delivery.part, delivery.parts, delivery.account = 1, len(parts), channel.account
    delivery.independent = facts.recipients
    delivery.open_parts, delivery.doubtful_parts, delivery.public_parts = len(parts) - 1, 0, 0
    delivery.ready, delivery.prepared_until = not parts[0].prepares, None
    delivery.deaths = delivery.failures = delivery.absences = 0
    delivery.fence += 1
    session.add(delivery)
    session.flush()
    return parts


def _hashes(session: Session, deliveries: Sequence[Delivery]) -> dict[int, str]:
    parts = gate.parts_of(session, deliveries)
    return {d.id or 0: gate.delivery_hash(d, parts[d.id or 0]) for d in deliveries}


def _composed(acting: Acting, release: Release, pictures: "Sequence[Picture]", agency: str, channel: Channel) -> "Post":
    from dissem.compose.post import compose

    kind = adapter_class(channel.platform)
    return compose(
        release,
        pictures,
        agency=agency,
        kind=kind,
        folder=acting.installation.media,
        seed=f"release {release.id}/channel {channel.id}",
        link=_link(acting, release, channel),
        recipients=recipients.wanted(acting.installation, channel) if kind.facts.recipients else (),
    )


def _link(acting: Acting, release: Release, channel: Channel) -> str | None:
    """The place of a link that is not known yet, as long as it may get; None: the release's own link, if any."""
    from dissem.compose.links import place

    if release.link_from is None or release.link_from == channel.id:
        return None
    with acting.installation.database.read() as session:
        leader = session.get_one(Channel, release.link_from)
    return place(adapter_class(leader.platform).facts.permalink)


def _at_once() -> "AbstractContextManager[Any]":
    """The pictures of one release are worked on by one helper process."""
    from dissem.compose.media import batch

    return batch()


def _pictures(session: Session, release: Release) -> "list[Picture]":
    from dissem.compose.attach import Picture

    return [Picture(media, attached.alt, attached.name) for attached, media in _media(session, release)]


def _media(session: Session, release: Release) -> Sequence[tuple[ReleaseMedia, Media]]:
    query = (
        select(ReleaseMedia, Media)
        .join(Media, col(Media.sha256) == ReleaseMedia.sha256)
        .where(ReleaseMedia.release_id == release.id)
        .order_by(col(ReleaseMedia.position))
    )
    return session.exec(query).all()


def _deliveries(session: Session, release: Release) -> Sequence[tuple[Delivery, Channel]]:
    query = (
        select(Delivery, Channel)
        .join(Channel, col(Channel.id) == Delivery.channel_id)
        .where(Delivery.release_id == release.id)
        .order_by(col(Delivery.id))
    )
    return session.exec(query).all()


def _named(session: Session, names: Sequence[str]) -> list[Channel]:
    return [known(session, name) for name in names]


def approved_now(session: Session, delivery: Delivery, channel: Channel) -> bool:
    """Whether a valid approval covers *delivery* as it stands."""
    number = delivery.id or 0
    parts, approvals = gate.covered(session, [delivery])
    return gate.objection(delivery, parts[number], channel, approvals.get(number)) is None
