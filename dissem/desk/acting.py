"""A person at work: who acts, when, and that it is recorded."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from dissem import clock
from dissem.desk.rights import Action, require
from dissem.errors import Conflict, NotFound
from dissem.models import Channel, Delivery, Person, Release
from dissem.store.audit import INSTALLATION
from dissem.store.bell import ring
from dissem.store.database import is_writing
from dissem.store.installation import Installation


@dataclass(frozen=True)
class Acting:
    """*person* acts on *installation*; None is the installation itself, which may look after people and channels."""

    installation: Installation
    person: Person | None
    now: Callable[[], datetime] = clock.utc_now

    @property
    def name(self) -> str:
        return self.person.username if self.person else INSTALLATION

    @property
    def somebody(self) -> Person:
        """The person; content is never touched by nobody."""
        if self.person is None:
            raise NotFound(
                "dissem does not know who you are.",
                hint="Log in with: dissem login (or set DISSEM_TOKEN).",
            )
        return self.person

    def require(self, action: Action, agency: str | None) -> None:
        """Raise NotAllowed unless the person may; the installation may do what an admin may."""
        if self.person is None and action in (Action.PEOPLE, Action.CHANNELS, Action.PAUSE):
            return
        require(self.somebody, action, agency)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction at whose commit waiting daemons look again; a violated key is somebody faster."""
        try:
            with self.installation.database.write() as session:
                yield session
                ring(session)
        except IntegrityError as error:
            raise Conflict("Somebody else did this at the same moment.", hint="Look again.") from error

    def record(self, session: Session, action: str, on: str, **detail: Any) -> None:
        """Enter it in the audit record, in the same transaction."""
        self.installation.audit.write(session, now=self.now(), actor=self.name, action=action, on=on, **detail)

    def release(self, session: Session, number: int, action: Action) -> Release:
        """Release *number*, locked if we write, if the person may do *action* to it."""
        release = session.get(
            Release, number, with_for_update=is_writing(session), populate_existing=is_writing(session)
        )
        if release is None:
            raise NotFound("There is no release {number}.", hint="dissem release list shows them.", number=number)
        self.require(action, release.agency)
        return release

    def delivery(self, session: Session, number: int, action: Action) -> tuple[Delivery, Release, Channel]:
        """Delivery *number* with its release and channel, if the person may do *action* to it.

        Locked if we write, always the release first: whoever edits a release does the same.
        """
        there = session.get(Delivery, number)
        if there is None:
            raise NotFound("There is no delivery {number}.", hint="dissem queue shows them.", number=number)
        release = self.release(session, there.release_id, action)
        writing = is_writing(session)
        delivery = session.get_one(Delivery, number, with_for_update=writing, populate_existing=writing)
        return delivery, release, session.get_one(Channel, delivery.channel_id)
