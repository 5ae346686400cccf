"""Carrying one claimed delivery a step further: prepare, publish, and write down what came of it.

No transaction is open while the platform is spoken to. A result is written only while the row is still ours; what
arrives late adds knowledge and moves nothing but an unproven delivery to published.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import Session, col, select

from dissem import clock
from dissem.channels.adapter import Adapter, Prepared, Receipt, Stage, fingerprint
from dissem.channels.adapter import Part as Post
from dissem.channels.errors import (
    ChannelError,
    NoRecipient,
    NotYet,
    Refused,
    Stale,
    Throttled,
    Unauthorized,
    Uncertain,
    Unreachable,
)
from dissem.channels.network import uploaded
from dissem.channels.registry import adapter_class
from dissem.compose import links
from dissem.compose.media import digest, stored
from dissem.errors import DissemError
from dissem.models import (
    Attempt,
    Channel,
    ChannelState,
    Delivery,
    Evidence,
    Part,
    Publication,
    Settled,
    State,
    Suppression,
)
from dissem.queue import pacing, parts, proofs, quotas
from dissem.queue.claims import Claimed, Written, boot_time
from dissem.queue.moves import Lost, advance
from dissem.queue.points import Point, Reached, nothing_happens
from dissem.store.audit import INSTALLATION
from dissem.store.bell import ring
from dissem.store.installation import Installation

log = logging.getLogger(__name__)

_EVIDENCE: tuple[tuple[type[Exception], Evidence], ...] = (
    (NoRecipient, Evidence.NO_RECIPIENT),
    (Refused, Evidence.REFUSED),
    (Unauthorized, Evidence.UNAUTHORIZED),
    (Throttled, Evidence.NOT_SENT),
    (Unreachable, Evidence.NOT_SENT),
    (NotYet, Evidence.LATER),
    (Uncertain, Evidence.UNCERTAIN),
)

_STILL_FETCHING = (Evidence.LATER, Evidence.ACCEPTED, Evidence.UNCERTAIN)


@dataclass(frozen=True)
class Outcome:
    """What came of one step: the evidence, and the receipt or the error behind it."""

    evidence: Evidence
    receipt: Receipt | None = None
    error: DissemError | None = None

    @classmethod
    def of_error(cls, error: BaseException, unexpected: Evidence) -> "Outcome":
        """*unexpected* is what an error nobody foresaw means here."""
        for kind, evidence in _EVIDENCE:
            if isinstance(error, kind) and isinstance(error, DissemError):
                return cls(evidence, error=error)
        if isinstance(error, DissemError):
            return cls(unexpected, error=error)
        log.exception("an adapter raised what it should not", exc_info=error)
        return cls(unexpected, error=DissemError("The channel's adapter failed: {kind}.", kind=type(error).__name__))

    @classmethod
    def of_receipt(cls, receipt: Receipt) -> "Outcome":
        evidence = {
            Stage.PUBLIC: Evidence.PROOF,
            Stage.PROCESSING: Evidence.ACCEPTED,
            Stage.HANDED: Evidence.HANDED_OVER,
        }
        return cls(evidence[receipt.stage], receipt=receipt)


Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Shows an upload: its name and bytes → what is told how many more have left."""


class Carrier:
    """Carries claimed deliveries out for one installation; any number of threads may use it."""

    def __init__(
        self,
        installation: Installation,
        breakers: pacing.Breakers | None = None,
        now: Callable[[], datetime] = clock.utc_now,
        reached: Reached = nothing_happens,
        progress: Progress | None = None,
    ) -> None:
        self.installation = installation
        self.timing = installation.config.timing
        self.breakers = breakers or pacing.Breakers(self.timing)
        self.now = now
        self.reached = reached  # tests die here, at a named point
        self.progress = progress

    def prepare(self, claimed: Claimed) -> None:
        """Take every step that is not public, saving each; then back to waiting, ready or for later."""
        try:
            outcome = self._prepared(claimed)
        except Lost:
            return
        except Exception as error:  # noqa: BLE001 — any failure of an adapter must end in a state
            outcome = Outcome.of_error(error, Evidence.NOT_SENT)
        self.settle(claimed, outcome)

    def publish(self, claimed: Claimed) -> None:
        """Send the one irrevocable request and write down what came of it."""
        self.settle(claimed, self.send(claimed))

    def give_back(self, claimed: Claimed) -> None:
        """It was claimed for publishing and not sent: somebody else may, or we later."""
        self.settle(claimed, Outcome(Evidence.LATER, error=NotYet("It was not sent.", retry_after=timedelta(0))))

    def send(self, claimed: Claimed) -> Outcome:
        """Send the one irrevocable request; whatever happens, it ends in an outcome, which has to be settled."""
        try:
            adapter = self.adapter_of(claimed)
            post = self._post(claimed, adapter)
            self._require_recipient(claimed)
            self.reached(Point.BEFORE_PUBLISH)
            self._still_in_time(claimed)
        except Exception as error:  # noqa: BLE001 — nothing has left yet
            return Outcome.of_error(error, Evidence.NOT_SENT)
        try:
            outcome = Outcome.of_receipt(adapter.publish(post, prepared_of(claimed.part)))
        except Exception as error:  # noqa: BLE001 — whatever it is, the request may have arrived
            outcome = Outcome.of_error(error, Evidence.UNCERTAIN)
        self.reached(Point.AFTER_PUBLISH)
        return outcome

    def adapter_of(self, claimed: Claimed) -> Adapter:
        """The channel's adapter; a secret that does not open, or a setting that is wrong, is for a person to mend."""
        try:
            return self.installation.adapters.of(claimed.channel)
        except ChannelError:
            raise
        except DissemError as error:
            raise Unauthorized(error.text, hint=error.hint_text, **error.values) from error

    def _still_in_time(self, claimed: Claimed) -> None:
        """Whoever slept after the claim (a closed lid, a stopped process) must not send: others have taken over."""
        if boot_time() - claimed.taken > self.timing.send_deadline.total_seconds():
            raise NotYet("It was not sent in time after it was taken in hand.", retry_after=timedelta(0))

    def _require_recipient(self, claimed: Claimed) -> None:
        """Asked at the last moment: somebody may have unsubscribed since the approval."""
        recipient = claimed.part.post.get("recipient")
        if not recipient:
            return
        with self.installation.database.read() as session:
            if session.get(Suppression, (claimed.channel.id, recipient)):
                raise NoRecipient("{recipient} gets nothing from this channel any more.", recipient=recipient)

    def _prepared(self, claimed: Claimed) -> Outcome:
        adapter = self.adapter_of(claimed)
        post = self._post(claimed, adapter)
        with self._shown(claimed, post):
            for prepared in adapter.prepare(post, prepared_of(claimed.part)):
                self.reached(Point.BEFORE_STEP)
                self._save(claimed, prepared)
                self.reached(Point.AFTER_STEP)
        return Outcome(Evidence.READY)

    @contextmanager
    def _shown(self, claimed: Claimed, post: Post) -> Iterator[None]:
        """Somebody may be watching how the files leave."""
        if self.progress is None:
            yield
            return
        name = f"{claimed.channel.name} #{claimed.delivery.id}"
        with self.progress(name, sum(attachment.size for attachment in post.attachments)) as sent:
            token = uploaded.set(sent)
            try:
                yield
            finally:
                uploaded.reset(token)

    def _save(self, claimed: Claimed, prepared: Prepared) -> None:
        """Keep a finished step and renew the lease; raises Lost if the delivery is no longer ours."""
        now = self.now()
        with self.installation.database.write() as session:
            renewed = session.execute(
                update(Delivery)
                .where(
                    col(Delivery.id) == claimed.delivery.id,
                    col(Delivery.fence) == claimed.delivery.fence,
                    col(Delivery.state) == State.PREPARING,
                )
                .values(lease_until=now + self.timing.preparing, prepared_until=prepared.expires, deaths=0)
            )
            if renewed.rowcount != 1:  # type: ignore[attr-defined]
                raise Lost("Delivery {delivery} was moved by somebody else.", delivery=claimed.delivery.id)
            session.execute(
                update(Part)
                .where(col(Part.id) == claimed.part.id)
                .values(prepared=dict(prepared.data), prepared_until=prepared.expires)
            )

    def _post(self, claimed: Claimed, adapter: Adapter) -> Post:
        """The frozen part, its files checked to be those that were approved."""
        files = files_of(self.installation.media, claimed.part)
        for expected, path in files.items():
            if digest_of(path) != expected:
                raise Refused(
                    "A media file of release {release} is gone or was changed after it was approved.",
                    hint="Add the file again with: dissem release edit {release}",
                    release=claimed.delivery.release_id,
                )
        post = post_of(claimed, files)
        opened = self.installation.public_media.opened(post, claimed.delivery.id or 0, adapter.fetched)
        self.reached(Point.MEDIA_OPENED)
        return opened

    def close_media(self, claimed: Claimed, outcome: Outcome) -> None:
        """Take away what lay open for the platform, once it can need it no longer. To be called before the outcome is
        committed if somebody else may then take the delivery: they will open the same file."""
        if not _fetches(claimed) or outcome.evidence in _STILL_FETCHING:
            return
        post = Post.thawed(claimed.part.post, files_of(self.installation.media, claimed.part))
        self.reached(Point.BEFORE_MEDIA_CLOSED)
        try:
            self.installation.public_media.withdraw(post, claimed.delivery.id or 0)
        except OSError as error:  # it is tidied away later; the outcome counts
            log.error("a public file of delivery %s could not be removed: %s", claimed.delivery.id, error.strerror)
        self.reached(Point.MEDIA_CLOSED)

    def settle(self, claimed: Claimed, outcome: Outcome) -> None:
        """Write the outcome down. A database that is busy or away is tried again as long as the lease lasts: what the
        platform answered is known nowhere else."""
        self.tell_breakers(claimed.channel, outcome)
        self.reached(Point.BEFORE_RECORD)
        end = time.monotonic() + (self.timing.request + self.timing.margin).total_seconds()
        for wait in _patience():
            try:
                self._write(claimed, outcome)
                break
            except (DissemError, DBAPIError) as error:
                if time.monotonic() + wait > end:
                    known = outcome.receipt and (outcome.receipt.id, outcome.receipt.url)
                    log.error(
                        "delivery %s: %s cannot be written: %s", claimed.delivery.id, known or "its outcome", error
                    )
                    raise
                time.sleep(wait)
        self.reached(Point.AFTER_RECORD)

    def _write(self, claimed: Claimed, outcome: Outcome) -> None:
        try:
            self._in_one(lambda session: self.record(session, claimed, outcome))
        except Lost:
            self._in_one(lambda session: self._record_late(session, claimed, outcome))
        except IntegrityError:  # the platform named a post that another delivery has
            taken = Outcome(Evidence.PROOFS, error=anothers(claimed, outcome))
            self._in_one(lambda session: self.record(session, claimed, taken))

    def _in_one(self, write: Callable[[Session], None]) -> None:
        with self.installation.database.write() as session:
            write(session)
            ring(session)
            self.reached(Point.IN_RECORD)

    def tell_breakers(self, channel: Channel, outcome: Outcome) -> None:
        """Count what says something about the platform's health."""
        number, host = channel.id or 0, channel.host
        if isinstance(outcome.error, Unreachable | Uncertain):
            self.breakers.failed(number, host, self.now())
        elif outcome.receipt or isinstance(outcome.error, Refused | NotYet):
            self.breakers.worked(number, host)

    def record(self, session: Session, claimed: Claimed, outcome: Outcome) -> None:
        """Close the attempt and move the delivery, in the caller's transaction. Raises Lost if the row has moved."""
        now, delivery = self.now(), replace_row(claimed.delivery)
        outcome = _checked_for_a_second(session, claimed, outcome)
        _close(session, claimed.attempt, outcome, now)
        values = self._values(session, replace(claimed, delivery=delivery), outcome, now)
        advance(session, delivery, outcome.evidence, now=now, **values)
        self._after(session, claimed, delivery, outcome, now)

    def record_plain(self, session: Session, results: "Sequence[tuple[Claimed, Outcome]]") -> None:
        """The same for many at once that end with their proof. Raises if one of them is not so plain."""
        proofs.write(session, results, self.now())

    def _record_late(self, session: Session, claimed: Claimed, outcome: Outcome) -> None:
        """The delivery was taken from us meanwhile. A receipt is still the truth; anything else is only kept."""
        now = self.now()
        _close(session, claimed.attempt, outcome, now)
        row = session.get(Delivery, claimed.delivery.id, with_for_update=True, populate_existing=True)
        if row is None or outcome.receipt is None:
            return
        if row.part != claimed.delivery.part:
            if row.independent and outcome.evidence is Evidence.PROOF:
                _prove_late(session, claimed, outcome.receipt, now)
            return
        if row.state is State.PUBLISHED:
            log.error("delivery %s: a second proof came late: %s", row.id, outcome.receipt.id)
            return
        known = outcome.evidence is Evidence.PROOF and row.state is not State.PUBLISHING
        if not known and not (outcome.evidence is Evidence.ACCEPTED and row.state is State.UNKNOWN):
            keep_receipt(session, claimed, outcome.receipt, now)  # whoever has it in hand, or a person, will find it
            return
        current = replace(claimed, delivery=row)
        advance(session, row, outcome.evidence, now=now, **self._values(session, current, outcome, now))
        self._after(session, current, row, outcome, now)

    def _values(self, session: Session, claimed: Claimed, outcome: Outcome, now: datetime) -> dict[str, Any]:
        """Further columns that go with the evidence."""
        delivery = claimed.delivery
        reason = outcome.error.reason() if outcome.error else None
        match outcome.evidence:
            case Evidence.PROOF:
                return parts.proven(session, delivery, now)
            case Evidence.NO_RECIPIENT if not delivery.ambiguous:
                return parts.settled(session, delivery, Settled.REFUSED, now)
            case Evidence.UNCERTAIN if delivery.independent:
                again = now + pacing.next_look(0, self.timing)
                values = parts.settled(session, delivery, Settled.UNSURE, now, again=again)
                return {**values, "reason": reason}
            case Evidence.READY:
                due = max(delivery.due, delivery.not_before or delivery.due)
                return {"ready": True, "next_at": max(due, now), "failures": 0, "deaths": 0, "reason": None}
            case Evidence.ACCEPTED | Evidence.UNCERTAIN if claimed.attempt:
                again = now + pacing.next_look(0, self.timing)
                return {"next_at": again, "failures": 0, "absences": 0, "reason": reason}
            case Evidence.LATER:
                again = min(now + (_asked(outcome.error) or self.timing.look_again), _last(delivery, now))
                if delivery.independent:
                    return {**parts.settled(session, delivery, None, now, again=again), "reason": reason}
                return {"next_at": again, "reason": reason}
            case Evidence.UNAUTHORIZED:
                return {"next_at": now, "reason": reason}
            case Evidence.NOT_SENT | Evidence.UNCERTAIN:  # steps before the attempt are safe to repeat
                wait = _asked(outcome.error) or pacing.backoff(delivery.failures, self.timing)
                # never beyond the latest useful time: then it is said to be missed
                return {
                    "next_at": min(now + wait, _last(delivery, now)),
                    "failures": delivery.failures + 1,
                    "reason": reason,
                    **(prepared_anew(session, claimed.part) if isinstance(outcome.error, Stale) else {}),
                }
            case _:
                return {"reason": reason}

    def _after(self, session: Session, claimed: Claimed, delivery: Delivery, outcome: Outcome, now: datetime) -> None:
        """What else follows, in the same transaction."""
        if outcome.receipt:
            keep_receipt(session, claimed, outcome.receipt, now)
        if outcome.evidence in (Evidence.PROOF, Evidence.ACCEPTED):
            _leave_a_gap(session, claimed, now)
        if outcome.evidence is Evidence.NO_RECIPIENT and outcome.error:
            _suppress(session, claimed, outcome.error, now)
        if isinstance(outcome.error, Throttled) and outcome.error.retry_after:
            _let_rest(session, claimed.channel, now + outcome.error.retry_after)
        if outcome.evidence is Evidence.UNAUTHORIZED and outcome.error:
            pause(session, self.installation, claimed.channel, outcome.error, now)
        self.close_media(claimed, outcome)


def _fetches(claimed: Claimed) -> bool:
    return adapter_class(claimed.channel.platform).facts.fetches and bool(claimed.part.post["attachments"])


def files_of(media: Path, part: Part) -> dict[str, Path]:
    """Where each file of *part* lies, by its SHA-256."""
    return {a["sha256"]: stored(media, a["sha256"], a["type"]) for a in part.post["attachments"]}


def post_of(claimed: Claimed, files: Mapping[str, Path]) -> Post:
    """The frozen part as it is published: *files* say where each SHA-256 lies, the link it waited for is filled in."""
    post = Post.thawed(claimed.part.post, files, claimed.before)
    if claimed.delivery.follows is None or not links.waits(post):
        return post
    return links.filled(post, claimed.link, adapter_class(claimed.channel.platform))


def replace_row(delivery: Delivery) -> Delivery:
    """A copy that is not bound to any session, so that a rolled back write leaves the claim as it was."""
    return Delivery(**{name: getattr(delivery, name) for name in Delivery.model_fields})


def prepared_anew(session: Session, part: Part) -> dict[str, Any]:
    """Forget what was made at the platform for *part*; answers the columns of its delivery that go with it."""
    session.execute(update(Part).where(col(Part.id) == part.id).values(prepared={}, prepared_until=None))
    return {"ready": not part.prepares, "prepared_until": None}


def _checked_for_a_second(session: Session, claimed: Claimed, outcome: Outcome) -> Outcome:
    """A proof beside another one of the same part means that it is there twice."""
    if outcome.evidence is not Evidence.PROOF or outcome.receipt is None:
        return outcome
    known = session.exec(select(Publication).where(Publication.part_id == claimed.part.id)).first()
    if known is None or known.published is None or known.remote_id == outcome.receipt.id:
        return outcome
    return Outcome(Evidence.PROOFS, error=there_twice(claimed))


def there_twice(claimed: Claimed) -> DissemError:
    """What a person is told when more than one proof was found."""
    return DissemError(
        "It seems to be on {channel} more than once.",
        hint="Remove the surplus there, then: dissem delivery resolve {delivery} --published URL",
        channel=claimed.channel.name,
        delivery=claimed.delivery.id,
    )


def anothers(claimed: Claimed, outcome: Outcome) -> DissemError:
    """What a person is told when the platform's answer names a post that belongs to another delivery."""
    return DissemError(
        "{channel} answered with a post that another delivery has already: {id}",
        hint="Look there. If it is there: dissem delivery resolve {delivery} --published URL. "
        "If not: dissem delivery resolve {delivery} --absent",
        channel=claimed.channel.name,
        id=outcome.receipt.id if outcome.receipt else "–",
        delivery=claimed.delivery.id,
    )


def _patience() -> Iterator[float]:
    """Seconds between two tries to write, growing to two."""
    wait = 0.05
    while True:
        yield wait
        wait = min(wait * 2, 2.0)


def keep_receipt(session: Session, claimed: Claimed, receipt: Receipt, now: datetime) -> None:
    """The proof for one part; a receipt still processing is kept too and becomes public later."""
    public = now if receipt.stage is Stage.PUBLIC else None
    values: dict[str, Any] = {"remote_id": receipt.id, "also": list(receipt.also), "url": receipt.url}
    known = session.exec(select(Publication).where(Publication.part_id == claimed.part.id)).first()
    if known:
        known.sqlmodel_update({**values, "published": known.published or public})
        session.add(known)
        return
    session.add(
        Publication(
            part_id=claimed.part.id or 0,
            delivery_id=claimed.delivery.id or 0,
            channel_id=claimed.channel.id or 0,
            account=claimed.delivery.account or "",
            fingerprint=fingerprint(claimed.part.post),
            published=public,
            **values,
        )
    )


def pause(session: Session, installation: Installation, channel: Channel, error: DissemError, now: datetime) -> None:
    """Stop a channel whose account may not act; said once, however many deliveries wait."""
    changed = session.execute(
        update(Channel)
        .where(
            col(Channel.id) == channel.id,
            col(Channel.state) == ChannelState.ACTIVE,
            col(Channel.version) == channel.version,  # not a channel that was mended meanwhile
        )
        .values(state=ChannelState.PAUSED, reason=error.reason())
    )
    if changed.rowcount == 1:  # type: ignore[attr-defined]
        log.warning("channel %s is paused: %s", channel.name, error)
        why = error.text
        installation.audit.write(
            session, now=now, actor=INSTALLATION, action="channel.pause", on=f"channel {channel.name}", why=why
        )


def _prove_late(session: Session, claimed: Claimed, receipt: Receipt, now: datetime) -> None:
    """An independent part whose answer was thought lost: it is public, whatever part is in hand now."""
    session.execute(
        update(Part)
        .where(col(Part.id) == claimed.part.id, col(Part.settled) == Settled.UNSURE)
        .values(settled=Settled.PUBLIC)
    )
    keep_receipt(session, claimed, receipt, now)


def _suppress(session: Session, claimed: Claimed, error: DissemError, now: datetime) -> None:
    """Write to a dead address no more."""
    known = (claimed.channel.id or 0, claimed.part.post["recipient"])
    if session.get(Suppression, known) is None:
        session.add(Suppression(channel_id=known[0], recipient=known[1], since=now, reason=error.reason()))


def _leave_a_gap(session: Session, claimed: Claimed, now: datetime) -> None:
    """Until the channel's own gap is over, or until its account may post again today."""
    channel = claimed.channel
    gap = now + timedelta(seconds=float(channel.settings.get("gap") or 0))
    free = max(gap, quotas.free_again(session, channel, now))
    if free > now:
        _let_rest(session, channel, free)


def _let_rest(session: Session, channel: Channel, until: datetime) -> None:
    session.execute(update(Channel).where(col(Channel.id) == channel.id).values(free_at=until))


def _close(session: Session, attempt: Written | None, outcome: Outcome, now: datetime) -> None:
    if attempt is None:
        return
    detail = outcome.error.reason() if outcome.error else {"id": outcome.receipt.id} if outcome.receipt else None
    session.execute(
        update(Attempt)
        .where(col(Attempt.id) == attempt.id)
        .values(settled=now, outcome=outcome.evidence.value, detail=detail)
    )


def prepared_of(part: Part) -> Prepared:
    """What has been made at the platform for *part* so far."""
    return Prepared(part.prepared, part.prepared_until)


def _asked(error: DissemError | None) -> timedelta | None:
    return error.retry_after if isinstance(error, ChannelError) else None


def _last(delivery: Delivery, now: datetime) -> datetime:
    return max(delivery.until, now)


def digest_of(path: Path) -> str:
    """SHA-256 of the file at *path*, empty if it is gone. Read again only when the file system says it has changed."""
    try:
        known = os.stat(path)  # noqa: PTH116
    except OSError:
        return ""
    return _digest(path, known.st_ino, known.st_size, known.st_mtime_ns, known.st_ctime_ns)


@lru_cache(maxsize=1024)
def _digest(path: Path, *identity: int) -> str:
    return digest(path)
