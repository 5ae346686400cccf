"""Who gets the report of a period, and what came of it: one row a reader, one copy each.

That a copy is about to be sent is written down with its Message-ID before the first byte leaves, that it was sent
after the last. Between the two a crash leaves a doubt: a mail then goes once more, the same to the byte, and never a
third time; a message to a chat does not. An address that is refused stops nobody else; a server that is away is tried
again by the next run. What nobody got is told, never dropped.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from dissem.channels.errors import (
    ChannelError,
    NoRecipient,
    Refused,
    Throttled,
    Unauthorized,
    Uncertain,
    Unreachable,
)
from dissem.desk.acting import Acting
from dissem.desk.rights import Action
from dissem.errors import DissemError, NotFound, WrongInput, told
from dissem.models import CopyState, ReportCopy
from dissem.reports.figures import Report
from dissem.reports.letters import CHAT, Letters
from dissem.reports.ways import Way, readers, way_of
from dissem.reports.weekly import of_week
from dissem.store.installation import Installation

LEASE = timedelta(minutes=2)  # longer than one mail may take, shorter than the lease of a job's run
LATER = timedelta(minutes=10)  # after a server was away; the job looks every quarter of an hour
DOUBT = timedelta(minutes=30)  # before a mail whose end is not known goes once more
LOGIN = timedelta(hours=6)  # some servers lock an account that knocks too often with a wrong password
LONGEST = timedelta(days=6)  # before the next report; what could not be sent by then is held
OVERDUE = timedelta(hours=1)  # is a copy that nobody came for
TOLD = timedelta(days=14)  # how long the doctor speaks of it

_OPEN = (CopyState.WAITING, CopyState.SENDING)


@dataclass
class Posted:
    """What came of the copies that were looked at, by reader."""

    sent: list[str] = field(default_factory=list)
    failed: dict[str, DissemError] = field(default_factory=dict)

    def require(self) -> None:
        """Raise whom the report did not reach, and why."""
        if self.failed:
            raise DissemError(
                "The report did not reach everybody: {whom}",
                hint="What is only delayed is sent by itself; see dissem report send.",
                whom="; ".join(f"{reader} ({told(error.reason())})" for reader, error in self.failed.items()),
            )


def post(installation: Installation, report: Report, *, now: datetime) -> Posted:
    """Send *report* to everybody who has not got it, and what is left of earlier ones; nothing before its period is
    over, because each reader gets one copy of it."""
    if report.over:
        plan(installation, report.week, now=now)
    return send_waiting(installation, now=now, report=report)


def plan(installation: Installation, period: str, *, now: datetime) -> None:
    """A row for each reader that has none."""
    wanted = readers(installation.config.report)
    if not wanted:
        return
    with installation.database.write() as session:
        dialect: Any = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
        for reader in wanted:
            row = ReportCopy(period=period, role=reader.role, recipient=reader.key, made=now, next_at=now)
            values = row.model_dump(exclude={"id"})
            made = dialect.insert(ReportCopy).values(**values)
            session.execute(made.on_conflict_do_nothing(index_elements=["period", "recipient"]))


def send_waiting(
    installation: Installation, *, now: datetime, report: Report | None = None, of: Collection[int] | None = None
) -> Posted:
    """Send every copy whose time has come; with *of* those rows alone, at once. *report* is one that is at hand."""
    due = _due(installation, now, of)
    if not due:
        return Posted()
    sender = _Sender(installation, Letters(installation, report), _going_on(now))
    for opened, copies in groupby(due, key=lambda copy: way_of(copy.role)):
        sender.send_all(opened, list(copies))
    sender.letters.tidy(_awaited(installation))
    return sender.posted


def _going_on(now: datetime) -> Callable[[], datetime]:
    """The time, *now* being the moment of this call."""
    begun = time.monotonic()
    return lambda: now + timedelta(seconds=time.monotonic() - begun)


def _due(installation: Installation, now: datetime, of: Collection[int] | None) -> Sequence[ReportCopy]:
    """Those of readers that still stand in the settings, mails before messages."""
    wanted = {reader.key for reader in readers(installation.config.report)}
    return [
        copy
        for copy in sorted(_awaited(installation), key=lambda copy: (copy.role == CHAT, copy.id))
        if copy.recipient in wanted
        and (of is None or copy.id in of)
        and (copy.next_at <= now or (of is not None and copy.state is CopyState.WAITING))
    ]


def _awaited(installation: Installation) -> Sequence[ReportCopy]:
    with installation.database.read() as session:
        return session.exec(select(ReportCopy).where(col(ReportCopy.state).in_(_OPEN))).all()


class _Sender:
    """One run."""

    def __init__(self, installation: Installation, letters: Letters, now: Callable[[], datetime]) -> None:
        self.installation = installation
        self.letters = letters
        self.now = now
        self.posted = Posted()

    def send_all(self, opened: Callable[[Installation], Way], copies: Sequence[ReportCopy]) -> None:
        """Each of *copies* on its own, until the way itself turns out to be closed."""
        error: DissemError | None = None
        way: Way | None = None
        for place, copy in enumerate(copies):
            try:
                way = way or opened(self.installation)
                letter = self.letters.of(copy)
            except DissemError as trouble:  # of the installation: packages, a channel, a key
                return self._put_off(copies[place:], trouble)
            error = self._send(way, letter, copy)
            if error and _closed(way, error):
                return self._put_off(copies[place + 1 :], error)
        return None

    def _send(self, way: Way, letter: bytes, copy: ReportCopy) -> DissemError | None:
        """Send one; what is returned was written down and is told."""
        error = _beyond(way, copy, self.now())
        if error:
            self._write(copy, state=CopyState.HELD, reason=error.reason())
        elif self._claim(way, copy):
            error = self._tried(way, letter, copy)
        if error:
            self.posted.failed[copy.recipient] = error
        return error

    def _claim(self, way: Way, copy: ReportCopy) -> bool:
        """Write down that it is about to be sent; False if somebody else was faster."""
        return self._write(
            copy,
            state=CopyState.SENDING,
            next_at=self.now() + LEASE,
            doubts=copy.doubts + 1,
            message_id=copy.message_id or way.message_id(copy),
        )

    def _tried(self, way: Way, letter: bytes, copy: ReportCopy) -> DissemError | None:
        try:
            known = way.send(letter, copy)
        except ChannelError as error:
            shown = _ours(error)
            self._write(copy, **_after(error, copy, way, self.now()), reason=shown.reason())
            return shown
        self._write(copy, state=CopyState.SENT, sent=self.now(), message_id=known, doubts=0, reason=None)
        self.posted.sent.append(copy.recipient)
        return None

    def _put_off(self, copies: Sequence[ReportCopy], error: DissemError) -> None:
        """None of *copies* was tried."""
        for copy in copies:
            self.posted.failed[copy.recipient] = error
            if copy.state is CopyState.WAITING:
                self._write(copy, next_at=self.now() + _pause(error), reason=error.reason())

    def _write(self, copy: ReportCopy, **values: Any) -> bool:
        """Change the row, here and there, unless somebody else has changed it meanwhile."""
        with self.installation.database.write() as session:
            changed = session.execute(
                update(ReportCopy)
                .where(
                    col(ReportCopy.id) == copy.id,
                    col(ReportCopy.state) == copy.state,
                    col(ReportCopy.next_at) == copy.next_at,
                    col(ReportCopy.edition) == copy.edition,
                )
                .values(**values)
            )
        if int(changed.rowcount) != 1:  # type: ignore[attr-defined]
            return False
        for name, value in values.items():
            setattr(copy, name, value)
        return True


def _beyond(way: Way, copy: ReportCopy, now: datetime) -> DissemError | None:
    """Why *copy* is not tried any more."""
    if copy.doubts >= way.tries:
        return DissemError(
            "dissem stopped while it was being sent, so nobody can tell whether it arrived.",
            hint="To send it once more: dissem report send --week {period} --to {reader} --again",
            period=copy.period,
            reader=copy.recipient,
        )
    if now - copy.made > LONGEST:
        return DissemError(
            "It could not be sent for {days} days: {why}",
            hint="To send it once more: dissem report send --week {period} --to {reader} --again",
            days=LONGEST.days,
            why=told(copy.reason) or "–",
            period=copy.period,
            reader=copy.recipient,
        )
    return None


def _after(error: ChannelError, copy: ReportCopy, way: Way, now: datetime) -> dict[str, Any]:
    """What becomes of a copy whose try ended with *error*."""
    if isinstance(error, Uncertain):
        state = CopyState.HELD if copy.doubts >= way.tries else CopyState.WAITING
        return {"state": state, "next_at": now + DOUBT}
    state = CopyState.REFUSED if isinstance(error, Refused) else CopyState.WAITING
    return {"state": state, "next_at": now + _pause(error), "doubts": copy.doubts - 1}


def _pause(error: DissemError) -> timedelta:
    if isinstance(error, Unauthorized):
        return LOGIN
    return (error.retry_after if isinstance(error, ChannelError) else None) or LATER


def _closed(way: Way, error: DissemError) -> bool:
    """Whether nothing else can leave this way now. Some answers do not tell whom they mean: then it is asked."""
    if isinstance(error, Unauthorized | Throttled | Uncertain):
        return True
    if not isinstance(error, Unreachable):
        return False
    try:
        way.ask()
    except DissemError:
        return True
    return False


def _ours(error: ChannelError) -> ChannelError:
    """*error* with a hint that fits a report."""
    if isinstance(error, NoRecipient):
        return NoRecipient(error.text, hint="Correct the address under [report] in config.toml.", **error.values)
    return error


# A person asks


def ask(
    acting: Acting, week: str, *, only: Collection[str] = (), again: bool = False
) -> tuple[Posted, Sequence[ReportCopy]]:
    """Send the report of *week* now to those who have not got it, or *again* to everybody as a new mail; *only* to
    these readers if any are named. Answers what came of it, and the rows of the week."""
    acting.require(Action.CHANNELS, None)
    installation, now = acting.installation, acting.now()
    report = of_week(installation, week, planned=now, now=now)
    if not report.over:
        raise WrongInput("The week {week} is not over.", hint="Its report is sent when it is.", week=report.week)
    plan(installation, report.week, now=now)
    chosen = [copy for copy in copies(installation, report.week) if not only or copy.recipient in _keys(only)]
    if not chosen:
        raise NotFound(
            "Nobody of that name gets the report.", hint="Readers stand under [report] in config.toml; see there."
        )
    _open_again(acting, report.week, [copy.id or 0 for copy in chosen], again)
    posted = send_waiting(installation, now=now, report=report, of={copy.id or 0 for copy in chosen})
    return posted, copies(installation, report.week)


def copies(installation: Installation, period: str) -> Sequence[ReportCopy]:
    with installation.database.read() as session:
        query = select(ReportCopy).where(ReportCopy.period == period).order_by(col(ReportCopy.id))
        return session.exec(query).all()


def _keys(names: Collection[str]) -> set[str]:
    return {name.strip().casefold() for name in names} | set(names)


def _open_again(acting: Acting, period: str, numbers: Collection[int], again: bool) -> None:
    """A new edition of what was refused or could not be sent; with *again* of everything. It is recorded who asked."""
    with acting.write() as session:
        query = select(ReportCopy).where(col(ReportCopy.id).in_(numbers)).with_for_update()
        opened = [copy for copy in session.exec(query) if _may_open(copy, again)]
        for copy in opened:
            _renew(copy, acting.now())
            session.add(copy)
        if opened:
            acting.record(session, "report.again", f"report {period}", readers=[copy.recipient for copy in opened])


def _may_open(copy: ReportCopy, again: bool) -> bool:
    """Unless asked for again, what may be there already is left alone."""
    if copy.state in _OPEN:
        return False
    return again or (copy.state is not CopyState.SENT and copy.doubts == 0)


def _renew(copy: ReportCopy, now: datetime) -> None:
    copy.edition += 1
    copy.state, copy.made, copy.next_at = CopyState.WAITING, now, now
    copy.doubts, copy.message_id, copy.sent, copy.reason = 0, "", None, None


# The doctor


def closed(installation: Installation) -> Iterator[DissemError]:
    """Why the next report will not leave."""
    for opened in dict.fromkeys(way_of(reader.role) for reader in readers(installation.config.report)):
        try:
            opened(installation)
        except DissemError as error:
            yield error


def unreached(session: Session, installation: Installation, now: datetime) -> Iterator[DissemError]:
    """Whom the last reports did not reach."""
    wanted = {reader.key for reader in readers(installation.config.report)}
    query = select(ReportCopy).where(col(ReportCopy.state) != CopyState.SENT, ReportCopy.made > now - TOLD)
    for copy in session.exec(query.order_by(col(ReportCopy.id))):
        if copy.recipient in wanted and (copy.reason or copy.next_at < now - OVERDUE):
            yield DissemError(
                "The report {period} has not reached {reader}: {why}",
                hint="To send it now: dissem report send --week {period} --to {reader}",
                period=copy.period,
                reader=copy.recipient,
                why=told(copy.reason) or "–",
            )
