"""Agencies, people and their personal access tokens. A token is shown once; only its hash is kept."""

import hashlib
import re
import secrets
from collections.abc import Sequence

from sqlmodel import Session, col, select

from dissem.desk.acting import Acting
from dissem.desk.rights import EVERYWHERE, Action
from dissem.errors import Conflict, NotAllowed, NotFound, WrongInput
from dissem.models import Agency, Person, Role
from dissem.store.installation import Installation

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")


def add_agency(acting: Acting, code: str, name: str) -> Agency:
    """A new agency; *code* is its short name for commands."""
    acting.require(Action.PEOPLE, None)
    check_name(code)
    with acting.write() as session:
        if session.get(Agency, code):
            raise Conflict("The agency {code} is there already.", code=code)
        agency = Agency(code=code, name=name)
        session.add(agency)
        acting.record(session, "agency.add", f"agency {code}")
    return agency


def agencies(acting: Acting) -> Sequence[Agency]:
    with acting.installation.database.read() as session:
        return session.exec(select(Agency).order_by(Agency.code)).all()


def add_person(acting: Acting, username: str, name: str, *, agency: str | None, role: Role) -> tuple[Person, str]:
    """A new person and the token they log in with."""
    acting.require(Action.PEOPLE, None)
    check_name(username)
    token = new_token()
    with acting.write() as session:
        if session.exec(select(Person).where(Person.username == username)).first():
            raise Conflict("The person {username} is there already.", username=username)
        if agency is None and role not in EVERYWHERE:
            raise WrongInput("{role} belongs to an agency.", hint="Name it with --agency CODE.", role=role)
        if agency is not None:
            known_agency(session, agency)
        person = Person(
            username=username, name=name, role=role, agency=agency, token_hash=hashed(token), created=acting.now()
        )
        session.add(person)
        acting.record(session, "person.add", f"person {username}", role=role.value, agency=agency)
    return person, token


def renew_token(acting: Acting, username: str) -> tuple[Person, str]:
    """A new token for *username*; the old one no longer works. People may do it for themselves."""
    if acting.person is None or acting.person.username != username:
        acting.require(Action.PEOPLE, None)
    token = new_token()
    with acting.write() as session:
        person = known_person(session, username)
        if acting.person is None and person.role is not Role.ADMIN:
            raise NotAllowed("Without a login only an admin gets a new token.", hint="Log in as an admin: dissem login")
        person.token_hash = hashed(token)
        session.add(person)
        acting.record(session, "person.token", f"person {username}")
    return person, token


def disable(acting: Acting, username: str) -> Person:
    """*username* may do nothing any more; what they did stays."""
    acting.require(Action.PEOPLE, None)
    with acting.write() as session:
        person = known_person(session, username)
        if acting.person and acting.person.id == person.id:
            raise NotAllowed("Nobody disables themselves.", hint="Ask another admin.")
        person.disabled = person.disabled or acting.now()
        session.add(person)
        acting.record(session, "person.disable", f"person {username}")
    return person


def people(acting: Acting) -> Sequence[Person]:
    with acting.installation.database.read() as session:
        return session.exec(select(Person).order_by(Person.username)).all()


def who(installation: Installation, token: str) -> Person:
    """The person whose token this is. The same answer for an unknown, a replaced and a disabled one's token."""
    with installation.database.read() as session:
        person = session.exec(select(Person).where(Person.token_hash == hashed(token.strip()))).first()
    if person is None or person.disabled:
        raise NotAllowed(
            "This token is not valid.", hint="Ask an admin for a new one (dissem person token), then: dissem login"
        )
    return person


def known_agency(session: Session, code: str) -> Agency:
    """Raise NotFound unless there is an agency *code*."""
    agency = session.get(Agency, code)
    if agency is None:
        known = ", ".join(session.exec(select(Agency.code).order_by(Agency.code)).all())
        raise NotFound("There is no agency {code}.", hint="Agencies: {known}", code=code, known=known or "–")
    return agency


def known_person(session: Session, username: str) -> Person:
    """Raise NotFound unless there is a person *username*."""
    person = session.exec(select(Person).where(Person.username == username)).first()
    if person is None:
        raise NotFound("There is no person {username}.", hint="dissem person list shows them.", username=username)
    return person


def names(session: Session, numbers: Sequence[int]) -> dict[int, str]:
    """Usernames by id."""
    rows = session.exec(select(Person.id, Person.username).where(col(Person.id).in_(numbers)))
    return {number or 0: username for number, username in rows}


def new_token() -> str:
    """A token nobody guesses: 256 random bits."""
    return "dsm_" + secrets.token_urlsafe(32)


def hashed(token: str) -> str:
    """What is kept of a token. It is random and long, so a plain hash cannot be turned back."""
    return hashlib.sha256(token.encode()).hexdigest()


def check_name(name: str) -> None:
    """Raise WrongInput unless *name* is easy to type and safe anywhere."""
    if not _NAME.fullmatch(name):
        raise WrongInput(
            "{name} cannot be used as a short name.",
            hint="Use small letters, digits, dot and hyphen, at most 40.",
            name=name,
        )
